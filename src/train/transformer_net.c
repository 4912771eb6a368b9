/* transformer_net.c: the layers of a transformer, there and back. Scratch lies in one block, cut in
 * a fixed order, so that the way back finds what forward left. */
#include "train/transformer_net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/pooling.h"
#include "kernels/row_sums.h"
#include "layers/activation_layer.h"
#include "layers/attention_layer.h"
#include "layers/dropout.h"
#include "layers/linear_layer.h"
#include "layers/norm_layer.h"

static const float eps = 1e-5f;

/* Places of a layer's parameters in the vector. */
typedef struct places {
    int64_t qkv[3], qkv_bias[3], output, output_bias, attention_gamma, attention_beta;
    int64_t up, up_bias, down, down_bias, ffn_gamma, ffn_beta;
} places;

typedef struct transformer_net {
    vl_net head;
    vl_transformer_net_options o;
    int64_t position, gamma, beta, out_weight, out_bias;
    places layer[VL_ENCODER_LAYERS_MAX];
} transformer_net;

/* Dropout's layers. */
enum { WORDS, EMBEDDED, POOLED, INSIDE };

/* ---- Scratch --------------------------------------------------------------------------------- */

typedef struct layer_plan {
    float *qkv, *context, *middle, *up, *active; /* (T,3C), (T,C), (T,C), (T,I), (T,I) */
    vl_norm_kept attention_norm, ffn_norm;
} layer_plan;

typedef struct plan {
    float *x[VL_ENCODER_LAYERS_MAX + 1]; /* (T,C): inputs of the layers, last the outputs */
    vl_norm_kept norm;
    layer_plan layer[VL_ENCODER_LAYERS_MAX];
    float *pooled, *dpooled;       /* (B,C) */
    float *dx, *ds, *dqkv, *dwide; /* (T,C), (T,C), (T,3C), (T,I) */
    float *attention;
} plan;

static vl_norm_kept cut_norm(float *block, size_t *used, size_t T, size_t C)
{
    vl_norm_kept k;
    k.n = vl_net_cut(block, used, T * C);
    k.scale = vl_net_cut(block, used, T);
    return k;
}

static void lay_out_layer(layer_plan *p, size_t T, size_t C, size_t I, float *block, size_t *used)
{
    p->qkv = vl_net_cut(block, used, T * 3 * C);
    p->context = vl_net_cut(block, used, T * C);
    p->middle = vl_net_cut(block, used, T * C);
    p->up = vl_net_cut(block, used, T * I);
    p->active = vl_net_cut(block, used, T * I);
    p->attention_norm = cut_norm(block, used, T, C);
    p->ffn_norm = cut_norm(block, used, T, C);
}

static size_t lay_out(plan *p, const transformer_net *n, int32_t B, int64_t tokens, float *block)
{
    size_t used = 0, T = (size_t)tokens, C = (size_t)n->o.C, I = (size_t)n->o.I;
    size_t longest = T < (size_t)n->o.longest ? T : (size_t)n->o.longest;
    for (int l = 0; l <= n->o.layers; l++) p->x[l] = vl_net_cut(block, &used, T * C);
    p->norm = cut_norm(block, &used, T, C);
    for (int l = 0; l < n->o.layers; l++) lay_out_layer(&p->layer[l], T, C, I, block, &used);
    p->pooled = vl_net_cut(block, &used, (size_t)B * C);
    p->dpooled = vl_net_cut(block, &used, (size_t)B * C);
    p->dx = vl_net_cut(block, &used, T * C);
    p->ds = vl_net_cut(block, &used, T * C);
    p->dqkv = vl_net_cut(block, &used, T * 3 * C);
    p->dwide = vl_net_cut(block, &used, T * I);
    p->attention = vl_net_cut(block, &used, 2 * longest * longest);
    return used;
}

static size_t scratch(const vl_net *net, int32_t B, int64_t T)
{
    plan p;
    return lay_out(&p, (const transformer_net *)net, B, T, NULL);
}

/* ---- Forward --------------------------------------------------------------------------------- */

