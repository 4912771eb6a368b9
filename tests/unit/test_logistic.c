/* test_logistic.c: value and gradient of the objective against a plain version and its numerical
 * differences, the solution, threads. The gradient is seen through the solver: with no iteration it
 * reports value and norm, the first step goes straight down the gradient. */
#include "made_corpus.h"

#include <math.h>

#include "base/mem.h"
#include "train/logistic.h"

enum { ROWS = 300, SLOTS = 2100, K_MOST = 4, PARAMETERS = (SLOTS + 1) * K_MOST };

typedef struct problem {
    vl_rows rows;
    vl_logistic_problem p;
    int32_t C;
    int64_t n; /* parameters */
} problem;

static double unit(uint64_t seed, uint64_t n)
{
    return (double)vl_random_at(seed, n) / 1.8446744073709552e19;
}

/* Rows of 0 to 15 ids; slots of the second half are rare, the last ones do not occur. */
static void make(problem *q, int32_t K, bool counts, bool extras)
{
    static float factor[SLOTS], norm[ROWS], offset[ROWS * K_MOST];
    static uint8_t skip[ROWS];
    vl_rows *r = &q->rows;
    *q = (problem){.C = vl_logistic_columns(K)};
    q->n = (int64_t)(SLOTS + 1) * q->C;
    r->n = ROWS;
    r->slots = SLOTS;
    r->offsets = vl_alloc_array(VL_MEM_TRAINING, ROWS + 1, sizeof *r->offsets);
    r->ids = vl_alloc_array(VL_MEM_TRAINING, ROWS * 16, sizeof *r->ids);
    r->x = counts ? vl_alloc_array(VL_MEM_TRAINING, ROWS * 16, sizeof *r->x) : NULL;
    r->label = vl_alloc_array(VL_MEM_TRAINING, ROWS, sizeof *r->label);
    r->weight = vl_alloc_array(VL_MEM_TRAINING, ROWS, sizeof *r->weight);
    r->offsets[0] = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        int64_t at = r->offsets[i], count = (int64_t)(vl_random_at(1, (uint64_t)i) % 16), id = 0;
        for (int64_t k = 0; k < count; k++) {
            id += 1 + (int64_t)(unit(2 + (uint64_t)i, (uint64_t)k) *
                                unit(3, (uint64_t)(i * 16 + k)) * 250);
            if (id >= SLOTS - 20) break;
            if (r->x) r->x[at] = (float)(1 + k % 3);
            r->ids[at++] = (int32_t)id;
        }
        r->offsets[i + 1] = at;
        r->label[i] = (int32_t)(vl_random_at(4, (uint64_t)i) % (uint64_t)K);
        if (at > r->offsets[i] && unit(5, (uint64_t)i) < 0.7) r->label[i] = r->ids[at - 1] % K;
        r->weight[i] = (float)(0.5 + unit(6, (uint64_t)i));
        norm[i] = (float)(1 + unit(7, (uint64_t)i));
        skip[i] = extras && i % 7 == 3;
        for (int32_t c = 0; c < q->C; c++)
            offset[i * q->C + c] = (float)(unit(8, (uint64_t)(i * 4 + c)) - 0.5);
    }
    r->nonzeros = r->offsets[ROWS];
    assert_int_equal(vl_rows_transpose(r, NULL, NULL), VALENCE_OK);
    for (int s = 0; s < SLOTS; s++) factor[s] = (float)(0.3 + unit(9, (uint64_t)s));
    q->p = (vl_logistic_problem){.rows = r,
                                 .factor = factor,
                                 .norm = norm,
                                 .skip = extras ? skip : NULL,
                                 .offset = extras ? offset : NULL,
                                 .K = K,
                                 .cost = 1.5,
                                 .max_iterations = 0,
                                 .tolerance = 1e-12};
}

static bool holds(const vl_rows *r, int64_t row, int64_t slot)
{
    for (int64_t k = r->offsets[row]; k < r->offsets[row + 1]; k++)
        if (r->ids[k] == slot) return true;
    return slot >= SLOTS; /* the bias is everywhere */
}

