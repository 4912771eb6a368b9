/* language_head.c: each way in turn: project, draw candidates, guess, and back. */
#include "train/language_head.h"

#include <string.h>

#include "kernels/row_sums.h"
#include "layers/dropout.h"
#include "layers/linear_layer.h"
#include "layers/sampled_softmax.h"

enum { CANDIDATES = 101 }; /* their place among the layers that draw random numbers */

typedef struct plan {
    int64_t T, S;
    float *h, *dh, *wanted, *dwanted;  /* (T,E) */
    float *candidates, *dcandidates;   /* (S,E) */
    float *dstate;                     /* (T,H) */
    float *logits;                     /* (T,S) */
    int32_t *wanted_id, *candidate_id; /* (T), (S) */
    int32_t *place;                    /* (S) which token a candidate is */
} plan;

static size_t lay_out(plan *p, const vl_language_head *n, int64_t T, float *block)
{
    size_t used = 0, E = (size_t)n->E, tokens = (size_t)T;
    p->T = T;
    p->S = T < n->samples ? T : n->samples;
    float **wide[] = {&p->h, &p->dh, &p->wanted, &p->dwanted};
    for (int i = 0; i < 4; i++) *wide[i] = vl_net_cut(block, &used, tokens * E);
    p->candidates = vl_net_cut(block, &used, (size_t)p->S * E);
    p->dcandidates = vl_net_cut(block, &used, (size_t)p->S * E);
    p->dstate = vl_net_cut(block, &used, tokens * (size_t)n->H);
    p->logits = vl_net_cut(block, &used, tokens * (size_t)p->S);
    p->wanted_id = (int32_t *)(void *)vl_net_cut(block, &used, tokens);
    p->candidate_id = (int32_t *)(void *)vl_net_cut(block, &used, (size_t)p->S);
    p->place = (int32_t *)(void *)vl_net_cut(block, &used, (size_t)p->S);
    return used;
}

size_t vl_language_head_scratch(const vl_language_head *head, int64_t T)
{
    plan p;
    return lay_out(&p, head, T, NULL);
}

static void take_row(float *to, const vl_language_head *n, int32_t id)
{
    memcpy(to, n->table + (int64_t)id * n->E, (size_t)n->E * sizeof *to);
}

/* Tokens of the same texts: so they are drawn as often as they occur. */
static void draw_candidates(const plan *p, const vl_language_head *n, const vl_net_texts *t)
{
    uint64_t seed = vl_dropout_seed(t->seed, t->step, CANDIDATES);
    for (int64_t c = 0; c < p->S; c++) {
        uint64_t number = vl_random_at(seed, (uint64_t)(t->first_token + c));
        p->place[c] = (int32_t)(number % (uint64_t)p->T);
        p->candidate_id[c] = t->ids[p->place[c]];
        take_row(p->candidates + c * n->E, n, p->candidate_id[c]);
    }
}

/* Forward: the token behind; backward: the one before; at a text's end none. */
static void take_wanted(const plan *p, const vl_language_head *n, const vl_net_texts *t, int d)
{
    for (int32_t b = 0; b < t->B; b++)
        for (int32_t i = t->offsets[b]; i < t->offsets[b + 1]; i++) {
            bool last = d ? i == t->offsets[b] : i + 1 == t->offsets[b + 1];
            p->wanted_id[i] = last ? -1 : t->ids[d ? i - 1 : i + 1];
            if (last) memset(p->wanted + (int64_t)i * n->E, 0, (size_t)n->E * sizeof(float));
            else take_row(p->wanted + (int64_t)i * n->E, n, p->wanted_id[i]);
        }
}

static void back_tied(const plan *p, const vl_language_head *n, int d, float *tied)
{
    int64_t E = n->E;
    for (int64_t i = 0; i < p->T; i++)
        if (p->wanted_id[i] >= 0)
            vl_row_add(tied + (d ? i - 1 : i + 1) * E, p->dwanted + i * E, 1, E);
    for (int64_t c = 0; c < p->S; c++)
        vl_row_add(tied + p->place[c] * E, p->dcandidates + c * E, 1, E);
}

static void back_states(const plan *p, const vl_language_head *n, const vl_linear_shape *shape,
                        int d, const float *states, const vl_language_gradients *to)
{
    int64_t H = n->H;
    memset(p->dstate, 0, (size_t)(p->T * H) * sizeof(float));
    vl_linear_gradients gradients = {p->dstate, to->weight[d], to->bias[d]};
    vl_linear_back(&gradients, p->dh, states + d * H, n->weight[d], shape);
    for (int64_t i = 0; i < p->T; i++)
        memcpy(to->states + (2 * i + d) * H, p->dstate + i * H, (size_t)H * sizeof(float));
}

static void run_way(const plan *p, const vl_language_head *n, const vl_net_texts *t, int d,
                    const float *states, const vl_language_gradients *to, vl_net_score *score)
{
    vl_linear_shape shape = {.R = p->T, .N = n->E, .K = n->H, .x_stride = 2 * (int64_t)n->H};
    vl_linear_forward(p->h, states + d * n->H, n->weight[d], n->bias[d], &shape);
    take_wanted(p, n, t, d);
    if (to) memset(p->dcandidates, 0, (size_t)(p->S * n->E) * sizeof(float));
    vl_sampled_softmax guess = {.R = p->T,
                                .S = p->S,
                                .E = n->E,
                                .h = p->h,
                                .wanted = p->wanted,
                                .candidates = p->candidates,
                                .wanted_id = p->wanted_id,
                                .candidate_id = p->candidate_id};
    vl_sampled_gradients gradients = {p->dh, p->dwanted, p->dcandidates, to ? to->scale : 0};
    vl_sampled_score way = vl_sampled_softmax_run(&guess, to ? &gradients : NULL, p->logits);
    score->loss += way.loss;
    score->guesses += way.places;
    score->right += way.right;
    if (!to) return;
    back_tied(p, n, d, to->tied);
    back_states(p, n, &shape, d, states, to);
}

vl_net_score vl_language_head_run(const vl_language_head *head, const vl_net_texts *texts,
                                  const float *states, const vl_language_gradients *to,
                                  float *scratch)
{
    vl_net_score score = {0};
    int64_t T = texts->offsets[texts->B];
    plan p;
    lay_out(&p, head, T, scratch);
    draw_candidates(&p, head, texts);
    if (to) memset(to->tied, 0, (size_t)(T * head->E) * sizeof(float));
    for (int d = 0; d < 2; d++) run_way(&p, head, texts, d, states, to, &score);
    return score;
}
