/* test_json.c: what is JSON and what is not, values, and that what we write reads back. */
#include "test.h"

#include <locale.h>
#include <math.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "base/json.h"

static vl_json_parser *parser;

static int open_parser(void **state)
{
    (void)state;
    parser = vl_json_parser_open(1 << 20);
    return parser == NULL;
}

static int close_parser(void **state)
{
    (void)state;
    vl_json_parser_close(parser);
    return 0;
}

static vl_json parsed(const char *text)
{
    vl_json v;
    valence_error error = {0};
    if (vl_json_parse_copy(parser, vl_span_of(text), &v, &error) != VALENCE_OK)
        fail_msg("%s: %s", text, error.message);
    return v;
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "[1 2]",
        "1 2",
        "[1]]",
        "tru",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "0x1",
        "-",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\xEF\xBB\xBF{}",
        "\"\xFF\"",
        "\"\xED\xA0\x80\"",
        "\"\xC0\xAF\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "[1e400]",
        "//x\n1",
        "{\"\\ud800\":1}",
        "[123456789012345678901234567890]",
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        vl_json v;
        valence_error error = {0};
        if (vl_json_parse_copy(parser, vl_span_of(bad[i]), &v, &error) != VALENCE_FORMAT)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(error.code, VALENCE_FORMAT);
        assert_memory_equal(error.message, "invalid JSON: ", 14);
    }
    vl_json v;
    assert_int_equal(vl_json_parse_copy(parser, (vl_span){"[1]\0", 4}, &v, NULL), VALENCE_FORMAT);
    assert_int_equal(vl_json_parse_copy(parser, (vl_span){NULL, 0}, &v, NULL), VALENCE_FORMAT);
}

static void test_damage_has_a_position(void **state)
{
    (void)state;
    vl_json v;
    valence_error error;
    assert_int_equal(vl_json_parse_copy(parser, vl_span_of("[\"abc\xFF\"]"), &v, &error),
                     VALENCE_FORMAT);
    assert_int_equal(error.byte, 6);
}

static void test_depth(void **state)
{
    (void)state;
    char text[5000];
    vl_json v;
    for (int depth = 1000; depth <= 2000; depth += 1000) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        vl_status status = vl_json_parse_copy(parser, (vl_span){text, 2 * (size_t)depth}, &v, NULL);
        assert_int_equal(status, depth == 1000 ? VALENCE_OK : VALENCE_FORMAT);
    }
    memset(text, '[', sizeof text);
    assert_int_equal(vl_json_parse_copy(parser, (vl_span){text, sizeof text}, &v, NULL),
                     VALENCE_FORMAT);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        vl_json_type type;
    } rows[] = {{"null", VL_JSON_NULL},
                {"true", VL_JSON_BOOL},
                {" -1.5e3 ", VL_JSON_NUMBER},
                {"\"x\"", VL_JSON_STRING},
                {"[]", VL_JSON_ARRAY},
                {"{}", VL_JSON_OBJECT},
                {"18446744073709551615", VL_JSON_NUMBER}};
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_int_equal(vl_json_type_of(parsed(rows[i].text)), rows[i].type);
}

static void test_values(void **state)
{
    (void)state;
    vl_span s;
    double number;
    int64_t integer = 0;
    bool flag = false;
    assert_true(vl_json_string(parsed("\"a\\u00e9\\ud83d\\ude00\\n\\/\\u0000z\""), &s));
    assert_true(vl_span_equal(s, (vl_span){"a\xC3\xA9\xF0\x9F\x98\x80\n/\0z", 11}));
    assert_true(vl_json_number(parsed("-2.5"), &number) && number == -2.5);
    assert_true(vl_json_number(parsed("7"), &number) && number == 7);
    assert_true(vl_json_number(parsed("18446744073709551615"), &number) && number > 1.8e19);
    assert_true(vl_json_integer(parsed("-9223372036854775808"), &integer) && integer == INT64_MIN);
    assert_true(vl_json_integer(parsed("9223372036854775807"), &integer) && integer == INT64_MAX);
    assert_false(vl_json_integer(parsed("9223372036854775808"), &integer));
    assert_false(vl_json_integer(parsed("1.0"), &integer));
    assert_false(vl_json_integer(parsed("\"1\""), &integer));
    assert_int_equal(integer, INT64_MAX);
    assert_true(vl_json_boolean(parsed("true"), &flag) && flag);
    assert_true(vl_json_boolean(parsed("false"), &flag) && !flag);
    assert_false(vl_json_boolean(parsed("0"), &flag));
    assert_false(vl_json_string(parsed("1"), &s));
    assert_false(vl_json_number(parsed("\"1\""), &number));
}

