/* classic.c: the order of events in training a classic model.
 *
 *   corpus -> counts -> vocabulary -> [logistic: rows -> fit without held-out texts] -> temperature
 *          -> final weights -> store
 *
 * Naive Bayes may also start from counts made before, with the held-out texts as its only corpus;
 * logistic regression from a model, whose table is extended and whose logits are an offset.
 *
 * Held-out texts are chosen by a hash of their bytes. Naive Bayes counts them apart and makes two
 * models, without them and with them. Logistic regression fits twice; the first fit leaves them out
 * (of the n-gram weights, too) and is where the second starts. */
#include "train/classic.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/model_config.h"
#include "train/calibrate.h"
#include "train/linear_writer.h"
#include "train/logistic.h"
#include "train/naive_bayes.h"
#include "train/names.h"

enum { HOLDOUT_MAX = 5000, HOLDOUT_LEAST = 50, DENSE_MAX = 1 << 26 };

#define NEVER (-1e4f) /* a logit that takes a class out of the loss */

typedef struct training {
    const vl_corpus *corpus, *dev; /* corpus: the held-out texts only, where counts are given */
    vl_classic_options o;
    vl_workers *workers;
    valence_error *error;
    vl_classic_report *report;
    int32_t K, C;
    int64_t examples;        /* texts in all */
    double *split_texts;     /* (2,K) summed weights of texts: learnt from, held out */
    double *class_texts;     /* (K) of the texts that count at present */
    uint32_t held_out_below; /* naive Bayes: orders below it are held out */
    vl_counts own_counts;    /* of the corpus, */
    const vl_counts *counts; /* or those given */
    vl_vocabulary vocabulary;
    vl_features f;
    vl_rows rows;         /* logistic: of the whole corpus */
    int64_t *sample;      /* (sample_count) held-out examples */
    int64_t sample_count;
    uint8_t *skip;        /* (n) 1: held out */
    float *factor, *norm; /* (slots), (n) */
    float *offset;        /* (n*C) the base's logits, or NULL */
    float *w;             /* (slots*C + C) logistic parameters */
    float *weight, *bias; /* (slots*C), (K) the result, in real units */
    float *square;        /* (slots) with norm l2 */
    float temperature;
} training;

vl_classic_options vl_classic_defaults(bool logistic)
{
    vl_classic_options o = {.logistic = logistic,
                            .pipeline = {.word_flags = VL_WORDS_MARKS, .max_n = 3},
                            .vocabulary = {.capacity = 100000,
                                           .min_count = 3,
                                           .smoothing = logistic ? 6 : 3,
                                           .choice = logistic ? VL_CHOOSE_EVIDENCE
                                                              : VL_CHOOSE_STRENGTH},
                            .weighting = VL_WEIGH_TFIDF_NB,
                            .norm = logistic ? VL_NORM_COUNT : VL_NORM_NONE,
                            .alpha = 3,
                            .cost = 0.5,
                            .max_iterations = 100,
                            .tolerance = 5e-3,
                            .dtype = VL_I8,
                            .holdout = -1};
    return o;
}

static void tell(const training *t, const char *stage, double share)
{
    if (t->o.progress) t->o.progress(t->o.user, stage, share);
}

static vl_status no_memory(training *t)
{
    return vl_fail(t->error, VALENCE_NO_MEMORY, "out of memory while training");
}

/* ---- Features -------------------------------------------------------------------------------- */

static vl_status alloc_texts(training *t)
{
    t->split_texts = vl_alloc_zero(VL_MEM_TRAINING, 3 * (size_t)t->K * sizeof *t->split_texts);
    t->class_texts = t->split_texts ? t->split_texts + 2 * t->K : NULL;
    return t->split_texts ? VALENCE_OK : no_memory(t);
}

static void split_classes(training *t)
{
    const vl_corpus *c = t->corpus;
    for (int64_t i = 0; i < c->count; i++) {
        const vl_group *group = &c->groups[c->examples[i].group];
        bool held_out = c->examples[i].order < t->held_out_below;
        t->split_texts[(held_out ? t->K : 0) + group->label] += group->weight;
    }
}

