// Chunked bodies: HTTP's transfer coding (RFC 9112, 7.1) and S3's aws-chunked have the same form and may be nested.
#ifndef CHUNKED_H
#define CHUNKED_H

#include <stddef.h>

struct chunked {
    enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_DONE, CHUNK_BROKEN } state;
    size_t left;          // remaining bytes of this chunk
    char line[512];       // the current line: a size, an end, or a trailer
    size_t line_length;
    char trailers[1024];  // all trailer lines, each after \r\n, as in a head
};

typedef void (*payload_receiver)(void *to, const char *data, size_t length);

// Passes the payload in `data` to `receiver`; `state` is CHUNK_DONE at the end of the body.
void chunked_feed(struct chunked *c, const char *data, size_t length, payload_receiver receiver, void *to);

#endif
