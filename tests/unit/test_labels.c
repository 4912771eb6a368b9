/* test_labels.c: the set of labels and its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/labels.h"

static void add_all(vl_labels *l, const char *const *names, int32_t n)
{
    vl_labels_init(l);
    for (int32_t i = 0; i < n; i++) {
        int32_t index;
        assert_int_equal(vl_labels_add(l, vl_span_of(names[i]), &index, NULL), VALENCE_OK);
        assert_int_equal(index, i);
    }
}

static void expect_order(const char *const *names, const char *const *sorted, int32_t n)
{
    vl_labels l;
    int32_t moved[16], again;
    add_all(&l, names, n);
    assert_int_equal(vl_labels_add(&l, vl_span_of(names[0]), &again, NULL), VALENCE_OK);
    assert_int_equal(again, 0);
    assert_int_equal(l.count, n);
    assert_int_equal(vl_labels_sort(&l, moved, NULL), VALENCE_OK);
    for (int32_t i = 0; i < n; i++) {
        assert_true(vl_span_is(l.names[i], sorted[i]));
        assert_int_equal(vl_labels_find(&l, vl_span_of(sorted[i])), i);
        assert_true(vl_span_is(l.names[moved[i]], names[i]));
    }
    assert_int_equal(vl_labels_find(&l, vl_span_of("none")), -1);
    vl_labels_release(&l);
}

static void test_order(void **state)
{
    (void)state;
    expect_order((const char *[]){"10", "9", "-1", "+2"}, (const char *[]){"-1", "+2", "9", "10"},
                 4);
    expect_order((const char *[]){"10", "9", "x"}, (const char *[]){"10", "9", "x"}, 3);
    expect_order((const char *[]){"positive", "negative", "neutral", "neg", "", "\xC3\xA9"},
                 (const char *[]){"", "neg", "negative", "neutral", "positive", "\xC3\xA9"}, 6);
    expect_order((const char *[]){"1", "01", "99999999999999999999"},
                 (const char *[]){"01", "1", "99999999999999999999"}, 3);
    expect_order((const char *[]){"9223372036854775807", "-9223372036854775808", "-", "1"},
                 (const char *[]){"-", "-9223372036854775808", "1", "9223372036854775807"}, 4);
    expect_order((const char *[]){"9223372036854775807", "-9223372036854775808", "1"},
                 (const char *[]){"-9223372036854775808", "1", "9223372036854775807"}, 3);
}

static void test_limits(void **state)
{
    (void)state;
    vl_labels l;
    int32_t index;
    valence_error e;
    char name[32];
    vl_labels_init(&l);
    for (int i = 0; i < VL_MAX_LABELS; i++) {
        vl_span s = {name, (size_t)snprintf(name, sizeof name, "%d", i)};
        if (vl_labels_add(&l, s, &index, &e) != VALENCE_OK || index != i) fail_msg("at %d", i);
    }
    assert_int_equal(vl_labels_add(&l, vl_span_of("x"), &index, &e), VALENCE_LIMIT);
    assert_non_null(strstr(e.message, "more than a million labels"));
    assert_int_equal(vl_labels_find(&l, vl_span_of("777")), 777);
    vl_labels_release(&l);
    char *huge = vl_alloc_zero(VL_MEM_IO, 1 << 20);
    assert_int_equal(vl_labels_add(&l, (vl_span){huge, 1 << 20}, &index, &e), VALENCE_LIMIT);
    vl_free(huge);
    vl_labels_release(&l);
}

static void test_bytes_and_failing_allocations(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().current;
    for (int n = 1; n < 12; n++) {
        vl_labels l;
        int32_t index, moved[3];
        vl_labels_init(&l);
        vl_mem_fail_from(n);
        vl_status a = vl_labels_add(&l, (vl_span){"a\0b", 3}, &index, NULL);
        vl_status b = vl_labels_add(&l, (vl_span){"a\0c", 3}, &index, NULL);
        vl_status c = vl_labels_sort(&l, moved, NULL);
        vl_mem_fail_from(0);
        if (a == VALENCE_OK && b == VALENCE_OK) {
            assert_int_equal(l.count, 2);
            assert_int_equal(vl_labels_find(&l, (vl_span){"a\0c", 3}), 1);
        }
        if (n == 11) assert_int_equal(a + b + c, VALENCE_OK);
        vl_labels_release(&l);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bytes_and_failing_allocations),
    };
    return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
