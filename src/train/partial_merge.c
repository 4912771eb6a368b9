/* partial_merge.c: adds up files of counts and trains naive Bayes of the sum.
 *
 * Files are sorted, so what belongs to one part of the counts (counts.h) is one stretch of each file:
 * parts are added up in parallel, each forgets its rare n-grams at once, and the pages it has read are
 * given back. Memory stays near that of the frequent n-grams, however large the files are. */
#include "train/partial.h"

#include <string.h>

#include "train/card.h"

#define MOST_COUNT 1e15f /* more than any data holds; sums stay finite */

typedef struct merging {
    const vl_partial *parts; /* (count) */
    int count;
    int32_t (*final_label)[VL_COUNT_CLASSES]; /* (count) each file's labels in the joined order */
    int64_t (*begin)[VL_COUNT_PARTS + 1];     /* (count) where each part's n-grams begin */
    vl_labels labels;
    const char **names; /* (K) */
    vl_corpus held_out;
    int64_t *held; /* (groups) texts held out */
    double *class_texts; /* (2,K) */
    int64_t examples;
    vl_counts counts;
    float min_count;
    int fault[VL_COUNT_PARTS]; /* 1 + the file that is at fault, or 0 */
    vl_status status[VL_COUNT_PARTS];
} merging;

/* ---- Labels, groups, held-out texts ---------------------------------------------------------- */

static const char *pipeline_difference(const vl_features *a, const vl_features *b)
{
    if (a->passes != b->passes) return "cleaning passes";
    if (a->word_flags != b->word_flags) return "words";
    if (a->counts != b->counts) return "features";
    return a->max_n != b->max_n ? "n-gram lengths" : NULL;
}

static vl_status check_pipelines(const merging *m, valence_error *error)
{
    for (int f = 1; f < m->count; f++) {
        const char *what = pipeline_difference(&m->parts[0].pipeline, &m->parts[f].pipeline);
        if (what)
            return vl_fail(error, VALENCE_ARGUMENT, "cannot merge '%.120s' and '%.120s': they were "
                           "counted with other %s", m->parts[0].name, m->parts[f].name, what);
    }
    return VALENCE_OK;
}

static vl_status join_labels(merging *m, valence_error *error)
{
    int32_t index;
    for (int f = 0; f < m->count; f++)
        for (int32_t k = 0; k < m->parts[f].K; k++)
            VL_TRY(vl_labels_add(&m->labels, vl_blob_at(&m->parts[f].labels, k), &index, error));
    int32_t K = m->labels.count;
    if (K > VL_COUNT_CLASSES)
        return vl_fail(error, VALENCE_LIMIT, "the files have %d labels together: at most %d can be "
                       "merged", K, VL_COUNT_CLASSES);
    if (K < 2)
        return vl_fail(error, VALENCE_ARGUMENT, "the files have one label only ('%.60s'): a model "
                       "needs two", m->labels.names[0].ptr);
    int32_t moved[VL_COUNT_CLASSES];
    VL_TRY(vl_labels_sort(&m->labels, moved, error));
    for (int f = 0; f < m->count; f++)
        for (int32_t k = 0; k < m->parts[f].K; k++)
            m->final_label[f][k] = vl_labels_find(&m->labels, vl_blob_at(&m->parts[f].labels, k));
    for (int32_t k = 0; k < K; k++) m->names[k] = m->labels.names[k].ptr;
    m->held_out.K = K;
    m->held_out.labels = m->names;
    return VALENCE_OK;
}

static vl_status alloc_texts(merging *m, valence_error *error)
{
    vl_corpus *c = &m->held_out;
    int64_t groups = 0;
    for (int f = 0; f < m->count; f++) {
        groups += m->parts[f].groups;
        c->count += m->parts[f].held_out.count;
    }
    c->group_count = (int32_t)groups; /* at most VL_GROUPS_MAX per file, a thousand files */
    c->groups = vl_alloc_array(VL_MEM_TRAINING, (size_t)groups, sizeof *c->groups);
    c->examples = vl_alloc_array(VL_MEM_TRAINING, (size_t)c->count, sizeof *c->examples);
    m->held = vl_alloc_zero(VL_MEM_TRAINING, (size_t)groups * sizeof *m->held);
    m->class_texts = vl_alloc_zero(VL_MEM_TRAINING, 2 * (size_t)c->K * sizeof *m->class_texts);
    if (c->groups && c->examples && m->held && m->class_texts) return VALENCE_OK;
    return vl_fail_memory(error, (size_t)c->count * sizeof *c->examples, "held-out texts");
}

