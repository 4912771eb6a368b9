/* made_lstm.h: small LSTM models with random weights, as stores, for tests. */
#ifndef MADE_LSTM_H
#define MADE_LSTM_H

#include "made_store.h"

typedef struct made_lstm {
    int layers, E, H, D, K, V, length; /* D 0: no dense layer */
    const char *pooling;
} made_lstm;

/* Width of what the head sees. */
static inline int made_lstm_width(const made_lstm *s)
{
    return strcmp(s->pooling, "max+mean") == 0 ? 4 * s->H : 2 * s->H;
}

static inline void made_lstm_direction(made_store *m, const char *name, int in, int H)
{
    char full[100];
    snprintf(full, sizeof full, "%s.input", name);
    made_linear(m, full, 4 * H, in, false);
    snprintf(full, sizeof full, "%s.recurrent", name);
    made_linear(m, full, 4 * H, H, false);
    snprintf(full, sizeof full, "%s.bias", name);
    made_tensor(m, full, 1, 4 * H, 0, 0, 0.5f);
}

static inline vl_store *made_lstm_store(const made_lstm *s, uint64_t seed)
{
    made_store m = {.seed = seed};
    assert_int_equal(vl_store_open(&m.store, NULL), VALENCE_OK);
    made_setting(&m, "family", "lstm");
    made_number(&m, "lstm.layers", s->layers);
    made_number(&m, "lstm.max_length", s->length);
    made_setting(&m, "lstm.pooling", s->pooling);
    made_tensor(&m, "embeddings.word", 2, s->V, s->E, 0, 1);
    for (int n = 0; n < s->layers; n++)
        for (int d = 0; d < 2; d++) {
            char name[40];
            snprintf(name, sizeof name, "lstm.%d.%s", n, d ? "backward" : "forward");
            made_lstm_direction(&m, name, n ? 2 * s->H : s->E, s->H);
        }
    int F = made_lstm_width(s);
    if (strcmp(s->pooling, "attention") == 0)
        made_tensor(&m, "head.attention.weight", 1, F, 0, 0, 2);
    if (s->D) made_linear(&m, "head.dense", s->D, F, true);
    made_linear(&m, "head.out", s->K, s->D ? s->D : F, true);
    return m.store;
}

#endif
