// An S3 server that stores nothing: it accepts objects over TLS, in one request or in parts, counts requests and bytes,
// and discards the bytes, so that a measurement shows the cost of the client alone. It verifies no signature and no
// checksum, and returns the checksum that it received (Amazon S3 API reference: PutObject, UploadPart and others). It
// says that it encrypts with S3's own keys, as the stack's bucket does by default, but its ETags are no MD5s: computing
// those is S3's work, and would slow the client on the same machine.
//
//   sink CERTIFICATE KEY    prints its port and serves until it is killed; GET /__stats returns its counts as JSON
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "chunked.h"
#include "tls.h"

#define MOST_PARTS 10000      // S3's limit
#define MOST_OBJECTS 1000000  // while this process runs
#define MOST_UPLOADS 100000
#define CHECKSUM_LINE 96

enum operation {
    CREATE, UPLOAD_PART, COMPLETE, ABORT, LIST_PARTS, PUT_OBJECT, HEAD_OBJECT, GET_OBJECT, LIST_OBJECTS, OTHER, OPERATIONS
};
static const char *const names[OPERATIONS] = {
    "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts",
    "PutObject", "HeadObject", "GetObject", "ListObjects", "Other",
};

struct part { uint64_t size; char checksum[CHECKSUM_LINE]; };
struct upload { struct part *parts; };
struct object { uint64_t size; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  // protects the following variables
static uint64_t counts[OPERATIONS], payload_bytes, connections;
static struct upload uploads[MOST_UPLOADS];
static size_t uploads_started;

struct request {
    char method[8], path[2048], query[2048];
    enum operation operation;
    long long part, upload;  // numbers; -1 if the query has none
};

struct body {
    struct chunked http, aws;
    int http_chunked, aws_chunked;
    uint64_t payload;
    char checksum[CHECKSUM_LINE];  // the received checksum as a header line, `x-amz-checksum-crc32: ...`, or empty
};

static void count_payload(void *body, const char *data, size_t length) {
    (void)data;
    ((struct body *)body)->payload += length;
}

static void through_aws(void *to, const char *data, size_t length) {
    struct body *body = to;
    if (body->aws_chunked) chunked_feed(&body->aws, data, length, count_payload, body);
    else count_payload(body, data, length);
}

static void keep_checksum(const char *head, char *checksum, size_t capacity) {
    static const char *const algorithms[] = {"crc64nvme", "crc32", "crc32c", "sha1", "sha256"};
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        char name[40], value[48];
        snprintf(name, sizeof name, "x-amz-checksum-%s", algorithms[i]);
        if (head_text(head, name, value, sizeof value) == 0) snprintf(checksum, capacity, "%s: %s\r\n", name, value);
    }
}

// Reads the whole body of a request. Returns -1 if it is incomplete or does not have the announced length.
static int receive_body(struct connection *c, char *buffer, struct body *body) {
    char value[128];
    uint64_t left = (uint64_t)head_number(c->head, "Content-Length", 0);
    long long announced = head_number(c->head, "x-amz-decoded-content-length", -1);
    body->http_chunked = head_text(c->head, "Transfer-Encoding", value, sizeof value) == 0;
    body->aws_chunked = head_text(c->head, "Content-Encoding", value, sizeof value) == 0 && strstr(value, "aws-chunked");
    if (head_text(c->head, "Expect", value, sizeof value) == 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (connection_write(c, go_on, sizeof go_on - 1) < 0) return -1;
    }
    keep_checksum(c->head, body->checksum, sizeof body->checksum);
    while (body->http_chunked ? body->http.state != CHUNK_DONE : left > 0) {
        int got = connection_take(c, buffer, body->http_chunked || left > BUFFER_SIZE ? BUFFER_SIZE : left);
        if (got < 0 || body->http.state == CHUNK_BROKEN || body->aws.state == CHUNK_BROKEN) return -1;
        if (body->http_chunked) chunked_feed(&body->http, buffer, (size_t)got, through_aws, body);
        else through_aws(body, buffer, (size_t)got);
        left -= body->http_chunked ? 0 : (uint64_t)got;
    }
    if (body->aws_chunked) keep_checksum(body->aws.trailers, body->checksum, sizeof body->checksum);
    return announced >= 0 && (uint64_t)announced != body->payload ? -1 : 0;
}

static int answer(struct connection *c, const char *status, const char *headers, const char *text, int without_body) {
    char head[1024];
    int length = snprintf(head, sizeof head,
        "HTTP/1.1 %s\r\nServer: sink\r\nx-amz-request-id: 1\r\nx-amz-server-side-encryption: aws:kms\r\n%s%s"
        "Content-Length: %zu\r\n\r\n",
        status, headers, *text ? "Content-Type: application/xml\r\n" : "", strlen(text));
    if (connection_write(c, head, (size_t)length) < 0) return -1;
    return without_body || !*text ? 0 : connection_write(c, text, strlen(text));
}

static int no_such_upload(struct connection *c) {
    return answer(c, "404 Not Found", "", "<Error><Code>NoSuchUpload</Code></Error>", 0);
}

