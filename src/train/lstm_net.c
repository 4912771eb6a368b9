/* lstm_net.c: the layers of an LSTM network, there and back. Scratch lies in one block, cut in a
 * fixed order, so that the way back finds what forward left. */
#include "train/lstm_net.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/row_sums.h"
#include "layers/dropout.h"
#include "layers/linear_layer.h"
#include "layers/lstm_train.h"
#include "layers/text_pooling.h"
#include "train/language_head.h"

typedef struct lstm_net {
    vl_net head;
    vl_lstm_net_options o;
    int64_t input[VL_LSTM_LAYERS_MAX][2], recurrent[VL_LSTM_LAYERS_MAX][2],
        bias[VL_LSTM_LAYERS_MAX][2];
    int64_t attention, out_weight, out_bias;
    int64_t guess_weight[2], guess_bias[2]; /* of a language model */
} lstm_net;

/* Dropout's layers. */
enum { WORDS, INPUT, POOLED, BETWEEN };

/* ---- Scratch --------------------------------------------------------------------------------- */

typedef struct plan {
    float *x[VL_LSTM_LAYERS_MAX + 1]; /* (T,I): inputs of the layers, last the outputs */
    void *packed[VL_LSTM_LAYERS_MAX][2], *memory[VL_LSTM_LAYERS_MAX][2];
    float *dx[2];            /* (T,max(E,2H)): two, used in turn */
    float *pooled, *dpooled; /* (B,F) */
    int32_t *where;          /* (B,2H) of the maxima */
    float *share, *dshare;   /* (T) of attention */
    float *tied, *guesses;   /* (T,E) and scratch of a language model's head */
} plan;

static vl_lstm_shape shape_of(const lstm_net *n, int layer)
{
    return (vl_lstm_shape){.in = layer ? 2 * n->o.H : n->o.E, .H = n->o.H, .bf16 = n->o.bf16};
}

/* Numbers of a pooled text. */
static int64_t width_of(const lstm_net *n)
{
    return (n->o.pooling == VL_POOL_MAX_MEAN ? 4 : 2) * (int64_t)n->o.H;
}

/* Of a language model. */
static vl_language_head guess_of(const lstm_net *n)
{
    const float *v = n->head.vector;
    vl_language_head head = {
        .E = n->o.E, .H = n->o.H, .samples = n->o.samples, .table = n->head.table};
    for (int d = 0; d < 2; d++) {
        head.weight[d] = v + n->guess_weight[d];
        head.bias[d] = v + n->guess_bias[d];
    }
    return head;
}

static void *cut_bytes(float *block, size_t *used, size_t bytes)
{
    return vl_net_cut(block, used, (bytes + sizeof(float) - 1) / sizeof(float));
}

static size_t lay_out(plan *p, const lstm_net *n, int32_t B, int64_t T, float *block)
{
    size_t used = 0, tokens = (size_t)T, H2 = 2 * (size_t)n->o.H, E = (size_t)n->o.E;
    for (int l = 0; l <= n->o.layers; l++)
        p->x[l] = vl_net_cut(block, &used, tokens * (l ? H2 : E));
    for (int l = 0; l < n->o.layers; l++)
        for (int d = 0; d < 2; d++) {
            vl_lstm_shape shape = shape_of(n, l);
            p->packed[l][d] = cut_bytes(block, &used, vl_lstm_weights_bytes(&shape));
            p->memory[l][d] = cut_bytes(block, &used, vl_lstm_batch_bytes(&shape, B, T));
        }
    for (int i = 0; i < 2; i++) p->dx[i] = vl_net_cut(block, &used, tokens * (H2 > E ? H2 : E));
    if (n->o.language) {
        p->tied = vl_net_cut(block, &used, tokens * E);
        p->guesses = vl_net_cut(
            block, &used,
            vl_language_head_scratch(
                &(vl_language_head){.E = n->o.E, .H = n->o.H, .samples = n->o.samples}, T));
        return used;
    }
    p->pooled = vl_net_cut(block, &used, (size_t)B * (size_t)width_of(n));
    p->dpooled = vl_net_cut(block, &used, (size_t)B * (size_t)width_of(n));
    p->share = vl_net_cut(block, &used, tokens);
    p->dshare = vl_net_cut(block, &used, tokens);
    p->where = cut_bytes(block, &used, (size_t)B * H2 * sizeof *p->where);
    return used;
}

static size_t scratch(const vl_net *net, int32_t B, int64_t T)
{
    plan p;
    return lay_out(&p, (const lstm_net *)net, B, T, NULL);
}

/* ---- Passes ---------------------------------------------------------------------------------- */

