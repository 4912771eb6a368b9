/* recall.c: between route and cache. With an answer the cache notes model and label, for /metrics. */
#include "serve/recall.h"

enum { BODY_MAX = 64 << 10 }; /* longer texts seldom come twice, and hashing them costs */

bool vl_recall(vl_ask *a, vl_cache_key *key)
{
    const vl_front *f = a->service->front;
    vl_span body = a->x->request.body;
    uint64_t note;
    *key = (vl_cache_key){.request = body};
    if (!f->cache || body.len > BODY_MAX || vl_ask_check_type(a, NULL) != VALENCE_OK) return false;
    *key = vl_cache_key_of(f->cache, body, f->salt);
    if (!vl_cache_get(f->cache, key, a->x->loop->now, a->x->out, &note)) return false;
    vl_meter_prediction(a->service->meter, (int)(note >> 32), (int)(uint32_t)note);
    return true;
}

void vl_recall_keep(vl_ask *a, const vl_cache_key *key)
{
    uint64_t model = (uint64_t)(a->model - a->service->set->models);
    if (key->request.len > BODY_MAX) return;
    vl_cache_put(a->service->front->cache, key, a->x->loop->now, vl_buffer_span(a->x->out),
                 model << 32 | (uint32_t)a->label);
}
