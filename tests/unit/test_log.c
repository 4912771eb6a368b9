/* test_log.c: one listener, silence without it, long lines cut. */
#include "test.h"

#include "base/log.h"

typedef struct heard {
    int count;
    vl_log_level level;
    char message[1024];
} heard;

static void listen(void *user, vl_log_level level, const char *message)
{
    heard *h = user;
    h->count++;
    h->level = level;
    snprintf(h->message, sizeof h->message, "%s", message);
}

static void test_listener(void **state)
{
    (void)state;
    heard h = {0};
    vl_log(VL_LOG_WARNING, "nobody %d", 1);
    vl_log_listen(listen, &h);
    vl_log(VL_LOG_INFO, "row %d of '%s'", 3, "a.csv");
    assert_int_equal(h.count, 1);
    assert_int_equal(h.level, VL_LOG_INFO);
    assert_string_equal(h.message, "row 3 of 'a.csv'");
    vl_log(VL_LOG_DEBUG, "%2000d", 1);
    assert_int_equal(h.count, 2);
    assert_in_range(strlen(h.message), 100, 1000);
    vl_log_listen(NULL, NULL);
    vl_log(VL_LOG_WARNING, "nobody");
    assert_int_equal(h.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_listener)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
