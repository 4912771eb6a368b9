/* test_heat.c: weights spread over words: the sums stay, blanks never begin a word, levels follow
 * the strongest one. */
#include <math.h>

#include "test.h"

#include "base/hash.h"
#include "cli/heat.h"

static vl_buffer heat_of(const char *text, const valence_explanation *e)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1 << 24);
    assert_int_equal(cli_heat(&b, vl_span_of(text), e), VALENCE_OK);
    return b;
}

static void expect_word(const vl_buffer *b, size_t i, size_t start, size_t end, double weight, int level)
{
    size_t count;
    const cli_heat_word *w = cli_heat_words(b, &count);
    assert_true(i < count);
    assert_int_equal(w[i].start, start);
    assert_int_equal(w[i].end, end);
    assert_true(fabs(w[i].weight - weight) < 1e-9);
    assert_int_equal(w[i].level, level);
}

static void test_example(void **state)
{
    (void)state;
    /* good twice (+2, so 1 each); "is bad" -8 over 6 bytes: "is " 4 (blank included), "bad" 4 */
    valence_reason reasons[] = {{0, 4, 2, 2}, {5, 11, -8, 1}};
    valence_place places[] = {{0, 4, 0}, {5, 11, 1}, {12, 16, 0}};
    valence_explanation e = {.reasons = reasons, .reason_count = 2, .places = places, .place_count = 3};
    vl_buffer b = heat_of("good is bad good  zzz", &e);
    expect_word(&b, 0, 0, 4, 1, 1);
    expect_word(&b, 1, 5, 7, -4, 4);
    expect_word(&b, 2, 8, 11, -4, 4);
    expect_word(&b, 3, 12, 16, 1, 1);
    expect_word(&b, 4, 18, 21, 0, 0);
    assert_int_equal(b.len, 5 * sizeof(cli_heat_word));
    vl_buffer_release(&b);
}

static void test_nothing(void **state)
{
    (void)state;
    valence_explanation e = {0};
    vl_buffer b = heat_of("", &e);
    assert_int_equal(b.len, 0);
    vl_buffer_release(&b);
    b = heat_of(" \n ", &e);
    assert_int_equal(b.len, 0);
    vl_buffer_release(&b);
    b = heat_of(" a", &e);
    expect_word(&b, 0, 1, 2, 0, 0);
    vl_buffer_release(&b);
}

/* Random places, one per reason: the words' weights add up to the reasons'. */
static void test_sum(void **state)
{
    (void)state;
    char text[400];
    for (uint64_t seed = 1; seed < 200; seed++) {
        valence_reason reasons[20];
        valence_place places[20];
        double sum = 0, got = 0;
        for (size_t i = 0; i < sizeof text - 1; i++)
            text[i] = i == 0 || vl_random_at(seed, i) % 5 ? 'x' : ' '; /* a word comes first */
        text[sizeof text - 1] = '\0';
        for (uint32_t i = 0; i < 20; i++) {
            size_t start = vl_random_at(seed, 1000 + i) % 390, len = 1 + vl_random_at(seed, 2000 + i) % 9;
            reasons[i] = (valence_reason){start, start + len, (float)i - 7, 1};
            places[i] = (valence_place){start, start + len, i};
            sum += (double)reasons[i].weight;
        }
        valence_explanation e = {.reasons = reasons, .reason_count = 20, .places = places, .place_count = 20};
        vl_buffer b = heat_of(text, &e);
        size_t count;
        const cli_heat_word *w = cli_heat_words(&b, &count);
        for (size_t i = 0; i < count; i++) got += w[i].weight;
        assert_true(fabs(got - sum) < 1e-6);
        vl_buffer_release(&b);
    }
}

/* As a model with huge weights has them: no level may lie outside of the colours. */
static void test_no_number(void **state)
{
    (void)state;
    valence_reason reasons[] = {{0, 1, INFINITY, 1}, {2, 3, -INFINITY, 1}, {4, 5, 1, 1}};
    valence_place places[] = {{0, 1, 0}, {2, 3, 1}, {4, 5, 2}, {0, 1, 1}};
    valence_explanation e = {.reasons = reasons, .reason_count = 3, .places = places};
    for (e.place_count = 1; e.place_count <= 4; e.place_count++) {
        size_t count;
        vl_buffer b = heat_of("a b c", &e);
        const cli_heat_word *w = cli_heat_words(&b, &count);
        assert_int_equal(count, 3);
        for (size_t i = 0; i < count; i++) assert_in_range(w[i].level, 0, CLI_HEAT_LEVELS);
        vl_buffer_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_example), cmocka_unit_test(test_nothing),
                                       cmocka_unit_test(test_sum),
                                       cmocka_unit_test(test_no_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
