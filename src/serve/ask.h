/* ask.h: what a request wants predicted. A route opens an ask, reads its request into it (options,
 * then text by text, vl_ask_take), and lets it go (vl_ask_go); a writer says what the answers look
 * like. Whether a text is answered at once, by a classic model, or by a worker later, by a slow one
 * (ask_queue.c), is no route's business: the writer is called for one text after the other, in
 * their order, on the loop's thread.
 *
 * Ownership: an ask is its service's, lent from vl_ask_open to vl_ask_close; it borrows from the
 * exchange, and what is read of the request's JSON is gone with the loop's next request: a writer
 * copies what it wants of that. Statuses become answers in vl_ask_refuse alone: FORMAT 400,
 * ARGUMENT and LIMIT 422, NOT_FOUND 404, UNSUPPORTED 415, NO_MEMORY 503, the rest (the model
 * failed, or gave no number) 424; on v2 some differ; and what a->trouble says. */
#ifndef VL_ASK_H
#define VL_ASK_H

#include "serve/exchange.h"
#include "serve/service.h"

enum { VL_TEXTS_MAX = 10000, VL_SCORE_DIGITS = 6 };

typedef struct vl_ask vl_ask;

typedef struct vl_result { /* one text's answer */
    vl_span text;          /* of slow models only with an explanation */
    const valence_prediction *prediction;
    const valence_explanation *explanation; /* NULL: not wanted */
} vl_result;

typedef struct vl_writer {
    /* Appends the answer to a->out; a->written: how many came before. */
    vl_status (*item)(vl_ask *a, const vl_result *r, valence_error *error);
    vl_status (*end)(vl_ask *a, valence_error *error); /* behind the last; NULL: nothing */
    void (*finish)(vl_ask *a, vl_status status, const valence_error *error); /* sends, closes a */
} vl_writer;

typedef enum vl_trouble { /* of a failed ask: what its status does not tell */
                          VL_NO_TROUBLE,
                          VL_EMPTY_BATCH,     /* there was nothing in it: 400, type Empty */
                          VL_QUEUE_FULL,      /* 429 and Retry-After; on v2 503 */
                          VL_TOO_LATE,        /* 504; on v2 503, unless a header said so */
                          VL_TOKENIZER_FAILED /* 422, type Tokenizer */
} vl_trouble;

struct vl_ask {
    vl_exchange *x; /* NULL: its client has gone */
    vl_loop *loop;
    vl_service *service;
    vl_view *view;                /* the models as they were when it was opened */
    const vl_served_model *model; /* the default one until vl_ask_model */
    int index;                    /* its place in the set */
    valence_context *context;
    const vl_writer *writer;
    vl_buffer *out; /* the exchange's, unless the route changes it */
    const char *content_type;

    bool explain, raw_scores;
    bool v2; /* errors as the v2 protocol has them: {"error"} alone, 400 where others say 422 */
    bool
        patient; /* a part of a stream: tries again where the queue is full, and does not defer x */
    int top_k;   /* 0: all classes */
    valence_truncation truncation;
    double deadline;    /* vl_clock_seconds() by which the model must have begun; 0: none */
    bool deadline_told; /* by a header */
    vl_trouble trouble;

    size_t taken, written; /* texts */
    int label;             /* of the last one written, as the metrics number it */
    double began;          /* vl_clock_seconds() */
    double tokenized, waited, inferred,
        worked;     /* seconds, all texts together; worked: of the clock */
    int64_t tokens; /* read by the model; 0: it has none */
    bool counts;    /* the route counts these: */
    size_t characters, words;

    vl_cache_key key; /* recall.h */
    bool keep, recalled;

    void *extra; /* the route's own, given to drop at the end if there is one */
    void (*drop)(void *extra);

    /* ask_queue.c: */
    vl_question *questions; /* (queued) what waits for a slow model */
    size_t queued, question_capacity;
    float *numbers;
    _Atomic size_t left; /* unanswered */
    vl_post post;

    /* Kept from request to request: */
    vl_buffer joined; /* a pair of texts as one */
    int *order;       /* (order_capacity) classes by rank */
    int order_capacity;
    vl_ask *next;
};

/* NULL: out of memory. _begin has told the client then. */
vl_ask *vl_ask_open(vl_exchange *x, const vl_writer *writer);
vl_ask *vl_ask_begin(vl_exchange *x, const vl_writer *writer);
void vl_ask_close(vl_ask *a);

/* Frees the service's asks; none is lent. */
void vl_asks_release(vl_service *s);

/* Refuses a content type that cannot be JSON; reads the deadline. */
vl_status vl_ask_head(vl_ask *a, valence_error *error);
/* Then the body as a JSON object. */
vl_status vl_ask_body(vl_ask *a, vl_json *root, valence_error *error);
/* One JSON object with VL_JSON_PADDING readable bytes behind it. */
vl_status vl_ask_json(vl_ask *a, vl_span text, vl_json *root, valence_error *error);

/* The members "model", "explain", "raw_scores", "top_k", "truncate", "truncation_direction" (these
 * of no effect with classic models, for which no text is too long). */
vl_status vl_ask_options(vl_ask *a, vl_json root, valence_error *error);
/* Goes on with the model of that name; ptr NULL: the default one. */
vl_status vl_ask_model(vl_ask *a, vl_span name, valence_error *error);
/* A number of classes from 1; null: all. */
vl_status vl_ask_top_k(vl_ask *a, vl_json value, valence_error *error);
/* Whether a batch may have so many texts. */
vl_status vl_ask_check_count(vl_ask *a, size_t count, valence_error *error);

/* A text to be predicted; it may be gone when this returns. Statuses are the model's or the
 * writer's. */
vl_status vl_ask_take(vl_ask *a, vl_span text, valence_error *error);

/* A pair as one text, a blank between: classic models know no second segment. Valid until the
 * next. */
vl_status vl_ask_join(vl_ask *a, vl_span first, vl_span second, vl_span *text);

/* All is read, or status says what is wrong: the writer will finish, now or later. */
void vl_ask_go(vl_ask *a, vl_status status, valence_error *error);

/* A writer's usual finish: sends a->out or the error, closes the ask. */
void vl_ask_send(vl_ask *a, vl_status status, const valence_error *error);

/* Sends the error, does not close. */
void vl_ask_refuse(vl_ask *a, vl_status status, const valence_error *error);

/* HTTP status and type of an error, for those who tell it inside another answer. */
typedef struct vl_refusal {
    int status;
    const char *type;
    const char *message;
} vl_refusal;
vl_refusal vl_ask_refusal(const vl_ask *a, vl_status status, const valence_error *error);

#endif
