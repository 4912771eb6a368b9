/* ask_queue.c: the way of texts through a slow model's queue. On the loop they are encoded, which
 * is cheap and tells how much work they are; workers answer; the last answer posts the ask back to
 * its loop, where all are written in order. A batch is answered as a whole or not at all. */
#include "serve/ask_queue.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "serve/recall.h"

static vl_status queue_full(vl_ask *a, valence_error *error)
{
    a->trouble = VL_QUEUE_FULL;
    return vl_fail(error, VALENCE_LIMIT,
                   "model '%.100s' is overloaded: %d texts wait for it already", a->model->name,
                   vl_model_queue_waiting(a->model->queue));
}

/* ---- Before the queue ------------------------------------------------------------------------ */

/* Room for one more; zeroed. */
static vl_question *next_question(vl_ask *a)
{
    if (a->queued == a->question_capacity) {
        size_t more = a->question_capacity ? a->question_capacity * 2 : 1;
        vl_question *grown = vl_realloc(VL_MEM_REQUEST, a->questions, more * sizeof *grown);
        if (!grown) return NULL;
        a->questions = grown;
        a->question_capacity = more;
    }
    vl_question *q = &a->questions[a->queued];
    *q = (vl_question){.explain = a->explain};
    return q;
}

static vl_status encode(vl_ask *a, vl_question *q, vl_span text, valence_error *error)
{
    const vl_predictor *predictor = a->service->predictor;
    double began = vl_clock_seconds();
    vl_status status =
        predictor->encode(a->context, text.ptr, text.len, a->truncation, &q->encoding, error);
    double took = vl_clock_seconds() - began;
    vl_histogram_add_shared(&vl_model_queue_meter(a->model->queue)->tokenized, took);
    a->tokenized += took;
    if (status != VALENCE_OK) {
        bool told = status == VALENCE_LIMIT || status == VALENCE_NO_MEMORY;
        if (!told) a->trouble = VL_TOKENIZER_FAILED;
        return status;
    }
    q->tokens = valence_encoding_tokens(q->encoding);
    return VALENCE_OK;
}

/* An explanation reads the text itself, which is gone by then: a copy is kept, the encoding only
 * told how long it is. */
static vl_status keep_text(vl_question *q, vl_span text)
{
    valence_encoding_close(q->encoding);
    q->encoding = NULL;
    q->text = (vl_span){vl_copy_string(VL_MEM_REQUEST, text.ptr, text.len), text.len};
    return q->text.ptr ? VALENCE_OK : VALENCE_NO_MEMORY;
}

static void drop_question(vl_question *q)
{
    valence_encoding_close(q->encoding);
    vl_free((char *)(uintptr_t)q->text.ptr);
    vl_free(q->reasons);
}

vl_status vl_ask_prepare(vl_ask *a, vl_span text, valence_error *error)
{
    vl_model_queue *queue = a->model->queue;
    if (a->queued == 0 && !a->patient && vl_model_queue_full(queue)) return queue_full(a, error);
    vl_question *q = next_question(a);
    if (!q) return VALENCE_NO_MEMORY;
    vl_status status = encode(a, q, text, error);
    if (status == VALENCE_OK && q->tokens > vl_model_queue_tokens_max(queue))
        status =
            vl_fail(error, VALENCE_LIMIT, "a text of %lld tokens is too long here: at most %lld",
                    (long long)q->tokens, (long long)vl_model_queue_tokens_max(queue));
    if (status == VALENCE_OK && q->explain) status = keep_text(q, text);
    if (status == VALENCE_OK) a->queued++;
    else drop_question(q);
    return status;
}

void vl_ask_drop_questions(vl_ask *a)
{
    for (size_t i = 0; i < a->queued; i++) drop_question(&a->questions[i]);
    vl_free(a->numbers);
    a->numbers = NULL;
    a->queued = 0;
}

/* ---- Behind the queue, on the loop ----------------------------------------------------------- */

