/* exchange.h: one request and its answer, as the routes see them. The connection layer
 * (connection.c) makes an exchange when a request is complete (for streaming routes: when its head
 * is), calls the route, and sends what the route wrote.
 * Ownership: the exchange and all it points at belong to the connection; a route may keep the pointer
 * only while its answer is deferred or streams. Everything here runs on the loop's thread. */
#ifndef VL_EXCHANGE_H
#define VL_EXCHANGE_H

#include "base/buffer.h"
#include "valence.h"

typedef struct vl_exchange vl_exchange;
struct vl_loop;

typedef enum vl_method { VL_GET, VL_HEAD, VL_POST, VL_OPTIONS, VL_OTHER_METHOD } vl_method;

/* What a route may want to know. Absent headers: ptr NULL. */
typedef struct vl_request {
    vl_method method;
    vl_span path;  /* without query, percent-decoded, checked: starts with '/', no control bytes */
    vl_span query; /* as it came, without '?' */
    vl_span content_type, authorization, origin, accept;
    vl_span request_id;          /* the client's, or one made here */
    vl_span timeout;             /* X-Request-Timeout: milliseconds */
    vl_span inference_header;    /* Inference-Header-Content-Length */
    vl_span body;                /* VL_JSON_PADDING readable bytes behind; empty on streaming routes */
    double begun;                /* vl_clock_seconds() when its first byte came */
} vl_request;

struct vl_exchange {
    vl_request request;
    struct vl_loop *loop;  /* models, metrics, scratch of this thread */
    vl_buffer *out;        /* body of the answer; empty when the route is called */
    const char *route;     /* the route's name in metrics */
    int status;            /* as answered; for log and metrics */
    void *user;            /* the route's own: deferred and streaming ones */
    bool counted;          /* as in flight, by vl_route_of; until vl_route_finished */
    /* With an answer deferred or streaming: called once if the client goes away first; the exchange
     * is gone when it returns. NULL: nothing to be done. A client that ends its side while it waits for
     * a deferred answer counts as gone: nobody can tell it from one that has closed. */
    void (*gone)(vl_exchange *x);
    /* With an answer deferred: called once if it is not there by deadline (vl_clock_seconds()). */
    void (*late)(vl_exchange *x);
    double deadline;
};

/* Who asks: an address, or "unix". */
enum { VL_PEER_BYTES = 48 };
void vl_exchange_peer(const vl_exchange *x, char peer[VL_PEER_BYTES]);

/* ---- Answers --------------------------------------------------------------------------------- */

/* Adds a header to the answer; before vl_exchange_answer. Bytes that are none of a header's are
 * dropped. */
void vl_exchange_header(vl_exchange *x, const char *name, vl_span value);

/* Sends x->out as the body. Each exchange is answered exactly once; x is invalid afterwards. */
void vl_exchange_answer(vl_exchange *x, int status, const char *content_type);

/* {"error":message,"error_type":type} with status; byte > 0 adds "byte". type: "Validation", "Empty",
 * "Overloaded", "Backend", "Unhealthy", "Tokenizer", "NotFound", "Unauthorized". Routes of v2 send
 * {"error":message} alone: type NULL. */
void vl_exchange_error(vl_exchange *x, int status, const char *type, uint64_t byte,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The route returns without an answer; it will come later, on this thread (vl_loop_post). gone NULL:
 * nothing to be done. */
void vl_exchange_defer(vl_exchange *x, void (*gone)(vl_exchange *x));

/* A streaming answer (chunked): begin, any number of writes, end. Between writes the connection may
 * stop reading the request while the client does not read. */
void vl_exchange_stream(vl_exchange *x, int status, const char *content_type);
void vl_exchange_write(vl_exchange *x, vl_span bytes);
void vl_exchange_end(vl_exchange *x);

/* Streaming routes: no more of the body, please, or go on. What was read already (some 64 KiB) still
 * comes. */
void vl_exchange_pause(vl_exchange *x, bool paused);

#endif
