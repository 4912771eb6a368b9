/* connection.h: one client's connection: bytes in, requests out to the routes, answers back, in
 * order, within the limits. HTTP/1.0 and 1.1 with keep-alive, pipelining, chunked bodies and
 * Expect: 100-continue. Parsing is llhttp's; head_guard.c refuses what it lets through.
 * What breaks the protocol is answered once (400, 408, 413, 414, 431, 505) and closed. */
#ifndef VL_CONNECTION_H
#define VL_CONNECTION_H

#include "serve/loop.h"

/* Takes a client that waits at the listener. */
void vl_connection_accept(vl_loop *loop, uv_stream_t *listener);

/* Closes those that passed a deadline; called by the loop's timer. */
void vl_connections_sweep(vl_loop *loop);

/* Drain: idle connections are closed, others after their next answer. */
void vl_connections_drain(vl_loop *loop);
void vl_connections_close_all(vl_loop *loop);

#endif
