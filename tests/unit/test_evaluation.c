/* test_evaluation.c: figures against values worked out by hand. */
#include "engine/evaluation.h"

#include <math.h>

#include "test.h"

static void add(vl_evaluation *e, float a, float b, float c, int32_t label)
{
    assert_int_equal(vl_evaluation_add(e, (float[]){a, b, c}, label), VALENCE_OK);
}

/* Five texts, three classes; two right. */
static void fill(vl_evaluation *e)
{
    assert_int_equal(vl_evaluation_init(e, 3, NULL), VALENCE_OK);
    add(e, 0.7f, 0.2f, 0.1f, 0);  /* right */
    add(e, 0.6f, 0.3f, 0.1f, 1);  /* said 0 */
    add(e, 0.1f, 0.8f, 0.1f, 1);  /* right */
    add(e, 0.2f, 0.5f, 0.3f, 2);  /* said 1 */
    add(e, 0.2f, 0.4f, 0.4f, 2);  /* a tie goes to the first */
}

static void test_figures(void **state)
{
    (void)state;
    vl_evaluation e;
    fill(&e);
    vl_figures f = vl_evaluation_figures(&e);
    assert_float_equal(f.accuracy, 0.4, 1e-12);
    /* F1: class 0 2*1/(2+1), class 1 2*1/(3+2), class 2 0 */
    assert_float_equal(f.macro_f1, (2.0 / 3 + 2.0 / 5 + 0) / 3, 1e-12);
    double loss = -(log(0.7) + log(0.3) + log(0.8) + log(0.3) + log(0.4)) / 5;
    assert_float_equal(f.log_loss, loss, 1e-6);
    /* every prediction has a bin of its own: |score - right| each */
    assert_float_equal(f.ece, (0.3 + 0.6 + 0.2 + 0.5 + 0.4) / 5, 1e-6);
    assert_int_equal(f.classes_present, 3);
    assert_false(f.restricted);
    assert_int_equal(e.confusion[1 * 3 + 0], 1);
    assert_int_equal(e.confusion[2 * 3 + 1], 2);
    vl_evaluation_release(&e);
}

/* Data of two classes only: the third is left out of the choice. */
static void test_restricted(void **state)
{
    (void)state;
    vl_evaluation e;
    assert_int_equal(vl_evaluation_init(&e, 3, NULL), VALENCE_OK);
    add(&e, 0.3f, 0.6f, 0.1f, 0); /* class 1 wins, but among 0 and 2 it is 0 */
    add(&e, 0.1f, 0.7f, 0.2f, 2);
    add(&e, 0.5f, 0.1f, 0.4f, 2); /* wrong in any case */
    vl_figures f = vl_evaluation_figures(&e);
    assert_float_equal(f.accuracy, 0, 1e-12);
    assert_true(f.restricted);
    assert_float_equal(f.restricted_accuracy, 2.0 / 3, 1e-12);
    assert_float_equal(f.restricted_macro_f1, (2.0 / 3 + 2.0 / 3) / 2, 1e-12);
    vl_evaluation_release(&e);
}

static void test_merge(void **state)
{
    (void)state;
    vl_evaluation whole, a, b;
    fill(&whole);
    assert_int_equal(vl_evaluation_init(&a, 3, NULL), VALENCE_OK);
    assert_int_equal(vl_evaluation_init(&b, 3, NULL), VALENCE_OK);
    add(&a, 0.7f, 0.2f, 0.1f, 0);
    add(&a, 0.6f, 0.3f, 0.1f, 1);
    add(&b, 0.1f, 0.8f, 0.1f, 1);
    add(&b, 0.2f, 0.5f, 0.3f, 2);
    add(&b, 0.2f, 0.4f, 0.4f, 2);
    assert_int_equal(vl_evaluation_merge(&a, &b), VALENCE_OK);
    vl_figures x = vl_evaluation_figures(&a), y = vl_evaluation_figures(&whole);
    assert_float_equal(x.macro_f1, y.macro_f1, 1e-12);
    assert_float_equal(x.ece, y.ece, 1e-12);
    assert_float_equal(x.log_loss, y.log_loss, 1e-9);
    assert_memory_equal(a.confusion, whole.confusion, 9 * sizeof *a.confusion);
    vl_evaluation_release(&whole);
    vl_evaluation_release(&a);
    vl_evaluation_release(&b);
}

static void test_nothing(void **state)
{
    (void)state;
    vl_evaluation e;
    assert_int_equal(vl_evaluation_init(&e, 2, NULL), VALENCE_OK);
    vl_figures f = vl_evaluation_figures(&e);
    assert_true(f.accuracy == 0 && f.macro_f1 == 0 && f.ece == 0 && f.log_loss == 0);
    vl_evaluation_release(&e);
    vl_mem_fail_from(1);
    assert_int_equal(vl_evaluation_init(&e, 2, NULL), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    vl_evaluation_release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures), cmocka_unit_test(test_restricted),
        cmocka_unit_test(test_merge), cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
