/* model_queue.h: a slow model's queue: texts wait for a worker that answers many of them at once.
 * It stands between the batcher, which knows no models, and asks (ask.h), which know no threads.
 * Ownership: a question belongs to whoever submits it, and is lent to the queue until its `done`.
 */
#ifndef VL_MODEL_QUEUE_H
#define VL_MODEL_QUEUE_H

#include "base/span.h"
#include "serve/batcher.h"
#include "serve/predictor.h"
#include "serve/queue_meter.h"

typedef struct vl_queue_options {
    int workers; /* threads with a context each; 0: one per processor, 8 at most */
    int64_t batch_tokens;
    int batch_texts;
    double wait_seconds; /* how long a text waits at most for company while a worker is free */
    int size;            /* texts that may wait */
} vl_queue_options;

vl_queue_options vl_queue_defaults(void);

/* Workers as they will be, and how many threads share a text that comes alone. */
int vl_queue_workers(const vl_queue_options *o);
int vl_queue_threads_most(void);

typedef struct vl_model_queue vl_model_queue;
typedef struct vl_question vl_question;

struct vl_question {
    vl_job job; /* first; the queue's own but for deadline, gone and next */
    valence_encoding *encoding;
    int64_t tokens; /* of the encoding */
    vl_span text;   /* with explain */
    bool explain;
    float *numbers; /* (2, label_count): room for the answer's probabilities and logits */
    /* Called once, by a worker or by vl_model_queue_close. Statuses as in batcher.h. The question
     * may be freed here. */
    void (*done)(vl_question *q, vl_status status);
    void *user;
    /* The answer, where the status is VALENCE_OK; its strings belong to the model: */
    valence_prediction prediction;
    valence_explanation explanation; /* without places */
    valence_reason *reasons;         /* of the explanation, for vl_free; else NULL */
    double inferred;                 /* seconds its batch took */
    vl_status status;                /* else: what went wrong with it */
    char message[200];
};

/* model and meter outlive the queue. */
vl_status vl_model_queue_open(vl_model_queue **out, const valence_model *model,
                              const vl_predictor *predictor, const vl_queue_options *options,
                              vl_queue_meter *meter, valence_error *error);

/* What runs ends, what waits is done with VALENCE_CANCELLED. NULL is fine. */
void vl_model_queue_close(vl_model_queue *q);

/* Takes questions (a list by job.next), all or none: VALENCE_LIMIT, the queue is full. Any thread.
 */
vl_status vl_model_queue_submit(vl_model_queue *q, vl_question *first);

/* Whether there is room for none. Any thread. */
bool vl_model_queue_full(vl_model_queue *q);

/* Texts that wait. */
int vl_model_queue_waiting(vl_model_queue *q);

const vl_queue_options *vl_model_queue_options(const vl_model_queue *q);
/* The most tokens that a single text may have. */
int64_t vl_model_queue_tokens_max(const vl_model_queue *q);
vl_queue_meter *vl_model_queue_meter(const vl_model_queue *q);

#endif