static vl_lstm_parameters weights_at(const lstm_net *n, int layer, int d)
{
    const float *v = n->head.vector;
    return (vl_lstm_parameters){v + n->input[layer][d], v + n->recurrent[layer][d],
                                v + n->bias[layer][d]};
}

static vl_lstm_gradients gradients_at(const lstm_net *n, float *v, int layer, int d)
{
    return (vl_lstm_gradients){v + n->input[layer][d], v + n->recurrent[layer][d],
                               v + n->bias[layer][d]};
}

static vl_lstm_batch batch_of(const vl_net_texts *t, const plan *p, int layer, int d)
{
    return (vl_lstm_batch){
        .offsets = t->offsets, .B = t->B, .reverse = d == 1, .memory = p->memory[layer][d]};
}

static void run_layer(const lstm_net *n, const vl_net_texts *t, const plan *p, int layer)
{
    vl_lstm_shape shape = shape_of(n, layer);
    for (int d = 0; d < 2; d++) {
        vl_lstm_parameters w = weights_at(n, layer, d);
        vl_lstm_batch batch = batch_of(t, p, layer, d);
        vl_lstm_weights_pack(p->packed[layer][d], &shape, &w);
        vl_lstm_forward(&shape, p->packed[layer][d], &batch, p->x[layer + 1] + d * n->o.H,
                        2 * n->o.H, p->x[layer], shape.in);
    }
}

/* dx: (T,in), set. */
static void back_layer(const lstm_net *n, const vl_net_texts *t, const plan *p, int layer,
                       float *gradient, float *dx, const float *dout)
{
    vl_lstm_shape shape = shape_of(n, layer);
    memset(dx, 0, (size_t)t->offsets[t->B] * (size_t)shape.in * sizeof(float));
    for (int d = 0; d < 2; d++) {
        vl_lstm_gradients g = gradients_at(n, gradient, layer, d);
        vl_lstm_batch batch = batch_of(t, p, layer, d);
        vl_lstm_backward(&shape, p->packed[layer][d], &batch, &g, dx, shape.in, dout + d * n->o.H,
                         2 * n->o.H);
    }
}

static vl_dropout dropout_of(const vl_net_texts *t, int layer, float p)
{
    return (vl_dropout){vl_dropout_seed(t->seed, t->step, (uint64_t)layer), t->learning ? p : 0};
}

static void drop_input(const lstm_net *n, const vl_net_texts *t, float *x)
{
    vl_dropout words = dropout_of(t, WORDS, n->o.word_dropout),
               input = dropout_of(t, INPUT, n->o.input_dropout);
    vl_dropout_rows(x, &words, t->first_token, t->offsets[t->B], n->o.E);
    vl_dropout_run(x, &input, t->first_token, t->offsets[t->B], n->o.E);
}

static void drop_between(const lstm_net *n, const vl_net_texts *t, float *x, int layer)
{
    vl_dropout d = dropout_of(t, BETWEEN + layer, n->o.dropout);
    vl_dropout_run(x, &d, t->first_token, t->offsets[t->B], 2 * n->o.H);
}

static void drop_pooled(const lstm_net *n, const vl_net_texts *t, float *x)
{
    vl_dropout d = dropout_of(t, POOLED, n->o.dropout);
    vl_dropout_run(x, &d, t->first_text, t->B, width_of(n));
}

static vl_pooling_shape pooling_of(const lstm_net *n, const vl_net_texts *t)
{
    return (vl_pooling_shape){t->offsets, t->B, 2 * n->o.H, width_of(n)};
}

/* The mean stands behind the maximum where both are asked for. */
static void pool(const lstm_net *n, const vl_net_texts *t, const plan *p)
{
    vl_pooling_shape s = pooling_of(n, t);
    const float *x = p->x[n->o.layers];
    vl_pooling kind = n->o.pooling;
    if (kind == VL_POOL_MAX_MEAN || kind == VL_POOL_MAX) vl_pool_max(p->pooled, p->where, x, &s);
    if (kind == VL_POOL_MAX_MEAN) vl_pool_mean(p->pooled + s.C, x, &s);
    if (kind == VL_POOL_MEAN) vl_pool_mean(p->pooled, x, &s);
    if (kind == VL_POOL_ATTENTION)
        vl_pool_attention(p->pooled, p->share, x, n->head.vector + n->attention, &s);
}

static void back_pool(const lstm_net *n, const vl_net_texts *t, const plan *p, float *gradient,
                      float *dx)
{
    vl_pooling_shape s = pooling_of(n, t);
    vl_pooling kind = n->o.pooling;
    memset(dx, 0, (size_t)(t->offsets[t->B] * s.C) * sizeof *dx);
    if (kind == VL_POOL_MAX_MEAN || kind == VL_POOL_MAX)
        vl_pool_max_back(dx, p->dpooled, p->where, &s);
    if (kind == VL_POOL_MAX_MEAN) vl_pool_mean_back(dx, p->dpooled + s.C, &s);
    if (kind == VL_POOL_MEAN) vl_pool_mean_back(dx, p->dpooled, &s);
    if (kind != VL_POOL_ATTENTION) return;
    vl_pool_attention_gradients to = {dx, gradient + n->attention, p->dshare};
    vl_pool_attention_back(&to, p->dpooled, p->share, p->x[n->o.layers],
                           n->head.vector + n->attention, &s);
}

