/* search.c: random local search: a candidate is the best setting so far with one to three changes.
 * Numbers move on grids of fixed factors, so that settings meet again and none is tried twice. */
#include "train/search.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"

enum { TRIALS_MAX = 4096, DRAWS_MAX = 200, LEAST_CAPACITY = 1000, LEAST_TEXTS = 250 };

/* One point of the space. Steps count from what the user gave. */
typedef struct setting {
    int cost, alpha;   /* steps of sqrt(2) */
    int min_count;     /* index into min_counts, or -1: as given */
    int capacity;      /* halvings */
    int max_n, weighting, norm;
    bool marks, counts;
} setting;

typedef struct searching {
    const vl_classic_options *given;
    const vl_corpus *corpus, *dev;
    vl_workers *workers;
    valence_error *error;
    uint64_t seed, drawn; /* random numbers used */
    double start, seconds;
    setting tried[TRIALS_MAX];
    int trials;
    setting best;
    double best_f1, best_accuracy;
} searching;

static const float min_counts[] = {1, 2, 3, 4, 5, 7, 10, 15, 20};
enum { MIN_COUNTS = sizeof min_counts / sizeof *min_counts };

/* A random number in [0, n). */
static int draw(searching *s, int n)
{
    return (int)(vl_random_at(s->seed, s->drawn++) % (uint64_t)n);
}

/* -most..most, never 0; small steps more often. */
static int draw_step(searching *s, int most)
{
    int step = 1 + draw(s, 1 + draw(s, most));
    return draw(s, 2) ? step : -step;
}

static int clamp(int value, int lo, int hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

static vl_classic_options options_of(const searching *s, const setting *at)
{
    vl_classic_options o = *s->given;
    o.cost *= pow(2, at->cost / 2.0);
    o.alpha *= pow(2, at->alpha / 2.0);
    if (at->min_count >= 0) o.vocabulary.min_count = min_counts[at->min_count];
    o.vocabulary.capacity >>= at->capacity;
    o.pipeline.max_n = at->max_n;
    o.pipeline.word_flags = at->marks ? VL_WORDS_MARKS : 0;
    o.pipeline.counts = at->counts;
    o.weighting = (vl_weighting)at->weighting;
    o.norm = (vl_linear_norm)at->norm;
    return o;
}

static setting setting_of(const vl_classic_options *o)
{
    return (setting){.min_count = -1, .max_n = o->pipeline.max_n, .weighting = (int)o->weighting,
                     .norm = (int)o->norm, .marks = o->pipeline.word_flags & VL_WORDS_MARKS,
                     .counts = o->pipeline.counts};
}

/* ---- Changes --------------------------------------------------------------------------------- */

static void change_min_count(searching *s, setting *at)
{
    int i = at->min_count;
    if (i < 0)
        for (i = 0; i + 1 < MIN_COUNTS && min_counts[i] < s->given->vocabulary.min_count;) i++;
    at->min_count = clamp(i + draw_step(s, 3), 0, MIN_COUNTS - 1);
}

static void change_capacity(searching *s, setting *at)
{
    int most = 0;
    while (s->given->vocabulary.capacity >> (most + 1) >= LEAST_CAPACITY) most++;
    at->capacity = clamp(at->capacity + draw_step(s, 1), 0, most);
}

static void change_text(searching *s, setting *at)
{
    if (draw(s, 2)) at->max_n = 1 + draw(s, VL_NGRAM_MAX);
    else at->marks = !at->marks;
}

static void change_logistic(searching *s, setting *at)
{
    switch (draw(s, 7)) {
    case 0: change_min_count(s, at); break;
    case 1: change_capacity(s, at); break;
    case 2: change_text(s, at); break;
    case 3: at->weighting = draw(s, VL_WEIGH_TFIDF_NB + 1); break;
    case 4: at->norm = draw(s, 2) ? VL_NORM_COUNT : VL_NORM_L2; break;
    default: at->cost = clamp(at->cost + draw_step(s, 4), -20, 20); break;
    }
}

static void change_naive_bayes(searching *s, setting *at)
{
    switch (draw(s, 6)) {
    case 0: change_min_count(s, at); break;
    case 1: change_capacity(s, at); break;
    case 2: change_text(s, at); break;
    case 3: at->counts = !at->counts; break;
    default: at->alpha = clamp(at->alpha + draw_step(s, 4), -20, 20); break;
    }
}

static bool same(const setting *a, const setting *b)
{
    return a->cost == b->cost && a->alpha == b->alpha && a->min_count == b->min_count &&
           a->capacity == b->capacity && a->max_n == b->max_n && a->weighting == b->weighting &&
           a->norm == b->norm && a->marks == b->marks && a->counts == b->counts;
}

static bool was_tried(const searching *s, const setting *at)
{
    for (int i = 0; i < s->trials; i++)
        if (same(&s->tried[i], at)) return true;
    return false;
}

/* False when nothing new turns up. */
static bool next_setting(searching *s, setting *at)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        *at = s->best;
        for (int changes = 1 + draw(s, 3); changes > 0; changes--) {
            if (s->given->logistic) change_logistic(s, at);
            else change_naive_bayes(s, at);
        }
        if (!was_tried(s, at)) return true;
    }
    return false;
}

