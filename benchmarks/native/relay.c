// The floor: the least cost of a transfer from a server with ranges into S3's parts over TLS, in C. Each thread has one
// connection to either side and streams a ranged GET of a part straight into the UploadPart of that part. It has no
// checksum, no signature and no retry: it is a reference for measurements, not a proposal.
//
//   relay SOURCE_URL TARGET_URL SIZE PART_SIZE CONNECTIONS    (both URLs https://127.0.0.1:PORT/...; sizes in bytes)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "tls.h"

#define MOST_CONNECTIONS 64

struct end { int port; char path[1024]; };

static SSL_CTX *context;
static struct end source, target;
static long long size, part_size, part_count;
static atomic_llong next_part = 1;
static char upload_id[128];

static void stop(const char *reason) {
    fprintf(stderr, "relay: %s\n", reason);
    exit(1);
}

static struct connection *dial(const struct end *end) {
    struct connection *c = calloc(1, sizeof *c);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)end->port)};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->socket, (void *)&address, sizeof address) != 0) stop("cannot connect");
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->tls = SSL_new(context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->tls), "127.0.0.1");
    SSL_set_fd(c->tls, c->socket);
    if (SSL_connect(c->tls) != 1) stop("no TLS connection");
    return c;
}

static void ask(struct connection *c, const char *request, size_t length, const char *expected) {
    if (connection_write(c, request, length) < 0 || connection_read_head(c) < 0) stop("a connection was closed");
    if (strncmp(c->head + strlen("HTTP/1.1 "), expected, 3) != 0) stop("unexpected status in a response");
}

static void move_part(struct connection *from, struct connection *to, char *buffer, long long number) {
    char request[2048];
    long long first = (number - 1) * part_size, left = size - first < part_size ? size - first : part_size;
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=%lld-%lld\r\n\r\n",
                          source.path, first, first + left - 1);
    ask(from, request, (size_t)length, "206");
    if (head_number(from->head, "Content-Length", -1) != left) stop("the source sent a different range");
    length = snprintf(request, sizeof request, "PUT %s?partNumber=%lld&uploadId=%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                      "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nContent-Length: %lld\r\n\r\n",
                      target.path, number, upload_id, left);
    if (connection_write(to, request, (size_t)length) < 0) stop("the target closed the connection");
    while (left > 0) {
        int got = connection_take(from, buffer, left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE);
        if (got < 0 || connection_write(to, buffer, (size_t)got) < 0) stop("a connection was closed within a part");
        left -= got;
    }
    ask(to, "", 0, "200");
}

static void *work(void *unused) {
    (void)unused;
    struct connection *from = dial(&source), *to = dial(&target);
    char *buffer = malloc(BUFFER_SIZE);
    for (long long number; (number = atomic_fetch_add(&next_part, 1)) <= part_count;) move_part(from, to, buffer, number);
    connection_close(from);
    connection_close(to);
    free(buffer);
    return NULL;
}

static void begin(struct connection *c) {
    char request[1536];
    int length = snprintf(request, sizeof request, "POST %s?uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
                          target.path);
    ask(c, request, (size_t)length, "200");
    long long left = head_number(c->head, "Content-Length", 0);
    char text[4096] = "";
    for (int got, filled = 0; left > 0 && filled < 4095; left -= got, filled += got)
        if ((got = connection_take(c, text + filled, (size_t)(4095 - filled))) < 0) stop("no upload id");
    const char *id = strstr(text, "<UploadId>");
    if (!id || sscanf(id, "<UploadId>%127[^<]", upload_id) != 1) stop("no upload id");
}

static void complete(struct connection *c) {
    char *text = NULL, request[1536];
    size_t text_length;
    FILE *out = open_memstream(&text, &text_length);
    fputs("<CompleteMultipartUpload>", out);
    for (long long number = 1; number <= part_count; number++)
        fprintf(out, "<Part><PartNumber>%lld</PartNumber><ETag>\"%032llx\"</ETag></Part>", number, number);
    fputs("</CompleteMultipartUpload>", out);
    fclose(out);
    int length = snprintf(request, sizeof request,
                          "POST %s?uploadId=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n",
                          target.path, upload_id, text_length);
    if (connection_write(c, request, (size_t)length) < 0) stop("the target closed the connection");
    ask(c, text, text_length, "200");
    free(text);
}

static void read_arguments(char **arguments) {
    if (sscanf(arguments[1], "https://127.0.0.1:%d%1023s", &source.port, source.path) != 2 ||
        sscanf(arguments[2], "https://127.0.0.1:%d%1023s", &target.port, target.path) != 2)
        stop("the URLs must be https://127.0.0.1:PORT/path");
    size = atoll(arguments[3]);
    part_size = atoll(arguments[4]);
    if (size <= 0 || part_size <= 0) stop("the sizes must be positive");
    part_count = (size + part_size - 1) / part_size;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    if (count != 6) stop("usage: relay SOURCE_URL TARGET_URL SIZE PART_SIZE CONNECTIONS");
    read_arguments(arguments);
    int connections = atoi(arguments[5]);
    if (connections < 1 || connections > MOST_CONNECTIONS) stop("CONNECTIONS must be 1 to 64");
    context = tls_context(TLS_client_method());
    SSL_CTX_set_default_verify_paths(context);  // SSL_CERT_FILE
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    double started = seconds_now();
    struct connection *control = dial(&target);
    begin(control);
    pthread_t threads[MOST_CONNECTIONS];
    for (int i = 0; i < connections; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
    complete(control);
    double seconds = seconds_now() - started;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"files\": 1, \"bytes\": %lld, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"max_rss_mib\": %.1f}\n", size,
           seconds, cpu, (double)used.ru_maxrss / 1024);
}