static vl_linear_shape head_of(const lstm_net *n, const vl_net_texts *t)
{
    return (vl_linear_shape){.R = t->B, .N = n->o.K, .K = width_of(n)};
}

static void take_vectors(const lstm_net *n, const vl_net_texts *t, float *x)
{
    int64_t T = t->offsets[t->B], E = n->o.E;
    for (int64_t i = 0; i < T; i++)
        memcpy(x + i * E, n->head.table + (int64_t)t->ids[i] * E, (size_t)E * sizeof(float));
    drop_input(n, t, x);
}

static void forward(const vl_net *net, const vl_net_texts *t, float *logits, float *block)
{
    const lstm_net *n = (const lstm_net *)net;
    plan p;
    lay_out(&p, n, t->B, t->offsets[t->B], block);
    take_vectors(n, t, p.x[0]);
    for (int l = 0; l < n->o.layers; l++) {
        run_layer(n, t, &p, l);
        if (l + 1 < n->o.layers) drop_between(n, t, p.x[l + 1], l);
    }
    pool(n, t, &p);
    drop_pooled(n, t, p.pooled);
    vl_linear_shape head = head_of(n, t);
    vl_linear_forward(logits, p.pooled, net->vector + n->out_weight, net->vector + n->out_bias,
                      &head);
}

static void back_head(const lstm_net *n, const vl_net_texts *t, const float *dlogits,
                      float *gradient, const plan *p)
{
    vl_linear_shape head = head_of(n, t);
    vl_linear_gradients to = {p->dpooled, gradient + n->out_weight, gradient + n->out_bias};
    memset(p->dpooled, 0, (size_t)(head.R * head.K) * sizeof(float));
    vl_linear_back(&to, dlogits, p->pooled, n->head.vector + n->out_weight, &head);
    drop_pooled(n, t, p->dpooled);
}

static void back(const vl_net *net, const vl_net_texts *t, const float *dlogits, float *gradient,
                 float *rows, float *block)
{
    const lstm_net *n = (const lstm_net *)net;
    plan p;
    lay_out(&p, n, t->B, t->offsets[t->B], block);
    back_head(n, t, dlogits, gradient, &p);
    float *dout = p.dx[0], *dx = p.dx[1];
    back_pool(n, t, &p, gradient, dout);
    for (int l = n->o.layers - 1; l >= 0; l--) {
        if (l == 0) dx = rows;
        back_layer(n, t, &p, l, gradient, dx, dout);
        if (l > 0) drop_between(n, t, dx, l - 1);
        float *other = dout;
        dout = dx;
        dx = other;
    }
    drop_input(n, t, rows);
}

/* There and back of a language model. */
static vl_net_score learn(const vl_net *net, const vl_net_texts *t, float scale, float *gradient,
                          float *rows, float *block)
{
    const lstm_net *n = (const lstm_net *)net;
    const vl_language_head head = guess_of(n);
    int64_t T = t->offsets[t->B];
    plan p;
    lay_out(&p, n, t->B, T, block);
    take_vectors(n, t, p.x[0]);
    run_layer(n, t, &p, 0);
    drop_between(n, t, p.x[1], 0);
    vl_language_gradients to = {.states = p.dx[0], .tied = p.tied, .scale = scale};
    for (int d = 0; d < 2 && gradient; d++) {
        to.weight[d] = gradient + n->guess_weight[d];
        to.bias[d] = gradient + n->guess_bias[d];
    }
    vl_net_score score = vl_language_head_run(&head, t, p.x[1], gradient ? &to : NULL, p.guesses);
    if (!gradient) return score;
    drop_between(n, t, p.dx[0], 0);
    back_layer(n, t, &p, 0, gradient, rows, p.dx[0]);
    drop_input(n, t, rows);
    vl_row_add(rows, p.tied, 1, T * n->o.E);
    return score;
}

static const char *const pooling_names[] = {"max+mean", "max", "mean", "attention"};

const char *vl_pooling_name(vl_pooling p)
{
    return pooling_names[p];
}

vl_status vl_pooling_parse(vl_pooling *out, const char *name, valence_error *error)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, pooling_names[i]) == 0) {
            *out = (vl_pooling)i;
            return VALENCE_OK;
        }
    return vl_fail(error, VALENCE_ARGUMENT, "--pooling is max+mean, max, mean or attention");
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void close_net(vl_net *net)
{
    vl_net_release(net);
    vl_free(net);
}

