/* service.c: opens and closes what a thread's routes use. */
#include "serve/service.h"

#include "base/mem.h"
#include "serve/ask.h"

/* ---- Views ----------------------------------------------------------------------------------- */

static void close_view(vl_view *v)
{
    for (int i = 0; i < v->set->count; i++) valence_context_close(v->contexts[i]);
    atomic_fetch_sub(&v->set->users, 1);
    vl_free(v);
}

vl_status vl_view_open(vl_view **out, vl_model_set *set, valence_error *error)
{
    *out = NULL;
    vl_view *v = vl_alloc_zero(VL_MEM_REQUEST, sizeof *v);
    if (!v) return vl_fail_memory(error, sizeof *v, "a view of models");
    v->set = set;
    v->users = 1;
    atomic_fetch_add(&set->users, 1);
    for (int i = 0; i < set->count; i++) {
        vl_status status = valence_context_open(&v->contexts[i], set->models[i]->model, error);
        if (status == VALENCE_OK) continue;
        close_view(v);
        return status;
    }
    *out = v;
    return VALENCE_OK;
}

void vl_view_release(vl_view *v)
{
    if (v && --v->users == 0) close_view(v);
}

/* ---- The service ----------------------------------------------------------------------------- */

vl_status vl_service_open(vl_service **out, const vl_server *server, vl_view *view,
                          const vl_limits *limits, const vl_front *front, int thread,
                          valence_error *error)
{
    *out = NULL;
    vl_service *s = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a loop");
    s->server = server;
    s->predictor = vl_server_predictor(server);
    s->front = front;
    s->meter = vl_metrics_meter(front->metrics, thread);
    vl_buffer_init(&s->log_line, VL_MEM_REQUEST, 16 << 10);
    s->parser = vl_json_parser_open(limits->body_bytes);
    if (!s->parser) {
        vl_service_close(s);
        return vl_fail_memory(error, 0, "a JSON parser");
    }
    s->view = view;
    *out = s;
    return VALENCE_OK;
}

void vl_service_close(vl_service *s)
{
    if (!s) return;
    vl_asks_release(s);
    vl_view_release(s->view);
    vl_json_parser_close(s->parser);
    vl_buffer_release(&s->log_line);
    vl_free(s);
}

void vl_service_go_on(vl_service *s, vl_view *view)
{
    vl_view_release(s->view);
    s->view = view;
}
