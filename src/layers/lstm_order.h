/* lstm_order.h: the order in which an LSTM takes a ragged batch: the longest text first, so that
 * the texts which have a step t are always the first ones; and a step's rows next to each other,
 * without padding. In reverse, each text begins at its own end. */
#ifndef VL_LSTM_ORDER_H
#define VL_LSTM_ORDER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct vl_lstm_order {
    const int32_t *offsets; /* of the batch: text i has rows [offsets[i], offsets[i+1]) */
    const int32_t *text;    /* (n) numbers of texts, the longest first */
    int32_t n;
    bool reverse;
} vl_lstm_order;

/* Sorts the n numbers in text; equally long ones stay as they are. */
void vl_lstm_order_sort(int32_t *text, int32_t n, const int32_t *offsets);

static inline int32_t vl_lstm_order_length(const vl_lstm_order *o, int32_t b)
{
    return o->offsets[o->text[b] + 1] - o->offsets[o->text[b]];
}

/* How many have a step t, of the first n that had the one before. */
static inline int32_t vl_lstm_order_running(const vl_lstm_order *o, int32_t t, int32_t n)
{
    while (n > 0 && vl_lstm_order_length(o, n - 1) <= t) n--;
    return n;
}

/* The batch's row for step t of the b-th text. */
static inline int64_t vl_lstm_order_row(const vl_lstm_order *o, int32_t b, int32_t t)
{
    int32_t i = o->text[b];
    return o->reverse ? o->offsets[i + 1] - 1 - t : o->offsets[i] + t;
}

#endif