static const vl_net_class lstm_class = {"lstm", scratch, forward, back, NULL, close_net};
static const vl_net_class language_class = {"lstm", scratch, NULL, NULL, learn, close_net};

static void add_direction(lstm_net *n, int layer, int d)
{
    char name[VL_PARAMETER_NAME];
    const char *way = d ? "backward" : "forward";
    int64_t H = n->o.H;
    snprintf(name, sizeof name, "lstm.%d.%s.input.weight", layer, way);
    n->input[layer][d] = vl_net_add(&n->head, name, 4 * H, shape_of(n, layer).in);
    snprintf(name, sizeof name, "lstm.%d.%s.recurrent.weight", layer, way);
    n->recurrent[layer][d] = vl_net_add(&n->head, name, 4 * H, H);
    snprintf(name, sizeof name, "lstm.%d.%s.bias", layer, way);
    n->bias[layer][d] = vl_net_add(&n->head, name, 4 * H, 0);
}

/* Weights as Glorot and Bengio 2010 have them; forget gates begin open (Jozefowicz et al. 2015). */
static void fill_direction(lstm_net *n, int layer, int d)
{
    int64_t H = n->o.H, I = shape_of(n, layer).in;
    vl_net_fill(&n->head, n->input[layer][d], sqrtf(6 / (float)(I + H)), n->o.seed);
    vl_net_fill(&n->head, n->recurrent[layer][d], sqrtf(3 / (float)H), n->o.seed);
    for (int64_t h = 0; h < H; h++) n->head.vector[n->bias[layer][d] + H + h] = 1;
}

static void add_head(lstm_net *n)
{
    int64_t E = n->o.E, H = n->o.H;
    for (int d = 0; d < 2 && n->o.language; d++) {
        n->guess_weight[d] =
            vl_net_add(&n->head, d ? "guess.backward.weight" : "guess.forward.weight", E, H);
        n->guess_bias[d] =
            vl_net_add(&n->head, d ? "guess.backward.bias" : "guess.forward.bias", E, 0);
    }
    if (n->o.language) return;
    if (n->o.pooling == VL_POOL_ATTENTION)
        n->attention = vl_net_add(&n->head, "head.attention.weight", 2 * H, 0);
    n->out_weight = vl_net_add(&n->head, "head.out.weight", n->o.K, width_of(n));
    n->out_bias = vl_net_add(&n->head, "head.out.bias", n->o.K, 0);
}

static void fill_head(lstm_net *n)
{
    uint64_t seed = n->o.seed;
    for (int d = 0; d < 2 && n->o.language; d++)
        vl_net_fill(&n->head, n->guess_weight[d], sqrtf(6 / (float)(n->o.E + n->o.H)), seed);
    if (n->o.language) return;
    vl_net_fill(&n->head, n->out_weight, sqrtf(6 / (float)(width_of(n) + n->o.K)), seed);
    if (n->o.pooling == VL_POOL_ATTENTION) vl_net_fill(&n->head, n->attention, 0.1f, seed);
}

vl_status vl_lstm_net_open(vl_net **out, const vl_lstm_net_options *options,
                           const vl_tensor *vectors, valence_error *error)
{
    *out = NULL;
    VL_TRY(vl_gemm_open(error));
    lstm_net *n = vl_alloc_zero(VL_MEM_TRAINING, sizeof *n);
    if (!n) return vl_fail_memory(error, sizeof *n, "a network");
    n->o = *options;
    n->head = (vl_net){.class = options->language ? &language_class : &lstm_class,
                       .V = options->V,
                       .E = options->E,
                       .K = options->language ? 1 : options->K};
    for (int l = 0; l < options->layers; l++)
        for (int d = 0; d < 2; d++) add_direction(n, l, d);
    const double numbers[] = {options->pooling,
                              (double)options->word_dropout,
                              (double)options->input_dropout,
                              (double)options->dropout,
                              options->language,
                              options->samples,
                              options->bf16};
    n->head.options = vl_net_options_of(numbers, sizeof numbers / sizeof *numbers);
    assert(!options->language || options->layers == 1);
    add_head(n);
    vl_status status = vl_net_allocate(&n->head, error);
    if (status == VALENCE_OK)
        status = vl_net_fill_table(&n->head, vectors, 0.25f, options->seed, error);
    if (status != VALENCE_OK) {
        close_net(&n->head);
        return status;
    }
    for (int l = 0; l < options->layers; l++)
        for (int d = 0; d < 2; d++) fill_direction(n, l, d);
    fill_head(n);
    *out = &n->head;
    return VALENCE_OK;
}