/* class_texts of all texts, or of those that are not held out. */
static void count_classes(training *t, bool held_out)
{
    for (int32_t k = 0; k < t->K; k++)
        t->class_texts[k] = t->split_texts[k] + (held_out ? t->split_texts[t->K + k] : 0);
}

static vl_status count_ngrams(training *t)
{
    tell(t, "counting n-grams", 0);
    split_classes(t);
    vl_counts_init(&t->own_counts, t->K);
    t->counts = &t->own_counts;
    return vl_counts_add_corpus(&t->own_counts, t->corpus, &t->f, t->held_out_below,
                                t->o.vocabulary.min_count, t->workers, t->error);
}

/* n-grams of the table: with a base also those that the new texts lack. */
static int64_t count_features(const vl_vocabulary *v)
{
    int64_t n = 0;
    for (int64_t s = 0; s < v->slots; s++) n += v->fingerprints[s] != 0;
    return n;
}

static vl_status choose_features(training *t, bool held_out)
{
    vl_vocabulary_options v = t->o.vocabulary;
    v.held_out = held_out;
    if (v.capacity > DENSE_MAX / t->C) v.capacity = DENSE_MAX / t->C;
    count_classes(t, held_out);
    vl_vocabulary_release(&t->vocabulary);
    VL_TRY(vl_vocabulary_extend(&t->vocabulary, t->o.base ? &t->o.base->table : NULL, t->counts,
                                t->class_texts, t->K, &v, t->workers, t->error));
    t->f.table = vl_vocabulary_table(&t->vocabulary);
    t->report->features = count_features(&t->vocabulary);
    if (t->report->features) return VALENCE_OK;
    return vl_fail(t->error, VALENCE_ARGUMENT, "no n-gram occurs in %g texts or more: the data is too "
                   "small (lower --min-count)", (double)v.min_count);
}

/* counts (slots,K) += sign * the rows' own. Never below 0: an n-gram that only shares a fingerprint
 * with the slot's was not counted there. */
static void add_row_counts(float *counts, const vl_rows *r, int32_t K, const int64_t *index,
                           int64_t n, float sign)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t i = index ? index[j] : j;
        for (int64_t k = r->offsets[i]; k < r->offsets[i + 1]; k++) {
            float *c = &counts[(int64_t)r->ids[k] * K + r->label[i]];
            *c += sign * r->weight[i] * (r->x ? r->x[k] : 1);
            if (*c < 0) *c = 0;
        }
    }
}

/* With very many classes only sums were counted: counts per class come from the chosen features of all
 * texts, or of those that are not held out. */
static vl_status count_per_class(training *t, bool held_out)
{
    vl_vocabulary *v = &t->vocabulary;
    if (v->columns == t->K) return VALENCE_OK;
    float *counts = vl_alloc_zero(VL_MEM_TRAINING, (size_t)v->slots * (size_t)t->K * sizeof *counts);
    vl_rows rows;
    if (!counts) return no_memory(t);
    vl_status status = vl_rows_build(&rows, t->corpus, NULL, 0, &t->f, t->workers, t->error);
    if (status != VALENCE_OK) {
        vl_free(counts);
        return status;
    }
    for (int64_t i = 0; i < rows.n && !held_out; i++)
        if (t->corpus->examples[i].order < t->held_out_below) rows.weight[i] = 0;
    add_row_counts(counts, &rows, t->K, NULL, rows.n, 1);
    vl_rows_release(&rows);
    vl_free(v->counts);
    v->counts = counts;
    v->columns = t->K;
    return VALENCE_OK;
}

/* Naive Bayes holds out a fixed share of all hashes, so that shards agree, and calibrates on at most
 * `wanted` of those texts. */
