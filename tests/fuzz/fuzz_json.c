/* Asserts: any bytes give an error with a message or a document that can be walked; its strings are
 * UTF-8, and strings and numbers written by us read back the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"

static void expect(int truth)
{
    if (!truth) abort();
}

static vl_json_parser *parser, *second;

static vl_json read_again(const vl_buffer *out)
{
    vl_json v;
    expect(vl_json_parse_copy(second, vl_buffer_span(out), &v, NULL) == VALENCE_OK);
    return v;
}

static void check_string(vl_span s)
{
    vl_buffer out;
    vl_span back;
    expect(s.len == 0 || vl_utf8_valid_prefix(s.ptr, s.len) == s.len);
    vl_buffer_init(&out, VL_MEM_IO, 6 * s.len + 2);
    expect(vl_json_write_string(&out, s) == VALENCE_OK);
    expect(vl_json_string(read_again(&out), &back) && vl_span_equal(s, back));
    vl_buffer_release(&out);
}

static void check_number(double number)
{
    vl_buffer out;
    double back;
    vl_buffer_init(&out, VL_MEM_IO, 64);
    expect(vl_json_write_number(&out, number) == VALENCE_OK);
    expect(vl_json_number(read_again(&out), &back) && back == number);
    vl_buffer_release(&out);
}

static int check_value(void *count, vl_span key, vl_json v)
{
    vl_span text;
    double number;
    size_t members = 0;
    if (count) ++*(size_t *)count;
    check_string(key);
    if (vl_json_string(v, &text)) check_string(text);
    if (vl_json_number(v, &number)) check_number(number);
    expect(vl_json_each(v, check_value, &members) == 0);
    expect(members == vl_json_count(v));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!parser) parser = vl_json_parser_open((size_t)1 << 24);
    if (!second) second = vl_json_parser_open((size_t)1 << 24);
    vl_json root;
    valence_error error = {0};
    vl_span text = {(const char *)data, size};
    if (vl_json_parse_copy(parser, text, &root, &error) == VALENCE_OK)
        check_value(NULL, (vl_span){"", 0}, root);
    else expect(error.code != VALENCE_OK && error.message[0]);
    /* Any bytes, written as a string, are JSON, valid when they were. */
    vl_buffer out;
    vl_span back;
    vl_buffer_init(&out, VL_MEM_IO, 6 * size + 2);
    expect(vl_json_write_string(&out, text) == VALENCE_OK);
    expect(vl_json_string(read_again(&out), &back));
    bool valid = vl_utf8_valid_prefix(text.ptr, text.len) == text.len;
    expect(valid == vl_span_equal(text, back));
    vl_buffer_release(&out);
    return 0;
}
