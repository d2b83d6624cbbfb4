// A connection over TLS with a buffer for bytes read beyond the head, for both the sink and the relay.
#ifndef TLS_H
#define TLS_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>

#define HEAD_LIMIT (64 * 1024)        // bytes of the head of a request or response
#define BUFFER_SIZE (256 * 1024)      // bytes of body moved at once
#define RECORD_BUFFER (64 * 1024)     // bytes OpenSSL may read from the socket at once: several records per system call

struct connection {
    int socket;
    SSL *tls;
    char head[HEAD_LIMIT + 1];  // the last head, as text; then the bytes that came after it
    size_t head_length;         // bytes of the head, with its empty line
    size_t filled;              // bytes in `head` in total
};

// All of these return -1 (or NULL) when the other side has closed the connection.
SSL_CTX *tls_context(const SSL_METHOD *method);
int connection_write(struct connection *c, const char *data, size_t length);
int connection_read(struct connection *c, char *data, size_t capacity);
int connection_read_head(struct connection *c);
int connection_take(struct connection *c, char *data, size_t capacity);  // first bytes after the head, then new ones
long long head_number(const char *head, const char *name, long long otherwise);
int head_text(const char *head, const char *name, char *value, size_t capacity);
void connection_close(struct connection *c);

#endif