/* The file's groups and held-out texts behind those of the files before. */
static void take_texts(merging *m, int f, int64_t *group, int64_t *text)
{
    const vl_partial *p = &m->parts[f];
    vl_corpus *c = &m->held_out;
    for (int64_t i = 0; i < p->held_out.count; i++) {
        vl_span s = vl_blob_at(&p->held_out, i);
        int64_t g = *group + p->held_out_group[i];
        c->examples[(*text)++] =
            (vl_example){.text = s, .group = (int32_t)g, .order = vl_text_order(s)};
        m->held[g]++;
    }
    for (int64_t g = 0; g < p->groups; g++)
        c->groups[(*group)++] = (vl_group){.label = m->final_label[f][p->group_label[g]],
                                           .weight = p->group_weight[g],
                                           .count = p->group_examples[g]};
}

static vl_status join_texts(merging *m, valence_error *error)
{
    int64_t group = 0, text = 0;
    VL_TRY(alloc_texts(m, error));
    for (int f = 0; f < m->count; f++) {
        int64_t from = group;
        take_texts(m, f, &group, &text);
        for (int64_t g = from; g < group; g++) {
            const vl_group *v = &m->held_out.groups[g];
            if (m->held[g] > v->count)
                return vl_fail(error, VALENCE_FORMAT, "cannot read '%.150s': its group %lld holds out "
                               "more texts than it has", m->parts[f].name, (long long)(g - from) + 1);
            m->class_texts[v->label] += v->weight * (double)(v->count - m->held[g]);
            m->class_texts[m->held_out.K + v->label] += v->weight * (double)m->held[g];
            m->examples += v->count;
        }
    }
    if (m->examples) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "the files hold the counts of no text");
}

/* ---- N-grams --------------------------------------------------------------------------------- */

