/* optimizer.c: two loops over blocks: add up and measure, then apply. */
#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "kernels/descent.h"
#include "kernels/row_sums.h"

enum { BLOCK = 8192, ROW_BLOCK = 64 }; /* floats of the vector, rows of the table */

vl_optimizer_options vl_optimizer_defaults(void)
{
    return (vl_optimizer_options){.kind = VL_ADAMW,
                                  .beta1 = 0.9f,
                                  .beta2 = 0.999f,
                                  .epsilon = 1e-8f,
                                  .momentum = 0.9f,
                                  .decay = 0.01f,
                                  .clip = 1};
}

vl_status vl_optimizer_open(vl_optimizer *p, vl_net *net, const vl_optimizer_options *o,
                            valence_error *error)
{
    size_t size = (size_t)net->size * sizeof(float),
           table = (size_t)net->V * (size_t)net->E * sizeof(float);
    *p = (vl_optimizer){.o = *o, .net = net};
    p->sum = vl_alloc(VL_MEM_TRAINING, size);
    p->mean = vl_alloc_zero(VL_MEM_TRAINING, size);
    p->table_mean = vl_alloc_zero(VL_MEM_TRAINING, table);
    bool good = p->sum && p->mean && p->table_mean;
    if (o->kind == VL_ADAMW) {
        p->square = vl_alloc_zero(VL_MEM_TRAINING, size);
        p->table_square = vl_alloc_zero(VL_MEM_TRAINING, table);
        good = good && p->square && p->table_square;
    }
    if (good && vl_row_groups_init(&p->groups, net->V) == VALENCE_OK) return VALENCE_OK;
    vl_optimizer_close(p);
    return vl_fail_memory(error, 2 * (size + table), "an optimiser");
}

void vl_optimizer_close(vl_optimizer *p)
{
    void *all[] = {p->mean, p->square, p->table_mean, p->table_square, p->sum, p->rows, p->norms};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) vl_free(all[i]);
    vl_row_groups_release(&p->groups);
    *p = (vl_optimizer){0};
}

typedef struct stepping {
    vl_optimizer *p;
    float *const *gradients;
    int chunks;
    const float *token_rows;
    int64_t blocks;
    float rate, scale;
    vl_adamw_step adamw;
} stepping;

/* ---- Adding up ------------------------------------------------------------------------------- */

static double add_block(const stepping *s, int64_t block)
{
    vl_optimizer *p = s->p;
    int64_t from = block * BLOCK, n = p->net->size - from < BLOCK ? p->net->size - from : BLOCK;
    memcpy(p->sum + from, s->gradients[0] + from, (size_t)n * sizeof(float));
    for (int c = 1; c < s->chunks; c++) vl_row_add(p->sum + from, s->gradients[c] + from, 1, n);
    return vl_row_square(p->sum + from, n);
}

static double add_rows(const stepping *s, int64_t block)
{
    vl_optimizer *p = s->p;
    const vl_row_groups *g = &p->groups;
    int64_t E = p->net->E,
            end = (block + 1) * ROW_BLOCK < g->count ? (block + 1) * ROW_BLOCK : g->count;
    double square = 0;
    for (int64_t k = block * ROW_BLOCK; k < end; k++) {
        float *sum = p->rows + k * E;
        memcpy(sum, s->token_rows + g->places[g->starts[k]] * E, (size_t)E * sizeof *sum);
        for (int32_t i = g->starts[k] + 1; i < g->starts[k + 1]; i++)
            vl_row_add(sum, s->token_rows + g->places[i] * E, 1, E);
        square += vl_row_square(sum, E);
    }
    return square;
}

static void add_up(void *argument, int64_t index, int thread)
{
    (void)thread;
    const stepping *s = argument;
    s->p->norms[index] = index < s->blocks ? add_block(s, index) : add_rows(s, index - s->blocks);
}

/* ---- Applying -------------------------------------------------------------------------------- */

static void apply(const stepping *s, float *w, float *m, float *v, const float *gradient, int64_t n,
                  bool decays)
{
    const vl_optimizer_options *o = &s->p->o;
    float keep = decays ? 1 - s->rate * o->decay : 1;
    if (o->kind == VL_ADAMW) {
        vl_adamw_step step = s->adamw;
        step.keep = keep;
        vl_adamw(w, m, v, gradient, n, &step);
    } else {
        vl_momentum_step step = {o->momentum, s->rate, keep, s->scale};
        vl_momentum(w, m, gradient, n, &step);
    }
}

