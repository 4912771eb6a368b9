/* partial.c: one file of counts, written and read. Adding them up: partial_merge.c.
 *
 * A part of the counts (counts.h) is sorted by itself; parts follow each other by the upper bits, so
 * the whole is sorted. Reading touches the small tensors and the checksum: all bytes once, in order.
 * Every number in the file is checked before it is used, here or where n-grams are added up. */
#include "train/partial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model_config.h"
#include "formats/safetensors.h"

#define MOST_WEIGHT 1e15f
#define MOST_EXAMPLES ((int64_t)1 << 36) /* sums over all groups of a thousand files fit */

/* ---- Writing --------------------------------------------------------------------------------- */

typedef struct listing {
    vl_counts *counts;
    uint64_t *number;               /* (N) */
    float *count;                   /* (N, columns) */
    uint64_t begin[VL_COUNT_PARTS]; /* where each part's n-grams go */
    vl_status status[VL_COUNT_PARTS];
} listing;

typedef struct found {
    uint64_t number;
    const float *values;
} found;

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const found *)a)->number, y = ((const found *)b)->number;
    return x < y ? -1 : x > y;
}

/* Sorts one part into its place and frees it. */
static void list_part(void *argument, int64_t index, int thread)
{
    (void)thread;
    listing *job = argument;
    vl_count_part *p = &job->counts->part[index];
    size_t columns = (size_t)job->counts->columns, n = 0;
    found *list = vl_alloc_array(VL_MEM_TRAINING, p->used, sizeof *list);
    job->status[index] = list ? VALENCE_OK : VALENCE_NO_MEMORY;
    for (uint64_t i = 0; list && i < p->capacity; i++) {
        found one;
        one.number = vl_count_entry(job->counts, p, i, &one.values);
        if (one.number) list[n++] = one;
    }
    if (n > 1) qsort(list, n, sizeof *list, by_number);
    for (size_t i = 0; i < n; i++) {
        uint64_t to = job->begin[index] + i;
        job->number[to] = list[i].number;
        memcpy(job->count + to * columns, list[i].values, columns * sizeof(float));
    }
    vl_free(list);
    vl_free(p->entries);
    *p = (vl_count_part){0};
}

static vl_status add_tensor(vl_store *store, const char *name, vl_dtype dtype, const void *data,
                            int64_t rows, int64_t columns, valence_error *error)
{
    vl_tensor t = {.name = name, .dtype = dtype, .rank = columns ? 2 : 1, .shape = {rows, columns},
                   .data = data,
                   .bytes = (size_t)rows * (columns ? (size_t)columns : 1) * vl_dtype_size(dtype)};
    return vl_store_add_copy(store, &t, error);
}

/* The largest tensors are not copied: number and count live as long as the listing. */
static vl_status add_ngrams(vl_store *store, listing *job, uint64_t n, valence_error *error)
{
    int32_t columns = job->counts->columns;
    vl_tensor number = {.name = "ngrams.number", .dtype = VL_U64, .rank = 1, .shape = {(int64_t)n},
                        .data = job->number, .bytes = n * sizeof *job->number};
    vl_tensor count = {.name = "ngrams.count", .dtype = VL_F32, .rank = 2,
                       .shape = {(int64_t)n, columns}, .data = job->count,
                       .bytes = n * (size_t)columns * sizeof *job->count};
    VL_TRY(vl_store_add(store, &number, error));
    return vl_store_add(store, &count, error);
}

static vl_status list_ngrams(vl_store *store, listing *job, vl_workers *workers,
                             valence_error *error)
{
    uint64_t n = 0;
    for (int p = 0; p < VL_COUNT_PARTS; p++) {
        job->begin[p] = n;
        n += job->counts->part[p].used;
    }
    job->number = vl_alloc_array(VL_MEM_TRAINING, n, sizeof *job->number);
    job->count = vl_alloc_array(VL_MEM_TRAINING, n * (size_t)job->counts->columns, sizeof(float));
    if (!job->number || !job->count)
        return vl_fail_memory(error, n * (sizeof(uint64_t) + sizeof(float)), "a list of n-grams");
    vl_workers_run(workers, list_part, job, VL_COUNT_PARTS);
    for (int p = 0; p < VL_COUNT_PARTS; p++)
        if (job->status[p] != VALENCE_OK) return vl_fail_memory(error, 0, "sorting n-grams");
    return add_ngrams(store, job, n, error);
}

