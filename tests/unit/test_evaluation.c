/* test_evaluation.c: figures against values worked out by hand. */
#include "engine/evaluation.h"

#include <math.h>

#include "engine/ranking.h"
#include "test.h"

static _Atomic int64_t room;

static void init(vl_evaluation *e, int32_t K)
{
    room = VL_EVAL_ROOM;
    assert_int_equal(vl_evaluation_init(e, K, &room, NULL), VALENCE_OK);
}

static void add(vl_evaluation *e, float a, float b, float c, int32_t label)
{
    assert_int_equal(vl_evaluation_add(e, (float[]){a, b, c}, label), VALENCE_OK);
}

/* Five texts, three classes; two right. */
static void fill(vl_evaluation *e)
{
    init(e, 3);
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
    init(&e, 3);
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
    init(&a, 3);
    init(&b, 3);
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
    init(&e, 2);
    vl_figures f = vl_evaluation_figures(&e);
    assert_true(f.accuracy == 0 && f.macro_f1 == 0 && f.ece == 0 && f.log_loss == 0);
    vl_evaluation_release(&e);
    vl_mem_fail_from(1);
    assert_int_equal(vl_evaluation_init(&e, 2, &room, NULL), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    vl_evaluation_release(&e);
}

/* Below the threshold nothing is answered; at it, it is. */
static void test_abstaining(void **state)
{
    (void)state;
    vl_evaluation e, other;
    init(&e, 3);
    e.min_confidence = 0.6f;
    add(&e, 0.7f, 0.2f, 0.1f, 0);
    add(&e, 0.6f, 0.3f, 0.1f, 1);
    add(&e, 0.2f, 0.5f, 0.3f, 1);
    vl_figures f = vl_evaluation_figures(&e);
    assert_float_equal(f.accuracy, 2.0 / 3, 1e-12);
    assert_float_equal(f.coverage, 2.0 / 3, 1e-12);
    assert_float_equal(f.selective_accuracy, 0.5, 1e-12);
    assert_float_equal(f.confidence, (0.7 + 0.6 + 0.5) / 3, 1e-6);
    init(&other, 3);
    add(&other, 0.1f, 0.1f, 0.8f, 2); /* threshold 0: answered */
    assert_int_equal(vl_evaluation_merge(&e, &other), VALENCE_OK);
    f = vl_evaluation_figures(&e);
    assert_float_equal(f.coverage, 0.75, 1e-12);
    assert_float_equal(f.selective_accuracy, 2.0 / 3, 1e-12);
    vl_evaluation_release(&e);
    vl_evaluation_release(&other);
}

static void test_ranks(void **state)
{
    (void)state;
    vl_evaluation e;
    uint32_t *keys;
    fill(&e);
    assert_true(vl_evaluation_kept(&e));
    assert_int_equal(vl_evaluation_rank_class(&keys, &e, 0, NULL), VALENCE_OK);
    assert_true(keys[0] == vl_rank_key(0.7f, true) && keys[1] == vl_rank_key(0.6f, false));
    vl_free(keys);
    assert_int_equal(vl_evaluation_rank_confidence(&keys, &e, NULL), VALENCE_OK);
    assert_true(keys[0] == vl_rank_key(0.8f, true) && keys[4] == vl_rank_key(0.4f, false));
    vl_free(keys);
    for (int64_t n = 1; n <= 2; n++) {
        valence_error error;
        vl_mem_fail_from(n);
        assert_int_equal(vl_evaluation_rank_class(&keys, &e, 0, &error), VALENCE_NO_MEMORY);
        vl_mem_fail_from(0);
        assert_null(keys);
    }
    vl_evaluation_release(&e);
}

/* What does not fit the room is not kept, by nobody who shares it; the sums go on. */
static void test_room(void **state)
{
    (void)state;
    vl_evaluation a, b;
    init(&a, 3);
    init(&b, 3);
    room = 3 * 16;
    add(&a, 0.7f, 0.2f, 0.1f, 0);
    add(&b, 0.7f, 0.2f, 0.1f, 0);
    add(&a, 0.7f, 0.2f, 0.1f, 0);
    assert_true(vl_evaluation_kept(&a) && vl_evaluation_kept(&b));
    add(&a, 0.7f, 0.2f, 0.1f, 1);
    add(&b, 0.7f, 0.2f, 0.1f, 1);
    assert_true(a.kept.len == 2 * 16 && b.kept.len == 16);
    assert_false(vl_evaluation_kept(&a));
    assert_int_equal(vl_evaluation_merge(&a, &b), VALENCE_OK);
    assert_false(vl_evaluation_kept(&a));
    assert_false(vl_evaluation_figures(&a).restricted); /* though a class is missing */
    assert_float_equal(vl_evaluation_figures(&a).accuracy, 0.6, 1e-12);
    vl_evaluation_release(&a);
    vl_evaluation_release(&b);
    assert_int_equal(vl_evaluation_init(&a, 3, NULL, NULL), VALENCE_OK);
    add(&a, 0.7f, 0.2f, 0.1f, 0);
    assert_false(vl_evaluation_kept(&a));
    vl_evaluation_release(&a);
}

static void test_most_confused(void **state)
{
    (void)state;
    enum { MANY = 100 };
    for (int32_t K = 60; K <= MANY; K += MANY - 60) {
        vl_evaluation e;
        int32_t classes[3];
        int64_t counts[9];
        static float p[MANY];
        static const int32_t is[] = {50, 50, 7, 7, 7, 20, 3}, said[] = {7, 7, 50, 7, 20, 20, 3};
        init(&e, K);
        for (size_t i = 0; i < LENGTH(is); i++) {
            memset(p, 0, sizeof p);
            p[said[i]] = 0.75f;
            assert_int_equal(vl_evaluation_add(&e, p, is[i]), VALENCE_OK);
        }
        assert_true((e.confusion == NULL) == (K > VL_EVAL_CONFUSION_MAX));
        assert_int_equal(vl_evaluation_most_confused(classes, counts, 3, &e, NULL), VALENCE_OK);
        /* wrong: 7 four times, 50 three times, 20 once */
        assert_true(classes[0] == 7 && classes[1] == 20 && classes[2] == 50);
        static const int64_t expected[] = {1, 1, 1, 0, 1, 0, 2, 0, 0};
        assert_memory_equal(counts, expected, sizeof expected);
        uint32_t *keys;
        assert_int_equal(vl_evaluation_rank_confidence(&keys, &e, NULL), VALENCE_OK);
        assert_true(keys[2] == vl_rank_key(0.75f, true) && keys[3] == vl_rank_key(0.75f, false));
        vl_free(keys);
        vl_evaluation_release(&e);
    }
}

/* A model whose probabilities are no numbers is wrong, not a way out of the arrays. */
static void test_no_number(void **state)
{
    (void)state;
    vl_evaluation e;
    init(&e, 3);
    add(&e, NAN, NAN, NAN, 1);
    add(&e, INFINITY, 0, 0, 1);
    assert_true(e.examples == 2 && e.right == 0);
    assert_true(e.bin_count[0] == 1 && e.bin_count[VL_EVAL_BINS - 1] == 1);
    vl_evaluation_release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures), cmocka_unit_test(test_restricted),
        cmocka_unit_test(test_merge), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_abstaining), cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_room), cmocka_unit_test(test_most_confused),
        cmocka_unit_test(test_no_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
