/* loop.h: one event loop on one thread: its listeners, connections, timer, and what routes use on
 * it without a lock. Loops share the server's constants only.
 * Ownership: the server owns loops, a loop owns its connections. */
#ifndef VL_LOOP_H
#define VL_LOOP_H

#include <uv.h>

#include "base/buffer.h"
#include "serve/limits.h"

struct vl_connection;
struct vl_server;

typedef struct vl_loop {
    uv_loop_t uv;
    uv_tcp_t tcp;
    uv_pipe_t local;
    uv_timer_t timer;
    uv_async_t wake;
    bool has_tcp, has_local;
    _Atomic bool draining; /* no new connections, each answer is a connection's last */
    struct vl_server *server;
    const vl_limits *limits;
    struct vl_connection *connections; /* list */
    _Atomic int *connection_count; /* of all loops */
    _Atomic int *refused_count;    /* clients that were one too many, of all loops */
    uv_stream_t *delayed;          /* a listener whose client waits for memory, or NULL */
    double now;         /* vl_clock_seconds() of this round */
    char date[64];      /* the line of the Date header, renewed every second */
    char *read_buffer;  /* (VL_READ_BYTES) what one read gives */
    vl_buffer spare_head, spare_body, spare_answer, spare_out; /* lent to a connection while a request is on its way */
    void *routes;       /* the routes' own: contexts, parser, metrics */
} vl_loop;

enum { VL_READ_BYTES = 64 << 10 };

#endif