/* The loss of logistic.h's formula, in double; of the rows that hold the slot (-1: of all). */
static double plain_loss(const problem *q, const double *w, int64_t slot)
{
    const vl_rows *r = &q->rows;
    double loss = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        double z[K_MOST], sum = 0;
        if ((q->p.skip && q->p.skip[i]) || (slot >= 0 && !holds(r, i, slot))) continue;
        for (int32_t c = 0; c < q->C; c++) {
            z[c] = (q->p.offset ? q->p.offset[i * q->C + c] : 0) + w[SLOTS * q->C + c];
            for (int64_t k = r->offsets[i]; k < r->offsets[i + 1]; k++)
                z[c] += w[r->ids[k] * q->C + c] * q->p.factor[r->ids[k]] * (r->x ? r->x[k] : 1) /
                        q->p.norm[i];
        }
        for (int32_t c = 0; c < q->C; c++) sum += exp(z[c]);
        if (q->C == 1) loss += r->weight[i] * log1p(exp(r->label[i] ? -z[0] : z[0]));
        else loss += r->weight[i] * (log(sum) - z[r->label[i]]);
    }
    return q->p.cost * loss;
}

static double plain_value(const problem *q, const double *w)
{
    double square = 0;
    for (int64_t i = 0; i < SLOTS * q->C; i++) square += w[i] * w[i];
    return square / 2 + plain_loss(q, w, -1);
}

static double plain_gradient(const problem *q, const float *w, double *gradient)
{
    static double at[PARAMETERS];
    double norm = 0;
    for (int64_t i = 0; i < q->n; i++) at[i] = w[i];
    for (int64_t i = 0; i < q->n; i++) {
        const double h = 1e-4;
        at[i] = w[i] + h;
        double above = plain_loss(q, at, i / q->C);
        at[i] = w[i] - h;
        gradient[i] = (above - plain_loss(q, at, i / q->C)) / (2 * h);
        if (i < (int64_t)SLOTS * q->C) gradient[i] += w[i];
        at[i] = w[i];
        norm += gradient[i] * gradient[i];
    }
    return sqrt(norm);
}

static vl_lbfgs_result fit(problem *q, float *w, int iterations, double tolerance, int threads)
{
    vl_lbfgs_result r;
    vl_workers *workers = open_workers(threads);
    q->p.max_iterations = iterations;
    q->p.tolerance = tolerance;
    assert_int_equal(vl_logistic_fit(w, &q->p, workers, NULL, NULL, &r, NULL), VALENCE_OK);
    vl_workers_close(workers);
    return r;
}

static void check_gradient(int32_t K, bool counts, bool extras)
{
    static double gradient[PARAMETERS], exact[PARAMETERS];
    static float w[PARAMETERS], start[PARAMETERS];
    problem q;
    make(&q, K, counts, extras);
    for (int64_t i = 0; i < q.n; i++) start[i] = w[i] = (float)(unit(10, (uint64_t)i) - 0.5) * 0.4f;
    for (int64_t i = 0; i < q.n; i++) exact[i] = w[i];
    vl_lbfgs_result r = fit(&q, w, 0, 1e-12, 2);
    double value = plain_value(&q, exact), norm = plain_gradient(&q, w, gradient);
    assert_true(fabs(r.value - value) < 1e-5 * value);
    assert_true(fabs(r.gradient_norm - norm) < 1e-4 * norm);
    assert_memory_equal(w, start, (size_t)q.n * sizeof *w);
    fit(&q, w, 1, 1e-12, 2); /* w = start - step * gradient */
    double dot = 0;
    for (int64_t i = 0; i < q.n; i++) dot += ((double)start[i] - w[i]) * gradient[i];
    double step = dot / (norm * norm);
    assert_true(step > 0);
    for (int64_t i = 0; i < q.n; i++)
        assert_true(fabs(((double)start[i] - w[i]) / step - gradient[i]) < 1e-4 * norm);
    vl_rows_release(&q.rows);
}

static void test_gradient(void **state)
{
    (void)state;
    for (int extras = 0; extras < 2; extras++)
        for (int counts = 0; counts < 2; counts++) {
            check_gradient(2, counts, extras);
            check_gradient(4, counts, extras);
        }
    check_gradient(3, false, true);
}

