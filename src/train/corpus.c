/* corpus.c: reads data sets into memory. Threads take chunks in turn, parse them and keep the texts;
 * at the end the pieces are joined in the order of the files and the labels get their final order. */
#include "train/corpus.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_MAX = 1 << 24 };

/* The examples of one chunk. */
typedef struct piece {
    char *texts;
    vl_example *examples; /* group: index of the label as met (final later) */
    int64_t count;
} piece;

typedef struct corpus_memory {
    piece *pieces; /* all data sets' pieces, in order */
    int64_t piece_count;
    int64_t *piece_set; /* (piece_count) which data set */
    vl_labels labels;
    const char **label_names;
    vl_example *examples;
    vl_group *groups;
} corpus_memory;

/* Reading one data set. */
typedef struct reading {
    vl_source *source;
    const vl_dataset_spec *spec;
    const vl_corpus_options *options;
    corpus_memory *memory;
    int64_t first_piece;
    uint64_t empty;
    pthread_mutex_t lock;
    vl_status status;
    valence_error *error;
} reading;

vl_corpus_options vl_corpus_options_defaults(void)
{
    return (vl_corpus_options){.source = vl_source_options_defaults(), .balance = 1};
}

/* The first failure wins; later ones are followers. */
static void fail(reading *r, vl_status status, const valence_error *error)
{
    pthread_mutex_lock(&r->lock);
    if (r->status == VALENCE_OK) {
        r->status = status;
        if (r->error) {
            *r->error = *error;
            r->error->code = status;
        }
    }
    pthread_mutex_unlock(&r->lock);
}

static vl_status label_number(reading *r, vl_span label, int32_t *number, valence_error *error)
{
    const vl_corpus_options *o = r->options;
    pthread_mutex_lock(&r->lock);
    vl_status status = VALENCE_OK;
    *number = vl_labels_find(&r->memory->labels, label);
    if (*number < 0 && o->labels)
        status = vl_fail(error, VALENCE_NOT_FOUND, "'%.200s': label '%.*s' is not one of the model's",
                         r->spec->path, (int)(label.len < 60 ? label.len : 60), label.ptr);
    else if (*number < 0)
        status = vl_labels_add(&r->memory->labels, label, number, error);
    pthread_mutex_unlock(&r->lock);
    return status;
}

/* Remembers the last label, so that most rows need no lock. */
typedef struct label_cache {
    char name[64];
    size_t len;
    int32_t number;
} label_cache;

static vl_status cached_label(reading *r, label_cache *cache, vl_span label, int32_t *number,
                              valence_error *error)
{
    if (cache->len == label.len && label.len && memcmp(cache->name, label.ptr, label.len) == 0) {
        *number = cache->number;
        return VALENCE_OK;
    }
    VL_TRY(label_number(r, label, number, error));
    if (label.len <= sizeof cache->name) {
        memcpy(cache->name, label.ptr, label.len);
        cache->len = label.len;
        cache->number = *number;
    }
    return VALENCE_OK;
}

typedef struct piece_builder {
    vl_buffer texts;    /* all texts behind each other */
    vl_buffer examples; /* vl_example; text.ptr is an offset until the texts stop moving */
    label_cache cache;
    uint64_t empty;
} piece_builder;

static vl_status add_record(reading *r, piece_builder *b, const vl_record *record,
                            valence_error *error)
{
    vl_span label = r->options->unlabelled ? vl_span_of("text") : record->label;
    int32_t number;
    if (!label.ptr || label.len == 0) {
        b->empty++;
        return VALENCE_OK;
    }
    if (!r->options->unlabelled) VL_TRY(vl_dataset_label(r->spec, label, &label, error));
    if (!label.ptr) return VALENCE_OK; /* dropped by the map */
    VL_TRY(cached_label(r, &b->cache, label, &number, error));
    vl_example e = {.text = {(const char *)b->texts.len, record->text.len}, .group = number,
                    .order = vl_text_order(record->text)};
    if (vl_buffer_append(&b->texts, record->text.ptr, record->text.len) != VALENCE_OK ||
        vl_buffer_append(&b->examples, &e, sizeof e) != VALENCE_OK)
        return vl_fail_memory(error, record->text.len, "training texts");
    return VALENCE_OK;
}

