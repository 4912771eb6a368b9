/* model_config.c: metadata strings to structs and back. Every value read is checked: the file may
 * come from anyone. */
#include "engine/model_config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"

enum { LABELS_MAX = 65536 };

static vl_status get(const char **value, const vl_store *store, const char *key,
                     valence_error *error)
{
    *value = vl_store_get(store, key);
    if (*value) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "the metadata lacks '%s'", key);
}

static vl_status choose(int *choice, const vl_store *store, const char *key,
                        const char *const *names, valence_error *error)
{
    const char *value;
    VL_TRY(get(&value, store, key, error));
    for (*choice = 0; names[*choice]; ++*choice)
        if (strcmp(names[*choice], value) == 0) return VALENCE_OK;
    return vl_fail(error, VALENCE_UNSUPPORTED, "the metadata has '%s' = '%.40s', which is unknown",
                   key, value);
}

static const char *const word_kinds[] = {"words", "words+marks", NULL};
static const char *const feature_kinds[] = {"presence", "counts", NULL};
static const char *const ngram_kinds[] = {"1", "2", "3", NULL};

static vl_status read_table(vl_features *f, const vl_store *store, valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(vl_store_expect(store, "features.fingerprints", VL_U16, 2, (int64_t[]){-1, VL_BUCKET}, &t,
                           error));
    if (t->shape[0] < 1 || t->shape[0] > VL_NGRAM_BUCKETS_MAX)
        return vl_fail(error, VALENCE_FORMAT, "tensor 'features.fingerprints' has %" PRId64 " buckets",
                       t->shape[0]);
    f->table = (vl_ngram_table){t->data, (uint32_t)t->shape[0]};
    return VALENCE_OK;
}

vl_status vl_model_config_read_text(vl_features *f, const vl_store *store, valence_error *error)
{
    const char *passes;
    int words, kind, ngrams;
    *f = (vl_features){0};
    VL_TRY(get(&passes, store, "text.passes", error));
    VL_TRY(vl_clean_parse(&f->passes, vl_span_of(passes), error));
    VL_TRY(choose(&words, store, "text.words", word_kinds, error));
    VL_TRY(choose(&kind, store, "text.features", feature_kinds, error));
    VL_TRY(choose(&ngrams, store, "text.ngrams", ngram_kinds, error));
    f->word_flags = words ? VL_WORDS_MARKS : 0;
    f->counts = kind == 1;
    f->max_n = ngrams + 1;
    return VALENCE_OK;
}

vl_status vl_model_config_read_features(vl_features *f, const vl_store *store, valence_error *error)
{
    VL_TRY(vl_model_config_read_text(f, store, error));
    return read_table(f, store, error);
}

static vl_status set(vl_store *store, const char *key, const char *value, valence_error *error)
{
    return vl_store_set(store, key, vl_span_of(value), error);
}

static vl_status set_passes(vl_store *store, uint32_t passes, valence_error *error)
{
    vl_buffer names;
    vl_buffer_init(&names, VL_MEM_MODEL, 4096);
    vl_status status = vl_clean_names(passes, &names);
    if (status == VALENCE_OK)
        status = vl_store_set(store, "text.passes", vl_buffer_span(&names), error);
    else
        vl_fail(error, status, "out of memory");
    vl_buffer_release(&names);
    return status;
}

vl_status vl_model_config_write_text(vl_store *store, const vl_features *f, valence_error *error)
{
    VL_TRY(set_passes(store, f->passes, error));
    VL_TRY(set(store, "text.words", word_kinds[f->word_flags & VL_WORDS_MARKS], error));
    VL_TRY(set(store, "text.features", feature_kinds[f->counts], error));
    return set(store, "text.ngrams", ngram_kinds[f->max_n - 1], error);
}

vl_status vl_model_config_write_features(vl_store *store, const vl_features *f, valence_error *error)
{
    VL_TRY(set(store, "format", VL_MODEL_FORMAT, error));
    VL_TRY(vl_model_config_write_text(store, f, error));
    vl_tensor t = {.name = "features.fingerprints", .dtype = VL_U16, .rank = 2,
                   .shape = {f->table.buckets, VL_BUCKET}, .data = f->table.fingerprints,
                   .bytes = (size_t)f->table.buckets * VL_BUCKET * sizeof(uint16_t)};
    return vl_store_add_copy(store, &t, error);
}

/* ---- Labels ---------------------------------------------------------------------------------- */

typedef struct label_reader {
    char **names;
    char *next;
    int32_t K;
} label_reader;

static int take_label(void *user, vl_span key, vl_json value)
{
    (void)key;
    label_reader *r = user;
    vl_span name;
    if (!vl_json_string(value, &name) || memchr(name.ptr, 0, name.len)) return 1;
    r->names[r->K++] = r->next;
    memcpy(r->next, name.ptr, name.len);
    r->next[name.len] = '\0';
    r->next += name.len + 1;
    return 0;
}

static vl_status parse_labels(label_reader *r, vl_json_parser *parser, const char *text,
                              valence_error *error)
{
    vl_json root;
    VL_TRY(vl_json_parse_copy(parser, vl_span_of(text), &root, error));
    size_t count = vl_json_type_of(root) == VL_JSON_ARRAY ? vl_json_count(root) : 0;
    if (count < 2 || count > LABELS_MAX)
        return vl_fail(error, VALENCE_FORMAT, "the metadata's 'labels' is no list of 2 to %d names",
                       LABELS_MAX);
    r->names = vl_alloc(VL_MEM_MODEL, count * sizeof *r->names + strlen(text) + count);
    if (!r->names) return vl_fail_memory(error, strlen(text), "labels");
    r->next = (char *)(r->names + count);
    if (vl_json_each(root, take_label, r) == 0) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "the metadata's 'labels' holds something that is no name");
}

