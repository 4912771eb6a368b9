/* service.h: what routes have on their thread: models, a context for each, a JSON parser, asks. */
#ifndef VL_SERVICE_H
#define VL_SERVICE_H

#include "base/json.h"
#include "serve/exchange.h"
#include "serve/front.h"
#include "serve/loop.h"
#include "serve/model_set.h"
#include "serve/server.h"

/* A set of models on one thread. Made anywhere, then used by the loop's thread alone, which goes on
 * with the next one (vl_service_go_on) while asks may still use this one. */
typedef struct vl_view {
    vl_model_set *set;
    valence_context *contexts[VL_MODELS_MAX];
    int users; /* asks, and the service while it is the current one */
} vl_view;

vl_status vl_view_open(vl_view **out, vl_model_set *set, valence_error *error);
void vl_view_release(vl_view *v); /* one user less; the last one closes it. NULL is fine */

typedef struct vl_service {
    const vl_server *server;
    vl_view *view; /* the current one */
    const vl_predictor *predictor;
    vl_json_parser *parser;
    const vl_front *front;
    vl_meter *meter;     /* of this thread */
    vl_buffer log_line;  /* the access log's */
    struct vl_ask *asks; /* list of those not in use, see ask.h */
    int ask_count;
} vl_service;

/* Takes the view over. */
vl_status vl_service_open(vl_service **out, const vl_server *server, vl_view *view,
                          const vl_limits *limits, const vl_front *front, int thread,
                          valence_error *error);
void vl_service_close(vl_service *s); /* NULL is fine */
void vl_service_go_on(vl_service *s, vl_view *view);

static inline vl_service *vl_service_of(const vl_exchange *x)
{
    return x->loop->routes;
}

#endif