static void test_solution(void **state)
{
    (void)state;
    static double gradient[PARAMETERS];
    static float w[PARAMETERS];
    for (int32_t K = 2; K <= 4; K += 2)
        for (int extras = 0; extras < 2; extras++) {
            problem q;
            make(&q, K, extras, extras);
            memset(w, 0, sizeof w);
            double start = plain_gradient(&q, w, gradient);
            vl_lbfgs_result r = fit(&q, w, 300, 1e-4, 1);
            assert_true(r.converged);
            assert_true(plain_gradient(&q, w, gradient) < 2e-4 * start);
            int right = 0, all = 0;
            for (int64_t i = 0; i < ROWS; i++) { /* and it has learnt something */
                double z[K_MOST] = {0}, best = -1e9;
                int32_t said = 0;
                if (extras) break;
                for (int32_t c = 0; c < q.C; c++) {
                    z[c] = w[SLOTS * q.C + c];
                    for (int64_t k = q.rows.offsets[i]; k < q.rows.offsets[i + 1]; k++)
                        z[c] +=
                            w[q.rows.ids[k] * q.C + c] * q.p.factor[q.rows.ids[k]] / q.p.norm[i];
                    if (z[c] > best) best = z[said = c];
                }
                if (K == 2) said = z[0] > 0;
                right += said == q.rows.label[i];
                all++;
            }
            assert_true(right >= all * 3 / 4);
            for (int64_t i = (int64_t)(SLOTS - 20) * q.C; i < (int64_t)SLOTS * q.C; i++)
                assert_true(w[i] == 0); /* what does not occur has no weight */
            /* from the solution it is over at once, by the same measure */
            r = fit(&q, w, 300, 1e-3, 1);
            assert_int_equal(r.iterations, 0);
            vl_rows_release(&q.rows);
        }
}

static void test_threads(void **state)
{
    (void)state;
    static float w[4][PARAMETERS];
    for (int32_t K = 2; K <= 4; K += 2)
        for (int counts = 0; counts < 2; counts++) {
            problem q;
            make(&q, K, counts, false);
            memset(w, 0, sizeof w);
            vl_lbfgs_result first = fit(&q, w[0], 30, 1e-6, 1);
            for (int t = 1; t < 4; t++) {
                vl_lbfgs_result r = fit(&q, w[t], 30, 1e-6, t + 1);
                assert_memory_equal(w[t], w[0], (size_t)q.n * sizeof *w[0]);
                assert_true(r.value == first.value && r.iterations == first.iterations);
            }
            vl_rows_release(&q.rows);
        }
}

/* Rows that are skipped do not count at all: the same as if their weight were 0. */
static void test_skip(void **state)
{
    (void)state;
    static float a[PARAMETERS], b[PARAMETERS];
    problem q;
    make(&q, 2, false, true);
    fit(&q, a, 20, 1e-6, 1);
    for (int64_t i = 0; i < ROWS; i++)
        if (q.p.skip[i]) q.rows.weight[i] = 0;
    q.p.skip = NULL;
    fit(&q, b, 20, 1e-6, 1);
    for (int64_t i = 0; i < q.n; i++) assert_true(fabsf(a[i] - b[i]) < 1e-6f);
    vl_rows_release(&q.rows);
}

static int told_times;
static void told(void *user, int iteration, double value)
{
    assert_ptr_equal(user, &told_times);
    assert_int_equal(iteration, ++told_times);
    assert_true(value > 0);
}

static void test_progress_and_memory(void **state)
{
    (void)state;
    static float w[PARAMETERS];
    problem q;
    vl_lbfgs_result r;
    valence_error error;
    make(&q, 2, false, false);
    q.p.max_iterations = 5;
    assert_int_equal(vl_logistic_fit(w, &q.p, NULL, told, &told_times, &r, NULL), VALENCE_OK);
    assert_int_equal(told_times, 5);
    int64_t n = 1;
    for (;; n++) {
        int64_t before = vl_mem_usage_total().current;
        memset(w, 0, sizeof w);
        vl_mem_fail_from(n);
        vl_status status = vl_logistic_fit(w, &q.p, NULL, NULL, NULL, &r, &error);
        vl_mem_fail_from(0);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
    }
    assert_true(n > 5);
    vl_rows_release(&q.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_solution),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_progress_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