static vl_status count_corpus(vl_counts *counts, const vl_corpus *corpus,
                              const vl_classic_options *options, vl_workers *workers,
                              valence_error *error)
{
    static const uint16_t nothing[VL_BUCKET]; /* counting needs no table, scratch needs its size */
    vl_features f = options->pipeline;
    f.table = (vl_ngram_table){nothing, 1};
    if (options->progress) options->progress(options->user, "counting n-grams", 0);
    return vl_counts_add_corpus(counts, corpus, &f, VL_HELD_OUT_BELOW, 0, workers, error);
}

static vl_status write_groups(vl_store *store, const vl_corpus *c, valence_error *error)
{
    size_t G = (size_t)c->group_count;
    int64_t *examples = vl_alloc_array(VL_MEM_TRAINING, 2 * G, sizeof *examples);
    if (!examples) return vl_fail_memory(error, G * 16, "groups of texts");
    float *weight = (float *)(examples + G);
    int32_t *label = (int32_t *)(weight + G);
    for (size_t g = 0; g < G; g++) {
        examples[g] = c->groups[g].count;
        weight[g] = c->groups[g].weight;
        label[g] = c->groups[g].label;
    }
    vl_status status = add_tensor(store, "groups.examples", VL_I64, examples, c->group_count, 0, error);
    if (status == VALENCE_OK)
        status = add_tensor(store, "groups.weight", VL_F32, weight, c->group_count, 0, error);
    if (status == VALENCE_OK)
        status = add_tensor(store, "groups.label", VL_I32, label, c->group_count, 0, error);
    vl_free(examples);
    return status;
}

/* Texts gathered for a blob. */
typedef struct gathered {
    vl_buffer bytes, ends, groups;
} gathered;

static vl_status gather(gathered *g, vl_span text, int32_t group)
{
    VL_TRY(vl_buffer_append(&g->bytes, text.ptr, text.len));
    uint64_t end = g->bytes.len;
    VL_TRY(vl_buffer_append(&g->ends, &end, sizeof end));
    return vl_buffer_append(&g->groups, &group, sizeof group);
}

static vl_status gather_held_out(gathered *g, const vl_corpus *c)
{
    for (int64_t i = 0; i < c->count; i++)
        if (c->examples[i].order < VL_HELD_OUT_BELOW)
            VL_TRY(gather(g, c->examples[i].text, c->examples[i].group));
    return VALENCE_OK;
}

static vl_status gather_labels(gathered *g, const vl_corpus *c)
{
    for (int32_t k = 0; k < c->K; k++) VL_TRY(gather(g, vl_span_of(c->labels[k]), 0));
    return VALENCE_OK;
}

static vl_status add_blob(vl_store *store, const gathered *g, bool held_out, valence_error *error)
{
    int64_t n = (int64_t)(g->ends.len / sizeof(uint64_t));
    VL_TRY(add_tensor(store, held_out ? "held_out.end" : "labels.end", VL_U64, g->ends.data, n, 0,
                      error));
    if (held_out)
        VL_TRY(add_tensor(store, "held_out.group", VL_I32, g->groups.data, n, 0, error));
    return add_tensor(store, held_out ? "held_out.text" : "labels.text", VL_U8, g->bytes.data,
                      (int64_t)g->bytes.len, 0, error);
}

static vl_status write_texts(vl_store *store, const vl_corpus *c, bool held_out,
                             valence_error *error)
{
    gathered g;
    vl_buffer_init(&g.bytes, VL_MEM_TRAINING, (size_t)1 << 40);
    vl_buffer_init(&g.ends, VL_MEM_TRAINING, (size_t)1 << 40);
    vl_buffer_init(&g.groups, VL_MEM_TRAINING, (size_t)1 << 40);
    vl_status status = held_out ? gather_held_out(&g, c) : gather_labels(&g, c);
    if (status == VALENCE_OK) status = add_blob(store, &g, held_out, error);
    else vl_fail_memory(error, g.bytes.len, "held-out texts");
    vl_buffer_release(&g.bytes);
    vl_buffer_release(&g.ends);
    vl_buffer_release(&g.groups);
    return status;
}