static vl_status read_chunk(reading *r, vl_cursor *cursor, const vl_chunk *chunk, piece_builder *b,
                            valence_error *error)
{
    vl_record record;
    vl_cursor_start(cursor, chunk);
    for (;;) {
        bool more;
        vl_status status = vl_cursor_next(cursor, &record, &more, error);
        if (status == VALENCE_FORMAT && r->options->skip_bad) continue;
        VL_TRY(status);
        if (!more) return VALENCE_OK;
        status = add_record(r, b, &record, error);
        if (status != VALENCE_OK && error && !error->line) error->line = record.line;
        VL_TRY(status);
    }
}

/* Gives the builder's memory to a piece, with the texts' final addresses. */
static void keep_piece(piece *p, piece_builder *b)
{
    p->texts = b->texts.data;
    p->examples = (vl_example *)(void *)b->examples.data;
    p->count = (int64_t)(b->examples.len / sizeof(vl_example));
    for (int64_t i = 0; i < p->count; i++)
        p->examples[i].text.ptr = p->texts + (size_t)p->examples[i].text.ptr;
    vl_buffer_init(&b->texts, VL_MEM_TRAINING, (size_t)1 << 40);
    vl_buffer_init(&b->examples, VL_MEM_TRAINING, (size_t)1 << 40);
}

/* A place for the chunk's piece, growing the list. */
static piece *piece_for(reading *r, uint64_t sequence)
{
    corpus_memory *m = r->memory;
    int64_t index = r->first_piece + (int64_t)sequence;
    if (index >= PIECES_MAX) return NULL;
    if (index >= m->piece_count) {
        int64_t count = index + 64;
        piece *pieces = vl_realloc(VL_MEM_TRAINING, m->pieces, (size_t)count * sizeof *pieces);
        if (!pieces) return NULL;
        memset(pieces + m->piece_count, 0, (size_t)(count - m->piece_count) * sizeof *pieces);
        m->pieces = pieces;
        m->piece_count = count;
    }
    return &m->pieces[index];
}

static vl_status store_piece(reading *r, uint64_t sequence, piece_builder *b, valence_error *error)
{
    pthread_mutex_lock(&r->lock);
    piece *p = piece_for(r, sequence);
    if (p) keep_piece(p, b);
    r->empty += b->empty;
    pthread_mutex_unlock(&r->lock);
    b->empty = 0;
    return p ? VALENCE_OK : vl_fail_memory(error, sizeof *p, "training texts");
}

static vl_status read_chunks(reading *r, vl_cursor *cursor, vl_chunk *chunk, piece_builder *b,
                             valence_error *error)
{
    for (;;) {
        bool more;
        pthread_mutex_lock(&r->lock);
        bool stop = r->status != VALENCE_OK;
        pthread_mutex_unlock(&r->lock);
        if (stop) return VALENCE_OK;
        VL_TRY(vl_source_next(r->source, chunk, &more, error));
        if (!more) return VALENCE_OK;
        /* Texts take at most the chunk's bytes (repairs may add a few): one allocation. */
        (void)vl_buffer_reserve(&b->texts, chunk->bytes.len);
        vl_status status = read_chunk(r, cursor, chunk, b, error);
        if (status == VALENCE_OK) status = store_piece(r, chunk->sequence, b, error);
        vl_source_return(r->source, chunk);
        VL_TRY(status);
    }
}

