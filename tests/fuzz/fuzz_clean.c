/* Asserts, for the set of passes in the first two bytes and for the default: every instruction set
 * gives the same text; LOWER, PUNCTUATION or SPACES make it valid UTF-8, and what is valid stays
 * so; cleaning by the default twice changes nothing more; no set of passes makes a text more than
 * twelve times as long. */
#include <stdint.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "base/utf8.h"
#include "text/clean.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    uint32_t passes = (uint32_t)(data[0] | data[1] << 8) & ((1u << VL_CLEAN_PASSES) - 1);
    vl_span text = {(const char *)data + 2, size - 2};
    check(passes, text);
    check(VL_CLEAN_DEFAULT, text);
    return 0;
}
