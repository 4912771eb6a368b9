/* service.c: opens and closes what a thread's routes use. */
#include "serve/service.h"

#include "base/mem.h"
#include "serve/ask.h"

vl_status vl_service_open(vl_service **out, const vl_server *server, const vl_model_set *set,
                          const vl_limits *limits, const vl_front *front, int thread,
                          valence_error *error)
{
    *out = NULL;
    vl_service *s = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a loop");
    s->server = server;
    s->set = set;
    s->predictor = vl_server_predictor(server);
    s->front = front;
    s->meter = vl_metrics_meter(front->metrics, thread);
    vl_buffer_init(&s->log_line, VL_MEM_REQUEST, 16 << 10);
    s->parser = vl_json_parser_open(limits->body_bytes);
    vl_status status = s->parser ? VALENCE_OK : vl_fail_memory(error, 0, "a JSON parser");
    for (int i = 0; i < set->count && status == VALENCE_OK; i++)
        status = valence_context_open(&s->contexts[i], set->models[i].model, error);
    if (status != VALENCE_OK) {
        vl_service_close(s);
        return status;
    }
    *out = s;
    return VALENCE_OK;
}

void vl_service_close(vl_service *s)
{
    if (!s) return;
    for (int i = 0; i < VL_MODELS_MAX; i++) valence_context_close(s->contexts[i]);
    vl_asks_release(s);
    vl_json_parser_close(s->parser);
    vl_buffer_release(&s->log_line);
    vl_free(s);
}
