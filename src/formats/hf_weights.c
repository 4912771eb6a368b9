/* hf_weights.c: finds the weights' files, maps and reads each, and checks what several files make
 * possible: names that lead out of the folder, a tensor in two of them, one that is not where the
 * index has it. */
#include "formats/hf_weights.h"

#include "base/json.h"
#include "formats/hf_files.h"
#include "formats/safetensors.h"

enum { MAX_INDEX = 1 << 26, MAX_NAME = 255 };

static const char single_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";

/* ---- One file -------------------------------------------------------------------------------- */

static vl_status make_room(vl_hf_weights *w, valence_error *error)
{
    w->files = vl_alloc_zero(VL_MEM_MODEL, VL_HF_SHARDS_MAX * sizeof *w->files);
    w->shards = vl_alloc_zero(VL_MEM_MODEL, VL_HF_SHARDS_MAX * sizeof *w->shards);
    if (w->files && w->shards) return VALENCE_OK;
    return vl_fail_memory(error, VL_HF_SHARDS_MAX * sizeof *w->files, "a list of files");
}

/* Takes the next place; what is in it after a failure, _release gives back. */
static vl_status open_file(vl_hf_weights *w, const char *folder, const char *name,
                           valence_error *error)
{
    char path[VL_HF_PATH_MAX];
    VL_TRY(vl_hf_path(path, folder, name, error));
    if (w->count == VL_HF_SHARDS_MAX)
        return vl_fail(error, VALENCE_LIMIT, "cannot open '%.200s': more than %d files of weights",
                       folder, VL_HF_SHARDS_MAX);
    int i = w->count++;
    vl_mapped_file *f = &w->files[i];
    vl_status status = vl_mapped_file_open(f, path, error);
    if (status == VALENCE_UNSUPPORTED)
        return vl_fail(error, status, "cannot read '%.250s': not a regular file", path);
    VL_TRY(status);
    w->bytes += f->size;
    VL_TRY(vl_safetensors_read(&w->shards[i], (vl_span){f->data, f->size}, path, error));
    if (!vl_mapped_file_truncated(f)) return VALENCE_OK;
    return vl_fail(error, VALENCE_IO, "cannot read '%.250s': it became shorter meanwhile", path);
}

/* ---- Several --------------------------------------------------------------------------------- */

typedef struct index_reader {
    vl_hf_weights *w;
    const char *folder;
    char names[VL_HF_SHARDS_MAX][MAX_NAME + 1]; /* (w->count) of the shards so far */
    vl_status status;                           /* why a walk over JSON was stopped */
    valence_error *error;
} index_reader;

static int refuse(index_reader *r, vl_status code, const char *why, vl_span what)
{
    r->status = vl_fail(r->error, code, "%s: %s '%.*s'", index_name, why,
                        what.len < 150 ? (int)what.len : 150, what.ptr);
    return 1;
}

/* A name that stays in the folder. */
static bool is_plain(vl_span name)
{
    return name.len > 0 && name.len <= MAX_NAME && name.ptr[0] != '.' &&
           !memchr(name.ptr, '/', name.len) && !memchr(name.ptr, 0, name.len);
}

/* The shard of that name, opened when it is the first time; -1: failed. */
static int shard_of(index_reader *r, vl_span name)
{
    for (int i = 0; i < r->w->count; i++)
        if (vl_span_is(name, r->names[i])) return i;
    if (r->w->count == VL_HF_SHARDS_MAX)
        return refuse(r, VALENCE_LIMIT, "too many files:", name), -1;
    int i = r->w->count;
    memcpy(r->names[i], name.ptr, name.len);
    r->names[i][name.len] = '\0';
    r->status = open_file(r->w, r->folder, r->names[i], r->error);
    return r->status == VALENCE_OK ? i : -1;
}

/* One member of weight_map: a tensor's name and its file's. */
static int take_entry(void *user, vl_span key, vl_json value)
{
    index_reader *r = user;
    vl_span file;
    char *name;
    if (!vl_json_string(value, &file) || !is_plain(file))
        return refuse(r, VALENCE_FORMAT, "not a plain file name for", key);
    if (memchr(key.ptr, 0, key.len)) return refuse(r, VALENCE_FORMAT, "NUL in the name", key);
    int shard = shard_of(r, file);
    if (shard < 0) return 1;
    name = vl_copy_string(VL_MEM_MODEL, key.ptr, key.len);
    if (!name) return (r->status = vl_fail_memory(r->error, key.len, "a tensor's name")) != 0;
    bool there = vl_store_find(r->w->shards[shard], name) != NULL;
    vl_free(name);
    if (there) return 0;
    r->status = vl_fail(r->error, VALENCE_NOT_FOUND, "tensor '%.*s' is missing in '%s'",
                        key.len < 150 ? (int)key.len : 150, key.ptr, r->names[shard]);
    return 1;
}

