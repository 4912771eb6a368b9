/* test_card.c: the card is JSON with what was measured; the date can be fixed; the checksum comes
 * last and covers it. */
#include "made_model.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/model_config.h"

static vl_store *open_store(void)
{
    vl_store *s;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    vl_store_set(s, "format", vl_span_of(VL_MODEL_FORMAT), NULL);
    return s;
}

static int64_t integer(vl_json object, const char *key)
{
    vl_json v;
    int64_t n;
    if (!vl_json_get(object, key, &v) || !vl_json_integer(v, &n)) fail_msg("no integer '%s'", key);
    return n;
}

static void expect_text(vl_json object, const char *key, const char *expected)
{
    vl_json v;
    vl_span s;
    assert_true(vl_json_get(object, key, &v) && vl_json_string(v, &s));
    if (!vl_span_is(s, expected)) fail_msg("%s: %.*s", key, (int)s.len, s.ptr);
}

static double number(vl_json object, const char *key)
{
    vl_json v;
    double n;
    assert_true(vl_json_get(object, key, &v) && vl_json_number(v, &n));
    return n;
}

static int first_source(void *user, vl_span key, vl_json value)
{
    (void)key;
    return vl_json_string(value, user) ? 1 : 2;
}

static void test_card(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(100, 2, 1, 1);
    vl_classic_report r = {.examples = 100,
                           .features = 77,
                           .held_out = 60,
                           .held_out_accuracy = 0.91666,
                           .held_out_macro_f1 = 0.5,
                           .threshold = {0.95, 0.8125f, 0.96251, 0.75}};
    static const char *const sources[] = {"a \"quoted\" file.csv@0=x:weight=2", "b.csv"};
    vl_store *s = open_store();
    vl_json card, v;
    vl_span text;
    setenv("SOURCE_DATE_EPOCH", "86399", 1);
    vl_card_origin from = {sources, 2, "valence train 'x'", "{\"features\":5}"};
    assert_int_equal(vl_card_write(s, &r, &m.c, &from, NULL), VALENCE_OK);
    vl_json_parser *parser = vl_json_parser_open(1 << 20);
    assert_int_equal(vl_json_parse_copy(parser, vl_span_of(vl_store_get(s, "card")), &card, NULL),
                     VALENCE_OK);
    assert_int_equal(integer(card, "examples"), 100);
    assert_int_equal(integer(card, "features"), 77);
    expect_text(card, "date", "1970-01-01");
    expect_text(card, "command", "valence train 'x'");
    expect_text(card, "version", VALENCE_VERSION);
    assert_true(vl_json_get(card, "held_out", &v));
    assert_int_equal(integer(v, "examples"), 60);
    assert_true(number(v, "accuracy") == 0.9167 && number(v, "macro_f1") == 0.5);
    assert_true(vl_json_get(card, "decision", &v));
    assert_true(number(v, "min_precision") == 0.95 && number(v, "min_confidence") == 0.8125);
    assert_true(number(v, "held_out_precision") == 0.9625 && number(v, "held_out_coverage") == 0.75);
    assert_true(vl_json_get(card, "examples_by_label", &v));
    assert_int_equal(vl_json_count(v), 2);
    assert_int_equal(integer(v, "c00") + integer(v, "c01"), 100);
    assert_true(vl_json_get(card, "begun_with", &v));
    assert_int_equal(integer(v, "features"), 5);
    assert_true(vl_json_get(card, "data", &v));
    assert_int_equal(vl_json_count(v), 2);
    assert_int_equal(vl_json_each(v, first_source, &text), 1);
    assert_true(vl_span_is(text, sources[0]));
    vl_json_parser_close(parser);
    assert_int_equal(vl_model_config_check(s, NULL), VALENCE_OK);
    vl_store_set(s, "card", vl_span_of("{}"), NULL); /* somebody edits the card */
    assert_int_equal(vl_model_config_check(s, NULL), VALENCE_FORMAT);
    vl_store_close(s);
    made_release(&m);
}

static void test_left_out(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(10, 2, 1, 1);
    vl_classic_report r = {.examples = 10};
    vl_store *s = open_store();
    vl_json card, v;
    unsetenv("SOURCE_DATE_EPOCH");
    assert_int_equal(vl_card_write(s, &r, &m.c, &(vl_card_origin){.begun_with = "{no card"}, NULL), VALENCE_OK);
    vl_json_parser *parser = vl_json_parser_open(1 << 20);
    assert_int_equal(vl_json_parse_copy(parser, vl_span_of(vl_store_get(s, "card")), &card, NULL),
                     VALENCE_OK);
    static const char *const absent[] = {"begun_with", "held_out", "decision", "data", "command"};
    for (size_t i = 0; i < LENGTH(absent); i++) assert_false(vl_json_get(card, absent[i], &v));
    assert_true(vl_json_get(card, "date", &v) && vl_json_string(v, &(vl_span){0}));
    vl_json_parser_close(parser);
    vl_store_close(s);
    made_release(&m);
}

static void test_no_memory(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(10, 2, 1, 1);
    vl_classic_report r = {.examples = 10};
    for (int64_t n = 1;; n++) {
        vl_store *s = open_store();
        valence_error error = {0};
        vl_mem_fail_from(n);
        vl_status status = vl_card_write(s, &r, &m.c, &(vl_card_origin){.command = "c"}, &error);
        vl_mem_fail_from(0);
        vl_store_close(s);
        if (status == VALENCE_OK) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_int_equal(error.code, VALENCE_NO_MEMORY);
    }
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_card),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
