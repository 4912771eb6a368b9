/* lstm_model.h: word embeddings, bidirectional LSTM layers, pooling over the tokens and a linear
 * head, at prediction time; docs/format.md ("LSTMs") names its settings and tensors.
 *
 *     x_t = E[id_t]     x_t = [forward_t ; backward_t] layer by layer     p = [max x_t ; mean x_t]
 *     logits = W p + b, or W relu(D p + d) + b */
#ifndef VL_LSTM_MODEL_H
#define VL_LSTM_MODEL_H

#include "layers/embedding.h"
#include "layers/lstm.h"
#include "layers/projection.h"
#include "models/model.h"

typedef struct vl_lstm_model {
    vl_model head;
    int32_t layers, H;
    int64_t F;        /* width of p */
    bool max, mean;   /* parts of p */
    float *attention; /* (2H) p = sum_t softmax_t(a . x_t) x_t instead; else NULL */
    bool has_dense;
    vl_embedding embedding;
    vl_lstm *layer; /* (layers) */
    vl_projection dense, out;
} vl_lstm_model;

extern const vl_model_class vl_lstm_class;

/* Of lstm_model_forward.c, for the class. */
size_t vl_lstm_model_scratch(const vl_model *model, int32_t B, int64_t T, int threads);
vl_status vl_lstm_model_forward(const vl_model *model, const vl_batch *batch, const vl_run *run,
                                float *logits);

#endif
