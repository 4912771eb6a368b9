/* test_lbfgs.c: finds known minima, says when it has not, and gives the same bits for any number of
 * threads. */
#include "test.h"

#include <math.h>

#include "base/mem.h"
#include "train/lbfgs.h"

static const vl_lbfgs_options options = {.max_iterations = 500, .tolerance = 1e-5};

/* 1/2 sum_i d_i (x_i - i mod 7)^2, condition number 1000. */
static int64_t quadratic_n;

static double quadratic(void *user, const float *x, float *gradient)
{
    (void)user;
    double value = 0;
    for (int64_t i = 0; i < quadratic_n; i++) {
        double d = 1 + 999.0 * (double)i / (double)quadratic_n, e = x[i] - (double)(i % 7);
        value += d * e * e / 2;
        gradient[i] = (float)(d * e);
    }
    return value;
}

static void test_quadratic(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 50, 1000};
    for (size_t s = 0; s < LENGTH(sizes); s++) {
        quadratic_n = sizes[s];
        float *x = calloc((size_t)quadratic_n, sizeof *x);
        vl_lbfgs_result r;
        if (quadratic_n == 1) x[0] = 5;
        assert_int_equal(
            vl_lbfgs_minimise(x, quadratic_n, quadratic, NULL, NULL, &options, NULL, &r, NULL),
            VALENCE_OK);
        assert_true(r.converged && r.iterations > 0 && r.evaluations > r.iterations);
        float *g = calloc((size_t)quadratic_n, sizeof *g); /* value and norm are those of x */
        float *zero = calloc((size_t)quadratic_n, sizeof *g);
        double norm = 0;
        assert_true(r.value < 1e-6 * quadratic(NULL, zero, g) + 1e-9);
        free(zero);
        assert_true(quadratic(NULL, x, g) == r.value);
        for (int64_t i = 0; i < quadratic_n; i++) norm += (double)g[i] * g[i];
        assert_true(fabs(sqrt(norm) - r.gradient_norm) <= 1e-9 * r.gradient_norm);
        free(g);
        free(x);
    }
}

/* Not convex: sum of 100 (b - a^2)^2 + (1 - a)^2 over pairs. Curvature turns negative on the way.
 */
static double rosenbrock(void *user, const float *x, float *gradient)
{
    double value = 0;
    for (int i = 0; i < *(int *)user; i += 2) {
        double a = x[i], b = x[i + 1], t = b - a * a;
        value += 100 * t * t + (1 - a) * (1 - a);
        gradient[i] = (float)(-400 * a * t - 2 * (1 - a));
        gradient[i + 1] = (float)(200 * t);
    }
    return value;
}

static void test_rosenbrock(void **state)
{
    (void)state;
    for (int n = 2; n <= 20; n += 6) {
        float x[20];
        vl_lbfgs_result r;
        vl_lbfgs_options o = {.max_iterations = 500, .tolerance = 1e-6};
        for (int i = 0; i < n; i++) x[i] = i % 2 ? 1 + (float)i / 20 : -1.2f - (float)i / 30;
        assert_int_equal(vl_lbfgs_minimise(x, n, rosenbrock, NULL, &n, &o, NULL, &r, NULL),
                         VALENCE_OK);
        if (r.value >= 1e-5)
            fail_msg("n %d: value %g after %d iterations, %d evaluations, |g| %g", n, r.value,
                     r.iterations, r.evaluations, r.gradient_norm);
        for (int i = 0; i < n; i++) assert_true(fabsf(x[i] - 1) < 0.01f);
    }
}

/* Eight values of very different curvature: what the history remembers is worth it (27 iterations;
 * with the last step alone 99). */
static double stretched(void *user, const float *x, float *gradient)
{
    (void)user;
    double value = 0;
    for (int i = 0; i < 8; i++) {
        double d = pow(10, i / 2.0), e = x[i] - i % 7;
        value += d * e * e / 2;
        gradient[i] = (float)(d * e);
    }
    return value;
}

static void test_history(void **state)
{
    (void)state;
    float x[8] = {0};
    vl_lbfgs_options o = {.max_iterations = 50, .tolerance = 1e-6};
    vl_lbfgs_result r;
    assert_int_equal(vl_lbfgs_minimise(x, 8, stretched, NULL, NULL, &o, NULL, &r, NULL),
                     VALENCE_OK);
    assert_true(r.converged);
}

/* Negative curvature again and again: sum (x^2 - 1)^2 / 4 + sin(3 x) has hills between its pits. */
static double bumpy(void *user, const float *x, float *gradient)
{
    double value = 0;
    for (int i = 0; i < *(int *)user; i++) {
        double v = x[i], t = v * v - 1 - i % 3;
        value += t * t / 4 + sin(3 * v + i);
        gradient[i] = (float)(v * t + 3 * cos(3 * v + i));
    }
    return value;
}

