/* test_json_where.c: the place of an error in JSON, against cases and against simdjson: documents
 * damaged at random are complete for both or for neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "serve/json_where.h"

static size_t where(const char *text)
{
    return vl_json_where(vl_span_of(text));
}

static void test_valid_documents_are_walked_to_the_end(void **state)
{
    (void)state;
    static const char *const valid[] = {"{}",        "[]",
                                        " [ ] ",     "0",
                                        "-0.5e+10",  "1E5",
                                        "\"\"",      "\"\\u00e9\\n\\\"\"",
                                        "true",      "false",
                                        "null",      "{\"a\":{\"b\":[1,2,{}]},\"c\":[[]]}",
                                        "[1 , 2]\n", "{ \"a\" : 1 , \"b\" : [ ] }"};
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        assert_int_equal(where(valid[i]), strlen(valid[i]));
}

static void test_the_first_misfit_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {{"", 0},         {"nul", 3},     {"nulx", 3},        {"{\"a\"}", 4},
                 {"{\"a\":}", 5}, {"{a:1}", 1},   {"[1,]", 3},        {"{\"a\":1,}", 7},
                 {"[1 2]", 3},    {"[1}", 2},     {"{]", 1},          {"01", 1},
                 {"1.", 2},       {"-", 1},       {"1e+", 3},         {"\"a", 2},
                 {"\"a\nb\"", 2}, {"\"\\x\"", 2}, {"\"\\u12g4\"", 5}, {"{} {}", 3},
                 {"[[[", 3},      {"+1", 0},      {"'a'", 0},         {"]", 0},
                 {"\"\\", 2},     {".5", 0},      {"{\"a\" 1}", 5},   {"tru]", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (where(cases[i].text) != cases[i].at)
            fail_msg("%s: %zu, not %zu", cases[i].text, where(cases[i].text), cases[i].at);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    char deep[5000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(vl_json_where((vl_span){deep, sizeof deep}), 1024);
}

/* Nothing of one's own is read behind the text: each is cut out of a block of its own size. */
static void test_prefixes_end_too_early(void **state)
{
    (void)state;
    static const char whole[] = "{\"a\":[true,null,-1.5e3,\"\\u00e9\\n\"],\"b\":{}}";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *cut = malloc(len ? len : 1);
        memcpy(cut, whole, len);
        assert_int_equal(vl_json_where((vl_span){cut, len}), len);
        free(cut);
    }
}

static void damage(char *text, size_t *len, unsigned *seed)
{
    static const char bytes[] = "{}[]\",:0123456789.eE+-\\ntrufalse u\n\t";
    size_t at = (size_t)rand_r(seed) % *len;
    switch (rand_r(seed) % 3) {
    case 0:
        text[at] = bytes[(size_t)rand_r(seed) % (sizeof bytes - 1)];
        break;
    case 1:
        memmove(text + at, text + at + 1, *len - at - 1), --*len;
        break;
    default:
        *len = at + 1;
        break;
    }
}

static void test_simdjson_agrees(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"text\":\"a \\\"b\\\" \\u0041\",\"n\":[0,-1,2.5,1e3,{}],\"t\":true,\"f\":[false,null]}";
    enum { ROUNDS = 200000 };
    unsigned seed = 20261123;
    valence_error error;
    vl_json root;
    vl_json_parser *p = vl_json_parser_open(4096);
    size_t broken = 0;
    printf("seed %u\n", seed);
    for (int i = 0; i < ROUNDS; i++) {
        char text[sizeof whole + VL_JSON_PADDING] = {0};
        size_t len = sizeof whole - 1;
        memcpy(text, whole, len);
        for (int n = rand_r(&seed) % 3; n >= 0 && len > 1; n--) damage(text, &len, &seed);
        bool valid = vl_json_parse(p, text, len, &root, &error) == VALENCE_OK;
        broken += !valid;
        size_t at = vl_json_where((vl_span){text, len});
        if (valid && at != len)
            fail_msg("stopped at %zu of a valid document: %.*s", at, (int)len, text);
        /* A document cut short is right up to its end. */
        bool early = at == len && !valid;
        if (early && vl_json_where((vl_span){text, len - 1}) < len - 1)
            fail_msg("not a beginning: %.*s", (int)len, text);
    }
    assert_true(broken > ROUNDS / 4 && broken < ROUNDS);
    vl_json_parser_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_documents_are_walked_to_the_end),
        cmocka_unit_test(test_the_first_misfit_is_found), cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_prefixes_end_too_early), cmocka_unit_test(test_simdjson_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