static vl_status choose_sample(training *t)
{
    const vl_corpus *c = t->corpus;
    int64_t wanted = t->o.holdout, held_out = 0;
    if (wanted < 0) wanted = t->examples / 10 < HOLDOUT_MAX ? t->examples / 10 : HOLDOUT_MAX;
    if (wanted > t->examples / 2) wanted = t->examples / 2; /* something must be left to learn from */
    if (t->dev || wanted < (t->o.holdout < 0 ? HOLDOUT_LEAST : 1)) return VALENCE_OK;
    if (!t->o.logistic) t->held_out_below = VL_HELD_OUT_BELOW;
    for (int64_t i = 0; i < c->count && !t->o.logistic; i++)
        held_out += c->examples[i].order < VL_HELD_OUT_BELOW;
    if (!t->o.logistic && wanted > held_out) wanted = held_out;
    t->sample = vl_alloc_array(VL_MEM_TRAINING, (size_t)wanted, sizeof *t->sample);
    if (!t->sample) return no_memory(t);
    t->sample_count = vl_corpus_sample(t->corpus, t->sample, wanted);
    return t->sample_count == wanted ? VALENCE_OK : no_memory(t);
}

static vl_status alloc_result(training *t)
{
    size_t slots = (size_t)t->vocabulary.slots, C = (size_t)t->C;
    t->weight = vl_alloc_zero(VL_MEM_TRAINING, slots * C * sizeof *t->weight);
    t->bias = vl_alloc_zero(VL_MEM_TRAINING, (size_t)t->K * sizeof *t->bias);
    return t->weight && t->bias ? VALENCE_OK : no_memory(t);
}

/* ---- Calibration ----------------------------------------------------------------------------- */

/* Logits (K) of one row under the weights as they stand. */
static void row_logits(const training *t, float *logits, const vl_rows *r, int64_t i, float norm)
{
    double sum[2] = {0, 0};
    if (t->K != 2)
        for (int32_t k = 0; k < t->K; k++) logits[k] = 0;
    for (int64_t j = r->offsets[i]; j < r->offsets[i + 1]; j++) {
        float x = r->x ? r->x[j] : 1;
        const float *w = t->weight + (int64_t)r->ids[j] * t->C;
        if (t->K == 2) sum[0] += (double)x * w[0];
        else
            for (int32_t k = 0; k < t->K; k++) logits[k] += x * w[k];
    }
    if (t->K == 2) {
        logits[0] = t->bias[0] - (float)(sum[0] / norm / 2);
        logits[1] = t->bias[1] + (float)(sum[0] / norm / 2);
        return;
    }
    for (int32_t k = 0; k < t->K; k++) logits[k] = t->bias[k] + logits[k] / norm;
}

static vl_status take_figures(training *t, const float *logits, const vl_rows *r)
{
    t->temperature = vl_calibrate_temperature(logits, r->label, r->weight, r->n, t->K);
    t->report->held_out = r->n;
    t->report->held_out_accuracy = vl_calibrate_accuracy(logits, r->label, r->n, t->K);
    t->report->held_out_macro_f1 = vl_calibrate_macro_f1(logits, r->label, r->n, t->K);
    if (t->report->held_out_macro_f1 < 0) return no_memory(t);
    if (!(t->o.min_precision > 0)) return VALENCE_OK;
    return vl_threshold_choose(&t->report->threshold, t->o.min_precision, logits, r->label, r->n, t->K,
                               t->temperature, t->error);
}

/* Scores texts of `from` (indices NULL: all) that the weights have not seen. */
static vl_status calibrate_on(training *t, const vl_corpus *from, const int64_t *indices,
                              int64_t count)
{
    vl_rows r;
    VL_TRY(vl_rows_build(&r, from, indices, count, &t->f, t->workers, t->error));
    float *logits = vl_alloc_array(VL_MEM_TRAINING, (size_t)r.n * (size_t)t->K, sizeof *logits);
    float *norm = vl_alloc_array(VL_MEM_TRAINING, (size_t)r.n, sizeof *norm);
    vl_status status = logits && norm ? VALENCE_OK : no_memory(t);
    if (status == VALENCE_OK) {
        vl_weighting_norms(norm, t->o.norm, &r, t->factor);
        for (int64_t i = 0; i < r.n; i++) row_logits(t, logits + i * t->K, &r, i, norm[i]);
        status = take_figures(t, logits, &r);
    }
    vl_free(logits);
    vl_free(norm);
    vl_rows_release(&r);
    return status;
}

