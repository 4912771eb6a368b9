/* access_log.h: one line per request, on stderr or behind a file: who asked when for which path, what
 * came of it, how long it took. No texts, no queries, no keys. Off unless asked for. */
#ifndef VL_ACCESS_LOG_H
#define VL_ACCESS_LOG_H

#include "base/buffer.h"

typedef struct vl_access_log vl_access_log;

typedef struct vl_access {
    const char *peer, *method; /* "127.0.0.1"; "POST" */
    vl_span path, request_id;  /* ptr NULL: unknown */
    const char *route;
    int status;   /* 0: the client went away first */
    size_t bytes; /* of the answer's body */
    double seconds;
} vl_access;

/* format: "json", or "text" (the common log format, then seconds, route and request id), or NULL: no
 * log, *out is NULL. path NULL: stderr. */
vl_status vl_access_log_open(vl_access_log **out, const char *format, const char *path,
                             valence_error *error);
void vl_access_log_close(vl_access_log *l);

/* One write(2) of one line; lines of several threads do not mix. line: the thread's own, kept from call
 * to call. A line that cannot be written is lost. */
void vl_access_log_write(const vl_access_log *l, vl_buffer *line, const vl_access *a);

/* The line of a moment, for tests: seconds since 1970. */
vl_status vl_access_log_format(vl_buffer *line, bool json, const vl_access *a, double now);

#endif