static vl_dropout dropout_of(const vl_net_texts *t, int layer, float p)
{
    return (vl_dropout){vl_dropout_seed(t->seed, t->step, (uint64_t)layer), t->learning ? p : 0};
}

static void drop(const transformer_net *n, const vl_net_texts *t, float *x, int layer)
{
    vl_dropout d = dropout_of(t, layer, n->o.dropout);
    bool texts = layer == POOLED;
    vl_dropout_run(x, &d, texts ? t->first_text : t->first_token, texts ? t->B : t->offsets[t->B],
                   n->o.C);
}

static void drop_words(const transformer_net *n, const vl_net_texts *t, float *x)
{
    vl_dropout d = dropout_of(t, WORDS, n->o.word_dropout);
    vl_dropout_rows(x, &d, t->first_token, t->offsets[t->B], n->o.C);
}

static void embed(const transformer_net *n, const vl_net_texts *t, const plan *p)
{
    int64_t C = n->o.C, T = t->offsets[t->B];
    const float *w = n->head.vector;
    float *x = p->x[0];
    for (int64_t i = 0; i < T; i++)
        memcpy(x + i * C, n->head.table + t->ids[i] * C, (size_t)C * sizeof *x);
    drop_words(n, t, x);
    for (int32_t b = 0; b < t->B; b++)
        for (int32_t i = t->offsets[b]; i < t->offsets[b + 1]; i++)
            vl_row_add(x + i * C, w + n->position + (i - t->offsets[b]) * C, 1, C);
    vl_norm_forward(x, &p->norm, x, w + n->gamma, w + n->beta, T, C, eps);
    drop(n, t, x, EMBEDDED);
}

static vl_attention_shape attention_of(const transformer_net *n, const vl_net_texts *t)
{
    return (vl_attention_shape){t->offsets, t->B, n->o.heads, n->o.C / n->o.heads};
}

/* middle = norm(x + dropout(attention(x))) */
static void attend(const transformer_net *n, const vl_net_texts *t, const plan *p, int layer)
{
    const places *at = &n->layer[layer];
    const layer_plan *l = &p->layer[layer];
    const float *w = n->head.vector, *x = p->x[layer];
    int64_t C = n->o.C, T = t->offsets[t->B];
    vl_linear_shape square = {.R = T, .N = C, .K = C},
                    wide = {.R = T, .N = C, .K = C, .y_stride = 3 * C};
    vl_attention_shape s = attention_of(n, t);
    for (int i = 0; i < 3; i++)
        vl_linear_forward(l->qkv + i * C, x, w + at->qkv[i], w + at->qkv_bias[i], &wide);
    vl_attention_forward(l->context, l->qkv, &s, p->attention);
    vl_linear_forward(l->middle, l->context, w + at->output, w + at->output_bias, &square);
    drop(n, t, l->middle, INSIDE + 2 * layer);
    vl_row_add(l->middle, x, 1, T * C);
    vl_norm_forward(l->middle, &l->attention_norm, l->middle, w + at->attention_gamma,
                    w + at->attention_beta, T, C, eps);
}

/* next x = norm(middle + dropout(down(gelu(up(middle))))) */
static void feed_forward(const transformer_net *n, const vl_net_texts *t, const plan *p, int layer)
{
    const places *at = &n->layer[layer];
    const layer_plan *l = &p->layer[layer];
    const float *w = n->head.vector;
    float *y = p->x[layer + 1];
    int64_t C = n->o.C, I = n->o.I, T = t->offsets[t->B];
    vl_linear_forward(l->up, l->middle, w + at->up, w + at->up_bias,
                      &(vl_linear_shape){.R = T, .N = I, .K = C});
    memcpy(l->active, l->up, (size_t)(T * I) * sizeof(float));
    vl_activate(l->active, T * I, VL_ACT_GELU);
    vl_linear_forward(y, l->active, w + at->down, w + at->down_bias,
                      &(vl_linear_shape){.R = T, .N = C, .K = I});
    drop(n, t, y, INSIDE + 2 * layer + 1);
    vl_row_add(y, l->middle, 1, T * C);
    vl_norm_forward(y, &l->ffn_norm, y, w + at->ffn_gamma, w + at->ffn_beta, T, C, eps);
}

