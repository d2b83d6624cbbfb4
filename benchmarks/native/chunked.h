// Chunked bodies: HTTP's transfer coding (RFC 9112, 7.1) and S3's aws-chunked have the same form, one inside the other.
#ifndef CHUNKED_H
#define CHUNKED_H

#include <stddef.h>

struct chunked {
    enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_DONE, CHUNK_BROKEN } state;
    size_t left;          // bytes of this chunk that are still to come
    char line[512];       // the line that is being read: a size, an end, or a trailer
    size_t line_length;
    char trailers[1024];  // every trailer line, each begun by \r\n so that it reads like a head
};

typedef void (*payload_receiver)(void *to, const char *data, size_t length);

// Hands the payload in `data` to `receiver`; `state` tells when the body is over.
void chunked_feed(struct chunked *c, const char *data, size_t length, payload_receiver receiver, void *to);

#endif
