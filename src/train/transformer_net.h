/* transformer_net.h: the network of `valence train transformer`: a small BERT: learned positions,
 * norms behind attention and feed-forward (post), GELU, the mean over the tokens, one linear layer.
 * Tensor names are those of docs/format.md. */
#ifndef VL_TRANSFORMER_NET_H
#define VL_TRANSFORMER_NET_H

#include "train/net.h"

enum { VL_ENCODER_LAYERS_MAX = 12 }; /* 16 parameters each */

typedef struct vl_transformer_net_options {
    int32_t V, C, I, K, heads; /* C: width, I: of the feed-forward */
    int32_t longest;           /* tokens of a text, special ones included */
    int layers;
    float word_dropout; /* whole token vectors */
    float dropout;
    uint64_t seed;
} vl_transformer_net_options;

/* vectors: (V,C), or NULL: random. VALENCE_ARGUMENT: C does not go into the heads. */
vl_status vl_transformer_net_open(vl_net **out, const vl_transformer_net_options *options,
                                  const vl_tensor *vectors, valence_error *error);

/* The metadata transformer.* of the model file. */
vl_status vl_transformer_net_describe(vl_store *store, const vl_transformer_net_options *options,
                                      valence_error *error);

#endif
