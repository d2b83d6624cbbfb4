#include "chunked.h"

#include <stdlib.h>
#include <string.h>

static void end_of_line(struct chunked *c) {
    if (c->line_length > 0 && c->line[c->line_length - 1] == '\r') c->line_length--;
    c->line[c->line_length] = '\0';
    switch (c->state) {
    case CHUNK_SIZE:
        c->left = strtoull(c->line, NULL, 16);  // stops at the semicolon of an extension
        c->state = c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        break;
    case CHUNK_END:
        c->state = c->line_length == 0 ? CHUNK_SIZE : CHUNK_BROKEN;
        break;
    case CHUNK_TRAILER:
        if (c->line_length == 0) {
            strcat(c->trailers, "\r\n\r\n");
            c->state = CHUNK_DONE;
        } else if (strlen(c->trailers) + c->line_length + 8 < sizeof c->trailers) {
            strcat(strcat(c->trailers, "\r\n"), c->line);
        }
        break;
    default:
        c->state = CHUNK_BROKEN;
    }
    c->line_length = 0;
}

void chunked_feed(struct chunked *c, const char *data, size_t length, payload_receiver receiver, void *to) {
    while (length > 0 && c->state != CHUNK_DONE && c->state != CHUNK_BROKEN) {
        if (c->state == CHUNK_DATA) {
            size_t taken = length < c->left ? length : c->left;
            receiver(to, data, taken);
            c->left -= taken;
            if (c->left == 0) c->state = CHUNK_END;
            data += taken;
            length -= taken;
            continue;
        }
        if (*data == '\n') end_of_line(c);
        else if (c->line_length + 1 < sizeof c->line) c->line[c->line_length++] = *data;
        else c->state = CHUNK_BROKEN;
        data++;
        length--;
    }
}
