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

/* Weights too many to stay near the processor are fetched while n-grams are still being sorted out:
 * 5 % of a prediction with 0.9 MB of them, and 5 % lost with 0.4 MB, which are there anyway. */
static void fetch_ahead(valence_model *m)
{
    enum { STAYS = 512 << 10 };
    const vl_tensor *weight = vl_store_find(m->store, "linear.weight");
    if (!weight || weight->bytes <= STAYS || m->model->inputs <= 0) return;
    m->features.rows = weight->data;
    m->features.row_bytes = weight->bytes / (size_t)m->model->inputs;
}

/* What a linear model reads: n-grams of the table in its file. */
static vl_status make_features(valence_model *m, valence_error *error)
{
    VL_TRY(vl_model_config_read_features(&m->features, m->store, error));
    fetch_ahead(m);
    if ((int64_t)m->features.table.buckets * VL_BUCKET == m->model->inputs) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "its n-gram table and its weights differ in size");
}

/* A quarter of the room is shared by neighbouring windows, so that no sentence is torn in both. */
static void choose_windows(valence_model *m, int32_t around, const valence_model_options *o)
{
    static const vl_truncation rules[] = {VL_CUT_WINDOWS, VL_CUT_WINDOWS, VL_CUT_RIGHT, VL_CUT_LEFT,
                                          VL_CUT_HEAD_TAIL, VL_CUT_WINDOWS};
    int32_t longest = m->model->longest;
    if (o->max_length > 0 && o->max_length < longest) longest = o->max_length;
    m->windows = (vl_window_rule){.max_length = longest, .overlap = (longest - around) / 4,
                                  .truncation = rules[o->truncation]};
    m->truncation = o->truncation == VALENCE_AS_MODEL ? VALENCE_WINDOWS : o->truncation;
}

/* What the others read: tokens. */
static vl_status make_tokenizer(valence_model *m, const valence_model_options *o, valence_error *error)
{
    const char *json = vl_store_get(m->store, "tokenizer");
    if (!json) return vl_fail(error, VALENCE_FORMAT, "the metadata lacks 'tokenizer'");
    VL_TRY(vl_tokenizer_open(&m->tokenizer, vl_span_of(json), error));
    if (vl_tokenizer_size(m->tokenizer) > m->model->inputs)
        return vl_fail(error, VALENCE_FORMAT, "its tokenizer has ids up to %d, its embeddings %d rows",
                       vl_tokenizer_size(m->tokenizer) - 1, m->model->inputs);
    const vl_token_template *t = vl_tokenizer_template(m->tokenizer);
    int32_t around = t->prefix_count + t->suffix_count;
    choose_windows(m, around, o);
    if (m->windows.max_length > around) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "a text of %d tokens has no room besides %d special ones",
                   m->windows.max_length, around);
}

