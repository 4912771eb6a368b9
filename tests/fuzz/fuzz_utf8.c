/* Asserts: decoding walks any bytes to their end, agrees with valid_prefix and repair, repair is
 * idempotent, and what decodes encodes to the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"

static void expect(int truth)
{
    if (!truth) abort();
}

/* Decodes all; gives the number of bad pieces and where the first one is. */
static uint64_t walk(vl_span text, size_t *first_bad)
{
    uint64_t bad = 0;
    int len;
    *first_bad = text.len;
    for (size_t at = 0; at < text.len; at += (size_t)len) {
        const char *p = text.ptr + at;
        uint32_t c = vl_utf8_decode(p, text.ptr + text.len, &len);
        expect(len >= 1 && len <= 4 && (size_t)len <= text.len - at);
        if (c == VL_UTF8_BAD) {
            if (bad++ == 0) *first_bad = at;
            continue;
        }
        char again[4];
        expect(c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF));
        expect(vl_utf8_encode(again, c) == len && memcmp(again, p, (size_t)len) == 0);
    }
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vl_span text = {(const char *)data, size};
    vl_buffer once, twice;
    uint64_t replaced = 0, none = 0;
    size_t first_bad;
    vl_buffer_init(&once, VL_MEM_IO, 3 * size + 1);
    vl_buffer_init(&twice, VL_MEM_IO, 3 * size + 1);
    expect(vl_utf8_repair(&once, text, &replaced) == VALENCE_OK);
    expect(walk(text, &first_bad) == replaced);
    expect(vl_utf8_valid_prefix(text.ptr, text.len) == first_bad);
    expect(vl_utf8_repair(&twice, vl_buffer_span(&once), &none) == VALENCE_OK && none == 0);
    expect(vl_span_equal(vl_buffer_span(&once), vl_buffer_span(&twice)));
    vl_buffer_release(&once);
    vl_buffer_release(&twice);
    return 0;
}
