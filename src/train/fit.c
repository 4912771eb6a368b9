/* fit.c: the loop. A batch's texts are dealt to VL_FIT_CHUNKS chunks like cards, so that chunks
 * cost alike; each chunk's gradient is one thread's, and optimizer.c adds them in order. */
#include "train/fit.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "layers/loss.h"
#include "train/fit_state.h"

vl_fit_options vl_fit_defaults(void)
{
    return (vl_fit_options){.epochs = 6,
                            .batch = {.tokens = 8192, .texts = 128},
                            .rate = 1e-3f,
                            .warmup = 0.05,
                            .schedule = VL_COSINE,
                            .smoothing = 0.05f,
                            .measures = 1,
                            .patience = 0,
                            .seed = 1,
                            .optimizer = vl_optimizer_defaults(),
                            .checkpoint_seconds = 60};
}

void vl_fit_result_release(vl_fit_result *r)
{
    vl_free(r->curve);
    vl_free(r->logits);
    *r = (vl_fit_result){0};
}

/* A chunk's texts, in arrays that all chunks of the batch share. */
typedef struct chunk {
    vl_net_texts texts;
    int32_t *label;
    float *weight;
    float *logits, *dlogits; /* (B,K) */
    float *rows;             /* (T,E) */
    vl_net_score score;
} chunk;

typedef struct room {
    float *floats;
    size_t count;
} room;

typedef struct fitting {
    vl_net *net;
    const vl_fit_set *train, *dev;
    const vl_fit_options *o;
    vl_workers *workers;
    valence_error *error;
    vl_fit_state state;
    vl_batches batches, dev_batches;
    chunk chunks[VL_FIT_CHUNKS];
    float *gradients[VL_FIT_CHUNKS];
    int32_t *ids, *offsets, *labels; /* of a batch, chunk after chunk */
    float *weights, *logits, *dlogits, *rows;
    int64_t token_room, text_room;
    room *scratch; /* by thread */
    atomic_bool no_memory;
    double mean_weight;
    float *dev_logits;        /* (dev->n,K) by position in dev's index */
    vl_net_score *dev_scores; /* of networks that learn from texts alone, by batch */
    int64_t *dev_place;       /* (texts->count) position in the index, or -1 */
    double start;             /* of this run's clock, less the seconds of earlier runs */
    double saved, run_tokens, run_start;
} fitting;

/* ---- Memory ---------------------------------------------------------------------------------- */

static float *scratch_for(fitting *f, int thread, const vl_net_texts *t)
{
    room *r = &f->scratch[thread];
    size_t need = f->net->class->scratch(f->net, t->B, t->offsets[t->B]);
    if (need > r->count) {
        vl_free(r->floats);
        r->floats = vl_alloc_array(VL_MEM_TRAINING, need, sizeof(float));
        r->count = r->floats ? need : 0;
    }
    if (!r->floats) atomic_store(&f->no_memory, true);
    return r->floats;
}

static bool grow_tokens(fitting *f, int64_t T)
{
    if (T <= f->token_room) return true;
    vl_free(f->ids);
    vl_free(f->rows);
    f->ids = vl_alloc_array(VL_MEM_TRAINING, (size_t)T, sizeof *f->ids);
    f->rows = vl_alloc_array(VL_MEM_TRAINING, (size_t)T * (size_t)f->net->E, sizeof *f->rows);
    f->token_room = f->ids && f->rows ? T : 0;
    return f->token_room > 0;
}

static void *renewed(void *old, size_t count)
{
    vl_free(old);
    return vl_alloc_array(VL_MEM_TRAINING, count, 4);
}

static bool grow_texts(fitting *f, int64_t B)
{
    if (B <= f->text_room) return true;
    size_t n = (size_t)(B + VL_FIT_CHUNKS), K = (size_t)f->net->K;
    f->offsets = renewed(f->offsets, n);
    f->labels = renewed(f->labels, n);
    f->weights = renewed(f->weights, n);
    f->logits = renewed(f->logits, n * K);
    f->dlogits = renewed(f->dlogits, n * K);
    bool good = f->offsets && f->labels && f->weights && f->logits && f->dlogits;
    f->text_room = good ? B : 0;
    return good;
}