/* ---- Naive Bayes ----------------------------------------------------------------------------- */

/* Weights of the vocabulary as it stands. */
static vl_status weigh_naive_bayes(training *t)
{
    vl_free(t->weight);
    vl_free(t->bias);
    VL_TRY(alloc_result(t));
    return vl_naive_bayes_weights(t->weight, t->bias, &t->vocabulary, t->class_texts, t->K,
                                  t->o.alpha) == VALENCE_OK
               ? VALENCE_OK
               : no_memory(t);
}

static vl_status fit_naive_bayes(training *t, bool only_try)
{
    tell(t, "weighing n-grams", 0);
    if (t->sample_count) {
        VL_TRY(choose_features(t, false));
        VL_TRY(count_per_class(t, false));
        VL_TRY(weigh_naive_bayes(t));
        VL_TRY(calibrate_on(t, t->corpus, t->sample, t->sample_count));
        if (only_try) return VALENCE_OK;
    }
    VL_TRY(choose_features(t, true));
    VL_TRY(count_per_class(t, true));
    VL_TRY(weigh_naive_bayes(t));
    return t->dev ? calibrate_on(t, t->dev, NULL, 0) : VALENCE_OK;
}

/* ---- Logistic regression --------------------------------------------------------------------- */

static void fit_told(void *user, int iteration, double value)
{
    (void)value;
    training *t = user;
    tell(t, "fitting", (double)iteration / t->o.max_iterations);
}

static vl_status fit_once(training *t, const uint8_t *skip)
{
    vl_logistic_problem p = {.rows = &t->rows, .factor = t->factor, .norm = t->norm, .skip = skip,
                             .offset = t->offset, .K = t->K, .cost = t->o.cost,
                             .max_iterations = t->o.max_iterations, .tolerance = t->o.tolerance};
    vl_lbfgs_result result;
    VL_TRY(vl_logistic_fit(t->w, &p, t->workers, fit_told, t, &result, t->error));
    t->report->iterations += result.iterations;
    t->report->converged = result.converged;
    return VALENCE_OK;
}

/* What the base's weights add to those of the fit. */
static void add_base(training *t)
{
    const vl_classic_base *base = t->o.base;
    for (int64_t i = 0; base && i < t->vocabulary.slots * t->C; i++) t->weight[i] += base->weight[i];
    for (int32_t k = 0; base && k < t->K; k++) t->bias[k] += base->bias[k];
}

/* Parameters become weights in real units: times the factors, centred over the classes. */
static void unfold_weights(training *t)
{
    int64_t slots = t->vocabulary.slots;
    const float *bias = t->w + slots * t->C;
    for (int64_t s = 0; s < slots; s++) {
        double mean = 0;
        for (int32_t c = 0; c < t->C; c++) {
            t->weight[s * t->C + c] = t->w[s * t->C + c] * t->factor[s];
            mean += (double)t->weight[s * t->C + c] / t->C;
        }
        for (int32_t c = 0; t->C > 1 && c < t->C; c++) t->weight[s * t->C + c] -= (float)mean;
    }
    if (t->K == 2) {
        t->bias[0] = -bias[0] / 2;
        t->bias[1] = bias[0] / 2;
    } else {
        memcpy(t->bias, bias, (size_t)t->K * sizeof *bias);
    }
    add_base(t);
}

static void weigh_features(training *t)
{
    vl_vocabulary *v = &t->vocabulary;
    vl_weighting_factors(t->factor, t->o.weighting, v->counts, v->slots, v->columns, t->class_texts,
                         t->K, t->o.vocabulary.smoothing);
    vl_weighting_norms(t->norm, t->o.norm, &t->rows, t->factor);
}