static vl_status write_store(vl_store *store, const vl_corpus *corpus,
                             const vl_classic_options *options, valence_error *error)
{
    VL_TRY(vl_store_set(store, "format", vl_span_of(VL_PARTIAL_FORMAT), error));
    VL_TRY(vl_model_config_write_text(store, &options->pipeline, error));
    VL_TRY(write_groups(store, corpus, error));
    VL_TRY(write_texts(store, corpus, true, error));
    VL_TRY(write_texts(store, corpus, false, error));
    return vl_model_config_write_checksum(store, error);
}

vl_status vl_partial_write(const char *path, const vl_corpus *corpus,
                           const vl_classic_options *options, vl_workers *workers,
                           valence_error *error)
{
    if (corpus->K > VL_COUNT_CLASSES)
        return vl_fail(error, VALENCE_LIMIT, "partial counts are for at most %d labels, the data has "
                       "%d: train on all of it at once", VL_COUNT_CLASSES, corpus->K);
    vl_store *store = NULL;
    vl_counts *counts = vl_alloc(VL_MEM_TRAINING, sizeof *counts);
    listing *job = vl_alloc_zero(VL_MEM_TRAINING, sizeof *job);
    vl_status status = VALENCE_OK;
    if (counts) vl_counts_init(counts, corpus->K);
    if (!counts || !job) VL_TRY_DONE(vl_fail_memory(error, sizeof *counts, "counts"));
    job->counts = counts;
    VL_TRY_DONE(count_corpus(counts, corpus, options, workers, error));
    VL_TRY_DONE(vl_store_open(&store, error));
    VL_TRY_DONE(list_ngrams(store, job, workers, error));
    VL_TRY_DONE(write_store(store, corpus, options, error));
    status = vl_safetensors_write(store, path, error);
done:
    vl_store_close(store);
    if (job) {
        vl_free(job->number);
        vl_free(job->count);
    }
    if (counts) vl_counts_release(counts);
    vl_free(job);
    vl_free(counts);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static vl_status expect(const vl_partial *p, const char *name, vl_dtype dtype, int64_t rows,
                        const vl_tensor **t, valence_error *error)
{
    return vl_store_expect(p->store, name, dtype, 1, &rows, t, error);
}

static vl_status read_blob(const vl_partial *p, vl_blob *b, const char *text, const char *end,
                           valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(expect(p, end, VL_U64, -1, &t, error));
    b->ends = t->data;
    b->count = t->shape[0];
    VL_TRY(expect(p, text, VL_U8, -1, &t, error));
    b->bytes = t->data;
    uint64_t at = 0;
    for (int64_t i = 0; i < b->count; i++) {
        if (b->ends[i] < at || b->ends[i] > t->bytes)
            return vl_fail(error, VALENCE_FORMAT, "tensor '%s' does not rise, or passes '%s'", end, text);
        at = b->ends[i];
    }
    if (at == t->bytes) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "tensor '%s' holds more than '%s' says", text, end);
}

static vl_status read_labels(vl_partial *p, valence_error *error)
{
    VL_TRY(read_blob(p, &p->labels, "labels.text", "labels.end", error));
    if (p->labels.count < 1 || p->labels.count > VL_COUNT_CLASSES)
        return vl_fail(error, VALENCE_FORMAT, "it has %lld labels", (long long)p->labels.count);
    p->K = (int32_t)p->labels.count;
    for (int32_t k = 0; k < p->K; k++) {
        vl_span name = vl_blob_at(&p->labels, k);
        bool good = name.len && name.len <= VL_MAX_LABEL_BYTES && !memchr(name.ptr, 0, name.len);
        for (int32_t j = 0; j < k; j++) good = good && !vl_span_equal(name, vl_blob_at(&p->labels, j));
        if (!good) return vl_fail(error, VALENCE_FORMAT, "its label %d is no name of its own", k + 1);
    }
    return VALENCE_OK;
}

static vl_status check_group(const vl_partial *p, int64_t g, valence_error *error)
{
    if (p->group_label[g] >= 0 && p->group_label[g] < p->K && p->group_weight[g] > 0 &&
        p->group_weight[g] <= MOST_WEIGHT && p->group_examples[g] >= 0 &&
        p->group_examples[g] <= MOST_EXAMPLES)
        return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "its group %lld has an impossible label, weight or size",
                   (long long)g + 1);
}