static vl_status no_memory(const fitting *f)
{
    return vl_fail(f->error, VALENCE_NO_MEMORY,
                   "out of memory while training: try a smaller --batch-tokens, or a smaller "
                   "--max-length");
}

static vl_status open_fitting(fitting *f)
{
    size_t n = (size_t)f->dev->n * (size_t)f->net->K + 1;
    VL_TRY(vl_fit_state_open(&f->state, f->net, &f->o->optimizer, f->error));
    f->scratch =
        vl_alloc_zero(VL_MEM_TRAINING, (size_t)vl_workers_threads(f->workers) * sizeof *f->scratch);
    f->dev_logits = vl_alloc_array(VL_MEM_TRAINING, n, sizeof(float));
    f->dev_place =
        vl_alloc_array(VL_MEM_TRAINING, (size_t)f->dev->texts->count + 1, sizeof *f->dev_place);
    bool good = f->scratch && f->dev_logits && f->dev_place;
    for (int c = 0; c < VL_FIT_CHUNKS && good; c++) {
        f->gradients[c] = vl_alloc_array(VL_MEM_TRAINING, (size_t)f->net->size, sizeof(float));
        good = f->gradients[c] != NULL;
    }
    if (!good) return no_memory(f);
    for (int64_t i = 0; i < f->dev->n; i++) f->dev_place[f->dev->index[i]] = i;
    if (vl_batches_make_sorted(&f->dev_batches, f->dev->texts, f->dev->index, f->dev->n,
                               &(vl_batch_limits){4096, 64}) != VALENCE_OK)
        return no_memory(f);
    f->dev_scores =
        vl_alloc_zero(VL_MEM_TRAINING, (size_t)(f->dev_batches.count + 1) * sizeof *f->dev_scores);
    return f->dev_scores ? VALENCE_OK : no_memory(f);
}

static void close_fitting(fitting *f)
{
    for (int i = 0; f->scratch && i < vl_workers_threads(f->workers); i++)
        vl_free(f->scratch[i].floats);
    for (int c = 0; c < VL_FIT_CHUNKS; c++) vl_free(f->gradients[c]);
    void *all[] = {f->scratch, f->dev_logits, f->dev_place, f->ids,     f->rows,      f->offsets,
                   f->labels,  f->weights,    f->logits,    f->dlogits, f->dev_scores};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) vl_free(all[i]);
    vl_batches_release(&f->batches);
    vl_batches_release(&f->dev_batches);
    vl_fit_state_close(&f->state);
}

/* ---- A batch --------------------------------------------------------------------------------- */

static int64_t copy_text(int32_t *to, const vl_token_corpus *c, int64_t text)
{
    int64_t n = vl_token_corpus_length(c, text);
    memcpy(to, c->ids + c->offsets[text], (size_t)n * sizeof *to);
    return n;
}

/* Fills chunk c with every VL_FIT_CHUNKS-th text from the c-th on. */
static void deal(fitting *f, int c, const int64_t *texts, int64_t n, int64_t *text, int64_t *token)
{
    chunk *k = &f->chunks[c];
    const vl_fit_set *set = f->train;
    int64_t K = f->net->K;
    *k = (chunk){.texts = {.ids = f->ids + *token,
                           .offsets = f->offsets + *text + c,
                           .first_text = *text,
                           .first_token = *token,
                           .learning = true,
                           .seed = f->o->seed,
                           .step = (uint64_t)f->state.optimizer.step},
                 .label = f->labels + *text,
                 .weight = f->weights + *text,
                 .logits = f->logits + *text * K,
                 .dlogits = f->dlogits + *text * K,
                 .rows = f->rows + *token * f->net->E};
    int32_t *offsets = f->offsets + *text + c, T = 0;
    offsets[0] = 0;
    for (int64_t i = c; i < n; i += VL_FIT_CHUNKS) {
        int32_t b = k->texts.B++;
        k->label[b] = set->label[texts[i]];
        k->weight[b] = set->weight[texts[i]];
        T += (int32_t)copy_text(f->ids + *token + T, set->texts, texts[i]);
        offsets[b + 1] = T;
    }
    *text += k->texts.B;
    *token += T;
}

