/* ask.h: what a request wants predicted: its JSON, the model, the options; the one place where
 * routes ask a model; and how what went wrong is told. No route of its own. Ownership: an ask lives
 * on its route's stack and borrows from the exchange; vl_ask_finish releases it. Statuses become
 * answers in vl_ask_finish alone: FORMAT 400, ARGUMENT and LIMIT 422, NOT_FOUND 404, UNSUPPORTED
 * 415, CANCELLED 424 (the model gave no number), NO_MEMORY 503. */
#ifndef VL_ASK_H
#define VL_ASK_H

#include "serve/exchange.h"
#include "serve/service.h"

enum { VL_TEXTS_MAX = 10000, VL_SCORE_DIGITS = 6 };

typedef struct vl_ask {
    vl_exchange *x;
    vl_service *service;
    const vl_served_model *model; /* the default one until vl_ask_model */
    valence_context *context;
    bool explain, raw_scores;
    int label; /* of the last prediction, as the metrics number it */
    int top_k; /* 0: all classes */
    bool v2;   /* errors as the v2 protocol has them: {"error"} alone, 400 where others say 422 */
    bool empty_batch; /* the error is that there was nothing in it: 400, type Empty */
    vl_buffer joined; /* a pair of texts as one */
    int *order;       /* (label_count) or NULL: classes by rank */
} vl_ask;

void vl_ask_init(vl_ask *a, vl_exchange *x);
void vl_ask_release(vl_ask *a);

/* The body as a JSON object; refuses a content type that cannot be JSON. */
vl_status vl_ask_body(vl_ask *a, vl_json *root, valence_error *error);
vl_status vl_ask_check_type(const vl_ask *a, valence_error *error);
/* One JSON object with VL_JSON_PADDING readable bytes behind it. */
vl_status vl_ask_json(vl_ask *a, vl_span text, vl_json *root, valence_error *error);

/* The members "model", "explain", "raw_scores", "top_k", "truncate" (of no effect: no text is too
 * long for these models). */
vl_status vl_ask_options(vl_ask *a, vl_json root, valence_error *error);
/* Goes on with the model of that name; ptr NULL: the default one. */
vl_status vl_ask_model(vl_ask *a, vl_span name, valence_error *error);
/* A number of classes from 1; null: all. */
vl_status vl_ask_top_k(vl_ask *a, vl_json value, valence_error *error);
/* Whether a batch may have so many texts. */
vl_status vl_ask_check_count(vl_ask *a, size_t count, valence_error *error);

/* explanation NULL: not wanted. */
vl_status vl_ask_predict(vl_ask *a, vl_span text, valence_prediction *p,
                         valence_explanation *explanation, valence_error *error);

/* A pair as one text, a blank between: these models know no second segment. Valid until the
 * next. */
vl_status vl_ask_join(vl_ask *a, vl_span first, vl_span second, vl_span *text);

/* Sends x->out as JSON, or the error; releases the ask. */
void vl_ask_finish(vl_ask *a, vl_status status, const valence_error *error);

/* HTTP status and type of an error, for those who tell it inside another answer. */
typedef struct vl_refusal {
    int status;
    const char *type;
    const char *message;
} vl_refusal;
vl_refusal vl_ask_refusal(const vl_ask *a, vl_status status, const valence_error *error);

#endif
