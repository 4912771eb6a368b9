/* test_decimal.c: digit for digit what printf writes in the C locale. */
#include "test.h"

#include <math.h>

#include "base/decimal.h"
#include "base/hash.h"

static vl_buffer out;

static const char *written(double value, int digits)
{
    vl_buffer_reset(&out);
    assert_int_equal(vl_write_decimal(&out, value, digits), VALENCE_OK);
    assert_int_equal(vl_buffer_append_byte(&out, '\0'), VALENCE_OK);
    return out.data;
}

static void check_like_printf(double value, int digits)
{
    char wanted[400];
    snprintf(wanted, sizeof wanted, "%.*f", digits, value);
    if (wanted[0] == '-' && strspn(wanted, "-0.") == strlen(wanted))
        memmove(wanted, wanted + 1, strlen(wanted));
    if (strcmp(written(value, digits), wanted) != 0)
        fail_msg("%.17g, %d digits: %s, not %s", value, digits, out.data, wanted);
}

static void test_chosen(void **state)
{
    (void)state;
    assert_string_equal(written(0, 4), "0.0000");
    assert_string_equal(written(-0.0, 1), "0.0");
    assert_string_equal(written(1, 6), "1.000000");
    assert_string_equal(written(0.5, 1), "0.5");
    assert_string_equal(written(0.25, 1), "0.2"); /* a tie goes to the even digit */
    assert_string_equal(written(0.75, 1), "0.8");
    assert_string_equal(written(0.9999999, 4), "1.0000");
    assert_string_equal(written(-0.00001, 4), "0.0000");
    assert_string_equal(written(-12.34, 2), "-12.34");
    assert_string_equal(written(123456789.125, 9), "123456789.125000000");
    assert_string_equal(written(NAN, 3), "nan");
    assert_string_equal(written(INFINITY, 3), "inf");
    assert_string_equal(written(-INFINITY, 3), "-inf");
}

static void test_edges(void **state)
{
    (void)state;
    const double values[] = {0.1,   0.005, 0.015, 1e-9,       5e-10,    4.9e-10,           5e-324,
                             1e-30, 0.045, 9.5,   999999999,  1e9,      999999999.9999999, 1e15,
                             1e300, 2.5,   3.5,   1e9 - 1e-7, 1e10 + .5};
    for (size_t i = 0; i < LENGTH(values); i++)
        for (int digits = 1; digits <= 9; digits++) {
            check_like_printf(values[i], digits);
            check_like_printf(-values[i], digits);
        }
}

/* Seed 3: probabilities, ties of short binary fractions, and any size. */
static void test_random(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50000; i++) {
        double u = (double)(vl_random_at(3, i) >> 11) * 0x1p-53;
        int digits = (int)(i % 9) + 1;
        check_like_printf(u, digits);
        check_like_printf(floor(u * 1024) / 1024, digits);
        check_like_printf(ldexp(u - 0.5, (int)(vl_random_at(4, i) % 60) - 25), digits);
    }
}

static void test_integers(void **state)
{
    (void)state;
    const int64_t values[] = {0,         9,        10, 99, 100, 101, -1, -100, 1234567890123,
                              INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < LENGTH(values); i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "%lld", (long long)values[i]);
        vl_buffer_reset(&out);
        assert_int_equal(vl_write_integer(&out, values[i]), VALENCE_OK);
        assert_true(vl_span_is(vl_buffer_span(&out), wanted));
    }
}

static void test_full_buffer(void **state)
{
    (void)state;
    vl_buffer small;
    vl_buffer_init(&small, VL_MEM_IO, 6);
    assert_int_equal(vl_write_decimal(&small, 0.5, 4), VALENCE_OK);
    assert_int_equal(vl_write_decimal(&small, 0.5, 4), VALENCE_LIMIT);
    assert_int_equal(small.len, 6);
    vl_buffer_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chosen),      cmocka_unit_test(test_edges),
        cmocka_unit_test(test_random),      cmocka_unit_test(test_integers),
        cmocka_unit_test(test_full_buffer),
    };
    vl_buffer_init(&out, VL_MEM_IO, 1000);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vl_buffer_release(&out);
    return failed;
}
