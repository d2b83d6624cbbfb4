#define _GNU_SOURCE
#include "tls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

SSL_CTX *tls_context(const SSL_METHOD *method) {
    SSL_CTX *context = SSL_CTX_new(method);
    if (!context) return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, RECORD_BUFFER);
    return context;
}

int connection_write(struct connection *c, const char *data, size_t length) {
    while (length > 0) {
        int sent = SSL_write(c->tls, data, length > BUFFER_SIZE ? BUFFER_SIZE : (int)length);
        if (sent <= 0) return -1;
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

int connection_read(struct connection *c, char *data, size_t capacity) {
    int got = SSL_read(c->tls, data, capacity > BUFFER_SIZE ? BUFFER_SIZE : (int)capacity);
    return got > 0 ? got : -1;
}

int connection_read_head(struct connection *c) {
    memmove(c->head, c->head + c->head_length, c->filled - c->head_length);
    c->filled -= c->head_length;
    c->head_length = 0;
    char *end;
    while (!(end = memmem(c->head, c->filled, "\r\n\r\n", 4))) {
        if (c->filled == HEAD_LIMIT) return -1;
        int got = connection_read(c, c->head + c->filled, HEAD_LIMIT - c->filled);
        if (got < 0) return -1;
        c->filled += (size_t)got;
    }
    c->head_length = (size_t)(end - c->head) + 4;
    return 0;
}

int connection_take(struct connection *c, char *data, size_t capacity) {
    size_t waiting = c->filled - c->head_length;
    if (waiting == 0) return connection_read(c, data, capacity);
    if (waiting > capacity) waiting = capacity;
    memcpy(data, c->head + c->head_length, waiting);
    memmove(c->head + c->head_length, c->head + c->head_length + waiting, c->filled - c->head_length - waiting);
    c->filled -= waiting;
    return (int)waiting;
}

// The value of a header in a head; the head is not changed.
static const char *find(const char *head, const char *name, size_t *length) {
    size_t name_length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *start = line + 2;
        if (strncasecmp(start, name, name_length) != 0 || start[name_length] != ':') continue;
        start += name_length + 1;
        start += strspn(start, " \t");
        *length = strcspn(start, "\r");
        return start;
    }
    return NULL;
}

long long head_number(const char *head, const char *name, long long otherwise) {
    size_t length;
    const char *value = find(head, name, &length);
    return value ? atoll(value) : otherwise;
}

int head_text(const char *head, const char *name, char *value, size_t capacity) {
    size_t length;
    const char *found = find(head, name, &length);
    if (!found || length >= capacity) return -1;
    memcpy(value, found, length);
    value[length] = '\0';
    return 0;
}

void connection_close(struct connection *c) {
    if (c->tls) SSL_free(c->tls);
    close(c->socket);
}
