/* model_queue.c: a batch is answered by one call of the model. Should that fail, each of its texts
 * is asked for alone, so that one of them cannot spoil the others. An explanation costs as much as
 * a full batch: it counts as one, and so has a worker to itself. */
#include "serve/model_queue.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"

enum { WORKERS_MAX = 8, TOKENS_EACH = 512 };

typedef struct queue_worker {
    valence_context *context;
    vl_question **together; /* (batch_texts) those of a batch that are answered at once */
    const valence_encoding **encodings; /* (batch_texts) theirs */
    valence_prediction *predictions;    /* (batch_texts) */
} queue_worker;

struct vl_model_queue {
    vl_queue_options options;
    const vl_predictor *predictor;
    vl_queue_meter *meter;
    size_t labels;
    vl_batcher *batcher;
    queue_worker *workers; /* (options.workers) */
};

/* ---- Options --------------------------------------------------------------------------------- */

/* On a CPU larger batches gain nothing: the matrices are tall enough, and each text waits for all.
 */
vl_queue_options vl_queue_defaults(void)
{
    return (vl_queue_options){
        .batch_tokens = 2048, .batch_texts = 64, .wait_seconds = 0, .size = 1024};
}

int vl_queue_workers(const vl_queue_options *o)
{
    int cpus = vl_cpu_count();
    return o->workers > 0 ? o->workers : cpus < WORKERS_MAX ? cpus : WORKERS_MAX;
}

int vl_queue_threads_most(void)
{
    int cpus = vl_cpu_count();
    return cpus < WORKERS_MAX ? cpus : WORKERS_MAX;
}

/* ---- Answering, on a worker -------------------------------------------------------------------
 */

/* The context's numbers live until its next call, ours until the answer is written. */
static void keep_prediction(const vl_model_queue *q, vl_question *question,
                            const valence_prediction *p)
{
    float *probabilities = question->numbers, *logits = probabilities + q->labels;
    memcpy(probabilities, p->probabilities, q->labels * sizeof *probabilities);
    memcpy(logits, p->logits, q->labels * sizeof *logits);
    question->prediction = *p;
    question->prediction.probabilities = probabilities;
    question->prediction.logits = logits;
}

static void fail(vl_question *question, vl_status status, const valence_error *error)
{
    question->status = status;
    snprintf(question->message, sizeof question->message, "%.199s", error->message);
}

static void answer_alone(const vl_model_queue *q, queue_worker *w, vl_question *question)
{
    valence_error error = {0};
    valence_prediction p;
    const valence_encoding *encoding = question->encoding;
    vl_status status = q->predictor->predict(w->context, &encoding, 1, &p, &error);
    if (status == VALENCE_OK) keep_prediction(q, question, &p);
    else fail(question, status, &error);
}

static void answer_together(const vl_model_queue *q, queue_worker *w, size_t count)
{
    valence_error error = {0};
    bool answered = count > 1 && q->predictor->predict(w->context, w->encodings, count,
                                                       w->predictions, &error) == VALENCE_OK;
    for (size_t i = 0; i < count; i++) {
        if (answered) keep_prediction(q, w->together[i], &w->predictions[i]);
        else answer_alone(q, w, w->together[i]);
    }
}

static void keep_explanation(vl_question *question, const valence_explanation *e)
{
    size_t bytes = e->reason_count * sizeof *e->reasons;
    question->explanation = *e;
    question->reasons = vl_alloc(VL_MEM_REQUEST, bytes);
    if (!question->reasons) {
        question->status = VALENCE_NO_MEMORY;
        return;
    }
    if (bytes) memcpy(question->reasons, e->reasons, bytes);
    question->explanation.reasons = question->reasons;
    question->explanation.places = NULL;
    question->explanation.place_count = 0;
}

static void explain(const vl_model_queue *q, queue_worker *w, vl_question *question)
{
    valence_error error = {0};
    valence_prediction p;
    valence_explanation e;
    vl_span text = question->text;
    vl_status status = q->predictor->explain(w->context, text.ptr, text.len, -1, &p, &e, &error);
    if (status != VALENCE_OK) {
        fail(question, status, &error);
        return;
    }
    keep_prediction(q, question, &p);
    keep_explanation(question, &e);
}

static void count_batch(vl_model_queue *q, vl_job *const *jobs, int count, double took)
{
    uint64_t tokens = 0;
    for (int i = 0; i < count; i++) {
        vl_question *question = (vl_question *)(void *)jobs[i];
        question->inferred = took;
        tokens += (uint64_t)question->tokens;
        vl_histogram_add_shared(&q->meter->waited, jobs[i]->begun_at - jobs[i]->submitted);
    }
    vl_histogram_add_shared(&q->meter->inferred, took);
    vl_size_histogram_count(&q->meter->batch_items, (uint64_t)count);
    vl_size_histogram_count(&q->meter->batch_tokens, tokens);
}

/* What comes alone gets all processors; while others work or wait, each worker keeps to its own,
 * which answers more a second. The answer is the same. */
static void choose_threads(vl_model_queue *q, queue_worker *w, int count)
{
    vl_batcher_counts now = vl_batcher_counted(q->batcher);
    bool alone = now.running <= count && now.waiting == 0;
    valence_context_threads(w->context, alone || vl_queue_workers(&q->options) == 1 ? 0 : 1);
}

