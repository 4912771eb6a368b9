/* test_ranking.c: keys sort like their scores; thresholds and sums against values worked out by
 * hand and the slow way. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/ranking.h"

static void test_keys(void **state)
{
    (void)state;
    static const float scores[] = {0, 1e-30f, 0.25f, 0.49999997f, 0.5f, 0.99999994f, 1};
    for (size_t i = 0; i < LENGTH(scores); i++) {
        assert_true(vl_rank_score(vl_rank_key(scores[i], true)) == scores[i]);
        assert_true(vl_rank_score(vl_rank_key(scores[i], false)) == scores[i]);
        if (i) assert_true(vl_rank_key(scores[i], false) > vl_rank_key(scores[i - 1], true));
    }
    assert_int_equal(vl_rank_key(-0.5f, true), 1);
    assert_int_equal(vl_rank_key(NAN, true), 1);
    assert_int_equal(vl_rank_key(2, false), vl_rank_key(1, false));
}

static int falling(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void test_sort(void **state)
{
    (void)state;
    enum { N = 5000 };
    static uint32_t keys[N], expected[N];
    static const int64_t sizes[] = {0, 1, 2, 3, 100, N};
    for (size_t s = 0; s < LENGTH(sizes); s++) {
        int64_t n = sizes[s];
        for (int64_t i = 0; i < n; i++) {
            uint64_t r = vl_random_at(7 + s, (uint64_t)i);
            float score = i % 3 ? (float)(r >> 40) / (float)(1 << 24) : (float)(r % 8) / 8;
            expected[i] = keys[i] = vl_rank_key(score, r >> 8 & 1);
        }
        qsort(expected, (size_t)n, sizeof *expected, falling);
        assert_int_equal(vl_rank_sort(keys, n), VALENCE_OK);
        assert_memory_equal(keys, expected, (size_t)n * sizeof *keys);
    }
    vl_mem_fail_from(1);
    assert_int_equal(vl_rank_sort(keys, N), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    assert_memory_equal(keys, expected, sizeof keys);
}

static void test_cuts(void **state)
{
    (void)state;
    uint32_t keys[] = {vl_rank_key(0.9f, true), vl_rank_key(0.5f, true), vl_rank_key(0.5f, false),
                       vl_rank_key(0.5f, true), vl_rank_key(0.2f, false)};
    assert_int_equal(vl_rank_sort(keys, 5), VALENCE_OK);
    static const int64_t kept[] = {1, 4, 5}, yes[] = {1, 3, 3};
    static const float score[] = {0.9f, 0.5f, 0.2f};
    vl_rank_cut cut = {0};
    for (int i = 0; i < 3; i++) {
        assert_true(vl_rank_next(&cut, keys, 5));
        assert_true(cut.kept == kept[i] && cut.yes == yes[i] && cut.score == score[i]);
    }
    assert_false(vl_rank_next(&cut, keys, 5));
    /* recall grows by 1/3 at precision 1, then by 2/3 at 3/4 */
    assert_float_equal(vl_rank_average_precision(keys, 5), 1.0 / 3 + 2.0 / 3 * 0.75, 1e-12);
    /* errors 0 of 1; 1 of 4, three times; 2 of 5 */
    assert_float_equal(vl_rank_mean_risk(keys, 5), (0 + 3 * 0.25 + 0.4) / 5, 1e-12);
}

static void test_extremes(void **state)
{
    (void)state;
    uint32_t no[] = {vl_rank_key(0.9f, false), vl_rank_key(0.1f, false)};
    uint32_t yes[] = {vl_rank_key(0.9f, true), vl_rank_key(0.1f, true)};
    uint32_t worst[] = {vl_rank_key(0.9f, false), vl_rank_key(0.1f, true)};
    assert_true(vl_rank_average_precision(no, 2) == 0 && vl_rank_mean_risk(no, 2) == 1);
    assert_true(vl_rank_average_precision(yes, 2) == 1 && vl_rank_mean_risk(yes, 2) == 0);
    assert_true(vl_rank_average_precision(worst, 2) == 0.5);
    assert_true(vl_rank_average_precision(no, 0) == 0 && vl_rank_mean_risk(no, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys), cmocka_unit_test(test_sort),
                                       cmocka_unit_test(test_cuts),
                                       cmocka_unit_test(test_extremes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