static void forward(const vl_net *net, const vl_net_texts *t, float *logits, float *block)
{
    const transformer_net *n = (const transformer_net *)net;
    int64_t C = n->o.C;
    plan p;
    lay_out(&p, n, t->B, t->offsets[t->B], block);
    embed(n, t, &p);
    for (int l = 0; l < n->o.layers; l++) {
        attend(n, t, &p, l);
        feed_forward(n, t, &p, l);
    }
    for (int32_t b = 0; b < t->B; b++)
        vl_mean_rows(p.pooled + b * C, p.x[n->o.layers] + t->offsets[b] * C, C,
                     t->offsets[b + 1] - t->offsets[b], C);
    drop(n, t, p.pooled, POOLED);
    vl_linear_forward(logits, p.pooled, net->vector + n->out_weight, net->vector + n->out_bias,
                      &(vl_linear_shape){.R = t->B, .N = net->K, .K = C});
}

/* ---- Back ------------------------------------------------------------------------------------ */

static vl_linear_gradients gradients(float *dx, float *gradient, int64_t weight, int64_t bias)
{
    return (vl_linear_gradients){dx, gradient + weight, gradient + bias};
}

/* p->dx: gradient by the layer's output; then by middle. */
static void back_feed_forward(const transformer_net *n, const vl_net_texts *t, const plan *p,
                              int layer, float *gradient)
{
    const places *at = &n->layer[layer];
    const layer_plan *l = &p->layer[layer];
    const float *w = n->head.vector;
    int64_t C = n->o.C, I = n->o.I, T = t->offsets[t->B];
    vl_norm_back(p->dx, gradient + at->ffn_gamma, gradient + at->ffn_beta, p->dx, &l->ffn_norm,
                 w + at->ffn_gamma, T, C);
    memcpy(p->ds, p->dx, (size_t)(T * C) * sizeof(float));
    drop(n, t, p->ds, INSIDE + 2 * layer + 1);
    memset(p->dwide, 0, (size_t)(T * I) * sizeof(float));
    vl_linear_gradients down = gradients(p->dwide, gradient, at->down, at->down_bias);
    vl_linear_back(&down, p->ds, l->active, w + at->down,
                   &(vl_linear_shape){.R = T, .N = C, .K = I});
    vl_activate_back(p->dwide, l->up, T * I, VL_ACT_GELU);
    vl_linear_gradients up = gradients(p->dx, gradient, at->up, at->up_bias);
    vl_linear_back(&up, p->dwide, l->middle, w + at->up,
                   &(vl_linear_shape){.R = T, .N = I, .K = C});
}

/* p->dx: gradient by middle; then by the layer's input. */
static void back_attend(const transformer_net *n, const vl_net_texts *t, const plan *p, int layer,
                        float *gradient)
{
    const places *at = &n->layer[layer];
    const layer_plan *l = &p->layer[layer];
    const float *w = n->head.vector;
    int64_t C = n->o.C, T = t->offsets[t->B];
    vl_attention_shape s = attention_of(n, t);
    float *dcontext = p->dwide; /* I >= C */
    vl_norm_back(p->dx, gradient + at->attention_gamma, gradient + at->attention_beta, p->dx,
                 &l->attention_norm, w + at->attention_gamma, T, C);
    memcpy(p->ds, p->dx, (size_t)(T * C) * sizeof(float));
    drop(n, t, p->ds, INSIDE + 2 * layer);
    memset(dcontext, 0, (size_t)(T * C) * sizeof(float));
    vl_linear_gradients output = gradients(dcontext, gradient, at->output, at->output_bias);
    vl_linear_back(&output, p->ds, l->context, w + at->output,
                   &(vl_linear_shape){.R = T, .N = C, .K = C});
    vl_attention_back(p->dqkv, dcontext, l->qkv, &s, p->attention);
    for (int i = 0; i < 3; i++) {
        vl_linear_gradients g = gradients(p->dx, gradient, at->qkv[i], at->qkv_bias[i]);
        vl_linear_back(&g, p->dqkv + i * C, p->x[layer], w + at->qkv[i],
                       &(vl_linear_shape){.R = T, .N = C, .K = C, .y_stride = 3 * C});
    }
}

