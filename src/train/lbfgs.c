/* lbfgs.c: limited-memory BFGS (Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms
 * 7.4 and 7.5) with backtracking to the Armijo condition. A pair (s, y) without positive curvature is
 * left out, which for convex functions happens only in rounding. */
#include "train/lbfgs.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { HISTORY = VL_LBFGS_HISTORY, PIECE = 16384, MAX_HALVINGS = 30 };

typedef struct minimiser {
    int64_t n, pieces;
    vl_workers *workers;
    float *memory; /* everything below, in one block */
    float *gradient, *direction, *next_x, *next_gradient;
    float *s[HISTORY], *y[HISTORY];
    double rho[HISTORY];
    int count, newest;
    double *partial; /* (pieces) */
} minimiser;

typedef struct vector_job {
    const float *a;
    float *b;
    double factor;
    int64_t n;
    double *partial;
} vector_job;

static int64_t piece_end(int64_t piece, int64_t n)
{
    return (piece + 1) * PIECE < n ? (piece + 1) * PIECE : n;
}

static void dot_piece(void *argument, int64_t piece, int thread)
{
    (void)thread;
    vector_job *j = argument;
    double sum = 0;
    for (int64_t i = piece * PIECE; i < piece_end(piece, j->n); i++) sum += (double)j->a[i] * j->b[i];
    j->partial[piece] = sum;
}

static double dot(minimiser *m, const float *a, float *b)
{
    vector_job j = {a, b, 0, m->n, m->partial};
    vl_workers_run(m->workers, dot_piece, &j, m->pieces);
    double sum = 0;
    for (int64_t p = 0; p < m->pieces; p++) sum += m->partial[p];
    return sum;
}

static void add_piece(void *argument, int64_t piece, int thread)
{
    (void)thread;
    vector_job *j = argument;
    float factor = (float)j->factor;
    for (int64_t i = piece * PIECE; i < piece_end(piece, j->n); i++) j->b[i] += factor * j->a[i];
}

/* b += factor * a */
static void add(minimiser *m, float *b, double factor, const float *a)
{
    vector_job j = {a, b, factor, m->n, NULL};
    vl_workers_run(m->workers, add_piece, &j, m->pieces);
}

/* direction = inverse Hessian estimate times gradient (two-loop recursion). */
static void find_direction(minimiser *m)
{
    double alpha[HISTORY];
    memcpy(m->direction, m->gradient, (size_t)m->n * sizeof(float));
    for (int k = 0; k < m->count; k++) {
        int i = (m->newest - k + HISTORY) % HISTORY;
        alpha[i] = m->rho[i] * dot(m, m->s[i], m->direction);
        add(m, m->direction, -alpha[i], m->y[i]);
    }
    if (m->count) {
        float *y = m->y[m->newest];
        double scale = 1 / (m->rho[m->newest] * dot(m, y, y));
        for (int64_t i = 0; i < m->n; i++) m->direction[i] *= (float)scale;
    }
    for (int k = m->count - 1; k >= 0; k--) {
        int i = (m->newest - k + HISTORY) % HISTORY;
        double beta = m->rho[i] * dot(m, m->y[i], m->direction);
        add(m, m->direction, alpha[i] - beta, m->s[i]);
    }
}

/* Takes the step just made into the history. */
static void remember(minimiser *m, const float *x)
{
    int i = m->count ? (m->newest + 1) % HISTORY : 0;
    for (int64_t k = 0; k < m->n; k++) {
        m->s[i][k] = m->next_x[k] - x[k];
        m->y[i][k] = m->next_gradient[k] - m->gradient[k];
    }
    double curvature = dot(m, m->s[i], m->y[i]);
    if (!(curvature > 1e-20)) {
        if (m->count == HISTORY) m->count--; /* the oldest pair has just been overwritten */
        return;
    }
    m->rho[i] = 1 / curvature;
    m->newest = i;
    if (m->count < HISTORY) m->count++;
}

static vl_status minimiser_init(minimiser *m, int64_t n, vl_workers *workers)
{
    *m = (minimiser){.n = n, .pieces = (n + PIECE - 1) / PIECE, .workers = workers};
    m->memory = vl_alloc_array(VL_MEM_TRAINING, (size_t)n * VL_LBFGS_VECTORS, sizeof(float));
    m->partial = vl_alloc_array(VL_MEM_TRAINING, (size_t)m->pieces, sizeof(double));
    if (!m->memory || !m->partial) return VALENCE_NO_MEMORY;
    float **vectors[4] = {&m->gradient, &m->direction, &m->next_x, &m->next_gradient};
    for (int i = 0; i < 4; i++) *vectors[i] = m->memory + n * i;
    for (int i = 0; i < HISTORY; i++) {
        m->s[i] = m->memory + n * (4 + i);
        m->y[i] = m->memory + n * (4 + HISTORY + i);
    }
    return VALENCE_OK;
}

static void minimiser_release(minimiser *m)
{
    vl_free(m->memory);
    vl_free(m->partial);
}

/* One line search from x along -direction. False: no decrease could be found. */
static bool search_line(minimiser *m, const float *x, double slope, double step,
                        vl_objective_fn *objective, void *user, vl_lbfgs_result *r)
{
    for (int t = 0; t < MAX_HALVINGS; t++, step /= 2) {
        memcpy(m->next_x, x, (size_t)m->n * sizeof(float));
        add(m, m->next_x, -step, m->direction);
        double value = objective(user, m->next_x, m->next_gradient);
        r->evaluations++;
        if (value <= r->value - 1e-4 * step * slope) {
            r->value = value;
            return true;
        }
    }
    return false;
}

static vl_status iterate(minimiser *m, float *x, vl_objective_fn *objective, vl_iteration_fn *told,
                         void *user, const vl_lbfgs_options *o, vl_lbfgs_result *r)
{
    r->value = objective(user, x, m->gradient);
    r->evaluations = 1;
    r->gradient_norm = sqrt(dot(m, m->gradient, m->gradient));
    double target = o->tolerance * (o->reference > 0 ? o->reference : r->gradient_norm);
    while (!(r->converged = r->gradient_norm <= target) && r->iterations < o->max_iterations) {
        find_direction(m);
        double slope = dot(m, m->gradient, m->direction);
        double step = m->count ? 1 : 1 / r->gradient_norm;
        if (!search_line(m, x, slope, step, objective, user, r)) return VALENCE_OK;
        remember(m, x);
        memcpy(x, m->next_x, (size_t)m->n * sizeof(float));
        memcpy(m->gradient, m->next_gradient, (size_t)m->n * sizeof(float));
        r->gradient_norm = sqrt(dot(m, m->gradient, m->gradient));
        r->iterations++;
        if (told && told(user, r->iterations, r->value, r->gradient_norm)) return VALENCE_CANCELLED;
    }
    return VALENCE_OK;
}

vl_status vl_lbfgs_minimise(float *x, int64_t n, vl_objective_fn *objective,
                            vl_iteration_fn *told, void *user, const vl_lbfgs_options *options,
                            vl_workers *workers, vl_lbfgs_result *result, valence_error *error)
{
    minimiser m;
    assert(n > 0);
    *result = (vl_lbfgs_result){0};
    vl_status status = minimiser_init(&m, n, workers);
    if (status == VALENCE_OK) status = iterate(&m, x, objective, told, user, options, result);
    else vl_fail_memory(error, (size_t)n * VL_LBFGS_VECTORS * sizeof(float), "the solver");
    minimiser_release(&m);
    return status;
}