/* ---- Trials ---------------------------------------------------------------------------------- */

static double share_of(const searching *s)
{
    double share = (vl_clock_seconds() - s->start) / s->seconds;
    return share < 1 ? share : 1;
}

static void tell(const searching *s)
{
    if (s->given->progress) s->given->progress(s->given->user, "searching", share_of(s));
}

/* A trial's own stages would only flicker. */
static void trial_told(void *user, const char *stage, double share)
{
    (void)stage, (void)share;
    tell(user);
}

/* Texts to judge on: a fifth of the corpus, unless the user wants more. */
static int64_t sample_size(const searching *s)
{
    int64_t fifth = s->corpus->count / 5;
    return s->given->holdout > fifth ? s->given->holdout : fifth;
}

/* A setting that leaves no n-gram, say, is no error but the worst of all; not so the first. */
static vl_status try(searching *s, const setting *at)
{
    vl_classic_report report;
    valence_error why = {0};
    vl_classic_options o = options_of(s, at);
    o.holdout = sample_size(s);
    o.progress = trial_told;
    o.user = s;
    vl_status status = vl_classic_try(&report, s->corpus, s->dev, &o, s->workers, &why);
    bool first = s->trials == 0;
    s->tried[s->trials++] = *at;
    if (status == VALENCE_ARGUMENT && !first) return VALENCE_OK;
    if (status != VALENCE_OK) return vl_fail(s->error, status, "%s", why.message);
    if (report.held_out == 0)
        return vl_fail(s->error, VALENCE_ARGUMENT, "no text could be held out to search on: give --dev");
    if (first || report.held_out_macro_f1 > s->best_f1 ||
        (report.held_out_macro_f1 == s->best_f1 && report.held_out_accuracy > s->best_accuracy)) {
        s->best = *at;
        s->best_f1 = report.held_out_macro_f1;
        s->best_accuracy = report.held_out_accuracy;
    }
    return VALENCE_OK;
}

/* True if one more trial, as long as the average so far, would end in time. */
static bool has_time(const searching *s)
{
    double used = vl_clock_seconds() - s->start;
    return used + used / s->trials <= s->seconds;
}

static vl_status search(searching *s)
{
    setting at = s->best;
    tell(s);
    VL_TRY(try(s, &at));
    while (s->trials < TRIALS_MAX && has_time(s) && next_setting(s, &at)) {
        VL_TRY(try(s, &at));
        tell(s);
    }
    return VALENCE_OK;
}

void vl_search_describe(char out[VL_SETTINGS_TEXT], const vl_classic_options *o)
{
    int n = snprintf(out, VL_SETTINGS_TEXT,
                     "--ngrams %d --words words%s --features %s --capacity %lld --min-count %g",
                     o->pipeline.max_n, o->pipeline.word_flags & VL_WORDS_MARKS ? "+marks" : "",
                     o->pipeline.counts ? "counts" : "presence", (long long)o->vocabulary.capacity,
                     (double)o->vocabulary.min_count);
    size_t left = VL_SETTINGS_TEXT - (size_t)n;
    if (o->logistic)
        snprintf(out + n, left, " --weighting %s --norm %s --cost %.9g",
                 vl_weighting_name(o->weighting), vl_linear_norm_name(o->norm), o->cost);
    else snprintf(out + n, left, " --alpha %.9g", o->alpha);
}

vl_status vl_search(vl_classic_options *options, const vl_corpus *corpus, const vl_corpus *dev,
                    double seconds, uint64_t seed, vl_workers *workers, valence_error *error)
{
    if (!dev && corpus->count < LEAST_TEXTS)
        return vl_fail(error, VALENCE_ARGUMENT, "%lld texts are too few to search on (%d, or --dev)",
                       (long long)corpus->count, LEAST_TEXTS);
    searching *s = vl_alloc_zero(VL_MEM_TRAINING, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "searching");
    vl_classic_options given = *options;
    s->given = &given;
    s->corpus = corpus;
    s->dev = dev;
    s->workers = workers;
    s->error = error;
    s->seed = seed;
    s->start = vl_clock_seconds();
    s->seconds = seconds;
    s->best = setting_of(options);
    vl_status status = search(s);
    if (status == VALENCE_OK) *options = options_of(s, &s->best);
    vl_free(s);
    return status;
}
