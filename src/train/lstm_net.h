/* lstm_net.h: the network of `valence train lstm`: token vectors, layers of LSTMs in both
 * directions, the maximum and the mean over the tokens (or one of them, or attention), one linear
 * layer. Or the same as a language model, from which such a network may begin: its forward LSTMs
 * guess each next token, its backward ones each token before. Tensor names are those of
 * docs/format.md. */
#ifndef VL_LSTM_NET_H
#define VL_LSTM_NET_H

#include "train/net.h"

enum { VL_LSTM_LAYERS_MAX = 8 };

/* How the tokens become one vector; names as in the model file. */
typedef enum vl_pooling {
    VL_POOL_MAX_MEAN,
    VL_POOL_MAX,
    VL_POOL_MEAN,
    VL_POOL_ATTENTION
} vl_pooling;

const char *vl_pooling_name(vl_pooling p);
vl_status vl_pooling_parse(vl_pooling *out, const char *name, valence_error *error);

typedef struct vl_lstm_net_options {
    int32_t V, E, H, K;
    int layers;
    vl_pooling pooling;
    float word_dropout;  /* whole token vectors */
    float input_dropout; /* single numbers of them */
    float dropout;       /* between layers and before the last one */
    bool language;       /* no labels: a language model each way (language_head.h); one layer */
    int32_t samples;     /* of it: other tokens a token is told from, at most */
    bool bf16;           /* the layers' products (lstm_train.h); only where vl_cpu_has_bf16 */
    uint64_t seed;
} vl_lstm_net_options;

/* vectors: (V,E), or NULL: random. */
vl_status vl_lstm_net_open(vl_net **out, const vl_lstm_net_options *options,
                           const vl_tensor *vectors, valence_error *error);

#endif
