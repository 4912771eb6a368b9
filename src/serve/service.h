/* service.h: what routes have on their thread: models, a context for each, a JSON parser, asks. */
#ifndef VL_SERVICE_H
#define VL_SERVICE_H

#include "base/json.h"
#include "serve/exchange.h"
#include "serve/front.h"
#include "serve/loop.h"
#include "serve/model_set.h"
#include "serve/server.h"

typedef struct vl_service {
    const vl_server *server;
    const vl_model_set *set;
    const vl_predictor *predictor;
    valence_context *contexts[VL_MODELS_MAX];
    vl_json_parser *parser;
    const vl_front *front;
    vl_meter *meter;    /* of this thread */
    vl_buffer log_line; /* the access log's */
    struct vl_ask *asks; /* list of those not in use, see ask.h */
    int ask_count;
} vl_service;

vl_status vl_service_open(vl_service **out, const vl_server *server, const vl_model_set *set,
                          const vl_limits *limits, const vl_front *front, int thread,
                          valence_error *error);
void vl_service_close(vl_service *s); /* NULL is fine */

static inline vl_service *vl_service_of(const vl_exchange *x)
{
    return x->loop->routes;
}

#endif