static struct upload *upload_of(const struct request *request) {
    return request->upload >= 0 && (size_t)request->upload < uploads_started && uploads[request->upload].parts
        ? &uploads[request->upload] : NULL;
}

static void store(const char *path, uint64_t size) {
    ENTRY *found = hsearch((ENTRY){.key = (char *)path}, FIND);
    if (!found) found = hsearch((ENTRY){.key = strdup(path), .data = calloc(1, sizeof(struct object))}, ENTER);
    if (found) ((struct object *)found->data)->size = size;
}

static int create_upload(struct connection *c, const struct request *request) {
    char text[2600];
    pthread_mutex_lock(&lock);
    size_t number = uploads_started < MOST_UPLOADS ? uploads_started++ : MOST_UPLOADS;
    if (number < MOST_UPLOADS) uploads[number].parts = calloc(MOST_PARTS + 1, sizeof(struct part));
    pthread_mutex_unlock(&lock);
    if (number == MOST_UPLOADS) return answer(c, "503 Slow Down", "", "<Error><Code>SlowDown</Code></Error>", 0);
    snprintf(text, sizeof text, "<InitiateMultipartUploadResult><Key>%s</Key><UploadId>%zu</UploadId>"
             "</InitiateMultipartUploadResult>", request->path, number);
    return answer(c, "200 OK", "", text, 0);
}

static int take_part(struct connection *c, const struct request *request, const struct body *body) {
    char headers[256];
    pthread_mutex_lock(&lock);
    struct upload *upload = upload_of(request);
    int taken = upload && request->part >= 1 && request->part <= MOST_PARTS;
    if (taken) {
        struct part *part = &upload->parts[request->part];
        part->size = body->payload;
        memcpy(part->checksum, body->checksum, sizeof part->checksum);
    }
    pthread_mutex_unlock(&lock);
    if (!taken) return no_such_upload(c);
    snprintf(headers, sizeof headers, "ETag: \"%032llx\"\r\n%s", request->part, body->checksum);
    return answer(c, "200 OK", headers, "", 0);
}

static int complete_upload(struct connection *c, const struct request *request, int keep) {
    uint64_t size = 0;
    pthread_mutex_lock(&lock);
    struct upload *upload = upload_of(request);
    if (upload) {
        for (int number = 1; number <= MOST_PARTS; number++) size += upload->parts[number].size;
        free(upload->parts);
        upload->parts = NULL;
        if (keep) store(request->path, size);
    }
    pthread_mutex_unlock(&lock);
    if (!upload) return no_such_upload(c);
    if (!keep) return answer(c, "204 No Content", "", "", 0);
    return answer(c, "200 OK", "", "<CompleteMultipartUploadResult><ETag>\"0123456789abcdef0123456789abcdef-1\"</ETag>"
                  "</CompleteMultipartUploadResult>", 0);
}

static int list_parts(struct connection *c, const struct request *request) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    fputs("<ListPartsResult><IsTruncated>false</IsTruncated>", out);
    pthread_mutex_lock(&lock);
    struct upload *upload = upload_of(request);
    for (int number = 1; upload && number <= MOST_PARTS; number++) {
        const struct part *part = &upload->parts[number];
        const char *crc = strstr(part->checksum, "crc64nvme: ");
        if (part->size == 0) continue;
        fprintf(out, "<Part><PartNumber>%d</PartNumber><ETag>\"%032x\"</ETag><Size>%" PRIu64 "</Size>", number, number,
                part->size);
        if (crc) fprintf(out, "<ChecksumCRC64NVME>%.12s</ChecksumCRC64NVME>", crc + strlen("crc64nvme: "));
        fputs("</Part>", out);
    }
    pthread_mutex_unlock(&lock);
    fputs("</ListPartsResult>", out);
    fclose(out);
    int result = upload ? answer(c, "200 OK", "", text, 0) : no_such_upload(c);
    free(text);
    return result;
}

static int head_object(struct connection *c, const struct request *request) {
    char head[512];
    pthread_mutex_lock(&lock);
    ENTRY *found = hsearch((ENTRY){.key = (char *)request->path}, FIND);
    uint64_t size = found ? ((struct object *)found->data)->size : 0;
    pthread_mutex_unlock(&lock);
    if (!found) return answer(c, "404 Not Found", "", "", 1);
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nETag: \"0123456789abcdef0123456789abcdef-1\"\r\n"
        "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: %" PRIu64 "\r\n\r\n", size);
    return connection_write(c, head, (size_t)length);
}

static int put_object(struct connection *c, const struct request *request, const struct body *body) {
    char headers[256];
    pthread_mutex_lock(&lock);
    store(request->path, body->payload);
    pthread_mutex_unlock(&lock);
    snprintf(headers, sizeof headers, "ETag: \"0123456789abcdef0123456789abcdef\"\r\n%s", body->checksum);
    return answer(c, "200 OK", headers, "", 0);
}

