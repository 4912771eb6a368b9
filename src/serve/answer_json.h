/* answer_json.h: predictions as JSON: our own shape, and the lists of classes that TEI and Hugging
 * Face have. Appends to a->out; statuses are the buffer's. */
#ifndef VL_ANSWER_JSON_H
#define VL_ANSWER_JSON_H

#include "serve/ask.h"

/* "prediction":..,"confidence":..,"probabilities":{..} and what was asked for besides, without the
 * braces around. */
vl_status vl_answer_members(vl_ask *a, const vl_result *r);

typedef enum vl_ranking_style {
    VL_RANKING_TEI, /* {"score":..,"label":..}, the later of equal classes first */
    VL_RANKING_HF   /* {"label":..,"score":..}, the earlier first */
} vl_ranking_style;

/* [..] with the ask's top_k classes (0: all), greatest value first. values: (label_count). */
vl_status vl_answer_ranking(vl_ask *a, const float *values, vl_ranking_style style);

/* The classes by value, greatest first, in a->order; *shown: how many of them top_k leaves. */
vl_status vl_answer_rank(vl_ask *a, const float *values, vl_ranking_style ties, int top_k,
                         int *shown);

/* VL_SCORE_DIGITS decimals; null for what is no number. */
vl_status vl_answer_score(vl_buffer *out, double value);

/* ["negative","neutral","positive"] */
vl_status vl_answer_labels(vl_buffer *out, const valence_model_info *info);

#endif