static void read_job(void *argument, int64_t index, int thread)
{
    (void)index, (void)thread;
    reading *r = argument;
    valence_error error = {0};
    vl_chunk chunk = {0};
    vl_cursor *cursor = NULL;
    piece_builder b = {0};
    vl_buffer_init(&b.texts, VL_MEM_TRAINING, (size_t)1 << 40);
    vl_buffer_init(&b.examples, VL_MEM_TRAINING, (size_t)1 << 40);
    vl_status status = vl_cursor_open(&cursor, r->source, &error);
    if (status == VALENCE_OK) status = read_chunks(r, cursor, &chunk, &b, &error);
    if (status != VALENCE_OK) fail(r, status, &error);
    vl_cursor_close(cursor);
    vl_chunk_release(&chunk);
    vl_buffer_release(&b.texts);
    vl_buffer_release(&b.examples);
}

/* ---- All data sets --------------------------------------------------------------------------- */

static vl_status read_set(vl_corpus *c, corpus_memory *m, const vl_dataset_spec *spec,
                          int64_t *pieces_used, const vl_corpus_options *options,
                          vl_workers *workers, valence_error *error)
{
    reading r = {.spec = spec, .options = options, .memory = m, .first_piece = *pieces_used,
                 .error = error};
    vl_source_options source_options = options->source;
    if (options->unlabelled) source_options.label = ""; /* none */
    else if (!source_options.label) source_options.label = "label";
    VL_TRY(vl_source_open(&r.source, spec->path, &source_options, error));
    pthread_mutex_init(&r.lock, NULL);
    vl_workers_run(workers, read_job, &r, vl_workers_threads(workers));
    vl_source_counts counts = vl_source_counted(r.source);
    vl_source_close(r.source);
    pthread_mutex_destroy(&r.lock);
    c->skipped_empty += r.empty;
    c->bad_rows += counts.bad_rows;
    c->repaired += counts.repaired;
    *pieces_used = m->piece_count;
    return r.status;
}

/* One list of examples; group = set * labels + label, renumbered to the groups that exist. */
static vl_status join_pieces(vl_corpus *c, corpus_memory *m, const int64_t *set_end, int sets,
                             const int32_t *moved, valence_error *error)
{
    int32_t L = m->labels.count;
    for (int64_t p = 0; p < m->piece_count; p++) c->count += m->pieces[p].count;
    m->examples = vl_alloc_array(VL_MEM_TRAINING, (size_t)c->count, sizeof *m->examples);
    m->groups = vl_alloc_zero(VL_MEM_TRAINING, (size_t)sets * (size_t)L * sizeof *m->groups);
    if (!m->examples || !m->groups)
        return vl_fail_memory(error, (size_t)c->count * sizeof *m->examples, "training examples");
    int64_t n = 0, p = 0;
    for (int set = 0; set < sets; set++)
        for (; p < set_end[set]; p++) {
            piece *from = &m->pieces[p];
            for (int64_t i = 0; i < from->count; i++) {
                vl_example e = from->examples[i];
                e.group = set * L + moved[e.group];
                m->groups[e.group].count++;
                m->examples[n++] = e;
            }
            vl_free(from->examples);
            from->examples = NULL;
        }
    for (int32_t g = 0; g < sets * L; g++) m->groups[g].label = g % L;
    c->examples = m->examples;
    c->groups = m->groups;
    c->group_count = sets * L;
    return VALENCE_OK;
}

/* Weights of the groups: the set's own, times (average / group size)^balance where sets are to be
 * balanced; scaled so that the mean weight of an example is that of an unweighted one. */
static void weigh_groups(vl_corpus *c, const vl_dataset_spec *specs, int sets,
                         const vl_corpus_options *options)
{
    int32_t L = c->group_count / sets, present = 0;
    double total = 0;
    for (int32_t g = 0; g < c->group_count; g++) present += c->groups[g].count > 0;
    for (int32_t g = 0; g < c->group_count; g++) {
        vl_group *group = &c->groups[g];
        double w = specs[g / L].weight;
        if (options->balance_sets && group->count)
            w *= pow((double)c->count / present / (double)group->count, options->balance);
        group->weight = (float)w;
        total += w * (double)group->count;
    }
    for (int32_t g = 0; options->balance_sets && g < c->group_count; g++)
        c->groups[g].weight *= (float)((double)c->count / total);
}

