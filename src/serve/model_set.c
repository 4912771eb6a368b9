/* model_set.c: opens models and names them. */
#include "serve/model_set.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const char ending[] = ".safetensors";

static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name), end = sizeof ending - 1;
    if (len > end && strcmp(name + len - end, ending) == 0) len -= end;
    return vl_copy_string(VL_MEM_MODEL, name, len);
}

static vl_status add(vl_model_set *s, const char *path, valence_error *error)
{
    vl_served_model *m = &s->models[s->count];
    char *name = name_of(path);
    if (!name) return vl_fail_memory(error, strlen(path), "a model's name");
    if (s->count && vl_model_set_find(s, vl_span_of(name)) >= 0) {
        vl_status status = vl_fail(error, VALENCE_ARGUMENT, "two models are called '%.100s'", name);
        vl_free(name);
        return status;
    }
    vl_status status = valence_model_open(&m->model, path, NULL, error);
    if (status != VALENCE_OK) {
        vl_free(name);
        return status;
    }
    m->name = name;
    m->version = 1;
    valence_model_describe(m->model, &m->info);
    s->count++;
    return VALENCE_OK;
}

vl_status vl_model_set_open(vl_model_set **out, const char *const *names, int count,
                            valence_error *error)
{
    *out = NULL;
    if (count < 1 || count > VL_MODELS_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "1 to %d models can be served", VL_MODELS_MAX);
    vl_model_set *s = vl_alloc_zero(VL_MEM_MODEL, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "models");
    vl_status status = VALENCE_OK;
    for (int i = 0; i < count && status == VALENCE_OK; i++) status = add(s, names[i], error);
    if (status != VALENCE_OK) {
        vl_model_set_close(s);
        return status;
    }
    *out = s;
    return VALENCE_OK;
}

void vl_model_set_close(vl_model_set *s)
{
    if (!s) return;
    for (int i = 0; i < s->count; i++) {
        valence_model_close(s->models[i].model);
        vl_free(s->models[i].name);
    }
    vl_free(s);
}

int vl_model_set_find(const vl_model_set *s, vl_span name)
{
    if (!name.ptr) return 0;
    for (int i = 0; i < s->count; i++)
        if (vl_span_is(name, s->models[i].name)) return i;
    return -1;
}