static int collect(void *user, vl_span key, vl_json value)
{
    double number = 0;
    vl_json_number(value, &number);
    vl_buffer_printf(user, "%.*s=%g;", (int)key.len, key.ptr, number);
    return number == 99 ? 42 : 0;
}

static void test_objects_and_arrays(void **state)
{
    (void)state;
    vl_json v = parsed("{\"a\":1,\"b\":{\"a\":2},\"a\":3,\"\":4,\"b\\u0000\":5}"), member;
    double number;
    assert_int_equal(vl_json_count(v), 5);
    assert_true(vl_json_get(v, "a", &member) && vl_json_number(member, &number) && number == 1);
    assert_true(vl_json_get(v, "", &member) && vl_json_number(member, &number) && number == 4);
    assert_true(vl_json_get(v, "b", &member) && vl_json_type_of(member) == VL_JSON_OBJECT);
    assert_true(vl_json_get(member, "a", &member) && vl_json_number(member, &number) &&
                number == 2);
    assert_false(vl_json_get(v, "c", &member));
    assert_false(vl_json_get(parsed("[1]"), "a", &member));
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_IO, 1000);
    assert_int_equal(vl_json_each(parsed("{\"x\":1,\"y\":2}"), collect, &text), 0);
    assert_int_equal(vl_json_each(parsed("[3,99,5]"), collect, &text), 42);
    assert_int_equal(vl_json_each(parsed("7"), collect, &text), 0);
    assert_true(vl_span_is(vl_buffer_span(&text), "x=1;y=2;=3;=99;"));
    assert_int_equal(vl_json_count(parsed("[1,[2,3],4]")), 3);
    assert_int_equal(vl_json_count(parsed("7")), 0);
    vl_buffer_release(&text);
}

/* Documents of rising and falling length in one parser, in place with padding. */
static void test_reuse(void **state)
{
    (void)state;
    static char text[70000 + VL_JSON_PADDING];
    for (size_t len = 2; len < 70000; len = len * 3 / 2 + 1) {
        memset(text, 'x', sizeof text);
        text[0] = text[len - 1] = '"';
        vl_json v;
        vl_span s;
        assert_int_equal(vl_json_parse(parser, text, len, &v, NULL), VALENCE_OK);
        assert_true(vl_json_string(v, &s) && s.len == len - 2);
        assert_int_equal(vl_json_count(parsed("[1]")), 1);
    }
}

static void test_limit(void **state)
{
    (void)state;
    for (size_t max = 0; max < 100; max += 9) {
        vl_json_parser *p = vl_json_parser_open(max);
        char text[200 + VL_JSON_PADDING];
        memset(text, ' ', sizeof text);
        text[0] = '1';
        vl_json v;
        for (size_t len = 1; len < 200; len++)
            assert_int_equal(vl_json_parse(p, text, len, &v, NULL),
                             len <= max ? VALENCE_OK : VALENCE_LIMIT);
        vl_json_parser_close(p);
    }
    vl_json_parser_close(NULL);
}

static void check_string(vl_span text, const char *wanted)
{
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, 10000);
    assert_int_equal(vl_json_write_string(&out, text), VALENCE_OK);
    if (!vl_span_is(vl_buffer_span(&out), wanted)) fail_msg("%.*s", (int)out.len, out.data);
    vl_buffer_release(&out);
}

