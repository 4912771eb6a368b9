/* test_softmax.c: against double arithmetic, far-out values, temperature, NaN, in place. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "kernels/softmax.h"

static float random_float(uint64_t seed, uint64_t n, float range)
{
    return (float)((double)vl_random_at(seed, n) / 1.8446744073709552e19 * 2 - 1) * range;
}

static void test_against_double(void **state)
{
    (void)state;
    enum { R = 5 };
    for (int32_t N = 1; N <= 70; N++)
        for (int round = 0; round < 4; round++) {
            float src[R * 70], dst[R * 70 + 1];
            const float temperature = (float[]){1, 0.05f, 200, 1.7f}[round];
            for (int i = 0; i < R * N; i++) src[i] = random_float((uint64_t)N, (uint64_t)i, 12);
            dst[R * N] = 42;
            vl_softmax(dst, src, R, N, temperature);
            assert_true(dst[R * N] == 42);
            for (int r = 0; r < R; r++) {
                double sum = 0, max = -INFINITY, all = 0;
                for (int n = 0; n < N; n++) max = fmax(max, src[r * N + n]);
                for (int n = 0; n < N; n++) sum += exp((src[r * N + n] - max) / temperature);
                for (int n = 0; n < N; n++) {
                    double p = exp((src[r * N + n] - max) / temperature) / sum;
                    assert_true(fabs(p - dst[r * N + n]) < 2e-5);
                    all += dst[r * N + n];
                }
                assert_true(fabs(all - 1) < 1e-5);
            }
        }
}

static void test_extremes(void **state)
{
    (void)state;
    float p[3];
    vl_softmax(p, (float[]){3e38f, -3e38f, 0}, 1, 3, 1);
    assert_true(p[0] == 1 && p[1] == 0 && p[2] == 0);
    vl_softmax(p, (float[]){-1000, -1000, -1000}, 1, 3, 1);
    for (int i = 0; i < 3; i++) assert_true(fabsf(p[i] - 1.0f / 3) < 1e-7f);
    vl_softmax(p, (float[]){1000, 1001, 1000}, 1, 3, 1);
    assert_true(fabsf(p[1] - 0.57611688f) < 1e-6f);
    for (int at = 0; at < 3; at++) { /* NaN anywhere: all NaN, other rows untouched */
        float two[6] = {1, 2, 3, 1, 2, 3}, out[6];
        two[at] = NAN;
        vl_softmax(out, two, 2, 3, 1);
        for (int i = 0; i < 3; i++) assert_true(isnan(out[i]) && !isnan(out[3 + i]));
    }
}

static void test_in_place(void **state)
{
    (void)state;
    float a[12], b[12];
    for (int i = 0; i < 12; i++) a[i] = random_float(3, (uint64_t)i, 5);
    vl_softmax(b, a, 3, 4, 2);
    vl_softmax(a, a, 3, 4, 2);
    assert_memory_equal(a, b, sizeof a);
    vl_softmax(a, a, 0, 4, 1);
    assert_memory_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
