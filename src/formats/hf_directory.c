/* hf_directory.c: a folder's files, each read by its own part, into one store. */
#include "formats/hf_directory.h"

#include <stdio.h>

#include "formats/hf_config.h"
#include "formats/hf_files.h"
#include "formats/hf_names.h"
#include "formats/hf_tokenizer.h"
#include "formats/hf_weights.h"

enum { MAX_CONFIG = 1 << 26, MAX_TOKENIZER = 1 << 29 };

bool vl_hf_directory_is(const char *path)
{
    return vl_hf_has(path, "config.json");
}

static vl_status read_config(vl_hf_config *c, vl_store *store, const char *path,
                             valence_error *error)
{
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_MODEL, MAX_CONFIG);
    vl_status status = vl_hf_read(&text, path, "config.json", error);
    if (status == VALENCE_OK) {
        vl_hf_shorten_integers(text.data, text.len);
        status = vl_hf_config_read(c, store, vl_buffer_span(&text), error);
    }
    vl_buffer_release(&text);
    return status;
}

/* ---- The tokeniser --------------------------------------------------------------------------- */

/* Leaves config empty when there is no such file. */
static vl_status read_tokenizer_config(vl_buffer *config, vl_hf_config *c, const char *path,
                                       valence_error *error)
{
    static const char name[] = "tokenizer_config.json";
    if (!vl_hf_has(path, name)) return VALENCE_OK;
    VL_TRY(vl_hf_read(config, path, name, error));
    vl_hf_shorten_integers(config->data, config->len);
    return vl_hf_config_limit(c, vl_buffer_span(config), error);
}

static vl_status set_max_length(vl_store *store, int32_t max_length, valence_error *error)
{
    char text[16];
    snprintf(text, sizeof text, "%d", max_length);
    VL_TRY(vl_store_set(store, "products", vl_span_of("f32"), error)); /* as transformers computes */
    return vl_store_set(store, "transformer.max_length", vl_span_of(text), error);
}

static vl_status read_tokenizer(vl_store *store, vl_hf_config *c, const char *path,
                                valence_error *error)
{
    vl_buffer config, json;
    vl_buffer_init(&config, VL_MEM_MODEL, MAX_CONFIG);
    vl_buffer_init(&json, VL_MEM_MODEL, MAX_TOKENIZER);
    vl_status status;
    VL_TRY_DONE(read_tokenizer_config(&config, c, path, error));
    VL_TRY_DONE(set_max_length(store, c->max_length, error));
    VL_TRY_DONE(vl_hf_tokenizer_read(&json, path, vl_buffer_span(&config), error));
    if (json.len && memchr(json.data, 0, json.len)) /* metadata are C strings */
        VL_TRY_DONE(vl_fail(error, VALENCE_FORMAT, "tokenizer.json: a NUL byte"));
    status = vl_store_set(store, "tokenizer", vl_buffer_span(&json), error);
done:
    vl_buffer_release(&json);
    vl_buffer_release(&config);
    return status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static vl_status open_weights(vl_hf_directory *d, const char *path, valence_error *error)
{
    vl_hf_weights w;
    VL_TRY(vl_hf_weights_open(&w, path, error));
    d->files = w.files;
    d->file_count = w.count;
    d->shards = w.shards;
    d->bytes = w.bytes;
    return VALENCE_OK;
}

/* What costs least and explains most comes first: a folder of something else is refused before its
 * weights are looked at. */
static vl_status read_all(vl_hf_directory *d, const char *path, valence_error *error)
{
    vl_hf_config c;
    VL_TRY(vl_store_open(&d->store, error));
    VL_TRY(read_config(&c, d->store, path, error));
    VL_TRY(open_weights(d, path, error));
    VL_TRY(vl_hf_names_map(d->store, &c, d->shards, d->file_count, error));
    return read_tokenizer(d->store, &c, path, error);
}

vl_status vl_hf_directory_open(vl_hf_directory *d, const char *path, valence_error *error)
{
    *d = (vl_hf_directory){0};
    vl_status status = read_all(d, path, error);
    if (status != VALENCE_OK) vl_hf_directory_release(d);
    return status;
}

void vl_hf_directory_release(vl_hf_directory *d)
{
    vl_store_close(d->store);
    vl_hf_weights w = {d->files, d->shards, d->file_count, d->bytes};
    vl_hf_weights_release(&w);
    *d = (vl_hf_directory){0};
}

bool vl_hf_directory_lost(const vl_hf_directory *d)
{
    for (int i = 0; i < d->file_count; i++)
        if (vl_mapped_file_lost(&d->files[i])) return true;
    return false;
}