static void back_embedding(const transformer_net *n, const vl_net_texts *t, const plan *p,
                           float *gradient, float *rows)
{
    int64_t C = n->o.C, T = t->offsets[t->B];
    drop(n, t, p->dx, EMBEDDED);
    vl_norm_back(rows, gradient + n->gamma, gradient + n->beta, p->dx, &p->norm,
                 n->head.vector + n->gamma, T, C);
    for (int32_t b = 0; b < t->B; b++)
        for (int32_t i = t->offsets[b]; i < t->offsets[b + 1]; i++)
            vl_row_add(gradient + n->position + (i - t->offsets[b]) * C, rows + i * C, 1, C);
    drop_words(n, t, rows);
}

static void back_pooling(const transformer_net *n, const vl_net_texts *t, const plan *p)
{
    int64_t C = n->o.C;
    memset(p->dx, 0, (size_t)(t->offsets[t->B] * C) * sizeof(float));
    for (int32_t b = 0; b < t->B; b++) {
        float share = 1 / (float)(t->offsets[b + 1] - t->offsets[b]);
        for (int32_t i = t->offsets[b]; i < t->offsets[b + 1]; i++)
            vl_row_add(p->dx + i * C, p->dpooled + b * C, share, C);
    }
}

static void back(const vl_net *net, const vl_net_texts *t, const float *dlogits, float *gradient,
                 float *rows, float *block)
{
    const transformer_net *n = (const transformer_net *)net;
    plan p;
    lay_out(&p, n, t->B, t->offsets[t->B], block);
    memset(p.dpooled, 0, (size_t)(t->B * n->o.C) * sizeof(float));
    vl_linear_gradients out = gradients(p.dpooled, gradient, n->out_weight, n->out_bias);
    vl_linear_back(&out, dlogits, p.pooled, net->vector + n->out_weight,
                   &(vl_linear_shape){.R = t->B, .N = net->K, .K = n->o.C});
    drop(n, t, p.dpooled, POOLED);
    back_pooling(n, t, &p);
    for (int l = n->o.layers - 1; l >= 0; l--) {
        back_feed_forward(n, t, &p, l, gradient);
        back_attend(n, t, &p, l, gradient);
    }
    back_embedding(n, t, &p, gradient, rows);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void close_net(vl_net *net)
{
    vl_net_release(net);
    vl_free(net);
}

static const vl_net_class transformer_class = {"transformer", scratch, forward,
                                               back,          NULL,    close_net};

static int64_t add(transformer_net *n, int layer, const char *part, int64_t rows, int64_t columns)
{
    char name[VL_PARAMETER_NAME];
    if (layer >= 0) snprintf(name, sizeof name, "layer.%d.%.40s", layer, part);
    else snprintf(name, sizeof name, "%.40s", part);
    return vl_net_add(&n->head, name, rows, columns);
}

static void add_layer(transformer_net *n, int layer)
{
    static const char *const parts[] = {"query", "key", "value"};
    places *at = &n->layer[layer];
    int64_t C = n->o.C, I = n->o.I;
    char name[40];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "attention.%s.weight", parts[i]);
        at->qkv[i] = add(n, layer, name, C, C);
        snprintf(name, sizeof name, "attention.%s.bias", parts[i]);
        at->qkv_bias[i] = add(n, layer, name, C, 0);
    }
    at->output = add(n, layer, "attention.output.weight", C, C);
    at->output_bias = add(n, layer, "attention.output.bias", C, 0);
    at->attention_gamma = add(n, layer, "attention.norm.weight", C, 0);
    at->attention_beta = add(n, layer, "attention.norm.bias", C, 0);
    at->up = add(n, layer, "ffn.up.weight", I, C);
    at->up_bias = add(n, layer, "ffn.up.bias", I, 0);
    at->down = add(n, layer, "ffn.down.weight", C, I);
    at->down_bias = add(n, layer, "ffn.down.bias", C, 0);
    at->ffn_gamma = add(n, layer, "ffn.norm.weight", C, 0);
    at->ffn_beta = add(n, layer, "ffn.norm.bias", C, 0);
}

