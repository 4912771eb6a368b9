/* loop.h: one event loop on one thread: its listeners, connections, timer, and what routes use on
 * it without a lock. Loops share the server's constants only; other threads reach a loop by posting
 * (vl_loop_post).
 * Ownership: the server owns loops, a loop owns its connections; a post belongs to whoever made it.
 */
#ifndef VL_LOOP_H
#define VL_LOOP_H

#include <pthread.h>
#include <uv.h>

#include "base/buffer.h"
#include "serve/limits.h"

struct vl_connection;
struct vl_server;

/* Something to be done on a loop's thread: part of a struct that knows what. */
typedef struct vl_post {
    struct vl_post *next;
    void (*run)(struct vl_post *p); /* may free it */
} vl_post;

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
    _Atomic int *connection_count;     /* of all loops */
    _Atomic int *refused_count;        /* clients that were one too many, of all loops */
    uv_stream_t *delayed;              /* a listener whose client waits for memory, or NULL */
    double now;                        /* vl_clock_seconds() of this round */
    char date[64];                     /* the line of the Date header, renewed every second */
    char *read_buffer;                 /* (VL_READ_BYTES) what one read gives */
    vl_buffer spare_head, spare_body, spare_answer,
        spare_out;              /* lent to a connection while a request is on its way */
    uint64_t id_seed, id_count; /* of requests that bring no id */
    void *routes;               /* the routes' own: contexts, parser, metrics */

    pthread_mutex_t post_lock;
    uv_async_t posted;
    vl_post *posts, **posts_end; /* list, by post_lock */
    bool posting;                /* by post_lock: `posted` may be told */
    vl_post *soon, *later,
        *due; /* lists of this thread's own: behind the posts, with the next tick, now */
} vl_loop;

enum { VL_READ_BYTES = 64 << 10 };

/* After uv_loop_init; closed before uv_loop_close, when no more posts come: those left are run. */
void vl_loop_open_posts(vl_loop *l);
void vl_loop_end_posts(vl_loop *l); /* the loop's handles are about to close: posts wait */
void vl_loop_close_posts(vl_loop *l);

/* Has p run on the loop's thread, soon. Any thread. */
void vl_loop_post(vl_loop *l, vl_post *p);

/* Has p run once, on this thread: behind all posts of this round, or with the next tick of the
 * timer. It must not wait already. The loop's thread only. */
void vl_loop_soon(vl_loop *l, vl_post *p);
void vl_loop_later(vl_loop *l, vl_post *p);
void vl_loop_forget(vl_loop *l, vl_post *p); /* fine for one that does not wait */
void vl_loop_run_later(vl_loop *l);

#endif
