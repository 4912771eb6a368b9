/* test_token_windows.c: plans and contents of windows against a slow statement of the rule, over
 * all small sizes. */
#include "test.h"

#include "text/token_windows.h"

enum { MOST = 64 };

static const vl_token_template none = {.pad = -1};
static const vl_token_template bert = {
    .prefix = {101}, .suffix = {102}, .prefix_count = 1, .suffix_count = 1, .pad = 0};
static const vl_token_template wide = {
    .prefix = {7, 8}, .suffix = {9, 10, 11}, .prefix_count = 2, .suffix_count = 3, .pad = -1};

/* Token i is 1000 + i. */
static vl_tokens tokens_of(int32_t *ids, int64_t count)
{
    for (int64_t i = 0; i < count; i++) ids[i] = 1000 + (int32_t)i;
    return (vl_tokens){.ids = ids, .count = count};
}

/* Index of the text's token at place k of window w, by the rule's words. */
static int64_t expected_at(const vl_window_plan *p, const vl_window_rule *r, int32_t w, int64_t k)
{
    if (p->count <= p->room) return k;
    int64_t last = p->count - p->room, begin = (int64_t)w * (p->room - r->overlap);
    switch (r->truncation) {
    case VL_CUT_WINDOWS:
        return (begin < last ? begin : last) + k;
    case VL_CUT_LEFT:
        return last + k;
    case VL_CUT_HEAD_TAIL:
        return k < p->room / 4 ? k : last + k;
    default:
        return k;
    }
}

static void check(const vl_window_rule *r, const vl_token_template *around, int64_t count)
{
    int32_t text[MOST], ids[MOST * MOST], places[MOST * MOST], offsets[MOST * MOST];
    vl_tokens tokens = tokens_of(text, count);
    vl_window_plan p;
    assert_int_equal(vl_window_plan_of(&p, r, around, count), VALENCE_OK);
    bool longer = count > p.room;
    assert_int_equal(p.truncated, longer && r->truncation != VL_CUT_WINDOWS);
    assert_true(p.windows >= 1 && (longer || p.windows == 1));
    vl_window_fill(ids, offsets, places, &p, r, around, &tokens);
    assert_int_equal(offsets[p.windows], p.total);
    int64_t inside = longer ? p.room : count, at = 0, covered = 0;
    for (int32_t w = 0; w < p.windows; w++) {
        assert_int_equal(offsets[w], at);
        for (int i = 0; i < around->prefix_count; i++, at++) {
            assert_int_equal(ids[at], around->prefix[i]);
            assert_int_equal(places[at], -1);
        }
        for (int64_t k = 0; k < inside; k++, at++) {
            assert_int_equal(places[at], expected_at(&p, r, w, k));
            assert_int_equal(ids[at], text[places[at]]);
            if (places[at] == covered) covered++;
        }
        for (int i = 0; i < around->suffix_count; i++, at++)
            assert_int_equal(ids[at], around->suffix[i]);
    }
    if (r->truncation == VL_CUT_WINDOWS) assert_int_equal(covered, count); /* nothing is left out */
    if (p.windows > 1) /* nor is a window one too many */
        assert_true((p.windows - 2) * (int64_t)(p.room - r->overlap) + p.room < count);
}

static void test_all_small_sizes(void **state)
{
    (void)state;
    const vl_token_template *const arounds[] = {&none, &bert, &wide};
    for (size_t a = 0; a < LENGTH(arounds); a++)
        for (int32_t room = 1; room <= 9; room++)
            for (int32_t overlap = 0; overlap < room; overlap++)
                for (int cut = VL_CUT_WINDOWS; cut <= VL_CUT_HEAD_TAIL; cut++)
                    for (int64_t count = 0; count <= 30; count++) {
                        vl_window_rule r = {room + arounds[a]->prefix_count +
                                                arounds[a]->suffix_count,
                                            overlap, (vl_truncation)cut};
                        check(&r, arounds[a], count);
                    }
}

static void test_places_may_be_missing(void **state)
{
    (void)state;
    int32_t text[8], ids[32], offsets[8];
    vl_tokens tokens = tokens_of(text, 8);
    vl_window_rule r = {5, 1, VL_CUT_WINDOWS};
    vl_window_plan p;
    assert_int_equal(vl_window_plan_of(&p, &r, &bert, 8), VALENCE_OK);
    vl_window_fill(ids, offsets, NULL, &p, &r, &bert, &tokens);
    static const int32_t expected[] = {101, 1000, 1001, 1002, 102, 101, 1002, 1003, 1004, 102,
                                       101, 1004, 1005, 1006, 102, 101, 1005, 1006, 1007, 102};
    assert_int_equal(p.total, LENGTH(expected));
    assert_memory_equal(ids, expected, sizeof expected);
}

static void test_too_many_windows(void **state)
{
    (void)state;
    vl_window_rule r = {512, 508, VL_CUT_WINDOWS};
    vl_window_plan p;
    assert_int_equal(vl_window_plan_of(&p, &r, &bert, 1 << 21), VALENCE_OK);
    assert_int_equal(vl_window_plan_of(&p, &r, &bert, 1 << 24), VALENCE_LIMIT);
    r.truncation = VL_CUT_RIGHT;
    assert_int_equal(vl_window_plan_of(&p, &r, &bert, INT64_MAX / 2), VALENCE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_small_sizes),
                                       cmocka_unit_test(test_places_may_be_missing),
                                       cmocka_unit_test(test_too_many_windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