static vl_status name_labels(vl_corpus *c, corpus_memory *m, valence_error *error)
{
    const char **names = vl_realloc(VL_MEM_TRAINING, m->label_names,
                                    ((size_t)m->labels.count + 1) * sizeof *names);
    if (!names) return vl_fail_memory(error, 64, "labels");
    for (int32_t k = 0; k < m->labels.count; k++) names[k] = m->labels.names[k].ptr;
    c->labels = m->label_names = names;
    c->K = m->labels.count;
    return VALENCE_OK;
}

static vl_status finish_labels(vl_corpus *c, corpus_memory *m, int32_t *moved,
                               const vl_corpus_options *options, valence_error *error)
{
    for (int32_t k = 0; k < m->labels.count; k++) moved[k] = k;
    if (!options->labels) VL_TRY(vl_labels_sort(&m->labels, moved, error));
    return name_labels(c, m, error);
}

vl_status vl_corpus_add_labels(vl_corpus *c, const char *const *names, int32_t count,
                               valence_error *error)
{
    corpus_memory *m = c->memory;
    int32_t index;
    for (int32_t k = 0; k < count; k++)
        VL_TRY(vl_labels_add(&m->labels, vl_span_of(names[k]), &index, error));
    int32_t *moved = vl_alloc_array(VL_MEM_TRAINING, (size_t)m->labels.count, sizeof *moved);
    if (!moved) return vl_fail_memory(error, (size_t)m->labels.count * sizeof *moved, "labels");
    vl_status status = vl_labels_sort(&m->labels, moved, error);
    if (status == VALENCE_OK) status = name_labels(c, m, error);
    for (int32_t g = 0; g < c->group_count && status == VALENCE_OK; g++)
        c->groups[g].label = moved[c->groups[g].label];
    vl_free(moved);
    return status;
}

static vl_status check_size(const vl_corpus *c, const vl_corpus_options *options,
                            const vl_dataset_spec *specs, int sets, valence_error *error)
{
    if (c->count == 0)
        return vl_fail(error, VALENCE_ARGUMENT, "'%.200s'%s: no labelled text (%llu rows have an empty "
                       "label)", specs->path, sets > 1 ? " and the others" : "",
                       (unsigned long long)c->skipped_empty);
    if (!options->labels && !options->one_label && !options->unlabelled && c->K < 2)
        return vl_fail(error, VALENCE_ARGUMENT, "the data has one label only ('%.60s'): a model needs "
                       "two", c->labels[0]);
    if ((int64_t)sets * c->K > VL_GROUPS_MAX)
        return vl_fail(error, VALENCE_LIMIT, "%d labels in %d data sets: at most %d together", c->K,
                       sets, VL_GROUPS_MAX);
    return VALENCE_OK;
}

static vl_status read_all(vl_corpus *c, const vl_dataset_spec *specs, int sets, int64_t *set_end,
                          const vl_corpus_options *options, vl_workers *workers,
                          valence_error *error)
{
    corpus_memory *m = c->memory;
    int64_t pieces = 0;
    int32_t index;
    for (int32_t k = 0; options->labels && k < options->K; k++)
        VL_TRY(vl_labels_add(&m->labels, vl_span_of(options->labels[k]), &index, error));
    for (int s = 0; s < sets; s++) {
        VL_TRY(read_set(c, m, &specs[s], &pieces, options, workers, error));
        set_end[s] = pieces;
    }
    int32_t *moved = vl_alloc_array(VL_MEM_TRAINING, (size_t)m->labels.count, sizeof *moved);
    if (!moved) return vl_fail_memory(error, 64, "labels");
    vl_status status = finish_labels(c, m, moved, options, error);
    int64_t examples = 0;
    for (int64_t p = 0; p < m->piece_count; p++) examples += m->pieces[p].count;
    c->count = examples;
    if (status == VALENCE_OK) status = check_size(c, options, specs, sets, error);
    c->count = 0;
    if (status == VALENCE_OK) status = join_pieces(c, m, set_end, sets, moved, error);
    if (status == VALENCE_OK) weigh_groups(c, specs, sets, options);
    vl_free(moved);
    return status;
}