static void learn_labels(fitting *f, chunk *k, float *gradient, float *scratch)
{
    const vl_net *net = f->net;
    double all = 0;
    for (int c = 0; c < VL_FIT_CHUNKS; c++) all += f->chunks[c].texts.B;
    net->class->forward(net, &k->texts, k->logits, scratch);
    k->score.loss = vl_cross_entropy(k->dlogits, k->logits, k->label, k->weight, k->texts.B, net->K,
                                     f->o->smoothing, (float)(1 / (all * f->mean_weight)));
    net->class->back(net, &k->texts, k->dlogits, gradient, k->rows, scratch);
}

static void learn_texts(fitting *f, chunk *k, float *gradient, float *scratch)
{
    double tokens = 0;
    for (int c = 0; c < VL_FIT_CHUNKS; c++)
        if (f->chunks[c].texts.B) tokens += f->chunks[c].texts.offsets[f->chunks[c].texts.B];
    k->score =
        f->net->class->learn(f->net, &k->texts, (float)(1 / tokens), gradient, k->rows, scratch);
}

static void run_chunk(void *argument, int64_t index, int thread)
{
    fitting *f = argument;
    chunk *k = &f->chunks[index];
    memset(f->gradients[index], 0, (size_t)f->net->size * sizeof(float));
    float *scratch = k->texts.B ? scratch_for(f, thread, &k->texts) : NULL;
    if (!scratch) return;
    if (f->net->class->learn) learn_texts(f, k, f->gradients[index], scratch);
    else learn_labels(f, k, f->gradients[index], scratch);
}

/* How far the whole run is: what the learning rate follows. */
static double share_done(const fitting *f)
{
    return ((double)f->state.epoch + (double)f->state.batch / (double)f->batches.count) /
           f->o->epochs;
}

static float rate_now(const fitting *f)
{
    double share = share_done(f), warmup = f->o->warmup;
    double step = 0.5 / ((double)f->batches.count * f->o->epochs); /* the middle of this one */
    if (share + step < warmup) return (float)((double)f->o->rate * (share + step) / warmup);
    double rest = fmin(1, (share - warmup) / (1 - warmup));
    double fall = f->o->schedule == VL_LINEAR ? 1 - rest : 0.5 + 0.5 * cos(3.14159265358979 * rest);
    return (float)((double)f->o->rate * fall);
}

static vl_status fail_step(const fitting *f, const char *what)
{
    return vl_fail(f->error, VALENCE_ARGUMENT,
                   "%s is not a number at step %lld (epoch %lld): try a smaller --rate "
                   "(now %g) or --clip (now %g)",
                   what, (long long)f->state.optimizer.step + 1, (long long)f->state.epoch + 1,
                   (double)f->o->rate, (double)f->o->optimizer.clip);
}

