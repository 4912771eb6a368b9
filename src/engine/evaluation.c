/* evaluation.c: counts, then ratios. */
#include "engine/evaluation.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/ranking.h"
#include "kernels/argmax.h"

vl_status vl_evaluation_init(vl_evaluation *e, int32_t K, _Atomic int64_t *room,
                             valence_error *error)
{
    size_t n = (size_t)K;
    memset(e, 0, sizeof *e);
    e->K = K;
    e->room = room;
    size_t squares = K <= VL_EVAL_CONFUSION_MAX ? n * n : 0;
    e->hit = vl_alloc_zero(VL_MEM_REQUEST, (3 * n + squares) * sizeof *e->hit);
    if (!e->hit) return vl_fail_memory(error, (3 * n + squares) * sizeof *e->hit, "an evaluation");
    e->said = e->hit + n;
    e->is = e->said + n;
    e->confusion = squares ? e->is + n : NULL;
    vl_buffer_init(&e->kept, VL_MEM_REQUEST, VL_EVAL_ROOM);
    return VALENCE_OK;
}

void vl_evaluation_release(vl_evaluation *e)
{
    vl_free(e->hit);
    if (e->hit) vl_buffer_release(&e->kept);
    memset(e, 0, sizeof *e);
}

static bool keeps_all_scores(const vl_evaluation *e)
{
    return e->K <= VL_EVAL_CONFUSION_MAX;
}

static size_t row_bytes(const vl_evaluation *e)
{
    return (keeps_all_scores(e) ? (size_t)e->K + 1 : 3) * sizeof(float);
}

/* Without room nothing more is kept, by any thread: `room` stays below 0. */
static vl_status keep(vl_evaluation *e, const float *probabilities, int32_t label, int32_t best)
{
    int64_t bytes = (int64_t)row_bytes(e);
    float head[3] = {(float)label, (float)best, probabilities[best]};
    if (!e->room || atomic_load(e->room) < 0 || atomic_fetch_sub(e->room, bytes) < bytes)
        return VALENCE_OK;
    if (!keeps_all_scores(e)) return vl_buffer_append(&e->kept, head, sizeof head);
    VL_TRY(vl_buffer_append(&e->kept, head, sizeof *head));
    return vl_buffer_append(&e->kept, probabilities, (size_t)e->K * sizeof *probabilities);
}

/* What is no number goes to the first bin. */
static int bin_of(float score)
{
    if (!(score > 0)) return 0;
    int bin = score < 1 ? (int)(score * VL_EVAL_BINS) : VL_EVAL_BINS;
    return bin < VL_EVAL_BINS ? bin : VL_EVAL_BINS - 1;
}

vl_status vl_evaluation_add(vl_evaluation *e, const float *probabilities, int32_t label)
{
    assert(label >= 0 && label < e->K);
    int32_t best = vl_argmax(probabilities, e->K);
    double p = probabilities[label];
    e->examples++;
    e->right += best == label;
    e->hit[label] += best == label;
    e->said[best]++;
    e->is[label]++;
    if (e->confusion) e->confusion[(int64_t)label * e->K + best]++;
    e->log_loss -= log(p > 1e-12 ? p : 1e-12);
    int bin = bin_of(probabilities[best]);
    e->bin_count[bin]++;
    e->bin_right[bin] += best == label;
    e->bin_score[bin] += probabilities[best];
    bool answered = !(probabilities[best] < e->min_confidence); /* as predict.c decides */
    e->answered += answered;
    e->answered_right += answered && best == label;
    return keep(e, probabilities, label, best);
}