static void add_parameters(transformer_net *n)
{
    int64_t C = n->o.C;
    n->position = add(n, -1, "embeddings.position", n->o.longest, C);
    n->gamma = add(n, -1, "embeddings.norm.weight", C, 0);
    n->beta = add(n, -1, "embeddings.norm.bias", C, 0);
    for (int l = 0; l < n->o.layers; l++) add_layer(n, l);
    n->out_weight = add(n, -1, "head.out.weight", n->o.K, C);
    n->out_bias = add(n, -1, "head.out.bias", n->o.K, 0);
}

static bool is_gain(const vl_parameter *p)
{
    size_t n = strlen(p->name);
    return p->rank == 1 && n > 11 && strcmp(p->name + n - 11, "norm.weight") == 0;
}

/* Matrices as Glorot and Bengio 2010 have them, positions small, gains 1. */
static void fill(transformer_net *n)
{
    for (int i = 0; i < n->head.parameter_count; i++) {
        const vl_parameter *p = &n->head.parameters[i];
        float range =
            p->offset == n->position ? 0.05f : sqrtf(6 / (float)(p->shape[0] + p->shape[1]));
        if (p->rank == 2) vl_net_fill(&n->head, p->offset, range, n->o.seed);
        for (int64_t k = 0; is_gain(p) && k < p->count; k++) n->head.vector[p->offset + k] = 1;
    }
}

static vl_status check(const vl_transformer_net_options *o, valence_error *error)
{
    if (o->heads > 0 && o->C % o->heads == 0 && o->I >= o->C && o->layers <= VL_ENCODER_LAYERS_MAX)
        return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT,
                   "a width of %d does not go into %d heads, a feed-forward of %d is narrower "
                   "than it, or %d layers are more than %d",
                   o->C, o->heads, o->I, o->layers, VL_ENCODER_LAYERS_MAX);
}

vl_status vl_transformer_net_open(vl_net **out, const vl_transformer_net_options *options,
                                  const vl_tensor *vectors, valence_error *error)
{
    *out = NULL;
    VL_TRY(check(options, error));
    VL_TRY(vl_gemm_open(error));
    transformer_net *n = vl_alloc_zero(VL_MEM_TRAINING, sizeof *n);
    if (!n) return vl_fail_memory(error, sizeof *n, "a network");
    n->o = *options;
    n->head =
        (vl_net){.class = &transformer_class, .V = options->V, .E = options->C, .K = options->K};
    const double numbers[] = {options->heads, (double)options->word_dropout,
                              (double)options->dropout};
    n->head.options = vl_net_options_of(numbers, sizeof numbers / sizeof *numbers);
    add_parameters(n);
    vl_status status = vl_net_allocate(&n->head, error);
    if (status == VALENCE_OK)
        status = vl_net_fill_table(&n->head, vectors, 0.05f, options->seed, error);
    if (status != VALENCE_OK) {
        close_net(&n->head);
        return status;
    }
    fill(n);
    *out = &n->head;
    return VALENCE_OK;
}

vl_status vl_transformer_net_describe(vl_store *store, const vl_transformer_net_options *o,
                                      valence_error *error)
{
    char layers[16], heads[16], longest[16];
    snprintf(layers, sizeof layers, "%d", o->layers);
    snprintf(heads, sizeof heads, "%d", o->heads);
    snprintf(longest, sizeof longest, "%d", o->longest);
    const char *const pairs[][2] = {
        {"transformer.architecture", "bert"}, {"transformer.layers", layers},
        {"transformer.heads", heads},         {"transformer.max_length", longest},
        {"transformer.norm", "post"},         {"transformer.norm_eps", "1e-5"},
        {"transformer.activation", "gelu"},   {"transformer.positions", "learned"},
        {"transformer.position_offset", "0"}, {"transformer.window", "0"},
        {"transformer.pooling", "mean"},      {"transformer.problem", "single"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        VL_TRY(vl_store_set(store, pairs[i][0], vl_span_of(pairs[i][1]), error));
    return VALENCE_OK;
}