/* The part of each parameter that lies in the block. */
static void apply_block(const stepping *s, int64_t block)
{
    vl_optimizer *p = s->p;
    int64_t from = block * BLOCK, end = from + BLOCK;
    for (int i = 0; i < p->net->parameter_count; i++) {
        const vl_parameter *q = &p->net->parameters[i];
        int64_t a = q->offset > from ? q->offset : from,
                b = q->offset + q->count < end ? q->offset + q->count : end;
        if (a < b)
            apply(s, p->net->vector + a, p->mean + a, p->square ? p->square + a : NULL, p->sum + a,
                  b - a, q->decays);
    }
}

static void apply_rows(const stepping *s, int64_t block)
{
    vl_optimizer *p = s->p;
    const vl_row_groups *g = &p->groups;
    int64_t E = p->net->E,
            end = (block + 1) * ROW_BLOCK < g->count ? (block + 1) * ROW_BLOCK : g->count;
    for (int64_t k = block * ROW_BLOCK; k < end; k++) {
        int64_t at = g->ids[k] * E;
        apply(s, p->net->table + at, p->table_mean + at,
              p->table_square ? p->table_square + at : NULL, p->rows + k * E, E, false);
    }
}

static void apply_some(void *argument, int64_t index, int thread)
{
    (void)thread;
    const stepping *s = argument;
    if (index < s->blocks) apply_block(s, index);
    else apply_rows(s, index - s->blocks);
}

/* ---- A step ---------------------------------------------------------------------------------- */

static vl_status make_room(vl_optimizer *p, int64_t blocks)
{
    if (p->groups.count > p->row_room) {
        vl_free(p->rows);
        p->rows = vl_alloc_array(VL_MEM_TRAINING, (size_t)p->groups.count * (size_t)p->net->E * 2,
                                 sizeof(float));
        p->row_room = p->rows ? 2 * (int64_t)p->groups.count : 0;
        if (!p->rows) return VALENCE_NO_MEMORY;
    }
    if (blocks > p->norm_room) {
        vl_free(p->norms);
        p->norms = vl_alloc_array(VL_MEM_TRAINING, (size_t)blocks * 2, sizeof *p->norms);
        p->norm_room = p->norms ? 2 * blocks : 0;
        if (!p->norms) return VALENCE_NO_MEMORY;
    }
    return VALENCE_OK;
}

static void prepare(stepping *s, double norm)
{
    const vl_optimizer_options *o = &s->p->o;
    double t = (double)++s->p->step;
    s->scale = o->clip > 0 && norm > (double)o->clip ? (float)((double)o->clip / norm) : 1;
    s->adamw = (vl_adamw_step){.beta1 = o->beta1,
                               .beta2 = o->beta2,
                               .epsilon = o->epsilon,
                               .scale = s->scale,
                               .rate = (float)((double)s->rate / (1 - pow((double)o->beta1, t))),
                               .unbias = (float)(1 / sqrt(1 - pow((double)o->beta2, t)))};
}

vl_status vl_optimizer_step(vl_optimizer *p, float *const *gradients, int chunks,
                            const int32_t *ids, const float *rows, int64_t T, float rate,
                            vl_workers *workers, double *norm)
{
    stepping s = {.p = p,
                  .gradients = gradients,
                  .chunks = chunks,
                  .token_rows = rows,
                  .rate = rate,
                  .blocks = (p->net->size + BLOCK - 1) / BLOCK};
    VL_TRY(vl_row_groups_make(&p->groups, ids, T));
    int64_t all = s.blocks + (p->groups.count + ROW_BLOCK - 1) / ROW_BLOCK;
    VL_TRY(make_room(p, all));
    vl_workers_run(workers, add_up, &s, all);
    double square = 0;
    for (int64_t i = 0; i < all; i++) square += p->norms[i];
    *norm = sqrt(square);
    if (!isfinite(*norm)) return VALENCE_OK;
    prepare(&s, *norm);
    vl_workers_run(workers, apply_some, &s, all);
    return VALENCE_OK;
}
