// A connection over TLS with a buffer for what was read too far: what the sink and the relay both need.
#ifndef TLS_H
#define TLS_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>

#define HEAD_LIMIT (64 * 1024)        // bytes of a request's or an answer's head
#define BUFFER_SIZE (256 * 1024)      // bytes of body moved at once
#define RECORD_BUFFER (64 * 1024)     // bytes OpenSSL may read from the socket at once: several records per system call

struct connection {
    int socket;
    SSL *tls;
    char head[HEAD_LIMIT + 1];  // the head last read, as text; then what came after it
    size_t head_length;         // bytes of the head, its empty line included
    size_t filled;              // bytes in `head` altogether
};

// All of these return -1 (or NULL) when the other side is gone.
SSL_CTX *tls_context(const SSL_METHOD *method);
int connection_write(struct connection *c, const char *data, size_t length);
int connection_read(struct connection *c, char *data, size_t room);
int connection_read_head(struct connection *c);
int connection_take(struct connection *c, char *data, size_t room);  // first what came after the head, then the wire
long long head_number(const char *head, const char *name, long long otherwise);
int head_text(const char *head, const char *name, char *value, size_t room);
void connection_close(struct connection *c);

#endif