/* Takes the held-out texts out of the counts (sign -1) or puts them back (+1). */
static void move_sample(training *t, float sign)
{
    for (int64_t j = 0; j < t->sample_count; j++)
        t->class_texts[t->rows.label[t->sample[j]]] += sign * t->rows.weight[t->sample[j]];
    if (t->vocabulary.columns == t->K)
        add_row_counts(t->vocabulary.counts, &t->rows, t->K, t->sample, t->sample_count, sign);
}

static vl_status fit_without_sample(training *t)
{
    if (!t->sample_count) return VALENCE_OK;
    for (int64_t j = 0; j < t->sample_count; j++) t->skip[t->sample[j]] = 1;
    move_sample(t, -1);
    weigh_features(t);
    VL_TRY(fit_once(t, t->skip));
    unfold_weights(t);
    VL_TRY(calibrate_on(t, t->corpus, t->sample, t->sample_count));
    move_sample(t, 1);
    return VALENCE_OK;
}

/* Going on from a model, counts per class are taken from the rows: n-grams that are rare in the new
 * data have places, too. */
static vl_status recount_rows(training *t)
{
    vl_vocabulary *v = &t->vocabulary;
    float *counts = vl_alloc_zero(VL_MEM_TRAINING, (size_t)v->slots * (size_t)t->K * sizeof *counts);
    if (!counts) return no_memory(t);
    add_row_counts(counts, &t->rows, t->K, NULL, t->rows.n, 1);
    vl_free(v->counts);
    v->counts = counts;
    v->columns = t->K;
    return VALENCE_OK;
}

/* The base's logits of each row, bias included, in the fit's columns. A label that the new data lacks
 * is left out of the loss: the data cannot say anything of it. */
static vl_status set_offsets(training *t)
{
    const vl_classic_base *base = t->o.base;
    const vl_rows *r = &t->rows;
    t->offset = vl_alloc_array(VL_MEM_TRAINING, (size_t)r->n * (size_t)t->C, sizeof *t->offset);
    if (!t->offset) return no_memory(t);
    for (int64_t i = 0; i < r->n; i++) {
        float *z = t->offset + i * t->C;
        for (int32_t c = 0; c < t->C; c++) z[c] = 0;
        for (int64_t j = r->offsets[i]; j < r->offsets[i + 1]; j++)
            for (int32_t c = 0; c < t->C; c++)
                z[c] += (r->x ? r->x[j] : 1) * base->weight[(int64_t)r->ids[j] * t->C + c];
        for (int32_t c = 0; c < t->C; c++)
            z[c] = z[c] / t->norm[i] + (t->K == 2 ? base->bias[1] - base->bias[0] : base->bias[c]);
        for (int32_t c = 0; t->K > 2 && c < t->C; c++)
            if (t->class_texts[c] == 0) z[c] = NEVER;
    }
    return VALENCE_OK;
}

static vl_status start_from_base(training *t)
{
    if (!t->o.base) return VALENCE_OK;
    VL_TRY(recount_rows(t));
    vl_weighting_norms(t->norm, t->o.norm, &t->rows, NULL);
    return set_offsets(t);
}

static vl_status prepare_logistic(training *t)
{
    tell(t, "extracting features", 0);
    VL_TRY(vl_rows_build(&t->rows, t->corpus, NULL, 0, &t->f, t->workers, t->error));
    VL_TRY(vl_rows_transpose(&t->rows, t->workers, t->error));
    size_t slots = (size_t)t->vocabulary.slots, C = (size_t)t->C;
    t->w = vl_alloc_zero(VL_MEM_TRAINING, (slots * C + C) * sizeof *t->w);
    t->factor = vl_alloc_array(VL_MEM_TRAINING, slots, sizeof *t->factor);
    t->norm = vl_alloc_array(VL_MEM_TRAINING, (size_t)t->rows.n, sizeof *t->norm);
    t->skip = vl_alloc_zero(VL_MEM_TRAINING, (size_t)t->rows.n);
    if (!t->w || !t->factor || !t->norm || !t->skip) return no_memory(t);
    VL_TRY(start_from_base(t));
    return alloc_result(t);
}