static int send_counts(struct connection *c) {
    char text[1024];
    pthread_mutex_lock(&lock);
    int length = snprintf(text, sizeof text, "{\"connections\": %" PRIu64 ", \"payload_bytes\": %" PRIu64, connections,
                          payload_bytes);
    for (int i = 0; i < OPERATIONS; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, ", \"%s\": %" PRIu64, names[i], counts[i]);
    pthread_mutex_unlock(&lock);
    snprintf(text + length, sizeof text - (size_t)length, "}");
    return answer(c, "200 OK", "", text, 0);
}

static long long query_number(const char *query, const char *name) {
    const char *found = strstr(query, name);
    return found ? atoll(found + strlen(name)) : -1;
}

static enum operation operation_of(const struct request *request) {
    const char *key = strchr(request->path + 1, '/');
    int of_object = key && key[1], get = !strcmp(request->method, "GET"), put = !strcmp(request->method, "PUT");
    if (!of_object) return get ? LIST_OBJECTS : OTHER;
    if (request->upload >= 0) {
        if (put) return UPLOAD_PART;
        if (get) return LIST_PARTS;
        return !strcmp(request->method, "POST") ? COMPLETE : ABORT;
    }
    if (!strcmp(request->method, "POST")) return !strncmp(request->query, "uploads", 7) ? CREATE : OTHER;
    if (!strcmp(request->method, "HEAD")) return HEAD_OBJECT;
    return put ? PUT_OBJECT : get ? GET_OBJECT : OTHER;
}

static int read_request(struct connection *c, struct request *request) {
    char target[4096];
    if (connection_read_head(c) < 0 || sscanf(c->head, "%7s %4095s", request->method, target) != 2) return -1;
    char *query = strchr(target, '?');
    if (query) *query++ = '\0';
    snprintf(request->path, sizeof request->path, "%.2047s", target);
    snprintf(request->query, sizeof request->query, "%.2047s", query ? query : "");
    request->part = query_number(request->query, "partNumber=");
    request->upload = query_number(request->query, "uploadId=");
    request->operation = operation_of(request);
    return 0;
}

static int respond(struct connection *c, const struct request *request, const struct body *body) {
    switch (request->operation) {
    case CREATE: return create_upload(c, request);
    case UPLOAD_PART: return take_part(c, request, body);
    case COMPLETE: return complete_upload(c, request, 1);
    case ABORT: return complete_upload(c, request, 0);
    case LIST_PARTS: return list_parts(c, request);
    case PUT_OBJECT: return put_object(c, request, body);
    case HEAD_OBJECT: return head_object(c, request);
    case GET_OBJECT: return answer(c, "404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>", 0);
    case LIST_OBJECTS:
        if (strstr(request->query, "location")) return answer(c, "200 OK", "", "<LocationConstraint/>", 0);
        return answer(c, "200 OK", "", "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>", 0);
    default: return answer(c, "200 OK", "", "", !strcmp(request->method, "HEAD"));
    }
}

static void *serve(void *argument) {
    struct connection *c = argument;
    struct request request;
    char *buffer = malloc(BUFFER_SIZE);
    int open = SSL_accept(c->tls) == 1;
    while (open && read_request(c, &request) == 0) {
        if (!strcmp(request.path, "/__stats")) {
            open = send_counts(c) == 0;
            continue;
        }
        struct body body = {0};
        open = receive_body(c, buffer, &body) == 0;
        pthread_mutex_lock(&lock);
        counts[request.operation] += 1;
        payload_bytes += request.operation == UPLOAD_PART || request.operation == PUT_OBJECT ? body.payload : 0;
        pthread_mutex_unlock(&lock);
        open = open && respond(c, &request, &body) == 0;
    }
    ERR_clear_error();
    connection_close(c);
    free(buffer);
    free(c);
    return NULL;
}

static int listen_on_loopback(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (void *)&address, size) || listen(listener, 1024)) return -1;
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = tls_context(TLS_server_method());
    // AES-128 first, whatever the client prefers, as AWS's servers choose it (CloudFront developer guide, "Supported
    // protocols and ciphers"), so that the peers' preferences do not determine their cost of encryption.
    const char *ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
    if (context) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (count != 3 || !context || SSL_CTX_set_ciphersuites(context, ciphers) != 1 || !hcreate(MOST_OBJECTS) ||
        SSL_CTX_use_certificate_chain_file(context, arguments[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "usage: sink CERTIFICATE KEY (two PEM files that can be read)\n");
        return 2;
    }
    int listener = listen_on_loopback(), one = 1;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int accepted = accept(listener, NULL, NULL);
        if (accepted < 0) continue;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *c = calloc(1, sizeof *c);
        c->socket = accepted;
        c->tls = SSL_new(context);
        SSL_set_fd(c->tls, accepted);
        pthread_mutex_lock(&lock);
        connections += 1;
        pthread_mutex_unlock(&lock);
        pthread_t thread;
        if (pthread_create(&thread, &detached, serve, c) != 0) connection_close(c), free(c);
    }
}