vl_status vl_corpus_read(vl_corpus *c, const char *const *specs, int count,
                         const vl_corpus_options *options, vl_workers *workers,
                         valence_error *error)
{
    memset(c, 0, sizeof *c);
    corpus_memory *m = vl_alloc_zero(VL_MEM_TRAINING, sizeof *m);
    vl_dataset_spec *sets = vl_alloc_zero(VL_MEM_TRAINING, (size_t)count * sizeof *sets);
    int64_t *set_end = vl_alloc_array(VL_MEM_TRAINING, (size_t)count, sizeof *set_end);
    vl_status status = VALENCE_OK;
    c->memory = m;
    if (m) vl_labels_init(&m->labels);
    if (!m || !sets || !set_end) status = vl_fail_memory(error, sizeof *m, "a corpus");
    for (int s = 0; s < count && status == VALENCE_OK; s++)
        status = vl_dataset_parse(&sets[s], specs[s], error);
    if (status == VALENCE_OK) status = read_all(c, sets, count, set_end, options, workers, error);
    for (int s = 0; sets && s < count; s++) vl_dataset_release(&sets[s]);
    vl_free(sets);
    vl_free(set_end);
    if (status != VALENCE_OK) vl_corpus_release(c);
    return status;
}

void vl_corpus_release(vl_corpus *c)
{
    corpus_memory *m = c->memory;
    if (!m) return;
    for (int64_t p = 0; p < m->piece_count; p++) {
        vl_free(m->pieces[p].texts);
        vl_free(m->pieces[p].examples);
    }
    vl_free(m->pieces);
    vl_labels_release(&m->labels);
    vl_free(m->label_names);
    vl_free(m->examples);
    vl_free(m->groups);
    vl_free(m);
    memset(c, 0, sizeof *c);
}

/* ---- Samples --------------------------------------------------------------------------------- */

typedef struct ranked {
    uint32_t order;
    int32_t label;
    float weight;
    vl_span text;
    int64_t index;
} ranked;

static int by_order(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int c = n ? memcmp(x->text.ptr, y->text.ptr, n) : 0;
    if (c) return c;
    if (x->text.len != y->text.len) return x->text.len < y->text.len ? -1 : 1;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static ranked rank_of(const vl_corpus *c, int64_t i)
{
    const vl_example *e = &c->examples[i];
    const vl_group *group = &c->groups[e->group];
    return (ranked){e->order, group->label, group->weight, e->text, i};
}

/* Sorting all would be wasted: only orders below a bound that surely leaves enough are looked at. */
int64_t vl_corpus_sample(const vl_corpus *c, int64_t *out, int64_t count)
{
    if (count > c->count) count = c->count;
    double share = 2.0 * ((double)count + 100) / ((double)c->count + 1);
    for (;; share *= 2) {
        uint32_t bound = share >= 1 ? UINT32_MAX : (uint32_t)(share * 4294967295.0);
        int64_t n = 0, k = 0;
        for (int64_t i = 0; i < c->count; i++) n += c->examples[i].order <= bound;
        if (n < count) continue;
        ranked *r = vl_alloc_array(VL_MEM_TRAINING, (size_t)n, sizeof *r);
        if (!r) return 0;
        for (int64_t i = 0; i < c->count; i++)
            if (c->examples[i].order <= bound) r[k++] = rank_of(c, i);
        qsort(r, (size_t)n, sizeof *r, by_order);
        for (int64_t i = 0; i < count; i++) out[i] = r[i].index;
        vl_free(r);
        return count;
    }
}
