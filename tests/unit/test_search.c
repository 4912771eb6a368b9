/* test_search.c: the search finds what is there to be found, and keeps the rest as it was. */
#include "train_fixture.h"

#include "base/clock.h"
#include "train/search.h"

enum { ROWS = 500 };

/* Labels that only the order of two words tells: single words say nothing. */
static vl_corpus read_pairs(void)
{
    fixture_text t = fixture_begin("label\ttext\n");
    for (int i = 0; i < ROWS; i++) {
        char row[200];
        size_t n = (size_t)snprintf(row, sizeof row, "%s\t", i % 2 ? "yes" : "no");
        for (int w = 0; w < 6; w++) {
            int pair = (int)(vl_random_at(7, (uint64_t)(i * 6 + w)) % 10);
            n += (size_t)snprintf(row + n, sizeof row - n, i % 2 ? "a%d b%d x%d " : "b%d a%d x%d ", pair,
                                  pair, (int)(vl_random_at(8, (uint64_t)(i * 6 + w)) % 50));
        }
        t.len += (size_t)snprintf(t.data + t.len, FIXTURE_MAX - t.len, "%sn%d\n", row, i);
    }
    return fixture_read(fixture_write(&t, fixture_folder, "pairs.tsv"), false);
}

static double f1_of(const vl_corpus *c, vl_classic_options o)
{
    vl_classic_report report;
    valence_error e = {0};
    o.holdout = c->count / 5;
    o.progress = NULL;
    if (vl_classic_try(&report, c, NULL, &o, NULL, &e) != VALENCE_OK) fail_msg("%s", e.message);
    return report.held_out_macro_f1;
}

static int told;

static void count_told(void *user, const char *stage, double share)
{
    assert_ptr_equal(user, &told);
    assert_string_equal(stage, "searching");
    assert_true(share >= 0 && share <= 1);
    told++;
}

static void finds_pairs(bool logistic)
{
    valence_error e = {0};
    vl_corpus c = read_pairs();
    vl_classic_options o = vl_classic_defaults(logistic);
    o.pipeline.max_n = 1;
    o.holdout = 77;
    o.progress = count_told;
    o.user = &told;
    double before = f1_of(&c, o);
    told = 0;
    assert_int_equal(vl_search(&o, &c, NULL, 2.5, 1, NULL, &e), VALENCE_OK);
    assert_true(told > 2);
    assert_true(before < 0.75);
    assert_true(f1_of(&c, o) > 0.95);
    assert_true(o.pipeline.max_n > 1);
    assert_true(o.vocabulary.capacity <= vl_classic_defaults(logistic).vocabulary.capacity);
    assert_true(o.progress == count_told && o.user == &told && o.holdout == 77);
    assert_int_equal(o.logistic, logistic);
    vl_corpus_release(&c);
}

static void test_logistic(void **state)
{
    (void)state;
    finds_pairs(true);
}

static void test_naive_bayes(void **state)
{
    (void)state;
    finds_pairs(false);
}

/* Without time the options as given are tried, and stay. */
static void test_no_time(void **state)
{
    (void)state;
    valence_error e = {0};
    char before[VL_SETTINGS_TEXT], after[VL_SETTINGS_TEXT];
    vl_corpus c = read_pairs();
    vl_classic_options o = vl_classic_defaults(true);
    vl_search_describe(before, &o);
    assert_int_equal(vl_search(&o, &c, NULL, 1e-9, 1, NULL, &e), VALENCE_OK);
    vl_search_describe(after, &o);
    assert_string_equal(before, after);
    assert_string_equal(before + strlen(before) - 10, "--cost 0.5");
    vl_corpus_release(&c);
}

static void test_stops_in_time(void **state)
{
    (void)state;
    vl_corpus c = read_pairs();
    vl_classic_options o = vl_classic_defaults(false);
    double start = vl_clock_seconds();
    assert_int_equal(vl_search(&o, &c, &c, 1, 2, NULL, NULL), VALENCE_OK); /* judged on dev */
    assert_true(vl_clock_seconds() - start < 3);
    vl_corpus_release(&c);
}

static void test_too_small(void **state)
{
    (void)state;
    valence_error e = {0};
    fixture_text t = fixture_begin("label\ttext\n");
    for (int i = 0; i < 100; i++) fixture_row(&t, i % 2 ? "a" : "b", i % 2, 0, (uint64_t)i);
    vl_corpus c = fixture_read(fixture_write(&t, fixture_folder, "small.tsv"), false);
    vl_classic_options o = vl_classic_defaults(true);
    assert_int_equal(vl_search(&o, &c, NULL, 1, 1, NULL, &e), VALENCE_ARGUMENT);
    assert_non_null(strstr(e.message, "too few"));
    o.vocabulary.min_count = 1e6f; /* the first setting's error is the user's */
    assert_int_equal(vl_search(&o, &c, &c, 1, 1, NULL, &e), VALENCE_ARGUMENT);
    assert_non_null(strstr(e.message, "n-gram"));
    vl_corpus_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_logistic),
                                       cmocka_unit_test(test_naive_bayes),
                                       cmocka_unit_test(test_no_time),
                                       cmocka_unit_test(test_stops_in_time),
                                       cmocka_unit_test(test_too_small)};
    return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