static vl_status make_parts(valence_model *m, const valence_model_options *o, valence_error *error)
{
    int32_t K = 0;
    VL_TRY(vl_model_build(&m->model, m->store, error));
    VL_TRY(m->model->longest ? make_tokenizer(m, o, error) : make_features(m, error));
    VL_TRY(vl_model_config_read_labels(&m->labels, &K, m->store, error));
    VL_TRY(vl_model_config_read_temperature(&m->temperature, m->store, error));
    if (K != m->model->K)
        return vl_fail(error, VALENCE_FORMAT, "%d labels, but %d classes", K, m->model->K);
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

static vl_status name_model(valence_model *m, const char *name, const char *path, valence_error *error)
{
    m->name = vl_copy_string(VL_MEM_MODEL, name, strlen(name));
    m->path = vl_copy_string(VL_MEM_MODEL, path, strlen(path));
    return m->name && m->path ? VALENCE_OK : vl_fail_memory(error, 64, "a model's name");
}

static valence_model *new_model(const valence_model_options *o)
{
    valence_model *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) return NULL;
    m->file.slot = -1;
    m->neutral_band = o->neutral_band;
    m->min_confidence = o->min_confidence;
    m->threads = o->threads > 0 ? o->threads : 1;
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

/* Weights that were packed elsewhere need not stay in memory; of embeddings a few rows will be read. */
static void give_back(const valence_model *m)
{
    if (!m->model->longest) return;
    if (m->file.data) vl_mapped_file_give_back(&m->file, 0, m->file.size);
    for (int i = 0; i < m->folder.file_count; i++)
        vl_mapped_file_give_back(&m->folder.files[i], 0, m->folder.files[i].size);
}

/* The end of making: *out, or the model closed and its path before the message. */
static vl_status hand_out(valence_model **out, valence_model *m, vl_status status, const char *path,
                          double start, valence_error *error)
{
    if (status != VALENCE_OK) {
        name_file(error, path);
        valence_model_close(m);
        return status;
    }
    give_back(m);
    m->load_seconds = vl_clock_seconds() - start;
    *out = m;
    return VALENCE_OK;
}

vl_status vl_engine_model_make(valence_model **out, vl_mapped_file *file, vl_span bytes,
                               const char *name, const char *path,
                               const valence_model_options *options, valence_error *error)
{
    double start = vl_clock_seconds();
    valence_model_options o = options ? *options : valence_model_defaults();
    valence_model *m = new_model(&o);
    if (!m) {
        vl_mapped_file_release(file);
        return vl_fail_memory(error, sizeof *m, "a model");
    }
    m->file = *file;
    m->bytes = bytes;
    vl_status status = name_model(m, name, path, error);
    if (status == VALENCE_OK) status = vl_safetensors_read(&m->store, bytes, m->path, error);
    if (status == VALENCE_OK) status = vl_model_config_check(m->store, error);
    if (status == VALENCE_OK) status = make_parts(m, &o, error);
    return hand_out(out, m, status, path, start, error);
}

vl_status vl_engine_model_make_of_folder(valence_model **out, const char *name, const char *path,
                                         const valence_model_options *options, valence_error *error)
{
    double start = vl_clock_seconds();
    valence_model_options o = options ? *options : valence_model_defaults();
    valence_model *m = new_model(&o);
    if (!m) return vl_fail_memory(error, sizeof *m, "a model");
    vl_status status = name_model(m, name, path, error);
    if (status == VALENCE_OK) status = vl_hf_directory_open(&m->folder, path, error);
    m->store = m->folder.store;
    m->bytes.len = m->folder.bytes;
    if (status == VALENCE_OK) status = make_parts(m, &o, error);
    return hand_out(out, m, status, path, start, error);
}

static vl_status check_options(const valence_model_options *o, valence_error *error)
{
    if (o && !(o->neutral_band >= 0 && o->neutral_band <= 0.5))
        return vl_fail(error, VALENCE_ARGUMENT, "the neutral band must be between 0 and 0.5");
    if (o && !(o->min_confidence <= 1))
        return vl_fail(error, VALENCE_ARGUMENT, "the least confidence must not be above 1");
    if (o && (o->max_length < 0 || o->threads < 0 || o->threads > 1024))
        return vl_fail(error, VALENCE_ARGUMENT, "the greatest length and the threads must not be negative");
    if (o && ((int)o->truncation < 0 || o->truncation > VALENCE_TRUNCATE_NEVER))
        return vl_fail(error, VALENCE_ARGUMENT, "there is no truncation number %d", (int)o->truncation);
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
    if (vl_hf_directory_is(path))
        return vl_engine_model_make_of_folder(model, name_or_path, path, options, error);
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
    vl_tokenizer_close(m->tokenizer);
    if (m->store != m->folder.store) vl_store_close(m->store);
    vl_hf_directory_release(&m->folder);
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
    if (!vl_mapped_file_lost(&m->file) && !vl_hf_directory_lost(&m->folder)) return VALENCE_OK;
    return vl_fail(error, VALENCE_IO, "model '%.250s' was cut short while in use (replace model files "
                   "by rename), or its disk failed", m->path);
}

/* Of the weights that do most of the work. */
static const char *dtype_of(const valence_model *m)
{
    static const char *const names[] = {"linear.weight", "layer.0.attention.query.weight",
                                        "lstm.0.forward.recurrent.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const vl_tensor *t = vl_store_find(m->store, names[i]);
        if (t) return vl_dtype_name(t->dtype);
    }
    return "";
}

static const char *text_or(const valence_model *m, const char *key, const char *otherwise)
{
    const char *text = vl_store_get(m->store, key);
    return text ? text : otherwise;
}

void valence_model_describe(const valence_model *m, valence_model_info *info)
{
    *info = (valence_model_info){.name = m->name,
                                 .path = m->path,
                                 .family = m->model->class->family,
                                 .architecture = text_or(m, "transformer.architecture", ""),
                                 .dtype = dtype_of(m),
                                 .label_count = m->model->K,
                                 .labels = (const char *const *)m->labels,
                                 .bytes = m->bytes.len,
                                 .features = (uint64_t)m->model->inputs,
                                 .temperature = m->temperature,
                                 .min_confidence = m->min_confidence,
                                 .card = text_or(m, "card", "{}"),
                                 .load_seconds = m->load_seconds,
                                 .checksum = text_or(m, "checksum", ""),
                                 .slow = m->tokenizer != NULL,
                                 .max_length = m->windows.max_length,
                                 .multi_label = m->model->multi_label};
}
