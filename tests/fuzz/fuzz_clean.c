/* Asserts, for the set of passes in the first two bytes and for the default: every instruction set
 * gives the same text; LOWER, PUNCTUATION or SPACES make it valid UTF-8, and what is valid stays
 * so; cleaning by the default twice changes nothing more; no set of passes makes a text more than
 * twelve times as long. With a map, for the set in the first two bytes: the text is the same; what
 * its bytes come from lies within the original and is in order; ranges of 1 to 16 bytes, up to 65
 * of them, come from what their bytes do; an ASCII letter that comes from one byte is that letter,
 * but for its case. */
#include <stdint.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "base/utf8.h"
#include "text/clean.h"
#include "text/clean_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static vl_span clean(uint32_t passes, vl_isa isa, vl_span text, vl_clean_scratch *scratch)
{
    vl_span out;
    vl_isa_limit(isa);
    if (vl_clean(passes, text, scratch, &out) != VALENCE_OK) abort();
    return out;
}

static bool is_valid(vl_span text)
{
    return vl_utf8_valid_prefix(text.ptr, text.len) == text.len;
}

static void check(uint32_t passes, vl_span text)
{
    vl_clean_scratch one = {0}, two = {0};
    vl_span plain = clean(passes, VL_ISA_SCALAR, text, &one);
    for (vl_isa isa = VL_ISA_AVX2; isa <= vl_isa_detected(); isa++)
        if (!vl_span_equal(plain, clean(passes, isa, text, &two))) abort();
    if ((passes & VL_CLEAN_DEFAULT || is_valid(text)) && !is_valid(plain)) abort();
    if (plain.len > 12 * text.len + 16) abort();
    if (passes == VL_CLEAN_DEFAULT &&
        !vl_span_equal(plain, clean(passes, vl_isa_detected(), plain, &two)))
        abort();
    vl_clean_scratch_release(&one);
    vl_clean_scratch_release(&two);
}

typedef struct range {
    size_t start, end;
} range;

static range source_of(vl_clean_map *map, size_t start, size_t end)
{
    range r = {start, end};
    vl_clean_map_range(map, &r.start, &r.end);
    return r;
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static void check_byte(vl_span text, char c, range before, range r)
{
    if (r.start > r.end || r.end > text.len) abort();
    if (r.start < before.start || r.end < before.end) abort();
    if (is_letter(c) && r.end - r.start == 1 && (c | 0x20) != (text.ptr[r.start] | 0x20)) abort();
}

/* [start, end) comes from its bytes that come from something, one by one. */
static void check_range(vl_clean_map *map, size_t start, size_t end)
{
    range whole = source_of(map, start, end), hull = {SIZE_MAX, 0};
    for (size_t i = start; i < end; i++) {
        range r = source_of(map, i, i + 1);
        if (r.start == r.end) continue;
        if (r.start < hull.start) hull.start = r.start;
        if (r.end > hull.end) hull.end = r.end;
    }
    if (hull.end == 0 ? whole.start != whole.end
                      : whole.start != hull.start || whole.end != hull.end)
        abort();
}

static void check_map(uint32_t passes, vl_span text)
{
    vl_clean_scratch one = {0}, two = {0};
    vl_clean_map *map;
    vl_span out;
    range before = {0, 0};
    if (vl_clean_map_open(&map, NULL) != VALENCE_OK) abort();
    if (vl_clean_mapped(passes, text, &one, map, &out) != VALENCE_OK) abort();
    if (!vl_span_equal(out, clean(passes, vl_isa_detected(), text, &two))) abort();
    for (size_t i = 0; i < out.len; i++) {
        range r = source_of(map, i, i + 1);
        check_byte(text, out.ptr[i], before, r);
        before = r;
    }
    for (size_t i = 0; i < out.len; i += 1 + out.len / 64)
        check_range(map, i, i + 1 + i % 16 < out.len ? i + 1 + i % 16 : out.len);
    vl_clean_map_close(map);
    vl_clean_scratch_release(&one);
    vl_clean_scratch_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    uint32_t passes = (uint32_t)(data[0] | data[1] << 8) & ((1u << VL_CLEAN_PASSES) - 1);
    vl_span text = {(const char *)data + 2, size - 2};
    check(passes, text);
    check(VL_CLEAN_DEFAULT, text);
    check_map(passes, text);
    return 0;
}
