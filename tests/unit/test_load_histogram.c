/* test_load_histogram.c: quantiles against a sorted list; the objectives' grammar and verdicts. */
#include "test.h"

#include "base/hash.h"
#include "cli/load_histogram.h"
#include "cli/load_slo.h"

static cli_load_histogram h, other;

static void empty(void)
{
    memset(&h, 0, sizeof h);
    memset(&other, 0, sizeof other);
}

/* Within 1 % is promised; half of a bucket, 0.4 %, is what there should be. */
static void check_near(uint64_t got, uint64_t wanted)
{
    uint64_t difference = got > wanted ? got - wanted : wanted - got;
    if (difference * 250 > wanted)
        fail_msg("%llu, not near %llu", (unsigned long long)got, (unsigned long long)wanted);
}

static void test_empty(void **state)
{
    (void)state;
    empty();
    assert_int_equal(cli_load_histogram_quantile(&h, 0.5), 0);
    assert_int_equal(cli_load_histogram_between(&h, 0, UINT64_MAX), 0);
    assert_true(cli_load_histogram_mean(&h) == 0);
    cli_load_histogram_merge(&h, &other);
    assert_int_equal(h.count, 0);
}

/* One value comes back as itself from every place, at edges of buckets too. */
static void test_one_value(void **state)
{
    (void)state;
    for (int bit = 0; bit <= CLI_LOAD_TOP_BIT; bit++)
        for (int off = -2; off <= 2; off++) {
            uint64_t value = ((uint64_t)1 << bit) + (uint64_t)off;
            if (bit < 2) value = (uint64_t)bit;
            empty();
            cli_load_histogram_record(&h, value);
            for (double q = 0; q <= 1; q += 0.25)
                assert_int_equal(cli_load_histogram_quantile(&h, q), value);
        }
}

/* The error of a bucket alone, seen through two neighbours that keep min and max away. */
static void test_error_of_buckets(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t value = (vl_random_at(11, i) >> 22) >> (i % 40);
        empty();
        cli_load_histogram_record(&h, value);
        other = h;
        cli_load_histogram_record(&other, 0);
        cli_load_histogram_record(&other, UINT64_MAX);
        check_near(cli_load_histogram_quantile(&other, 0.5), value);
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_quantiles_like_sorted(void **state)
{
    (void)state;
    enum { N = 10000 };
    static uint64_t values[N];
    empty();
    double sum = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t r = vl_random_at(5, i);
        values[i] = (r >> 40) >> (r % 16); /* seven decades, seed 5 */
        sum += (double)values[i];
        cli_load_histogram_record(i % 3 ? &h : &other, values[i]);
    }
    cli_load_histogram_merge(&h, &other);
    qsort(values, N, sizeof *values, by_value);
    const double quantiles[] = {0.001, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999};
    for (size_t i = 0; i < LENGTH(quantiles); i++)
        check_near(cli_load_histogram_quantile(&h, quantiles[i]),
                   values[(size_t)(quantiles[i] * N + 0.5) - 1]);
    assert_int_equal(cli_load_histogram_quantile(&h, 0), values[0]);
    assert_int_equal(cli_load_histogram_quantile(&h, 1), values[N - 1]);
    assert_int_equal(h.count, N);
    assert_true(cli_load_histogram_mean(&h) == sum / N);
}

static void test_rank(void **state)
{
    (void)state;
    empty();
    for (uint64_t i = 1; i <= 100; i++) cli_load_histogram_record(&h, i);
    assert_int_equal(cli_load_histogram_quantile(&h, 0.99), 99);
    assert_int_equal(cli_load_histogram_quantile(&h, 0.991), 100);
    assert_int_equal(cli_load_histogram_quantile(&h, 0.5), 50);
    assert_int_equal(cli_load_histogram_quantile(&h, 0.01), 1);
}

static void test_between(void **state)
{
    (void)state;
    empty();
    for (uint64_t ns = 1; ns < 100000000; ns *= 10) cli_load_histogram_record(&h, ns * 3);
    uint64_t sum = 0;
    for (uint64_t from = 1; from < 1000000000; from *= 10) {
        assert_int_equal(cli_load_histogram_between(&h, from, from * 10), from < 100000000);
        sum += cli_load_histogram_between(&h, from, from * 10);
    }
    assert_int_equal(sum, h.count);
}