/* Files may hold more tensors than the index lists. */
static vl_status refuse_doubles(const index_reader *r)
{
    const vl_hf_weights *w = r->w;
    for (int i = 1; i < w->count; i++)
        for (size_t k = 0; k < vl_store_count(w->shards[i]); k++)
            for (int j = 0; j < i; j++) {
                const char *name = vl_store_at(w->shards[i], k)->name;
                if (!vl_store_find(w->shards[j], name)) continue;
                return vl_fail(r->error, VALENCE_FORMAT,
                               "tensor '%.150s' is in two files, '%.60s' and '%.60s'", name,
                               r->names[j], r->names[i]);
            }
    return VALENCE_OK;
}

static vl_status open_listed(index_reader *r, vl_json root)
{
    vl_json map;
    if (vl_json_type_of(root) != VL_JSON_OBJECT || !vl_json_get(root, "weight_map", &map) ||
        vl_json_type_of(map) != VL_JSON_OBJECT || vl_json_count(map) == 0)
        return vl_fail(r->error, VALENCE_FORMAT, "%s: no 'weight_map' with names of files",
                       index_name);
    if (vl_json_each(map, take_entry, r)) return r->status;
    return refuse_doubles(r);
}

static vl_status read_index(index_reader *r, vl_buffer *text)
{
    vl_json root;
    valence_error why = {0};
    VL_TRY(vl_hf_read(text, r->folder, index_name, r->error));
    vl_json_parser *parser = vl_json_parser_open(MAX_INDEX);
    if (!parser) return vl_fail_memory(r->error, text->len, "a JSON document");
    vl_status status = vl_json_parse_copy(parser, vl_buffer_span(text), &root, &why);
    if (status == VALENCE_OK) status = open_listed(r, root);
    else vl_fail_at(r->error, status, why.line, why.byte, "%s: %s", index_name, why.message);
    vl_json_parser_close(parser);
    return status;
}

static vl_status open_shards(vl_hf_weights *w, const char *folder, valence_error *error)
{
    vl_buffer text;
    index_reader *r = vl_alloc_zero(VL_MEM_MODEL, sizeof *r);
    if (!r) return vl_fail_memory(error, sizeof *r, "a list of files");
    r->w = w;
    r->folder = folder;
    r->error = error;
    vl_buffer_init(&text, VL_MEM_MODEL, MAX_INDEX);
    vl_status status = read_index(r, &text);
    vl_buffer_release(&text);
    vl_free(r);
    return status;
}

/* ---- Whichever there is ---------------------------------------------------------------------- */

static vl_status refuse_other_formats(const char *folder, valence_error *error)
{
    static const char *const names[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                        "tf_model.h5", "flax_model.msgpack", "model.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (vl_hf_has(folder, names[i]))
            return vl_fail(error, VALENCE_UNSUPPORTED,
                           "'%.200s' has its weights as %s: convert them to safetensors "
                           "(in transformers: model.save_pretrained)",
                           folder, names[i]);
    return vl_fail(error, VALENCE_NOT_FOUND, "'%.250s' has no %s", folder, single_name);
}

static vl_status open_any(vl_hf_weights *w, const char *folder, valence_error *error)
{
    VL_TRY(make_room(w, error));
    if (vl_hf_has(folder, single_name)) return open_file(w, folder, single_name, error);
    if (vl_hf_has(folder, index_name)) return open_shards(w, folder, error);
    return refuse_other_formats(folder, error);
}

vl_status vl_hf_weights_open(vl_hf_weights *w, const char *folder, valence_error *error)
{
    *w = (vl_hf_weights){0};
    vl_status status = open_any(w, folder, error);
    if (status != VALENCE_OK) vl_hf_weights_release(w);
    return status;
}

void vl_hf_weights_release(vl_hf_weights *w)
{
    for (int i = 0; i < w->count; i++) {
        vl_store_close(w->shards[i]);
        vl_mapped_file_release(&w->files[i]);
    }
    vl_free(w->shards);
    vl_free(w->files);
    *w = (vl_hf_weights){0};
}