static void test_hills(void **state)
{
    (void)state;
    for (int n = 1; n <= 60; n++) {
        float x[60], g[60];
        vl_lbfgs_result r;
        for (int i = 0; i < n; i++) x[i] = 0.05f * (float)((i * 37 + n) % 40 - 20);
        double start = bumpy(&n, x, g);
        assert_int_equal(vl_lbfgs_minimise(x, n, bumpy, NULL, &n, &options, NULL, &r, NULL),
                         VALENCE_OK);
        assert_true(r.value <= start);
        assert_true(r.gradient_norm < 0.05); /* a minimum or as near as floats allow */
    }
}

/* Same bits for 1, 2 and 3 threads: 50,000 values are several pieces. */
static void test_threads(void **state)
{
    (void)state;
    enum { N = 50000 };
    float *x[3];
    vl_lbfgs_result r[3];
    vl_lbfgs_options o = options;
    o.max_iterations = 40;
    quadratic_n = N;
    for (int t = 0; t < 3; t++) {
        vl_workers *w;
        assert_int_equal(vl_workers_open(&w, t + 1, NULL), VALENCE_OK);
        x[t] = calloc(N, sizeof *x[t]);
        vl_lbfgs_minimise(x[t], N, quadratic, NULL, NULL, &o, w, &r[t], NULL);
        vl_workers_close(w);
        assert_memory_equal(x[t], x[0], N * sizeof *x[t]);
        assert_true(r[t].value == r[0].value && r[t].iterations == r[0].iterations);
        assert_true(r[t].gradient_norm == r[0].gradient_norm);
    }
    assert_true(r[0].iterations > 10);
    for (int t = 0; t < 3; t++) free(x[t]);
}

typedef struct watch {
    int calls, stop_at;
    double last;
    bool rose;
} watch;

static double watched(void *user, const float *x, float *gradient)
{
    (void)user;
    return quadratic(NULL, x, gradient);
}

static bool told(void *user, int iteration, double value, double gradient_norm)
{
    watch *w = user;
    w->rose |= w->calls && value > w->last;
    w->last = value;
    w->calls++;
    return iteration == w->stop_at || iteration != w->calls || !(gradient_norm >= 0);
}

static void test_told_and_stopped(void **state)
{
    (void)state;
    float x[100] = {0};
    vl_lbfgs_result r;
    quadratic_n = 100;
    watch w = {.stop_at = 3};
    assert_int_equal(vl_lbfgs_minimise(x, 100, watched, told, &w, &options, NULL, &r, NULL),
                     VALENCE_CANCELLED);
    assert_int_equal(w.calls, 3);
    assert_int_equal(r.iterations, 3);
    float g[100];
    assert_true(quadratic(NULL, x, g) == r.value); /* the best so far */
    assert_false(w.rose);
    w = (watch){.stop_at = -1};
    assert_int_equal(vl_lbfgs_minimise(x, 100, watched, told, &w, &options, NULL, &r, NULL),
                     VALENCE_OK);
    assert_int_equal(w.calls, r.iterations);
    assert_false(w.rose);
}

static void test_limits(void **state)
{
    (void)state;
    float x[100] = {0};
    vl_lbfgs_result r;
    vl_lbfgs_options o = options;
    quadratic_n = 100;
    o.max_iterations = 2;
    assert_int_equal(vl_lbfgs_minimise(x, 100, quadratic, NULL, NULL, &o, NULL, &r, NULL),
                     VALENCE_OK);
    assert_true(r.iterations == 2 && !r.converged);
    o = (vl_lbfgs_options){.max_iterations = 100, .tolerance = 0.5, .reference = 1e9};
    float before = x[3];
    assert_int_equal(vl_lbfgs_minimise(x, 100, quadratic, NULL, NULL, &o, NULL, &r, NULL),
                     VALENCE_OK);
    assert_true(r.iterations == 0 && r.converged &&
                x[3] == before); /* small beside the reference */
    for (int i = 0; i < 100; i++) x[i] = (float)(i % 7);
    assert_int_equal(vl_lbfgs_minimise(x, 100, quadratic, NULL, NULL, &options, NULL, &r, NULL),
                     VALENCE_OK);
    assert_true(r.iterations == 0 && r.converged && r.gradient_norm == 0); /* already there */
}

static void test_no_memory(void **state)
{
    (void)state;
    float x[100] = {0};
    vl_lbfgs_result r;
    valence_error error = {0};
    quadratic_n = 100;
    for (int n = 1; n <= 2; n++) {
        vl_mem_fail_from(n);
        assert_int_equal(
            vl_lbfgs_minimise(x, 100, quadratic, NULL, NULL, &options, NULL, &r, &error),
            VALENCE_NO_MEMORY);
        vl_mem_fail_from(0);
        assert_int_equal(error.code, VALENCE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quadratic), cmocka_unit_test(test_rosenbrock),
        cmocka_unit_test(test_history),   cmocka_unit_test(test_hills),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_told_and_stopped),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