vl_status vl_model_config_read_labels(char ***names, int32_t *K, const vl_store *store,
                                      valence_error *error)
{
    const char *text;
    label_reader r = {0};
    *names = NULL;
    VL_TRY(get(&text, store, "labels", error));
    vl_json_parser *parser = vl_json_parser_open(64 << 20);
    if (!parser) return vl_fail_memory(error, 0, "a JSON parser");
    vl_status status = parse_labels(&r, parser, text, error);
    vl_json_parser_close(parser);
    if (status != VALENCE_OK) {
        vl_free(r.names);
        return status;
    }
    *names = r.names;
    *K = r.K;
    return VALENCE_OK;
}

static vl_status write_names(vl_buffer *out, const char *const *names, int32_t K)
{
    VL_TRY(vl_buffer_append_byte(out, '['));
    for (int32_t k = 0; k < K; k++) {
        if (k) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(names[k])));
    }
    return vl_buffer_append_byte(out, ']');
}

vl_status vl_model_config_write_labels(vl_store *store, const char *const *names, int32_t K,
                                       valence_error *error)
{
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_MODEL, 64 << 20);
    vl_status status = write_names(&text, names, K);
    if (status == VALENCE_OK) status = vl_store_set(store, "labels", vl_buffer_span(&text), error);
    else vl_fail(error, status, "cannot write %d labels: %s", K, valence_status_text(status));
    vl_buffer_release(&text);
    return status;
}

/* The number at key, or `absent` without it; the same text reads the same in any locale's program
 * only while that keeps LC_NUMERIC "C", as this one does. */
static vl_status read_number(double *number, const char *key, double absent, const vl_store *store,
                             valence_error *error)
{
    const char *text = vl_store_get(store, key);
    *number = absent;
    if (!text) return VALENCE_OK;
    char *end;
    *number = strtod(text, &end);
    if (*end || end == text || !isfinite(*number))
        return vl_fail(error, VALENCE_FORMAT, "the metadata's %s '%.40s' is no number", key, text);
    return VALENCE_OK;
}

vl_status vl_model_config_read_temperature(float *temperature, const vl_store *store,
                                           valence_error *error)
{
    double t;
    VL_TRY(read_number(&t, "calibration.temperature", 1, store, error));
    *temperature = (float)t;
    if (isfinite(*temperature) && *temperature > 0) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "the metadata's temperature %g is no positive number", t);
}

vl_status vl_model_config_read_min_confidence(double *least, const vl_store *store,
                                              valence_error *error)
{
    VL_TRY(read_number(least, "decision.min_confidence", 0, store, error));
    if (*least >= 0 && *least <= 1) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "the metadata's decision.min_confidence %g is not within 0 "
                   "and 1", *least);
}

/* ---- Checksum -------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const vl_tensor *const *)a)->name, (*(const vl_tensor *const *)b)->name);
}

static void hash_tensor(vl_hasher *h, const vl_tensor *t)
{
    vl_hasher_add(h, t->name, strlen(t->name) + 1);
    uint8_t head[2] = {(uint8_t)t->dtype, (uint8_t)t->rank};
    vl_hasher_add(h, head, sizeof head);
    vl_hasher_add(h, t->shape, (size_t)t->rank * sizeof *t->shape);
    vl_hasher_add(h, t->data, t->bytes);
}

/* Metadata is added up, so that its order does not matter. */
static uint64_t metadata_sum(const vl_store *store)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < vl_store_meta_count(store); i++) {
        const char *key, *value;
        vl_store_meta_at(store, i, &key, &value);
        if (strcmp(key, "checksum") == 0) continue;
        sum += vl_hash64(value, strlen(value), vl_hash64(key, strlen(key), 0));
    }
    return sum;
}

static vl_status checksum(char text[17], const vl_store *store, valence_error *error)
{
    size_t n = vl_store_count(store);
    const vl_tensor **sorted = vl_alloc_array(VL_MEM_MODEL, n, sizeof *sorted);
    vl_hasher *h = vl_hasher_open();
    if (!sorted || !h) {
        vl_free(sorted);
        if (h) vl_hasher_close(h);
        return vl_fail_memory(error, n * sizeof *sorted, "a checksum");
    }
    for (size_t i = 0; i < n; i++) sorted[i] = vl_store_at(store, i);
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0; i < n; i++) hash_tensor(h, sorted[i]);
    snprintf(text, 17, "%016" PRIx64, vl_hasher_value(h) ^ metadata_sum(store));
    vl_hasher_close(h);
    vl_free(sorted);
    return VALENCE_OK;
}

vl_status vl_model_config_write_checksum(vl_store *store, valence_error *error)
{
    char text[17];
    VL_TRY(checksum(text, store, error));
    return set(store, "checksum", text, error);
}

vl_status vl_model_config_check(const vl_store *store, valence_error *error)
{
    const char *format = vl_store_get(store, "format");
    if (!format || strcmp(format, VL_MODEL_FORMAT) != 0)
        return vl_fail(error, VALENCE_UNSUPPORTED, "not a valence model (its metadata has no "
                                                   "'format' = '" VL_MODEL_FORMAT "')");
    return vl_model_config_check_sum(store, error);
}

vl_status vl_model_config_check_sum(const vl_store *store, valence_error *error)
{
    const char *stated;
    char text[17];
    VL_TRY(get(&stated, store, "checksum", error));
    VL_TRY(checksum(text, store, error));
    if (strcmp(text, stated) == 0) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "damaged: its checksum is %s, it states %.16s", text, stated);
}
