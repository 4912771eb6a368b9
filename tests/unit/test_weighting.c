/* test_weighting.c: names, factors and norms against their formulas. */
#include "test.h"

#include <math.h>

#include "train/weighting.h"

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-5 * (1 + fabs(b));
}

static void test_names(void **state)
{
    (void)state;
    vl_weighting w;
    valence_error error;
    for (int i = VL_WEIGH_PRESENCE; i <= VL_WEIGH_TFIDF_NB; i++) {
        assert_int_equal(vl_weighting_parse(&w, vl_weighting_name((vl_weighting)i), NULL),
                         VALENCE_OK);
        assert_int_equal(w, i);
    }
    assert_int_equal(vl_weighting_parse(&w, "tf-idf", &error), VALENCE_ARGUMENT);
    assert_non_null(strstr(error.message, "tf-idf"));
    assert_int_equal(vl_weighting_parse(&w, "", NULL), VALENCE_ARGUMENT);
}

static void test_factors(void **state)
{
    (void)state;
    /* four n-grams of texts: 10 of class 0, 30 of class 1 */
    static const float counts[] = {10, 0, 0, 30, 5, 15, 0, 0};
    static const double texts[] = {10, 30};
    float f[4];
    vl_weighting_factors(f, VL_WEIGH_PRESENCE, counts, 4, 2, texts, 2, 1);
    for (int i = 0; i < 4; i++) assert_true(f[i] == 1);
    vl_weighting_factors(f, VL_WEIGH_TFIDF, counts, 4, 2, texts, 2, 1);
    const double idf[4] = {log(41.0 / 11) + 1, log(41.0 / 31) + 1, log(41.0 / 21) + 1,
                           log(41.0) + 1};
    for (int i = 0; i < 4; i++) assert_true(near(f[i], idf[i]));
    vl_weighting_factors(f, VL_WEIGH_NB, counts, 4, 2, texts, 2, 1);
    const double nb[4] = {fabs(log((11.0 / 12) / (1.0 / 32))), fabs(log((1.0 / 12) / (31.0 / 32))),
                          fabs(log((6.0 / 12) / (16.0 / 32))), fabs(log((1.0 / 12) / (1.0 / 32)))};
    for (int i = 0; i < 4; i++) assert_true(near(f[i], nb[i]));
    assert_true(f[2] < 1e-6); /* the same share of both: says nothing */
    vl_weighting_factors(f, VL_WEIGH_TFIDF_NB, counts, 4, 2, texts, 2, 1);
    for (int i = 0; i < 4; i++) assert_true(near(f[i], idf[i] * nb[i]));
}

static void test_many_classes(void **state)
{
    (void)state;
    static const float counts[] = {1, 2, 3, 6, 0, 0};
    static const double texts[] = {10, 10, 20};
    float f[2];
    vl_weighting_factors(f, VL_WEIGH_NB, counts, 2, 3, texts, 3, 0.5f);
    double best = 0;
    for (int k = 0; k < 3; k++) {
        double p = (counts[k] + 0.5) / (texts[k] + 1),
               q = (6 - counts[k] + 0.5) / (40 - texts[k] + 1);
        best = fmax(best, fabs(log(p / q)));
    }
    assert_true(near(f[0], best));
    /* sums only: there is no strength, idf goes on */
    static const float sums[] = {6, 0};
    vl_weighting_factors(f, VL_WEIGH_NB, sums, 2, 1, texts, 3, 1);
    assert_true(f[0] == 1 && f[1] == 1);
    vl_weighting_factors(f, VL_WEIGH_TFIDF_NB, sums, 2, 1, texts, 3, 1);
    assert_true(near(f[0], log(41.0 / 7) + 1));
}

static void test_norms(void **state)
{
    (void)state;
    int64_t offsets[] = {0, 2, 2, 5};
    int32_t ids[] = {0, 3, 1, 2, 3};
    float x[] = {1, 2, 3, 1, 1}, norm[3];
    static const float factor[] = {0.5f, 1, 2, 3};
    vl_rows r = {.n = 3, .slots = 4, .nonzeros = 5, .offsets = offsets, .ids = ids};
    vl_weighting_norms(norm, VL_NORM_NONE, &r, factor);
    assert_true(norm[0] == 1 && norm[1] == 1 && norm[2] == 1);
    vl_weighting_norms(norm, VL_NORM_COUNT, &r, factor);
    assert_true(near(norm[0], sqrt(2)) && norm[1] == 1 && near(norm[2], sqrt(3)));
    vl_weighting_norms(norm, VL_NORM_L2, &r, factor);
    assert_true(near(norm[0], sqrt(9.25)) && norm[1] == 1 && near(norm[2], sqrt(14)));
    r.x = x;
    vl_weighting_norms(norm, VL_NORM_L2, &r, factor);
    assert_true(near(norm[0], sqrt(0.25 + 36)) && norm[1] == 1 && near(norm[2], sqrt(9 + 4 + 9)));
    vl_weighting_norms(norm, VL_NORM_COUNT, &r, factor); /* different n-grams, not occurrences */
    assert_true(near(norm[0], sqrt(2)));
    static const float zero[4];
    vl_weighting_norms(norm, VL_NORM_L2, &r, zero);
    assert_true(norm[0] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_factors),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
