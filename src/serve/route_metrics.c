/* route_metrics.c: GET /metrics. */
#include <stdatomic.h>

#include "serve/route_list.h"
#include "serve/service.h"

static void describe(vl_model_now *now, const vl_served_model *m)
{
    *now = (vl_model_now){.name = m->name, .version = m->version, .info = &m->info,
                          .waiting = m->queue ? vl_model_queue_waiting(m->queue) : 0};
}

void vl_route_metrics(vl_exchange *x)
{
    const vl_service *s = vl_service_of(x);
    const vl_loop *l = x->loop;
    const vl_model_set *set = s->view->set;
    vl_model_now models[VL_MODELS_MAX];
    vl_metrics_now now = {.connections = atomic_load(l->connection_count),
                          .connections_refused = atomic_load(l->refused_count),
                          .cache = vl_cache_counts_of(s->front->cache),
                          .models = models,
                          .model_count = set->count};
    for (int i = 0; i < set->count; i++) describe(&models[i], set->models[i]);
    if (vl_metrics_write(s->front->metrics, &now, x->out) == VALENCE_OK)
        vl_exchange_answer(x, 200, "text/plain; version=0.0.4; charset=utf-8");
    else
        vl_exchange_error(x, 503, "Backend", 0, "out of memory for the metrics");
}
