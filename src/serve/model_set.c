/* model_set.c: opens models and names them. */
#include "serve/model_set.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static const char ending[] = ".safetensors";

static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name), end = sizeof ending - 1;
    if (len > end && strcmp(name + len - end, ending) == 0) len -= end;
    return vl_copy_string(VL_MEM_MODEL, name, len);
}

static void close_model(vl_served_model *m)
{
    vl_model_queue_close(m->queue);
    vl_model_meter_release(&m->meter);
    valence_model_close(m->model);
    vl_free(m->name);
    *m = (vl_served_model){0};
}

static vl_status open_queue(vl_served_model *m, const vl_model_needs *needs, valence_error *error)
{
    vl_queue_meter *meter = vl_model_meter_queue(&m->meter);
    if (!needs->predictor->slow(&m->info)) return VALENCE_OK;
    return vl_model_queue_open(&m->queue, m->model, needs->predictor, &needs->queue, meter, error);
}

static vl_status open_model(vl_served_model *m, const char *path, const vl_model_needs *needs,
                            valence_error *error)
{
    valence_model_options options = valence_model_defaults();
    options.threads = vl_queue_threads_each(&needs->queue);
    VL_TRY(valence_model_open(&m->model, path, &options, error));
    m->version = 1;
    valence_model_describe(m->model, &m->info);
    VL_TRY(vl_model_meter_init(&m->meter, needs->metrics, m->name, &m->info, error));
    return open_queue(m, needs, error);
}

static vl_status add(vl_model_set *s, const char *path, const vl_model_needs *needs,
                     valence_error *error)
{
    vl_served_model *m = &s->models[s->count];
    m->name = name_of(path);
    if (!m->name) return vl_fail_memory(error, strlen(path), "a model's name");
    vl_status status = VALENCE_OK;
    if (s->count && vl_model_set_find(s, vl_span_of(m->name)) >= 0)
        status = vl_fail(error, VALENCE_ARGUMENT, "two models are called '%.100s'", m->name);
    if (status == VALENCE_OK) status = open_model(m, path, needs, error);
    vl_metrics_loaded(needs->metrics, status == VALENCE_OK);
    if (status == VALENCE_OK) s->count++;
    else close_model(m);
    return status;
}

static uint64_t salt_of(const vl_model_set *s)
{
    uint64_t salt = 0;
    for (int i = 0; i < s->count; i++) {
        const vl_served_model *m = &s->models[i];
        salt = vl_hash64(m->name, strlen(m->name), salt);
        salt = vl_hash64(&m->version, sizeof m->version, salt);
    }
    return salt;
}

vl_status vl_model_set_open(vl_model_set **out, const char *const *names, int count,
                            const vl_model_needs *needs, valence_error *error)
{
    *out = NULL;
    if (count < 1 || count > VL_MODELS_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "1 to %d models can be served", VL_MODELS_MAX);
    vl_model_set *s = vl_alloc_zero(VL_MEM_MODEL, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "models");
    vl_status status = VALENCE_OK;
    for (int i = 0; i < count && status == VALENCE_OK; i++) status = add(s, names[i], needs, error);
    if (status != VALENCE_OK) {
        vl_model_set_close(s);
        return status;
    }
    s->salt = salt_of(s);
    *out = s;
    return VALENCE_OK;
}

void vl_model_set_stop(vl_model_set *s)
{
    for (int i = 0; s && i < s->count; i++) {
        vl_model_queue_close(s->models[i].queue);
        s->models[i].queue = NULL;
    }
}

void vl_model_set_close(vl_model_set *s)
{
    if (!s) return;
    for (int i = 0; i < s->count; i++) close_model(&s->models[i]);
    vl_free(s);
}

int vl_model_set_find(const vl_model_set *s, vl_span name)
{
    if (!name.ptr) return 0;
    for (int i = 0; i < s->count; i++)
        if (vl_span_is(name, s->models[i].name)) return i;
    return -1;
}
