/* model_open.c: from a name or path to a valence_model. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/embedded_model.h"
#include "engine/engine_model.h"
#include "engine/model_config.h"
#include "engine/model_list.h"
#include "formats/safetensors.h"

valence_model_options valence_model_defaults(void)
{
    return (valence_model_options){.min_confidence = -1};
}

/* ---- Making it ------------------------------------------------------------------------------- */

static int32_t label_index(const valence_model *m, const char *label)
{
    for (int32_t k = 0; k < m->model->K; k++)
        if (strcmp(m->labels[k], label) == 0) return k;
    return -1;
}

static vl_status make_parts(valence_model *m, valence_error *error)
{
    int32_t K = 0;
    VL_TRY(vl_safetensors_read(&m->store, m->bytes, m->path, error));
    VL_TRY(vl_model_config_check(m->store, error));
    VL_TRY(vl_model_config_read_features(&m->features, m->store, error));
    VL_TRY(vl_model_build(&m->model, m->store, error));
    VL_TRY(vl_model_config_read_labels(&m->labels, &K, m->store, error));
    VL_TRY(vl_model_config_read_temperature(&m->temperature, m->store, error));
    if (K != m->model->K)
        return vl_fail(error, VALENCE_FORMAT, "%d labels, but %d classes", K, m->model->K);
    if ((int64_t)m->features.table.buckets * VL_BUCKET != m->model->inputs)
        return vl_fail(error, VALENCE_FORMAT, "its n-gram table and its weights differ in size");
    m->neutral = label_index(m, "neutral");
    if (m->min_confidence >= 0) return VALENCE_OK;
    return vl_model_config_read_min_confidence(&m->min_confidence, m->store, error);
}

/* Puts the file's name before the message, unless it is there. */
static void name_file(valence_error *error, const char *path)
{
    if (!error || strstr(error->message, path)) return;
    char message[sizeof error->message];
    snprintf(message, sizeof message, "cannot use model '%.150s': %.200s", path, error->message);
    memcpy(error->message, message, sizeof message);
}

vl_status vl_engine_model_make(valence_model **out, vl_mapped_file *file, vl_span bytes,
                               const char *name, const char *path,
                               const valence_model_options *options, valence_error *error)
{
    double start = vl_clock_seconds();
    valence_model *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) {
        vl_mapped_file_release(file);
        return vl_fail_memory(error, sizeof *m, "a model");
    }
    m->file = *file;
    m->bytes = bytes;
    valence_model_options o = options ? *options : valence_model_defaults();
    m->neutral_band = o.neutral_band;
    m->min_confidence = o.min_confidence;
    pthread_mutex_init(&m->lock, NULL);
    m->name = vl_copy_string(VL_MEM_MODEL, name, strlen(name));
    m->path = vl_copy_string(VL_MEM_MODEL, path, strlen(path));
    vl_status status = m->name && m->path ? make_parts(m, error)
                                          : vl_fail_memory(error, 64, "a model's name");
    if (status != VALENCE_OK) {
        name_file(error, path);
        valence_model_close(m);
        return status;
    }
    m->load_seconds = vl_clock_seconds() - start;
    *out = m;
    return VALENCE_OK;
}

static vl_status check_options(const valence_model_options *o, valence_error *error)
{
    if (o && !(o->neutral_band >= 0 && o->neutral_band <= 0.5))
        return vl_fail(error, VALENCE_ARGUMENT, "the neutral band must be between 0 and 0.5");
    if (o && !(o->min_confidence <= 1))
        return vl_fail(error, VALENCE_ARGUMENT, "the least confidence must not be above 1");
    return VALENCE_OK;
}

valence_status valence_model_open(valence_model **model, const char *name_or_path,
                                  const valence_model_options *options, valence_error *error)
{
    char path[VL_MODEL_PATH_MAX];
    vl_mapped_file file = {.slot = -1};
    *model = NULL;
    VL_TRY(check_options(options, error));
    VL_TRY(vl_model_find(path, name_or_path, error));
    if (!*path)
        return vl_engine_model_make(model, &file, vl_embedded_model(), name_or_path, "embedded",
                                    options, error);
    vl_status status = vl_mapped_file_open(&file, path, error);
    if (status == VALENCE_UNSUPPORTED)
        return vl_fail(error, status, "cannot use model '%.250s': not a regular file", path);
    VL_TRY(status);
    return vl_engine_model_make(model, &file, (vl_span){file.data, file.size}, name_or_path, path,
                                options, error);
}

void valence_model_close(valence_model *m)
{
    if (!m) return;
    for (int i = 0; i < m->reserved; i++) valence_context_close(m->reserve[i]);
    vl_model_close(m->model);
    vl_store_close(m->store);
    vl_mapped_file_release(&m->file);
    pthread_mutex_destroy(&m->lock);
    vl_free(m->labels);
    vl_free(m->names);
    vl_free(m->name);
    vl_free(m->path);
    vl_free(m);
}

vl_status vl_engine_model_check(const valence_model *m, valence_error *error)
{
    if (!vl_mapped_file_lost(&m->file)) return VALENCE_OK;
    return vl_fail(error, VALENCE_IO, "model '%.250s' was cut short while in use (replace model files "
                   "by rename), or its disk failed", m->path);
}

void valence_model_describe(const valence_model *m, valence_model_info *info)
{
    const char *card = vl_store_get(m->store, "card");
    const vl_tensor *weight = vl_store_find(m->store, "linear.weight");
    *info = (valence_model_info){.name = m->name,
                                 .path = m->path,
                                 .family = m->model->class->family,
                                 .architecture = "",
                                 .dtype = weight ? vl_dtype_name(weight->dtype) : "",
                                 .label_count = m->model->K,
                                 .labels = (const char *const *)m->labels,
                                 .bytes = m->bytes.len,
                                 .features = (uint64_t)m->model->inputs,
                                 .temperature = m->temperature,
                                 .min_confidence = m->min_confidence,
                                 .card = card ? card : "{}",
                                 .load_seconds = m->load_seconds,
                                 .checksum = vl_store_get(m->store, "checksum")};
}
