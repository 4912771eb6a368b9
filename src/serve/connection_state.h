/* connection_state.h: the inside of a connection, for the files that move its bytes (connection.c),
 * parse them (request_parse.c) and write answers (exchange.c). */
#ifndef VL_CONNECTION_STATE_H
#define VL_CONNECTION_STATE_H

#include <llhttp.h>

#include "serve/exchange.h"
#include "serve/head_guard.h"
#include "serve/loop.h"
#include "serve/routes.h"

/* Headers that somebody asks for; others are passed over. */
#define VL_HEADER_LIST(X)                                                                          \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(AUTHORIZATION, "authorization")                                                              \
    X(ORIGIN, "origin")                                                                            \
    X(ACCEPT, "accept")                                                                            \
    X(REQUEST_ID, "x-request-id")                                                                  \
    X(TIMEOUT, "x-request-timeout")                                                                \
    X(INFERENCE, "inference-header-content-length")                                                \
    X(HOST, "host")                                                                                \
    X(EXPECT, "expect")                                                                            \
    X(TRANSFER, "transfer-encoding")

typedef enum vl_header {
#define VL_HEADER_ENUM(name, text) VL_HEADER_##name,
    VL_HEADER_LIST(VL_HEADER_ENUM)
#undef VL_HEADER_ENUM
        VL_HEADERS
} vl_header;

typedef enum vl_connection_phase {
    VL_IDLE,      /* no byte of a request yet */
    VL_RECEIVING, /* a request is on its way */
    VL_ANSWERING, /* it is complete (or streams), its answer is not */
    VL_LINGERING  /* the last answer is out */
} vl_connection_phase;

typedef struct vl_piece { /* of head */
    uint32_t at, len;
    bool seen;
} vl_piece;

typedef struct vl_connection {
    union {
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t local;
    } handle; /* first: libuv hands back its address */
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct vl_connection *next, **link;
    vl_loop *loop;

    vl_connection_phase state;
    bool reading, writing, closing, half_closed;
    bool parsing;     /* somewhere below vl_connection_parse: whoever called it writes and goes on */
    bool broken;      /* closed by the next sweep */
    bool close_after; /* the answer on its way is the last; nothing more is parsed */
    double begun_at, last_byte, last_write;
    size_t unwritten; /* of pending, when the client last took something */
    vl_buffer in;      /* bytes behind the request that is being answered */
    vl_buffer out;     /* answers not yet given to the socket */
    vl_buffer pending; /* given to it, not yet taken */

    llhttp_t parser;
    vl_head_guard guard;
    vl_buffer head; /* path and known header values */
    vl_buffer body;
    vl_piece path, values[VL_HEADERS];
    char name[40]; /* of the header on its way, lower case */
    size_t name_len, head_bytes, body_bytes, raw_bytes; /* raw: with what chunks cost */
    int current; /* a vl_header, or -1 */
    bool headed, in_body, complete, keep_alive, streaming;
    bool answer_begun; /* one that streams */
    bool answered;     /* all of it is in out, though the request may still be coming */
    bool paused;       /* the route takes no more of the body for now */

    const vl_route *route;
    vl_exchange exchange;
    vl_buffer answer; /* the route's body */
    vl_buffer extra;  /* headers it added */
    char id[16];      /* of a request that brought none */
    bool chunked;     /* the answer streams */
} vl_connection;

/* connection.c */
void vl_connection_close(vl_connection *c);
void vl_connection_break(vl_connection *c); /* soon: for callers below which a route is at work */
void vl_connection_flush(vl_connection *c);
void vl_connection_go_on(vl_connection *c);

/* request_parse.c: takes bytes of requests, runs their routes; stops behind a request whose answer is
 * awaited. Returns how many bytes it used. */
size_t vl_connection_parse(vl_connection *c, const char *bytes, size_t len);
void vl_connection_reset_parser(vl_connection *c);

/* exchange.c: answers what broke the protocol or a limit, and closes. */
void vl_connection_refuse(vl_connection *c, int status, const char *why);

/* The request is complete and answered: the next one may come, unless this was the last. */
void vl_connection_answered(vl_connection *c);

#endif
