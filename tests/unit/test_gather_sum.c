/* test_gather_sum.c: each width and stride against a plain double loop; nothing written or read
 * outside; exact at the extremes of int8. */
#include "test.h"

#include "base/hash.h"
#include "kernels/gather_sum.h"

enum { ROWS = 301 };

static void test_against_plain(void **state)
{
    (void)state;
    const uint64_t seed = 8;
    int32_t ids[130], sum[VL_GATHER_COLUMNS + 1];
    for (int32_t width = 1; width <= VL_GATHER_COLUMNS; width++)
        for (int64_t stride = width; stride <= width + 12; stride += 3) {
            int8_t *w =
                malloc((size_t)(ROWS * stride)); /* exactly: the sanitizer watches its end */
            for (int64_t i = 0; i < ROWS * stride; i++)
                w[i] = (int8_t)vl_random_at(seed, (uint64_t)i);
            for (int32_t count = 0; count <= 130; count++) {
                for (int32_t i = 0; i < count; i++)
                    ids[i] = (int32_t)(vl_random_at(seed + (uint64_t)count, (uint64_t)i) % ROWS);
                if (count) ids[count / 2] = ROWS - 1;
                for (int32_t from = 0; from + width <= stride; from += 3) {
                    sum[width] = 12345;
                    vl_gather_sum_i8(sum, w + from, stride, ids, count, width);
                    assert_int_equal(sum[width], 12345);
                    for (int32_t c = 0; c < width; c++) {
                        int64_t expected = 0;
                        for (int32_t i = 0; i < count; i++)
                            expected += w[ids[i] * stride + from + c];
                        assert_int_equal(sum[c], expected);
                    }
                }
            }
            free(w);
        }
}

static void test_extremes(void **state)
{
    (void)state;
    enum { COUNT = (1 << 24) - 1 };
    int32_t *ids = calloc(COUNT, sizeof *ids), sum[3];
    const int8_t w[3] = {-128, 127, 0};
    vl_gather_sum_i8(sum, w, 3, ids, COUNT, 1);
    assert_int_equal(sum[0], -128LL * COUNT);
    vl_gather_sum_i8(sum, w, 3, ids, COUNT, 3);
    assert_int_equal(sum[0], -128LL * COUNT);
    assert_int_equal(sum[1], 127LL * COUNT);
    assert_int_equal(sum[2], 0);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