static vl_status keep_squares(training *t)
{
    if (t->o.norm != VL_NORM_L2) return VALENCE_OK;
    size_t slots = (size_t)t->vocabulary.slots;
    t->square = vl_alloc_array(VL_MEM_TRAINING, slots, sizeof *t->square);
    if (!t->square) return no_memory(t);
    for (size_t s = 0; s < slots; s++) t->square[s] = t->factor[s] * t->factor[s];
    return VALENCE_OK;
}

static vl_status fit_logistic(training *t, bool only_try)
{
    VL_TRY(choose_features(t, true));
    VL_TRY(prepare_logistic(t));
    VL_TRY(fit_without_sample(t));
    if (!only_try || !t->sample_count) {
        weigh_features(t);
        VL_TRY(fit_once(t, NULL));
        unfold_weights(t);
        VL_TRY(keep_squares(t));
        if (t->dev) VL_TRY(calibrate_on(t, t->dev, NULL, 0));
    }
    return VALENCE_OK;
}

/* ---- Result ---------------------------------------------------------------------------------- */

static vl_status write_threshold(training *t, vl_store *store)
{
    vl_buffer text;
    if (!(t->o.min_precision > 0)) return VALENCE_OK;
    vl_buffer_init(&text, VL_MEM_TRAINING, 64);
    vl_status status = vl_json_write_float(&text, t->report->threshold.confidence);
    if (status != VALENCE_OK) vl_fail(t->error, status, "out of memory while training");
    else status = vl_store_set(store, "decision.min_confidence", vl_buffer_span(&text), t->error);
    vl_buffer_release(&text);
    return status;
}

static vl_status write_temperature(training *t, vl_store *store)
{
    char text[32];
    int whole = (int)t->temperature, rest = (int)((t->temperature - (float)whole) * 10000);
    snprintf(text, sizeof text, "%d.%04d", whole, rest); /* no locale's decimal comma */
    return vl_store_set(store, "calibration.temperature", vl_span_of(text), t->error);
}

/* Naive Bayes' names come from held-out texts alone, whether it calibrates on them or not: these are
 * what merged counts have, too. */
static vl_status write_names(training *t, vl_store *store)
{
    vl_naming n = {.f = &t->f, .vocabulary = &t->vocabulary, .weight = t->weight,
                   .square = t->square, .K = t->K, .C = t->C, .corpus = t->corpus,
                   .rows = t->o.logistic ? &t->rows : NULL};
    if (t->o.base) {
        n.known = t->o.base->names;
        n.known_count = t->o.base->name_count;
    }
    return vl_names_write(store, &n, t->workers, t->error);
}

static vl_status write_store(training *t, vl_store *store)
{
    vl_vocabulary *v = &t->vocabulary;
    float *usage = vl_alloc_zero(VL_MEM_TRAINING, (size_t)v->slots * sizeof *usage);
    if (!usage) return no_memory(t);
    for (int64_t s = 0; s < v->slots; s++) {
        for (int32_t k = 0; k < v->columns; k++) usage[s] += v->counts[s * v->columns + k];
        if (t->o.base) usage[s] += 1; /* old n-grams matter, too */
    }
    vl_linear_weights w = {.weight = t->weight, .bias = t->bias, .square = t->square,
                           .usage = usage, .slots = v->slots, .K = t->K, .C = t->C,
                           .norm = t->o.norm};
    const char *family = t->o.logistic ? "logistic" : "naive-bayes";
    vl_status status = vl_linear_write(store, &w, t->o.dtype, t->error);
    vl_free(usage);
    VL_TRY(status);
    VL_TRY(vl_model_config_write_features(store, &t->f, t->error));
    VL_TRY(write_names(t, store));
    VL_TRY(vl_model_config_write_labels(store, t->corpus->labels, t->K, t->error));
    VL_TRY(vl_store_set(store, "family", vl_span_of(family), t->error));
    VL_TRY(write_threshold(t, store));
    return write_temperature(t, store);
}

