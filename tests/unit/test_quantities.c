/* test_quantities.c: amounts with units: what is taken, what is refused and with which words. */
#include "test.h"

#include <math.h>

#include "cli/quantities.h"

static void expect(vl_status (*fn)(double *, const char *, valence_error *), const char *text,
                   double wanted)
{
    double got = -1;
    valence_error error = {0};
    if (fn(&got, text, &error) != VALENCE_OK) fail_msg("'%s': %s", text, error.message);
    if (fabs(got - wanted) > 1e-12 * wanted)
        fail_msg("'%s' is %.17g, not %.17g", text, got, wanted);
}

static void refuse(vl_status (*fn)(double *, const char *, valence_error *), const char *text,
                   const char *part)
{
    double got = -1;
    valence_error error = {0};
    assert_int_equal(fn(&got, text, NULL), VALENCE_ARGUMENT);
    assert_int_equal(fn(&got, text, &error), VALENCE_ARGUMENT);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in '%s'", part, error.message);
    if (strlen(text) < 80 && !strstr(error.message, text))
        fail_msg("'%s' is not in '%s'", text, error.message);
}

static void test_durations(void **state)
{
    (void)state;
    expect(cli_parse_duration, "20ms", 0.02);
    expect(cli_parse_duration, "20 ms", 0.02);
    expect(cli_parse_duration, "1.5us", 1.5e-6);
    expect(cli_parse_duration, ".5s", 0.5);
    expect(cli_parse_duration, "3.s", 3);
    expect(cli_parse_duration, "7MS", 0.007);
    static const char *const bad[] = {"",      "20",     "ms",    "0ms",     "-1ms", "+1ms",
                                      "1e3ms", "0x10ms", "infs",  "nans",    "20m",  "20ms ",
                                      " 20ms", "2 0ms",  "20min", "1.2.3ms", ".ms",  "20MB",
                                      "1,5ms", "20 ",    "ms20"};
    for (size_t i = 0; i < LENGTH(bad); i++) refuse(cli_parse_duration, bad[i], "such as 20ms");
}

static void test_bytes(void **state)
{
    (void)state;
    expect(cli_parse_bytes, "100MB", 1e8);
    expect(cli_parse_bytes, "100mb", 1e8);
    expect(cli_parse_bytes, "1B", 1);
    expect(cli_parse_bytes, "2.5KB", 2500);
    expect(cli_parse_bytes, "3 GB", 3e9);
    expect(cli_parse_bytes, "1KiB", 1024);
    expect(cli_parse_bytes, "100MiB", 104857600);
    expect(cli_parse_bytes, "4GiB", 4294967296.0);
    static const char *const bad[] = {"",    "100", "100M",  "100ms",   "-5MB",
                                      "0MB", "MB",  "1e2MB", "100 M B", "1TB"};
    for (size_t i = 0; i < LENGTH(bad); i++) refuse(cli_parse_bytes, bad[i], "such as 100MB");
}

static void test_shares(void **state)
{
    (void)state;
    expect(cli_parse_share, "0", 0);
    expect(cli_parse_share, "1", 1);
    expect(cli_parse_share, "0.9", 0.9);
    expect(cli_parse_share, ".85", 0.85);
    expect(cli_parse_share, "85%", 0.85);
    expect(cli_parse_share, "85 %", 0.85);
    expect(cli_parse_share, "100%", 1);
    static const char *const bad[] = {"",    "85",   "1.01", "101%", "-0.5", "nan",
                                      "inf", "0.9x", "90%%", "90% ", "%",    "."};
    for (size_t i = 0; i < LENGTH(bad); i++) refuse(cli_parse_share, bad[i], "90%");
}

/* Whatever length: no number is infinite, no message too long. */
static void test_long(void **state)
{
    (void)state;
    char *text = malloc(5001);
    memset(text, '9', 5000);
    text[5000] = '\0';
    refuse(cli_parse_share, text, "share");
    memcpy(text + 4998, "MB", 2);
    refuse(cli_parse_bytes, text, "size");
    memcpy(text + 4998, "us", 2);
    refuse(cli_parse_duration, text, "time");
    memset(text + 1, '0', 4997);
    text[1] = '.';
    expect(cli_parse_duration, text, 9e-6);
    free(text);
}

static void expect_written(void (*fn)(char *, double, int), double value, int digits,
                           const char *wanted)
{
    char out[CLI_QUANTITY];
    fn(out, value, digits);
    assert_string_equal(out, wanted);
}

static void test_written(void **state)
{
    (void)state;
    expect_written(cli_write_duration, 2.134e-6, 3, "2.13 us");
    expect_written(cli_write_duration, 0.02, 3, "20 ms");
    expect_written(cli_write_duration, 1.5, 3, "1.5 s");
    expect_written(cli_write_duration, 4e-8, 3, "0.04 us");
    expect_written(cli_write_duration, 999.9e-6, 3, "999.9 us");
    expect_written(cli_write_duration, 86400, 2, "86400 s");
    expect_written(cli_write_duration, 0.020004, 6, "20.004 ms");
    expect_written(cli_write_bytes, 1565744, 3, "1.57 MB");
    expect_written(cli_write_bytes, 512, 3, "512 B");
    expect_written(cli_write_bytes, 0, 3, "0 B");
    expect_written(cli_write_bytes, 2.5e10, 3, "25 GB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_shares),    cmocka_unit_test(test_long),
        cmocka_unit_test(test_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