vl_status vl_evaluation_merge(vl_evaluation *to, const vl_evaluation *from)
{
    int64_t n = to->K * 3 + (to->confusion ? (int64_t)to->K * to->K : 0);
    to->examples += from->examples;
    to->right += from->right;
    to->log_loss += from->log_loss;
    to->answered += from->answered;
    to->answered_right += from->answered_right;
    for (int64_t i = 0; i < n; i++) to->hit[i] += from->hit[i];
    for (int b = 0; b < VL_EVAL_BINS; b++) {
        to->bin_count[b] += from->bin_count[b];
        to->bin_right[b] += from->bin_right[b];
        to->bin_score[b] += from->bin_score[b];
    }
    vl_status status = vl_buffer_append(&to->kept, from->kept.data, from->kept.len);
    return status == VALENCE_LIMIT ? VALENCE_OK : status;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

void vl_evaluation_class(const vl_evaluation *e, int32_t k, double *precision, double *recall,
                         double *f1)
{
    *precision = ratio((double)e->hit[k], (double)e->said[k]);
    *recall = ratio((double)e->hit[k], (double)e->is[k]);
    *f1 = ratio(2 * (double)e->hit[k], (double)(e->said[k] + e->is[k]));
}

/* Scores kept examples again with only the classes that occur. */
static void restrict_classes(const vl_evaluation *e, vl_figures *f)
{
    int64_t hit[VL_EVAL_CONFUSION_MAX] = {0}, said[VL_EVAL_CONFUSION_MAX] = {0}, right = 0;
    const float *row = (const float *)(const void *)e->kept.data;
    for (int64_t i = 0; i < e->examples; i++, row += e->K + 1) {
        int32_t label = (int32_t)row[0], best = -1;
        for (int32_t k = 0; k < e->K; k++)
            if (e->is[k] && (best < 0 || row[1 + k] > row[1 + best])) best = k;
        right += best == label;
        hit[label] += best == label;
        said[best]++;
    }
    f->restricted = true;
    f->restricted_accuracy = ratio((double)right, (double)e->examples);
    for (int32_t k = 0; k < e->K; k++)
        if (e->is[k])
            f->restricted_macro_f1 += ratio(2 * (double)hit[k], (double)(said[k] + e->is[k])) /
                                      f->classes_present;
}

vl_figures vl_evaluation_figures(const vl_evaluation *e)
{
    vl_figures f = {.accuracy = ratio((double)e->right, (double)e->examples),
                    .log_loss = ratio(e->log_loss, (double)e->examples)};
    for (int32_t k = 0; k < e->K; k++) {
        double precision, recall, f1;
        vl_evaluation_class(e, k, &precision, &recall, &f1);
        f.classes_present += e->is[k] > 0;
        f.macro_f1 += e->is[k] ? f1 : 0;
    }
    f.macro_f1 = ratio(f.macro_f1, f.classes_present);
    for (int b = 0; b < VL_EVAL_BINS; b++) {
        f.ece += ratio(fabs(e->bin_score[b] - (double)e->bin_right[b]), (double)e->examples);
        f.confidence += ratio(e->bin_score[b], (double)e->examples);
    }
    f.coverage = ratio((double)e->answered, (double)e->examples);
    f.selective_accuracy = ratio((double)e->answered_right, (double)e->answered);
    if (f.classes_present >= 2 && f.classes_present < e->K && keeps_all_scores(e) &&
        vl_evaluation_kept(e))
        restrict_classes(e, &f);
    return f;
}

/* ---- From kept scores ------------------------------------------------------------------------ */

bool vl_evaluation_kept(const vl_evaluation *e)
{
    return e->room && e->kept.len == (size_t)e->examples * row_bytes(e);
}

static const float *row_at(const vl_evaluation *e, int64_t i)
{
    return (const float *)(const void *)(e->kept.data + (size_t)i * row_bytes(e));
}

static uint32_t key_of_class(const vl_evaluation *e, int64_t i, int32_t k)
{
    const float *row = row_at(e, i);
    return vl_rank_key(row[1 + k], (int32_t)row[0] == k);
}

static uint32_t key_of_confidence(const vl_evaluation *e, int64_t i, int32_t k)
{
    const float *row = row_at(e, i);
    (void)k;
    if (!keeps_all_scores(e)) return vl_rank_key(row[2], row[0] == row[1]);
    int32_t best = vl_argmax(row + 1, e->K);
    return vl_rank_key(row[1 + best], (int32_t)row[0] == best);
}

static vl_status rank(uint32_t **keys, const vl_evaluation *e, int32_t k,
                      uint32_t (*key_of)(const vl_evaluation *, int64_t, int32_t),
                      valence_error *error)
{
    assert(vl_evaluation_kept(e));
    size_t n = (size_t)e->examples;
    *keys = vl_alloc_array(VL_MEM_REQUEST, n, sizeof **keys);
    if (!*keys) return vl_fail_memory(error, n * sizeof **keys, "scores");
    for (int64_t i = 0; i < e->examples; i++) (*keys)[i] = key_of(e, i, k);
    if (vl_rank_sort(*keys, e->examples) == VALENCE_OK) return VALENCE_OK;
    vl_free(*keys);
    *keys = NULL;
    return vl_fail_memory(error, n * sizeof **keys, "scores");
}

vl_status vl_evaluation_rank_class(uint32_t **keys, const vl_evaluation *e, int32_t k,
                                   valence_error *error)
{
    assert(keeps_all_scores(e));
    return rank(keys, e, k, key_of_class, error);
}

vl_status vl_evaluation_rank_confidence(uint32_t **keys, const vl_evaluation *e,
                                        valence_error *error)
{
    return rank(keys, e, 0, key_of_confidence, error);
}

/* wrong (K) texts of a class, as label or as prediction; place (K) becomes its number among the n
 * worst, or -1. Of equal ones the first. */
static void choose_worst(int32_t *classes, int32_t *place, int32_t n, const vl_evaluation *e)
{
    for (int32_t k = 0; k < e->K; k++) place[k] = -1;
    for (int32_t i = 0; i < n; i++) {
        int32_t worst = -1;
        int64_t most = -1;
        for (int32_t k = 0; k < e->K; k++) {
            int64_t wrong = e->is[k] + e->said[k] - 2 * e->hit[k];
            if (place[k] < 0 && wrong > most) worst = k, most = wrong;
        }
        place[worst] = i;
    }
    for (int32_t k = 0, next = 0; k < e->K; k++)
        if (place[k] >= 0) classes[place[k] = next++] = k;
}

static void count_among(int64_t *counts, const int32_t *classes, const int32_t *place, int32_t n,
                        const vl_evaluation *e)
{
    memset(counts, 0, (size_t)n * (size_t)n * sizeof *counts);
    for (int32_t i = 0; e->confusion && i < n; i++)
        for (int32_t j = 0; j < n; j++)
            counts[i * n + j] = e->confusion[(int64_t)classes[i] * e->K + classes[j]];
    for (int64_t t = 0; !e->confusion && t < e->examples; t++) {
        const float *row = row_at(e, t);
        int32_t i = place[(int32_t)row[0]], j = place[(int32_t)row[1]];
        if (i >= 0 && j >= 0) counts[i * n + j]++;
    }
}

vl_status vl_evaluation_most_confused(int32_t *classes, int64_t *counts, int32_t n,
                                      const vl_evaluation *e, valence_error *error)
{
    assert(n <= e->K && (e->confusion || vl_evaluation_kept(e)));
    int32_t *place = vl_alloc_array(VL_MEM_REQUEST, (size_t)e->K, sizeof *place);
    if (!place) return vl_fail_memory(error, (size_t)e->K * sizeof *place, "a confusion matrix");
    choose_worst(classes, place, n, e);
    count_among(counts, classes, place, n, e);
    vl_free(place);
    return VALENCE_OK;
}