static vl_status run_batch(fitting *f)
{
    const int64_t *texts = f->batches.texts + f->batches.starts[f->state.batch];
    int64_t n = f->batches.starts[f->state.batch + 1] - f->batches.starts[f->state.batch], T = 0;
    for (int64_t i = 0; i < n; i++) T += vl_token_corpus_length(f->train->texts, texts[i]);
    if (!grow_tokens(f, T) || !grow_texts(f, n)) return no_memory(f);
    int64_t text = 0, token = 0;
    for (int c = 0; c < VL_FIT_CHUNKS; c++) deal(f, c, texts, n, &text, &token);
    vl_workers_run(f->workers, run_chunk, f, VL_FIT_CHUNKS);
    if (atomic_load(&f->no_memory)) return no_memory(f);
    double loss = 0, guesses = 0, norm;
    for (int c = 0; c < VL_FIT_CHUNKS; c++) {
        loss += f->chunks[c].score.loss;
        guesses += (double)f->chunks[c].score.guesses;
    }
    if (!isfinite(loss)) return fail_step(f, "the loss");
    if (vl_optimizer_step(&f->state.optimizer, f->gradients, VL_FIT_CHUNKS, f->ids, f->rows, T,
                          rate_now(f), f->workers, &norm) != VALENCE_OK)
        return no_memory(f);
    if (!isfinite(norm)) return fail_step(f, "the gradient");
    if (!f->net->class->learn) guesses = (double)n * f->mean_weight;
    f->state.loss += guesses > 0 ? loss / guesses : 0;
    f->state.losses++;
    f->state.tokens += (double)T;
    f->run_tokens += (double)T;
    return VALENCE_OK;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

static void measure_batch(void *argument, int64_t index, int thread)
{
    fitting *f = argument;
    const vl_token_corpus *c = f->dev->texts;
    const int64_t *texts = f->dev_batches.texts + f->dev_batches.starts[index];
    int32_t B = (int32_t)(f->dev_batches.starts[index + 1] - f->dev_batches.starts[index]);
    int64_t T = 0, K = f->net->K;
    for (int32_t b = 0; b < B; b++) T += vl_token_corpus_length(c, texts[b]);
    int32_t *ids = vl_alloc_array(VL_MEM_TRAINING, (size_t)T + (size_t)B + 1, sizeof *ids),
            *offsets = ids + T;
    float *logits = vl_alloc_array(VL_MEM_TRAINING, (size_t)(B * K), sizeof *logits);
    if (ids && logits) {
        offsets[0] = 0;
        for (int32_t b = 0; b < B; b++)
            offsets[b + 1] = offsets[b] + (int32_t)copy_text(ids + offsets[b], c, texts[b]);
        vl_net_texts t = {.ids = ids, .offsets = offsets, .B = B};
        float *scratch = scratch_for(f, thread, &t);
        bool labels = scratch && !f->net->class->learn;
        if (labels) f->net->class->forward(f->net, &t, logits, scratch);
        else if (scratch)
            f->dev_scores[index] = f->net->class->learn(f->net, &t, 0, NULL, NULL, scratch);
        for (int32_t b = 0; b < B && labels; b++)
            memcpy(f->dev_logits + f->dev_place[texts[b]] * K, logits + b * K,
                   (size_t)K * sizeof *logits);
    } else {
        atomic_store(&f->no_memory, true);
    }
    vl_free(ids);
    vl_free(logits);
}

static void score_texts(const fitting *f, vl_fit_point *p)
{
    vl_net_score all = {0};
    for (int64_t i = 0; i < f->dev_batches.count; i++) {
        all.loss += f->dev_scores[i].loss;
        all.guesses += f->dev_scores[i].guesses;
        all.right += f->dev_scores[i].right;
    }
    double guesses = all.guesses > 0 ? (double)all.guesses : 1;
    p->dev_loss = all.loss / guesses;
    p->dev_accuracy = (double)all.right / guesses;
}

static void score(const fitting *f, vl_fit_point *p)
{
    const vl_fit_set *dev = f->dev;
    int32_t K = f->net->K;
    const float one = 1;
    int64_t right = 0;
    for (int64_t i = 0; i < dev->n; i++) {
        const float *z = f->dev_logits + i * K;
        int32_t label = dev->label[dev->index[i]], most = 0;
        for (int32_t k = 1; k < K; k++)
            if (z[k] > z[most]) most = k;
        right += most == label;
        p->dev_loss += vl_cross_entropy(NULL, z, &label, &one, 1, K, 0, 1) / (double)dev->n;
    }
    p->dev_accuracy = (double)right / (double)dev->n;
}

static bool is_better(const fitting *f, const vl_fit_point *p)
{
    const vl_fit_point *best = &f->state.best;
    if (!f->state.has_best) return true;
    if (f->net->class->learn) return p->dev_loss < best->dev_loss;
    return p->dev_accuracy > best->dev_accuracy ||
           (p->dev_accuracy >= best->dev_accuracy && p->dev_loss < best->dev_loss);
}

static void keep_best(fitting *f, const vl_fit_point *p)
{
    vl_fit_state *s = &f->state;
    s->has_best = true;
    s->since = 0;
    s->best = *p;
    memcpy(s->best_vector, f->net->vector, (size_t)f->net->size * sizeof(float));
    memcpy(s->best_table, f->net->table, (size_t)f->net->V * (size_t)f->net->E * sizeof(float));
}

static vl_status measure(fitting *f, vl_fit_point *p)
{
    vl_fit_state *s = &f->state;
    vl_workers_run(f->workers, measure_batch, f, f->dev_batches.count);
    if (atomic_load(&f->no_memory)) return no_memory(f);
    *p = (vl_fit_point){.step = (double)s->optimizer.step,
                        .tokens = s->tokens,
                        .rate = (double)rate_now(f),
                        .epoch = (double)s->epoch + (double)s->batch / (double)f->batches.count,
                        .seconds = vl_clock_seconds() - f->start,
                        .loss = s->losses > 0 ? s->loss / s->losses : 0};
    if (f->net->class->learn) score_texts(f, p);
    else score(f, p);
    s->loss = s->losses = 0;
    s->since++;
    if (is_better(f, p)) keep_best(f, p);
    return vl_buffer_append(&s->curve, p, sizeof *p) == VALENCE_OK ? VALENCE_OK : no_memory(f);
}

/* ---- The epochs ------------------------------------------------------------------------------ */

static vl_status save(fitting *f)
{
    if (!f->o->checkpoint) return VALENCE_OK;
    f->state.seconds = vl_clock_seconds() - f->start;
    f->saved = vl_clock_seconds();
    return vl_fit_state_write(&f->state, f->o->checkpoint, f->error);
}

static vl_status tell(fitting *f, const vl_fit_point *point)
{
    const vl_fit_state *s = &f->state;
    double now = vl_clock_seconds(), share = share_done(f), gone = now - f->start;
    vl_fit_progress p = {.step = s->optimizer.step,
                         .share = share,
                         .epoch = share * f->o->epochs,
                         .loss = s->losses > 0 ? s->loss / s->losses
                                 : point       ? point->loss
                                               : 0,
                         .tokens_per_second = f->run_tokens / (now - f->run_start + 1e-9),
                         .seconds_left = gone / (share + 1e-9) * (1 - share),
                         .best_accuracy = s->has_best ? s->best.dev_accuracy : -1,
                         .point = point};
    if (f->o->progress && f->o->progress(f->o->user, &p)) {
        VL_TRY(save(f));
        return VALENCE_CANCELLED;
    }
    return now - f->saved > f->o->checkpoint_seconds ? save(f) : VALENCE_OK;
}

/* Batches of this epoch that are to be learnt from: all, but where it is the last, broken one. */
static int64_t batches_here(const fitting *f)
{
    double left = f->o->epochs - (double)f->state.epoch;
    int64_t part = (int64_t)ceil(left * (double)f->batches.count);
    return left < 1 ? part : f->batches.count;
}

static bool is_time(const fitting *f)
{
    int64_t batches = f->batches.count, every = batches / f->o->measures;
    if (every < 1) every = 1;
    int64_t left = batches_here(f) - f->state.batch;
    return left == 0 || (f->state.batch % every == 0 && left >= every);
}

static bool is_over(const fitting *f)
{
    return f->o->patience > 0 && f->state.since >= f->o->patience;
}

static vl_status run_epoch(fitting *f)
{
    vl_fit_state *s = &f->state;
    if (vl_batches_make(&f->batches, f->train->texts, f->train->index, f->train->n, &f->o->batch,
                        f->o->seed, s->epoch) != VALENCE_OK)
        return no_memory(f);
    while (s->batch < batches_here(f) && !is_over(f)) {
        vl_fit_point point, *measured = NULL;
        VL_TRY(run_batch(f));
        s->batch++;
        if (is_time(f)) {
            VL_TRY(measure(f, &point));
            measured = &point;
        }
        VL_TRY(tell(f, measured));
    }
    return VALENCE_OK;
}

static vl_status run_epochs(fitting *f)
{
    vl_fit_state *s = &f->state;
    while ((double)s->epoch < f->o->epochs && !is_over(f)) {
        VL_TRY(run_epoch(f));
        if (is_over(f)) break;
        s->epoch++;
        s->batch = 0;
    }
    return VALENCE_OK;
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static uint64_t mix(uint64_t seed, const void *bytes, size_t len)
{
    return vl_hash64(bytes, len, seed);
}

static uint64_t mix_set(uint64_t h, const vl_fit_set *set)
{
    const vl_token_corpus *c = set->texts;
    h = mix(h, c->ids, (size_t)c->offsets[c->count] * sizeof *c->ids);
    h = mix(h, c->offsets, (size_t)(c->count + 1) * sizeof *c->offsets);
    h = mix(h, set->label, (size_t)c->count * sizeof *set->label);
    h = mix(h, set->weight, (size_t)c->count * sizeof *set->weight);
    return mix(h, set->index, (size_t)set->n * sizeof *set->index);
}

/* Of everything that decides what the run computes. */
static uint64_t fingerprint_of(const fitting *f)
{
    const vl_fit_options *o = f->o;
    const double numbers[] = {o->epochs,
                              (double)o->batch.tokens,
                              o->batch.texts,
                              (double)o->rate,
                              o->warmup,
                              o->schedule,
                              (double)o->smoothing,
                              o->measures,
                              o->patience,
                              (double)o->seed,
                              o->optimizer.kind,
                              (double)o->optimizer.beta1,
                              (double)o->optimizer.beta2,
                              (double)o->optimizer.epsilon,
                              (double)o->optimizer.momentum,
                              (double)o->optimizer.decay,
                              (double)o->optimizer.clip};
    uint64_t h = mix(1, numbers, sizeof numbers);
    h = mix_set(mix_set(h, f->train), f->dev);
    h = mix(h, &f->net->options, sizeof f->net->options);
    h = mix(h, f->net->vector, (size_t)f->net->size * sizeof(float));
    return mix(h, f->net->table, (size_t)f->net->V * (size_t)f->net->E * sizeof(float));
}

/* What follows on nothing teaches nothing. */
static vl_status check_pairs(const fitting *f, const vl_fit_set *set, const char *what)
{
    for (int64_t i = 0; i < set->n; i++)
        if (vl_token_corpus_length(set->texts, set->index[i]) > 1) return VALENCE_OK;
    return vl_fail(f->error, VALENCE_ARGUMENT, "no text to %s has two tokens", what);
}

static vl_status check_sets(const fitting *f)
{
    const vl_fit_set *t = f->train;
    double weights = 0;
    int32_t first = -1;
    bool two = false;
    if (t->n == 0)
        return vl_fail(f->error, VALENCE_ARGUMENT,
                       "there is no text to learn from: all are empty or held out");
    for (int64_t i = 0; i < t->n; i++) {
        int32_t label = t->label[t->index[i]];
        if (!f->net->class->learn && (label < 0 || label >= f->net->K))
            return vl_fail(f->error, VALENCE_ARGUMENT,
                           "label %d of text %lld is not one of the model's %d classes", label,
                           (long long)t->index[i] + 1, f->net->K);
        if (first < 0) first = label;
        two |= label != first;
        weights += (double)t->weight[t->index[i]];
    }
    if (!two && !f->net->class->learn)
        return vl_fail(f->error, VALENCE_ARGUMENT,
                       "all texts to learn from have one label: a model needs two");
    if (f->dev->n == 0)
        return vl_fail(f->error, VALENCE_ARGUMENT,
                       "there is no text to measure on: give --dev, or more texts");
    if (f->net->class->learn) {
        VL_TRY(check_pairs(f, f->train, "learn from"));
        VL_TRY(check_pairs(f, f->dev, "measure on"));
    }
    return weights > 0 && isfinite(weights) ? VALENCE_OK
                                            : vl_fail(f->error, VALENCE_ARGUMENT,
                                                      "the texts' weights do not add up to "
                                                      "a positive number");
}

static void set_mean_weight(fitting *f)
{
    double sum = 0;
    for (int64_t i = 0; i < f->train->n; i++) sum += (double)f->train->weight[f->train->index[i]];
    f->mean_weight = sum / (double)f->train->n;
}

static vl_status resume(fitting *f)
{
    f->state.fingerprint = fingerprint_of(f);
    if (!f->o->resume || !f->o->checkpoint) return VALENCE_OK;
    vl_status status = vl_fit_state_read(&f->state, f->o->checkpoint, f->error);
    return status == VALENCE_NOT_FOUND ? VALENCE_OK : status;
}

static vl_status finish(fitting *f, vl_fit_result *r)
{
    vl_fit_state *s = &f->state;
    if (!s->has_best)
        return vl_fail(f->error, VALENCE_ARGUMENT,
                       "the run has not been measured yet: let it go on for a while");
    memcpy(f->net->vector, s->best_vector, (size_t)f->net->size * sizeof(float));
    memcpy(f->net->table, s->best_table, (size_t)f->net->V * (size_t)f->net->E * sizeof(float));
    vl_workers_run(f->workers, measure_batch, f,
                   f->dev_batches.count); /* the best one's logits again */
    if (atomic_load(&f->no_memory)) return no_memory(f);
    *r = (vl_fit_result){.curve = (vl_fit_point *)(void *)s->curve.data,
                         .best = s->best,
                         .steps = s->optimizer.step,
                         .points = (int64_t)(s->curve.len / sizeof(vl_fit_point)),
                         .stopped_early = is_over(f),
                         .seconds = vl_clock_seconds() - f->start,
                         .tokens = s->tokens,
                         .logits = f->net->class->learn ? NULL : f->dev_logits};
    vl_buffer_init(&s->curve, VL_MEM_TRAINING, 1); /* handed over */
    if (r->logits) f->dev_logits = NULL;
    return VALENCE_OK;
}

static vl_status run(fitting *f, vl_fit_result *result)
{
    VL_TRY(check_sets(f));
    VL_TRY(open_fitting(f));
    set_mean_weight(f);
    VL_TRY(resume(f));
    f->run_start = f->saved = vl_clock_seconds();
    f->start = f->run_start - f->state.seconds;
    if (!f->o->finish) VL_TRY(run_epochs(f));
    return finish(f, result);
}

vl_status vl_fit(vl_net *net, const vl_fit_set *train, const vl_fit_set *dev,
                 const vl_fit_options *options, vl_workers *workers, vl_fit_result *result,
                 valence_error *error)
{
    *result = (vl_fit_result){0};
    fitting *f = vl_alloc_zero(VL_MEM_TRAINING, sizeof *f);
    if (!f) return vl_fail_memory(error, sizeof *f, "training");
    f->net = net;
    f->train = train;
    f->dev = dev;
    f->o = options;
    f->workers = workers;
    f->error = error;
    vl_status status = run(f, result);
    close_fitting(f);
    vl_free(f);
    return status;
}
