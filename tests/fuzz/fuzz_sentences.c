/* Asserts: sentences are not empty, have no white space around, stand in order, only white space
 * lies between them, each has a letter or digit unless it is the only one, and the bytes before a
 * text do not matter (the same text elsewhere is cut the same). */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "text/sentence_split.h"
#include "text/unicode.h"

static void expect(int truth)
{
    if (!truth) abort();
}

static void expect_space(vl_span text, size_t from, size_t to)
{
    int len;
    for (; from < to; from += (size_t)len)
        expect(vl_is_space(vl_utf8_decode(text.ptr + from, text.ptr + to, &len)));
}

static bool has_word(vl_span s)
{
    int len;
    for (size_t at = 0; at < s.len; at += (size_t)len) {
        uint32_t c = vl_utf8_at(s, at, &len);
        if (c != VL_UTF8_BAD && vl_is_word(c)) return true;
    }
    return false;
}

static size_t check(vl_span text)
{
    size_t at = 0, end = 0, count = 0, wordless = 0;
    vl_span s;
    int len;
    while (vl_sentence_next(text, &at, &s)) {
        size_t start = (size_t)(s.ptr - text.ptr);
        expect(s.len > 0 && start >= end && s.len <= text.len - start);
        expect_space(text, end, start);
        expect(!vl_is_space(vl_utf8_at(s, 0, &len)));
        expect(!vl_is_space(vl_utf8_before(s, s.len, &len)));
        wordless += !has_word(s);
        end = start + s.len;
        count++;
    }
    expect_space(text, end, text.len);
    expect(wordless == 0 || count == 1);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *moved = vl_alloc(VL_MEM_IO, size + 2);
    if (!moved) return 0;
    moved[0] = moved[1] = 'x';
    if (size) memcpy(moved + 2, data, size);
    size_t count = check((vl_span){(const char *)data, size});
    expect(check((vl_span){moved + 2, size}) == count);
    vl_free(moved);
    return 0;
}