static void test_write_string(void **state)
{
    (void)state;
    check_string(vl_span_of(""), "\"\"");
    check_string((vl_span){NULL, 0}, "\"\"");
    check_string(vl_span_of("say \"hi\" \\ /"), "\"say \\\"hi\\\" \\\\ /\"");
    check_string(vl_span_of("\b\f\n\r\t\x01\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    check_string((vl_span){"a\0b", 3}, "\"a\\u0000b\"");
    check_string(vl_span_of("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\"");
    check_string(vl_span_of("a\xFF\xE2\x82z"), "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

/* One byte of every kind at every place of a run. */
static void test_write_string_positions(void **state)
{
    (void)state;
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, 10000);
    char text[20];
    for (int c = 0; c < 0x80; c++)
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            vl_buffer_reset(&out);
            vl_json v;
            vl_span back;
            assert_int_equal(vl_json_write_string(&out, (vl_span){text, sizeof text}), VALENCE_OK);
            assert_int_equal(vl_json_parse_copy(parser, vl_buffer_span(&out), &v, NULL),
                             VALENCE_OK);
            assert_true(vl_json_string(v, &back));
            assert_true(vl_span_equal(back, (vl_span){text, sizeof text}));
        }
    vl_buffer_release(&out);
}

static vl_span number_text(vl_buffer *out, double value, bool single)
{
    vl_buffer_reset(out);
    assert_int_equal(single ? vl_json_write_float(out, (float)value)
                            : vl_json_write_number(out, value),
                     VALENCE_OK);
    return vl_buffer_span(out);
}

static void test_write_number(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *as_double, *as_float;
    } rows[] = {
        {0, "0", "0"},
        {-0.0, "-0", "-0"},
        {1, "1", "1"},
        {-12345, "-12345", "-12345"},
        {0.1, "0.1", "0.1"},
        {0.1f, "0.10000000149011612", "0.1"},
        {1e21, "1e+21", "1e+21"},
        {1.0 / 3, "0.3333333333333333", "0.33333334"},
        {5e-324, "4.94065645841247e-324", "0"},
        {123456789012345678.0, "1.2345678901234568e+17", "1.2345679e+17"},
        {16777216, "16777216", "16777216"},
        {NAN, "null", "null"},
        {INFINITY, "null", "null"},
        {-INFINITY, "null", "null"},
    };
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, 100);
    for (size_t i = 0; i < LENGTH(rows); i++) {
        vl_span text = number_text(&out, rows[i].value, false);
        if (!vl_span_is(text, rows[i].as_double)) fail_msg("%.*s", (int)text.len, text.ptr);
        text = number_text(&out, rows[i].value, true);
        if (!vl_span_is(text, rows[i].as_float)) fail_msg("%.*s", (int)text.len, text.ptr);
    }
    vl_buffer_release(&out);
}

/* Any bit pattern reads back, through strtod and through our own reader. Seed 5. */
static void test_number_round_trip(void **state)
{
    (void)state;
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, 100);
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = vl_random_at(5, i);
        uint32_t half = (uint32_t)bits;
        double value, back;
        float single;
        memcpy(&value, &bits, 8);
        memcpy(&single, &half, 4);
        if (!isfinite(value) || !isfinite(single)) continue;
        vl_json v;
        assert_int_equal(vl_json_parse_copy(parser, number_text(&out, value, false), &v, NULL),
                         VALENCE_OK);
        assert_true(vl_json_number(v, &back) && back == value);
        vl_json_parse_copy(parser, number_text(&out, (double)single, true), &v, NULL);
        assert_true(vl_json_number(v, &back) && (float)back == single);
    }
    vl_buffer_release(&out);
}

/* A locale with a decimal comma: an installed one, or one made here from glibc's sources. */
static bool enter_comma_locale(const char *folder)
{
    char command[700];
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8")) return true;
    snprintf(command, sizeof command, "localedef -f UTF-8 -i de_DE %s/de_DE.UTF-8 >/dev/null 2>&1",
             folder);
    int made = system(command);
    setenv("LOCPATH", folder, 1);
    bool entered = setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s/de_DE.*", folder);
    return system(command) == 0 && made >= 0 && entered;
}

static void test_number_in_a_comma_locale(void **state)
{
    (void)state;
    char *folder = test_path("x");
    *strrchr(folder, '/') = '\0';
    bool entered = enter_comma_locale(folder);
    test_path_done(strcat(folder, "/x"));
    if (!entered) skip(); /* neither the locale nor what to make it from */
    char check[10];
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, 100);
    snprintf(check, sizeof check, "%.1f", 0.5);
    bool comma = strcmp(check, "0,5") == 0;
    bool whole = vl_span_is(number_text(&out, 0.25, false), "0.25");
    bool exponent = vl_span_is(number_text(&out, 1.5e300, false), "1.5e+300");
    bool single = vl_span_is(number_text(&out, 0.1, true), "0.1");
    vl_buffer_reset(&out);
    bool decimal = vl_write_decimal(&out, 2e9 + 0.5, 2) == VALENCE_OK &&
                   vl_span_is(vl_buffer_span(&out), "2000000000.50");
    setlocale(LC_NUMERIC, "C");
    vl_buffer_release(&out);
    assert_true(comma && whole && exponent && single && decimal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damage_has_a_position),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_objects_and_arrays),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_write_string),
        cmocka_unit_test(test_write_string_positions),
        cmocka_unit_test(test_write_number),
        cmocka_unit_test(test_number_round_trip),
        cmocka_unit_test(test_number_in_a_comma_locale),
    };
    return cmocka_run_group_tests(tests, open_parser, close_parser);
}
