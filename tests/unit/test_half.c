/* test_half.c: all halves there and back, and rounding against the definition. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "kernels/half.h"

/* The definition: (-1)^s * 2^(e-15) * 1.m, or 2^-14 * 0.m. */
static double value_of(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? NAN : INFINITY) : e == 0 ? ldexp(m, -24) : ldexp(1024 + m, e - 25);
    return h & 0x8000 ? -v : v;
}

static void test_all_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = vl_half_to_float((uint16_t)h);
        double expected = value_of((uint16_t)h);
        if (isnan(expected)) {
            assert_true(isnan(f));
            assert_int_equal(vl_float_to_half(f) & 0x7C00, 0x7C00);
            assert_true(vl_float_to_half(f) & 0x3FF);
            continue;
        }
        assert_true(f == expected && !signbit(f) == !(h & 0x8000));
        assert_int_equal(vl_float_to_half(f), h);
    }
}

/* Nearest half, ties to the even one, from a search over all positive halves. */
static uint16_t nearest(double magnitude)
{
    uint32_t lo = 0, hi = 0x7C00; /* value(lo) <= magnitude, value(hi) above (infinity) */
    while (hi - lo > 1) {
        uint32_t mid = (lo + hi) / 2;
        if (value_of((uint16_t)mid) <= magnitude) lo = mid;
        else hi = mid;
    }
    double below = value_of((uint16_t)lo), above = hi == 0x7C00 ? 65536 : value_of((uint16_t)hi);
    if (magnitude - below != above - magnitude)
        return (uint16_t)(magnitude - below < above - magnitude ? lo : hi);
    return (uint16_t)(lo & 1 ? hi : lo);
}

static void expect_rounded(float f)
{
    uint16_t expected = (uint16_t)(nearest(fabs((double)f)) | (signbit(f) ? 0x8000 : 0));
    if (vl_float_to_half(f) != expected)
        fail_msg("%a gives %04x, not %04x", (double)f, vl_float_to_half(f), expected);
}

static void test_rounding(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7C00; h++) { /* halfway to the next one, and just beside that */
        double next = h == 0x7BFF ? 65536 : value_of((uint16_t)(h + 1));
        float middle = (float)((value_of((uint16_t)h) + next) / 2);
        expect_rounded(middle);
        expect_rounded(-middle);
        expect_rounded(nextafterf(middle, 0));
        expect_rounded(nextafterf(middle, INFINITY));
    }
    const uint64_t seed = 6;
    for (uint64_t i = 0; i < 300000; i++) {
        uint32_t bits = (uint32_t)vl_random_at(seed, i);
        if (i % 2) bits = (bits & 0x80FFFFFF) | (100 + bits % 48) << 23; /* mostly in range */
        float f;
        memcpy(&f, &bits, 4);
        if (!isnan(f)) expect_rounded(f);
    }
    assert_int_equal(vl_float_to_half(INFINITY), 0x7C00);
    assert_int_equal(vl_float_to_half(-INFINITY), 0xFC00);
    assert_int_equal(vl_float_to_half(65519.996f), 0x7BFF);
    assert_int_equal(vl_float_to_half(65520), 0x7C00);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_halves),
        cmocka_unit_test(test_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
