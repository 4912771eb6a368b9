/* evaluation.c: counts, then ratios. */
#include "engine/evaluation.h"

#include <assert.h>
#include <math.h>
#include <string.h>

vl_status vl_evaluation_init(vl_evaluation *e, int32_t K, valence_error *error)
{
    size_t n = (size_t)K;
    memset(e, 0, sizeof *e);
    e->K = K;
    size_t squares = K <= VL_EVAL_CONFUSION_MAX ? n * n : 0;
    e->hit = vl_alloc_zero(VL_MEM_REQUEST, (3 * n + squares) * sizeof *e->hit);
    if (!e->hit) return vl_fail_memory(error, (3 * n + squares) * sizeof *e->hit, "an evaluation");
    e->said = e->hit + n;
    e->is = e->said + n;
    e->confusion = squares ? e->is + n : NULL;
    vl_buffer_init(&e->kept, VL_MEM_REQUEST, (size_t)VL_EVAL_KEPT_MAX * 4 * sizeof(float));
    return VALENCE_OK;
}

void vl_evaluation_release(vl_evaluation *e)
{
    vl_free(e->hit);
    if (e->hit) vl_buffer_release(&e->kept);
    memset(e, 0, sizeof *e);
}

static int32_t best_of(const float *p, int32_t K)
{
    int32_t best = 0;
    for (int32_t k = 1; k < K; k++)
        if (p[k] > p[best]) best = k;
    return best;
}

/* Past the limit nothing more is kept, and restricted figures are not given. */
static vl_status keep(vl_evaluation *e, const float *probabilities, int32_t label)
{
    float first = (float)label;
    if (e->K == 2 || e->K > VL_EVAL_CONFUSION_MAX) return VALENCE_OK;
    vl_status status = vl_buffer_reserve(&e->kept, (size_t)(e->K + 1) * sizeof(float));
    if (status == VALENCE_LIMIT) return VALENCE_OK;
    VL_TRY(status);
    VL_TRY(vl_buffer_append(&e->kept, &first, sizeof first));
    return vl_buffer_append(&e->kept, probabilities, (size_t)e->K * sizeof *probabilities);
}

vl_status vl_evaluation_add(vl_evaluation *e, const float *probabilities, int32_t label)
{
    assert(label >= 0 && label < e->K);
    int32_t best = best_of(probabilities, e->K);
    double p = probabilities[label];
    e->examples++;
    e->right += best == label;
    e->hit[label] += best == label;
    e->said[best]++;
    e->is[label]++;
    if (e->confusion) e->confusion[(int64_t)label * e->K + best]++;
    e->log_loss -= log(p > 1e-12 ? p : 1e-12);
    int bin = (int)(probabilities[best] * VL_EVAL_BINS);
    if (bin >= VL_EVAL_BINS) bin = VL_EVAL_BINS - 1;
    e->bin_count[bin]++;
    e->bin_right[bin] += best == label;
    e->bin_score[bin] += probabilities[best];
    return keep(e, probabilities, label);
}

vl_status vl_evaluation_merge(vl_evaluation *to, const vl_evaluation *from)
{
    int64_t n = to->K * 3 + (to->confusion ? (int64_t)to->K * to->K : 0);
    to->examples += from->examples;
    to->right += from->right;
    to->log_loss += from->log_loss;
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
    for (int b = 0; b < VL_EVAL_BINS; b++)
        f.ece += ratio(fabs(e->bin_score[b] - (double)e->bin_right[b]), (double)e->examples);
    size_t row = (size_t)(e->K + 1) * sizeof(float);
    if (f.classes_present >= 2 && f.classes_present < e->K &&
        e->kept.len == (size_t)e->examples * row)
        restrict_classes(e, &f);
    return f;
}