static vl_status check_precision(training *t)
{
    if (!(t->o.min_precision > 0) || t->dev || t->sample_count) return VALENCE_OK;
    return vl_fail(t->error, VALENCE_ARGUMENT, "a precision can only be promised from texts that are "
                   "held out, and of %lld texts none is: give more texts, or others as dev data",
                   (long long)t->examples);
}

/* counted: class_texts of counts made before, or NULL: count the corpus. */
static vl_status train(training *t, vl_store *store, const double *counted, bool only_try)
{
    static const uint16_t nothing[VL_BUCKET]; /* counting needs no table, scratch needs its size */
    double start = vl_clock_seconds();
    t->f = t->o.pipeline;
    t->f.table = (vl_ngram_table){nothing, 1};
    VL_TRY(alloc_texts(t));
    VL_TRY(choose_sample(t));
    VL_TRY(check_precision(t));
    if (counted) memcpy(t->split_texts, counted, 2 * (size_t)t->K * sizeof *counted);
    else VL_TRY(count_ngrams(t));
    t->report->count_seconds = vl_clock_seconds() - start;
    VL_TRY(t->o.logistic ? fit_logistic(t, only_try) : fit_naive_bayes(t, only_try));
    t->report->fit_seconds = vl_clock_seconds() - start - t->report->count_seconds;
    t->report->examples = t->examples;
    t->report->temperature = t->temperature;
    return only_try ? VALENCE_OK : write_store(t, store);
}

static void release(training *t)
{
    vl_counts_release(&t->own_counts);
    vl_vocabulary_release(&t->vocabulary);
    vl_rows_release(&t->rows);
    vl_free(t->split_texts);
    vl_free(t->sample);
    vl_free(t->skip);
    vl_free(t->factor);
    vl_free(t->norm);
    vl_free(t->offset);
    vl_free(t->w);
    vl_free(t->weight);
    vl_free(t->bias);
    vl_free(t->square);
}

static vl_status run(vl_store *store, vl_classic_report *report, const vl_corpus *corpus,
                     const vl_corpus *dev, const vl_classic_options *options, vl_workers *workers,
                     bool only_try, valence_error *error)
{
    *report = (vl_classic_report){.temperature = 1};
    training t = {.corpus = corpus, .dev = dev, .o = *options, .workers = workers, .error = error,
                  .report = report, .K = corpus->K, .C = vl_logistic_columns(corpus->K),
                  .examples = corpus->count,
                  .temperature = options->base ? options->base->temperature : 1};
    if (only_try) t.o.min_precision = 0;
    vl_status status = train(&t, store, NULL, only_try);
    release(&t);
    return status;
}

vl_status vl_naive_bayes_train(vl_store *store, vl_classic_report *report, const vl_counted *counted,
                               const vl_classic_options *options, vl_workers *workers,
                               valence_error *error)
{
    const vl_corpus *c = counted->held_out;
    *report = (vl_classic_report){.temperature = 1};
    assert(!options->logistic && counted->counts->classes == c->K);
    training t = {.corpus = c, .o = *options, .workers = workers, .error = error, .report = report,
                  .K = c->K, .C = vl_logistic_columns(c->K), .examples = counted->examples,
                  .counts = counted->counts, .temperature = 1};
    vl_status status = train(&t, store, counted->class_texts, false);
    release(&t);
    return status;
}

vl_status vl_classic_train(vl_store *store, vl_classic_report *report, const vl_corpus *corpus,
                           const vl_corpus *dev, const vl_classic_options *options,
                           vl_workers *workers, valence_error *error)
{
    return run(store, report, corpus, dev, options, workers, false, error);
}

vl_status vl_classic_try(vl_classic_report *report, const vl_corpus *corpus, const vl_corpus *dev,
                         const vl_classic_options *options, vl_workers *workers,
                         valence_error *error)
{
    return run(NULL, report, corpus, dev, options, workers, true, error);
}
