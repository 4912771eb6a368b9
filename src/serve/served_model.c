/* served_model.c: opens a model with all that serving it takes. */
#include "serve/served_model.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"

static const char ending[] = ".safetensors";

char *vl_served_model_name(const char *path)
{
    size_t len = strlen(path), end = sizeof ending - 1, from;
    while (len > 1 && path[len - 1] == '/') len--;
    for (from = len; from > 0 && path[from - 1] != '/';) from--;
    if (len - from > end && memcmp(path + len - end, ending, end) == 0) len -= end;
    return vl_copy_string(VL_MEM_MODEL, path + from, len - from);
}

/* ---- Marks ----------------------------------------------------------------------------------- */

static uint64_t mark_of(const struct stat *info)
{
    const uint64_t parts[] = {(uint64_t)info->st_dev, (uint64_t)info->st_ino,
                              (uint64_t)info->st_size, (uint64_t)info->st_mtim.tv_sec,
                              (uint64_t)info->st_mtim.tv_nsec};
    return vl_hash64(parts, sizeof parts, 1) | 1;
}

/* The folder's own times change with any file in it. */
static uint64_t mark_of_folder(const char *path)
{
    static const char *const files[] = {"config.json", "model.safetensors",
                                        "model.safetensors.index.json", "tokenizer.json",
                                        "tokenizer_config.json"};
    uint64_t marks[sizeof files / sizeof *files] = {0};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char file[4096];
        struct stat info;
        int len = snprintf(file, sizeof file, "%s/%s", path, files[i]);
        if (len > 0 && (size_t)len < sizeof file && stat(file, &info) == 0)
            marks[i] = mark_of(&info);
    }
    return marks[0] ? vl_hash64(marks, sizeof marks, 1) | 1 : 0;
}

uint64_t vl_model_mark(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) return 0;
    return S_ISDIR(info.st_mode) ? mark_of_folder(path) : mark_of(&info);
}

uint64_t vl_served_model_mark(const vl_served_model *m)
{
    return strcmp(m->info.path, "embedded") == 0 ? 0 : vl_model_mark(m->info.path);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static vl_status open_model(vl_served_model *m, const vl_model_needs *needs, valence_error *error)
{
    valence_model_options options = valence_model_defaults();
    options.threads = vl_queue_threads_most();
    uint64_t before = vl_model_mark(m->source); /* what changes meanwhile is seen later */
    VL_TRY(valence_model_open(&m->model, m->source, &options, error));
    valence_model_describe(m->model, &m->info);
    m->mark = strcmp(m->source, m->info.path) == 0 ? before : vl_served_model_mark(m);
    m->seen = m->mark;
    VL_TRY(vl_model_meter_init(&m->meter, needs->metrics, m->name, &m->info, error));
    if (!needs->predictor->slow(&m->info)) return VALENCE_OK;
    return vl_model_queue_open(&m->queue, m->model, needs->predictor, &needs->queue,
                               vl_model_meter_queue(&m->meter), error);
}

static vl_status open_named(vl_served_model **out, const char *name, const char *source,
                            uint64_t version, const vl_model_needs *needs, valence_error *error)
{
    vl_served_model *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "a model");
    m->version = version;
    m->name = vl_copy_string(VL_MEM_MODEL, name, strlen(name));
    m->source = vl_copy_string(VL_MEM_MODEL, source, strlen(source));
    vl_status status = m->name && m->source
                           ? open_model(m, needs, error)
                           : vl_fail_memory(error, strlen(source), "a model's name");
    if (status == VALENCE_OK) *out = m;
    else vl_served_model_close(m);
    return status;
}

vl_status vl_served_model_open(vl_served_model **out, const char *name, const char *source,
                               uint64_t version, const vl_model_needs *needs, valence_error *error)
{
    *out = NULL;
    vl_status status = open_named(out, name, source, version, needs, error);
    vl_metrics_loaded(needs->metrics, status == VALENCE_OK);
    return status;
}

void vl_served_model_stop(vl_served_model *m)
{
    vl_model_queue_close(m->queue);
    m->queue = NULL;
}

void vl_served_model_close(vl_served_model *m)
{
    if (!m) return;
    vl_served_model_stop(m);
    vl_model_meter_release(&m->meter);
    valence_model_close(m->model);
    vl_free(m->name);
    vl_free(m->source);
    vl_free(m);
}
