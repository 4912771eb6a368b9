/* context.h: what valence_context is inside: one thread's working memory. predict.c, explain.c and
 * sentences.c fill it; each part is made when it is first needed. */
#ifndef VL_CONTEXT_H
#define VL_CONTEXT_H

#include "engine/encoding.h"
#include "engine/engine_model.h"
#include "engine/occlusion.h"
#include "models/trace.h"
#include "text/feature_places.h"

/* What sentences.c keeps: the sentences of the last text, and sums over them. */
typedef struct vl_sentence_scratch {
    valence_sentence *list; /* (capacity) */
    float *probabilities;   /* (capacity,K) */
    double *sums;           /* (2,K), see sentences.c; NULL: not made yet */
    size_t count, capacity, max;
} vl_sentence_scratch;

struct valence_context {
    const valence_model *model;
    vl_feature_scratch *scratch; /* of models that read n-grams */
    vl_token_scratch *tokens;    /* of models that read tokens */
    vl_workers *workers;         /* NULL: not wanted yet, see forward.c */
    bool alone;                  /* so just now, whatever there is */
    void *forward;               /* scratch of forward passes */
    size_t forward_bytes;
    vl_buffer encoded;           /* the encoding of a text that is predicted at once */
    vl_buffer offsets;           /* of a part of a batch */
    vl_trace trace;
    bool traced;
    float *logits, *probabilities; /* (K) each, one block */
    vl_feature_places places;      /* of explain.c */
    vl_buffer weights;             /* likewise: (ids) floats */
    vl_occlusion occlusion;        /* of occlusion.c */
    vl_sentence_scratch sentences;
    vl_buffer together; /* of predict_many.c: one batch of many encodings, and their answers */
};

/* encode.c: the text in c->encoded, until the context's next. */
vl_status vl_context_encode(valence_context *c, vl_span text, valence_truncation truncation,
                            const valence_encoding **encoding, valence_error *error);

/* The model's logits (B,K) of a batch, with what memory and threads the context has for it; a large
 * batch in parts. */
vl_status vl_context_forward(valence_context *c, const vl_batch *batch, float *logits,
                             valence_error *error);

/* From logits (K) to probabilities (K), label and score. */
void vl_context_conclude(const valence_context *c, const float *logits, float *probabilities,
                         valence_prediction *prediction);

/* valence_context_predict_encodings for encodings of the context's model; count >= 1. */
vl_status vl_context_answer_encodings(valence_context *c, const valence_encoding *const *encodings,
                                      size_t count, valence_prediction *predictions,
                                      valence_error *error);

/* From features to answer: logits, probabilities, label. words: how many the text has. */
vl_status vl_context_score(valence_context *c, const vl_batch *batch, uint64_t words,
                           valence_prediction *prediction);

/* valence_context_predict, telling how many words (or tokens) the text has. */
vl_status vl_context_predict(valence_context *c, vl_span text, valence_prediction *prediction,
                             uint64_t *words, valence_error *error);

/* Label, class and score that probabilities (K) give by the model's rules; the rest stays. */
void vl_context_decide(const valence_context *c, const float *probabilities,
                       valence_prediction *prediction);

void vl_sentence_scratch_release(vl_sentence_scratch *s);

#endif
