/* test_clock.c: time goes forward at the right speed; memory that is touched is seen. */
#include "test.h"

#include <time.h>

#include "base/clock.h"

static void test_seconds(void **state)
{
    (void)state;
    double start = vl_clock_seconds(), last = start;
    for (int i = 0; i < 1000; i++) {
        double now = vl_clock_seconds();
        assert_true(now >= last);
        last = now;
    }
    start = vl_clock_seconds();
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    double slept = vl_clock_seconds() - start;
    assert_true(slept >= 0.0199 && slept < 60);
}

static void test_resident(void **state)
{
    (void)state;
    const size_t size = (size_t)64 << 20;
    int64_t before = vl_rss_bytes();
    assert_true(before > 0);
    char *p = malloc(size);
    assert_non_null(p);
    memset(p, 1, size);
    assert_true(vl_rss_bytes() - before > (int64_t)size * 9 / 10);
    assert_true(vl_peak_rss_bytes() >= (int64_t)size);
    free(p);
    assert_true(vl_peak_rss_bytes() >= (int64_t)size); /* the peak stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seconds),
        cmocka_unit_test(test_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