/* The first n-gram of part `part` or later, if they are sorted (else any place). */
static int64_t first_of_part(const vl_partial *p, int part)
{
    int64_t lo = 0, hi = p->ngrams;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (vl_count_part_of(p->number[mid]) < part) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

/* begin rises, so that every n-gram is in one stretch, which then finds whether it belongs there. */
static vl_status find_parts(merging *m, valence_error *error)
{
    for (int f = 0; f < m->count; f++) {
        m->begin[f][0] = 0;
        for (int part = 1; part < VL_COUNT_PARTS; part++) {
            m->begin[f][part] = first_of_part(&m->parts[f], part);
            if (m->begin[f][part] < m->begin[f][part - 1])
                return vl_fail(error, VALENCE_FORMAT, "cannot read '%.150s': its n-grams are not sorted",
                               m->parts[f].name);
        }
        m->begin[f][VL_COUNT_PARTS] = m->parts[f].ngrams;
    }
    return VALENCE_OK;
}

/* values (2K) of the joined labels from one n-gram's of the file; false if one is impossible. */
static bool take_values(const merging *m, int f, int64_t i, float *values)
{
    const vl_partial *p = &m->parts[f];
    const float *count = p->count + i * 2 * p->K;
    memset(values, 0, 2 * (size_t)m->held_out.K * sizeof *values);
    for (int32_t k = 0; k < 2 * p->K; k++) {
        float v = count[k];
        if (!(v >= 0 && v <= MOST_COUNT)) return false;
        bool held_out = k >= p->K;
        int32_t to = m->final_label[f][held_out ? k - p->K : k];
        values[held_out ? m->held_out.K + to : to] = v;
    }
    return true;
}

static vl_status add_stretch(merging *m, int f, int part)
{
    const vl_partial *p = &m->parts[f];
    float values[2 * VL_COUNT_CLASSES];
    uint64_t before = 0;
    for (int64_t i = m->begin[f][part]; i < m->begin[f][part + 1]; i++) {
        uint64_t number = p->number[i];
        if (number <= before || number & ~VL_NGRAM_MASK || vl_count_part_of(number) != part ||
            !take_values(m, f, i, values)) {
            m->fault[part] = f + 1;
            return VALENCE_FORMAT;
        }
        before = number;
        VL_TRY(vl_counts_add(&m->counts, number, values));
    }
    return VALENCE_OK;
}

/* Data that lies in the mapping (not in a copy) is not needed any more. */
static void give_back(const vl_partial *p, const void *from, const void *to)
{
    uintptr_t base = (uintptr_t)p->file.data, a = (uintptr_t)from, b = (uintptr_t)to;
    if (base && a >= base && b <= base + p->file.size)
        vl_mapped_file_give_back(&p->file, a - base, b - base);
}

static void add_part(void *argument, int64_t index, int thread)
{
    (void)thread;
    merging *m = argument;
    int part = (int)index;
    for (int f = 0; f < m->count; f++) {
        const vl_partial *p = &m->parts[f];
        m->status[part] = add_stretch(m, f, part);
        if (m->status[part] != VALENCE_OK) return;
        int64_t from = m->begin[f][part], to = m->begin[f][part + 1];
        give_back(p, p->number + from, p->number + to);
        give_back(p, p->count + from * 2 * p->K, p->count + to * 2 * p->K);
    }
    m->status[part] = vl_counts_close_part(&m->counts, part, m->min_count);
}

static vl_status add_up(merging *m, vl_workers *workers, valence_error *error)
{
    VL_TRY(find_parts(m, error));
    vl_counts_init(&m->counts, m->held_out.K);
    vl_workers_run(workers, add_part, m, VL_COUNT_PARTS);
    for (int part = 0; part < VL_COUNT_PARTS; part++) {
        if (m->status[part] == VALENCE_OK) continue;
        if (!m->fault[part]) return vl_fail_memory(error, 0, "adding up counts");
        return vl_fail(error, VALENCE_FORMAT, "cannot read '%.150s': its n-grams are not sorted, or "
                       "one has an impossible count", m->parts[m->fault[part] - 1].name);
    }
    return VALENCE_OK;
}

/* ---- Everything ------------------------------------------------------------------------------ */

static vl_status check_whole(const merging *m, valence_error *error)
{
    for (int f = 0; f < m->count; f++)
        if (m->parts[f].file.data && vl_mapped_file_truncated(&m->parts[f].file))
            return vl_fail(error, VALENCE_IO, "cannot read '%.250s': it was cut off meanwhile",
                           m->parts[f].name);
    return VALENCE_OK;
}

static vl_status train(merging *m, vl_store *store, vl_classic_report *report,
                       const vl_classic_options *options, vl_workers *workers,
                       valence_error *error)
{
    vl_classic_options o = *options;
    o.logistic = false;
    o.pipeline = m->parts[0].pipeline;
    m->min_count = o.vocabulary.min_count;
    VL_TRY(check_pipelines(m, error));
    VL_TRY(join_labels(m, error));
    VL_TRY(join_texts(m, error));
    if (o.progress) o.progress(o.user, "adding up counts", 0);
    VL_TRY(add_up(m, workers, error));
    vl_counted counted = {&m->counts, m->class_texts, m->examples, &m->held_out};
    vl_status status = vl_naive_bayes_train(store, report, &counted, &o, workers, error);
    VL_TRY(check_whole(m, error)); /* it would explain a failure */
    VL_TRY(status);
    return vl_card_write(store, report, &m->held_out, &(vl_card_origin){0}, error);
}

static vl_status merging_init(merging *m, valence_error *error)
{
    size_t files = (size_t)m->count;
    vl_labels_init(&m->labels);
    m->final_label = vl_alloc_zero(VL_MEM_TRAINING, files * sizeof *m->final_label);
    m->begin = vl_alloc_array(VL_MEM_TRAINING, files, sizeof *m->begin);
    m->names = vl_alloc_array(VL_MEM_TRAINING, VL_COUNT_CLASSES, sizeof *m->names);
    if (m->final_label && m->begin && m->names) return VALENCE_OK;
    return vl_fail_memory(error, files * sizeof *m->begin, "merging");
}

static void merging_release(merging *m)
{
    vl_counts_release(&m->counts);
    vl_labels_release(&m->labels);
    vl_free(m->names);
    vl_free(m->final_label);
    vl_free(m->begin);
    vl_free(m->held_out.groups);
    vl_free(m->held_out.examples);
    vl_free(m->held);
    vl_free(m->class_texts);
}

vl_status vl_partial_join(vl_store *store, vl_classic_report *report, const vl_partial *parts,
                          int count, const vl_classic_options *options, vl_workers *workers,
                          valence_error *error)
{
    if (count < 1) return vl_fail(error, VALENCE_ARGUMENT, "there is no file to merge");
    merging *m = vl_alloc_zero(VL_MEM_TRAINING, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "merging");
    m->parts = parts;
    m->count = count;
    vl_status status = merging_init(m, error);
    if (status == VALENCE_OK) status = train(m, store, report, options, workers, error);
    merging_release(m);
    vl_free(m);
    return status;
}

vl_status vl_partial_merge(vl_store *store, vl_classic_report *report, const char *const *paths,
                           int count, const vl_classic_options *options, vl_workers *workers,
                           valence_error *error)
{
    vl_status status = VALENCE_OK;
    vl_partial *parts = vl_alloc_zero(VL_MEM_TRAINING, (size_t)count * sizeof *parts);
    if (!parts) return vl_fail_memory(error, (size_t)count * sizeof *parts, "merging");
    for (int f = 0; f < count && status == VALENCE_OK; f++) {
        if (options->progress) options->progress(options->user, "reading", (double)f / count);
        status = vl_partial_open(&parts[f], paths[f], error);
    }
    if (status == VALENCE_OK)
        status = vl_partial_join(store, report, parts, count, options, workers, error);
    for (int f = 0; f < count; f++) vl_partial_close(&parts[f]);
    vl_free(parts);
    return status;
}