static void test_too_long(void **state)
{
    (void)state;
    empty();
    cli_load_histogram_record(&h, UINT64_MAX);
    assert_int_equal(h.max, ((uint64_t)2 << CLI_LOAD_TOP_BIT) - 1);
    assert_int_equal(h.buckets[CLI_LOAD_BUCKETS - 1], 1);
}

/* ---- Objectives ------------------------------------------------------------------------------ */

static void test_slo_grammar(void **state)
{
    (void)state;
    cli_load_slos s = {0};
    assert_int_equal(
        cli_load_slos_parse(&s, "p99=10ms,p99.9=1s,max=2s,mean=1us,errors=0,errors=0.5%,rps=10.5",
                            NULL),
        VALENCE_OK);
    assert_int_equal(s.count, 7);
    assert_true(s.items[0].quantile == 0.99 && s.items[0].limit == 0.01);
    assert_true(s.items[1].quantile > 0.9989 && s.items[1].quantile < 0.9991);
    assert_true(s.items[2].quantile == 1 && s.items[5].limit == 0.005 && s.items[6].limit == 10.5);
    assert_true(vl_span_is(s.items[3].text, "mean=1us"));
    const char *bad[] = {
        "",         "p99",        "p99=",     "p99=10",   "p=1ms",           "p0=1ms",
        "p101=1ms", "p-5=1ms",    "p99=-1ms", "errors=",  "errors=-1",       "errors=1x",
        "rps=5%",   "rps=1.2.3",  "p50=1ms,", ",p50=1ms", "p50=1ms,,max=1s", "speed=5",
        "p9x=1ms",  "errors=1%%", "pnan=1ms"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        valence_error error = {0};
        cli_load_slos none = {0};
        if (cli_load_slos_parse(&none, bad[i], &error) != VALENCE_ARGUMENT)
            fail_msg("'%s' is taken", bad[i]);
        assert_memory_equal(error.message, "needs", 5);
    }
}

static void test_slo_too_many(void **state)
{
    (void)state;
    char text[9 * (CLI_LOAD_SLO_MAX + 1) + 1] = "errors=0";
    for (int i = 1; i < CLI_LOAD_SLO_MAX; i++) strcat(text, ",errors=0");
    cli_load_slos s = {0};
    assert_int_equal(cli_load_slos_parse(&s, text, NULL), VALENCE_OK);
    strcat(text, ",errors=0");
    s.count = 0;
    assert_int_equal(cli_load_slos_parse(&s, text, NULL), VALENCE_ARGUMENT);
}

static bool met(const char *text, const cli_load_result *r)
{
    cli_load_slos s = {0};
    assert_int_equal(cli_load_slos_parse(&s, text, NULL), VALENCE_OK);
    return cli_load_slo_met(&s.items[0], r);
}

static void test_slo_verdicts(void **state)
{
    (void)state;
    static cli_load_result r;
    assert_false(met("p99=1s", &r)); /* nothing was answered */
    assert_false(met("mean=1s", &r));
    assert_true(met("errors=0", &r));
    for (int i = 1; i <= 90; i++) cli_load_histogram_record(&r.latency, (uint64_t)i * 1000000);
    r.finished = 96;
    r.seconds = 9;
    r.status[200] = 90;
    r.status[429] = 5;
    r.errors[CLI_LOAD_TIMEOUT] = 1;
    r.errors[CLI_LOAD_UNSENT] = 4;
    assert_int_equal(cli_load_errors(&r), 10);
    assert_true(met("p50=46ms", &r) && !met("p50=44ms", &r));
    assert_true(met("max=90ms", &r) && !met("max=89ms", &r));
    assert_true(met("mean=45.5ms", &r) && !met("mean=45ms", &r));
    assert_true(met("errors=10", &r) && !met("errors=9", &r));
    assert_true(met("errors=10%", &r) && !met("errors=9.9%", &r)); /* of 100 that were due */
    assert_true(met("rps=10", &r) && !met("rps=10.1", &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_one_value),
        cmocka_unit_test(test_error_of_buckets),
        cmocka_unit_test(test_quantiles_like_sorted),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_between),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_slo_grammar),
        cmocka_unit_test(test_slo_too_many),
        cmocka_unit_test(test_slo_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
