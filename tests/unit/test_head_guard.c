/* test_head_guard.c: which heads pass, in one piece and in any two; where a head ends. */
#include "test.h"

#include <string.h>

#include "serve/head_guard.h"

typedef struct outcome {
    bool ended, bad;
    size_t used;
} outcome;

static outcome pass(vl_head_guard *g, const char *bytes, size_t len)
{
    outcome o;
    o.used = vl_head_pass(g, bytes, len, &o.ended, &o.bad);
    return o;
}

static outcome pass_cut(const char *bytes, size_t len, size_t cut)
{
    vl_head_guard g = {VL_HEAD_START};
    outcome first = pass(&g, bytes, cut);
    if (first.ended || first.bad) return first;
    assert_int_equal(first.used, cut);
    outcome second = pass(&g, bytes + cut, len - cut);
    second.used += cut;
    return second;
}

/* used: where the head ends, or how far it was good and one byte more. */
static void expect(const char *bytes, bool ended, bool bad, size_t used)
{
    size_t len = strlen(bytes);
    for (size_t cut = 0; cut <= len; cut++) {
        outcome o = pass_cut(bytes, len, cut);
        if (o.ended != ended || o.bad != bad || o.used != used)
            fail_msg("cut %zu of '%s': ended %d, bad %d, used %zu", cut, bytes, o.ended, o.bad, o.used);
    }
}

static void test_good(void **state)
{
    (void)state;
    expect("", false, false, 0);
    expect("GET / HTTP/1.1\r\n\r\n", true, false, 18);
    expect("GET / HTTP/1.1\r\nHost: x\r\n\r\nbody\n", true, false, 27);
    expect("\r\n\r\nG\r\n\r\n", true, false, 9); /* empty lines before a request */
    expect("\r\n\n\r", false, false, 4);
    expect("GET / HTTP/1.1\r\nHost: x\r", false, false, 24);
}

static void test_bad(void **state)
{
    (void)state;
    expect("G\nH", false, true, 2);                 /* bare LF */
    expect("G\r\nA: b\nC: d\r\n\r\n", false, true, 8);
    expect("G\rH\r\n\r\n", false, true, 3);         /* bare CR */
    expect("G\r\r\n\r\n", false, true, 3);
    expect("G\r\nA: b\r\n\rX", false, true, 11);    /* CVE-2025-23167 */
    expect("G\r\nA: b\r\n c\r\n\r\n", false, true, 10); /* folded */
    expect("G\r\nA: b\r\n\tc\r\n\r\n", false, true, 10);
    expect("G\r\n\n", false, true, 4);
}

/* Behind an end the guard is as new. */
static void test_again(void **state)
{
    (void)state;
    vl_head_guard g = {VL_HEAD_START};
    for (int i = 0; i < 3; i++) {
        outcome o = pass(&g, "G\r\n\r\nG\r\n\r\n", 10);
        assert_true(o.ended && !o.bad && o.used == 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
