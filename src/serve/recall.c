/* recall.c: between routes and cache. With an answer the cache notes what /metrics and TEI's
 * headers want to know of it. */
#include "serve/recall.h"

#include "serve/tei.h"

enum { BODY_MAX = 64 << 10 }; /* longer texts seldom come twice, and hashing them costs */

bool vl_recall(vl_ask *a, vl_recall_route route)
{
    vl_cache *cache = a->service->front->cache;
    vl_span body = a->x->request.body;
    vl_cache_note note;
    if (!cache || body.len > BODY_MAX) return false;
    uint64_t salt = a->view->set->salt + (uint64_t)(a->index * VL_RECALL_ROUTES) + (uint64_t)route;
    a->key = vl_cache_key_of(cache, body, salt);
    a->recalled = vl_cache_get(cache, &a->key, a->loop->now, a->out, &note);
    a->keep = !a->recalled;
    if (!a->recalled) return false;
    const vl_served_model *model = a->view->set->models[note.model];
    vl_meter_prediction(a->service->meter, &model->meter, (int)note.label);
    if (note.tei) vl_tei_recalled(a, note.characters, note.tokens);
    return true;
}

void vl_recall_keep(vl_ask *a)
{
    if (a->written != 1) return;
    const vl_cache_note note = {.model = (uint32_t)a->index,
                                .label = (uint32_t)a->label,
                                .tei = a->counts,
                                .characters = (uint32_t)a->characters,
                                .tokens = (uint32_t)vl_tei_tokens(a)};
    vl_cache_put(a->service->front->cache, &a->key, a->loop->now, vl_buffer_span(a->out), note);
}