static vl_status run(void *user, int thread, vl_job *const *jobs, int count)
{
    vl_model_queue *q = user;
    queue_worker *w = &q->workers[thread];
    choose_threads(q, w, count);
    double began = vl_clock_seconds();
    size_t together = 0;
    for (int i = 0; i < count; i++) {
        vl_question *question = (vl_question *)(void *)jobs[i];
        question->status = VALENCE_OK;
        if (question->explain) {
            explain(q, w, question);
        } else {
            w->together[together] = question;
            w->encodings[together++] = question->encoding;
        }
    }
    answer_together(q, w, together);
    count_batch(q, jobs, count, vl_clock_seconds() - began);
    return VALENCE_OK;
}

static void finished(vl_job *job, vl_status status)
{
    vl_question *question = (vl_question *)(void *)job;
    vl_model_queue *q = job->user;
    if (status == VALENCE_OK) status = question->status;
    else vl_counter_add_shared(status == VALENCE_LIMIT ? &q->meter->late : &q->meter->gone, 1);
    question->done(question, status);
}

/* ---- Submitting ------------------------------------------------------------------------------ */

vl_status vl_model_queue_submit(vl_model_queue *q, vl_question *first)
{
    for (vl_job *job = &first->job; job; job = job->next) {
        vl_question *question = (vl_question *)(void *)job;
        bool alone = question->explain && question->tokens < q->options.batch_tokens;
        job->tokens = alone ? q->options.batch_tokens : question->tokens;
        job->done = finished;
        job->user = q;
    }
    return vl_batcher_submit(q->batcher, &first->job);
}

bool vl_model_queue_full(vl_model_queue *q)
{
    return vl_batcher_full(q->batcher);
}

int vl_model_queue_waiting(vl_model_queue *q)
{
    return vl_batcher_counted(q->batcher).waiting;
}

const vl_queue_options *vl_model_queue_options(const vl_model_queue *q)
{
    return &q->options;
}

int64_t vl_model_queue_tokens_max(const vl_model_queue *q)
{
    return (int64_t)q->options.size * TOKENS_EACH + q->options.batch_tokens;
}

vl_queue_meter *vl_model_queue_meter(const vl_model_queue *q)
{
    return q->meter;
}

/* ---- Open, close ----------------------------------------------------------------------------- */

static vl_status open_worker(const vl_model_queue *q, queue_worker *w, const valence_model *model,
                             valence_error *error)
{
    size_t n = (size_t)q->options.batch_texts;
    w->together = vl_alloc_array(VL_MEM_REQUEST, n, sizeof *w->together);
    w->encodings = vl_alloc_array(VL_MEM_REQUEST, n, sizeof *w->encodings);
    w->predictions = vl_alloc_array(VL_MEM_REQUEST, n, sizeof *w->predictions);
    if (!w->together || !w->encodings || !w->predictions)
        return vl_fail_memory(error, n * sizeof *w->predictions, "a worker");
    return valence_context_open(&w->context, model, error);
}

static vl_status open_batcher(vl_model_queue *q, valence_error *error)
{
    const vl_queue_options *o = &q->options;
    vl_batcher_options b = {.workers = o->workers,
                            .max_tokens = o->batch_tokens,
                            .max_jobs = o->batch_texts,
                            .max_waiting = o->size,
                            .max_waiting_tokens = vl_model_queue_tokens_max(q),
                            .wait_seconds = o->wait_seconds,
                            .run = run,
                            .user = q};
    return vl_batcher_open(&q->batcher, &b, error);
}

static vl_status open_all(vl_model_queue *q, const valence_model *model, valence_error *error)
{
    size_t n = (size_t)q->options.workers;
    q->workers = vl_alloc_zero(VL_MEM_REQUEST, n * sizeof *q->workers);
    if (!q->workers) return vl_fail_memory(error, n * sizeof *q->workers, "workers");
    for (size_t i = 0; i < n; i++) VL_TRY(open_worker(q, &q->workers[i], model, error));
    return open_batcher(q, error);
}

vl_status vl_model_queue_open(vl_model_queue **out, const valence_model *model,
                              const vl_predictor *predictor, const vl_queue_options *options,
                              vl_queue_meter *meter, valence_error *error)
{
    valence_model_info info;
    *out = NULL;
    vl_model_queue *q = vl_alloc_zero(VL_MEM_REQUEST, sizeof *q);
    if (!q) return vl_fail_memory(error, sizeof *q, "a queue");
    valence_model_describe(model, &info);
    q->options = *options;
    q->options.workers = vl_queue_workers(options);
    q->predictor = predictor;
    q->meter = meter;
    q->labels = (size_t)info.label_count;
    vl_status status = open_all(q, model, error);
    if (status != VALENCE_OK) {
        vl_model_queue_close(q);
        return status;
    }
    *out = q;
    return VALENCE_OK;
}

void vl_model_queue_close(vl_model_queue *q)
{
    if (!q) return;
    vl_batcher_close(q->batcher);
    for (int i = 0; q->workers && i < q->options.workers; i++) {
        queue_worker *w = &q->workers[i];
        valence_context_close(w->context);
        vl_free(w->together);
        vl_free(w->encodings);
        vl_free(w->predictions);
    }
    vl_free(q->workers);
    vl_free(q);
}