static vl_status status_of(vl_ask *a, const vl_question *q, valence_error *error)
{
    if (q->status == VALENCE_OK) return VALENCE_OK;
    if (!atomic_load(&q->job.begun) && q->status == VALENCE_LIMIT) return vl_ask_too_late(a, error);
    return q->message[0] ? vl_fail(error, q->status, "%s", q->message) : q->status;
}

static void add_times(vl_ask *a)
{
    double first = a->questions[0].job.begun_at, last = 0;
    for (size_t i = 0; i < a->queued; i++) {
        const vl_question *q = &a->questions[i];
        double begun = q->job.begun_at, ended = begun + q->inferred;
        a->waited += begun - q->job.submitted;
        if (begun < first) first = begun;
        if (ended > last) last = ended;
    }
    a->worked = a->tokenized + (last - first);
}

static vl_status write_all(vl_ask *a, valence_error *error)
{
    for (size_t i = 0; i < a->queued; i++) VL_TRY(status_of(a, &a->questions[i], error));
    add_times(a);
    for (size_t i = 0; i < a->queued; i++) {
        const vl_question *q = &a->questions[i];
        const vl_result r = {q->text, &q->prediction, q->explain ? &q->explanation : NULL};
        VL_TRY(vl_ask_write(a, &r, q->inferred, error));
    }
    return a->writer->end ? a->writer->end(a, error) : VALENCE_OK;
}

static void all_answered(vl_post *post)
{
    vl_ask *a = (vl_ask *)(void *)((char *)post - offsetof(vl_ask, post));
    valence_error error = {0};
    if (!a->x) {
        vl_ask_close(a);
        return;
    }
    vl_status status = write_all(a, &error);
    if (status == VALENCE_OK && a->keep) vl_recall_keep(a);
    a->writer->finish(a, status, &error);
}

/* On a worker's thread. */
static void answered(vl_question *q, vl_status status)
{
    vl_ask *a = q->user;
    q->status = status;
    if (atomic_fetch_sub(&a->left, 1) == 1) vl_loop_post(a->loop, &a->post);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

void vl_ask_abandon(vl_ask *a)
{
    a->x = NULL;
    for (size_t i = 0; i < a->queued; i++) atomic_store(&a->questions[i].job.gone, true);
}

static void gone(vl_exchange *x)
{
    vl_ask_abandon(x->user);
}

/* Nobody has begun yet: the client is told in time, though all workers are busy. */
static void late(vl_exchange *x)
{
    vl_ask *a = x->user;
    valence_error error = {0};
    for (size_t i = 0; i < a->queued; i++)
        if (atomic_load(&a->questions[i].job.begun)) return;
    vl_status status = vl_ask_too_late(a, &error);
    vl_ask_refuse(a, status, &error);
    vl_ask_abandon(a);
}

static void defer(vl_ask *a)
{
    vl_exchange *x = a->x;
    x->user = a;
    if (a->deadline > 0) x->late = late;
    x->deadline = a->deadline;
    vl_exchange_defer(x, gone);
}

static void link_questions(vl_ask *a, size_t numbers)
{
    for (size_t i = 0; i < a->queued; i++) {
        vl_question *q = &a->questions[i];
        q->job.deadline = a->deadline;
        q->job.next = i + 1 < a->queued ? &q[1].job : NULL;
        q->numbers = a->numbers + i * numbers;
        q->done = answered;
        q->user = a;
    }
    atomic_store(&a->left, a->queued);
    a->post.run = all_answered;
}

vl_status vl_ask_submit(vl_ask *a, valence_error *error)
{
    size_t numbers = 2 * (size_t)a->model->info.label_count;
    a->trouble = VL_NO_TROUBLE;
    if (a->deadline > 0 && vl_clock_seconds() > a->deadline) return vl_ask_too_late(a, error);
    if (!a->numbers)
        a->numbers = vl_alloc_array(VL_MEM_REQUEST, a->queued * numbers, sizeof *a->numbers);
    if (!a->numbers) return VALENCE_NO_MEMORY;
    link_questions(a, numbers);
    if (vl_model_queue_submit(a->model->queue, a->questions) != VALENCE_OK)
        return queue_full(a, error);
    if (!a->patient) defer(a);
    return VALENCE_OK;
}
