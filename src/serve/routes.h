/* routes.h: which function answers which request. The connection layer knows routes only by this. */
#ifndef VL_ROUTES_H
#define VL_ROUTES_H

#include "serve/exchange.h"

typedef struct vl_route {
    vl_method method;
    const char *pattern; /* "/v2/models/+/infer": + stands for one segment */
    const char *name;    /* in metrics: bounded, never from the client */
    void (*run)(vl_exchange *x); /* the whole request is there */
    /* Streaming routes (run NULL): */
    void (*begin)(vl_exchange *x);
    void (*data)(vl_exchange *x, vl_span bytes);
    void (*end)(vl_exchange *x);
    bool open; /* needs no API key */
} vl_route;

/* The route of the request; NULL: none, and the exchange is already answered (401, 404, 405, CORS
 * preflight). Called when the head is complete: x->request has no body yet. */
const vl_route *vl_route_of(vl_exchange *x);

/* Told of each finished exchange: metrics and access log. bytes: of the answer. status 0: a counted
 * one whose client went away first. */
void vl_route_finished(vl_exchange *x, size_t bytes);

/* The name of the i-th route, for metrics (names repeat); NULL past the end. */
const char *vl_route_name(int i);

/* The i-th segment of the path ("/a/b": 0 is "a"); empty past the end. */
vl_span vl_path_segment(vl_span path, int i);

#endif