static vl_status read_groups(vl_partial *p, valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(expect(p, "groups.label", VL_I32, -1, &t, error));
    p->groups = t->shape[0];
    p->group_label = t->data;
    VL_TRY(expect(p, "groups.weight", VL_F32, p->groups, &t, error));
    p->group_weight = t->data;
    VL_TRY(expect(p, "groups.examples", VL_I64, p->groups, &t, error));
    p->group_examples = t->data;
    if (p->groups > VL_GROUPS_MAX)
        return vl_fail(error, VALENCE_FORMAT, "it has %lld groups", (long long)p->groups);
    for (int64_t g = 0; g < p->groups; g++) VL_TRY(check_group(p, g, error));
    return VALENCE_OK;
}

static vl_status read_held_out(vl_partial *p, valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(read_blob(p, &p->held_out, "held_out.text", "held_out.end", error));
    VL_TRY(expect(p, "held_out.group", VL_I32, p->held_out.count, &t, error));
    p->held_out_group = t->data;
    for (int64_t i = 0; i < p->held_out.count; i++) {
        bool in_place = vl_text_order(vl_blob_at(&p->held_out, i)) < VL_HELD_OUT_BELOW;
        if (!in_place || p->held_out_group[i] < 0 || p->held_out_group[i] >= p->groups)
            return vl_fail(error, VALENCE_FORMAT, "its held-out text %lld %s", (long long)i + 1,
                           in_place ? "is of no group" : "should not be held out");
    }
    return VALENCE_OK;
}

static vl_status read_ngrams(vl_partial *p, valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(expect(p, "ngrams.number", VL_U64, -1, &t, error));
    p->ngrams = t->shape[0];
    p->number = t->data;
    VL_TRY(vl_store_expect(p->store, "ngrams.count", VL_F32, 2, (int64_t[]){p->ngrams, 2 * p->K}, &t,
                           error));
    p->count = t->data;
    return VALENCE_OK;
}

static vl_status read_parts(vl_partial *p, valence_error *error)
{
    const char *format = vl_store_get(p->store, "format");
    if (!format || strcmp(format, VL_PARTIAL_FORMAT) != 0)
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "no partial counts (make them with 'valence train naive-bayes --partial')");
    VL_TRY(vl_model_config_check_sum(p->store, error));
    VL_TRY(vl_model_config_read_text(&p->pipeline, p->store, error));
    VL_TRY(read_labels(p, error));
    VL_TRY(read_groups(p, error));
    VL_TRY(read_held_out(p, error));
    return read_ngrams(p, error);
}

static vl_status read_into(vl_partial *p, vl_span bytes, valence_error *error)
{
    valence_error why = {0};
    VL_TRY(vl_safetensors_read(&p->store, bytes, p->name, error));
    vl_status status = read_parts(p, &why);
    if (status == VALENCE_OK) return VALENCE_OK;
    return vl_fail(error, status, "cannot read '%.150s': %.200s", p->name, why.message);
}

vl_status vl_partial_read(vl_partial *p, vl_span bytes, const char *name, valence_error *error)
{
    *p = (vl_partial){.name = name, .file = {.slot = -1, .fd = -1}};
    vl_status status = read_into(p, bytes, error);
    if (status != VALENCE_OK) vl_partial_close(p);
    return status;
}

vl_status vl_partial_open(vl_partial *p, const char *path, valence_error *error)
{
    *p = (vl_partial){.name = path, .file = {.slot = -1, .fd = -1}};
    vl_status status = vl_mapped_file_open(&p->file, path, error);
    if (status == VALENCE_UNSUPPORTED)
        return vl_fail(error, status, "cannot read '%.250s': not a regular file", path);
    VL_TRY(status);
    vl_mapped_file_sequential(&p->file);
    status = read_into(p, (vl_span){p->file.data, p->file.size}, error);
    if (status == VALENCE_OK) vl_mapped_file_give_back(&p->file, 0, p->file.size);
    else vl_partial_close(p);
    return status;
}

void vl_partial_close(vl_partial *p)
{
    if (!p->name) return;
    vl_store_close(p->store);
    vl_mapped_file_release(&p->file);
    *p = (vl_partial){0};
}
