/* clean_ascii.c: the tables of the ASCII kernels, one per set of passes, and the choice of kernel.
 */
#include "text/clean_ascii.h"

#include "base/cpu.h"
#include "text/clean.h"

/* Rules are numbered by their bits: 1 lower, 2 punctuation, 4 spaces. */
enum { LOWER = 1, PUNCTUATION = 2, SPACES = 4 };

#define IS_UPPER(c) ((c) >= 'A' && (c) <= 'Z')
#define IS_WORD(c)                                                                                 \
    (IS_UPPER(c) || ((c) >= 'a' && (c) <= 'z') || ((c) >= '0' && (c) <= '9') || (c) == '_')
#define IS_SPACE(c) ((c) == ' ' || ((c) >= 0x09 && (c) <= 0x0D) || ((c) >= 0x1C && (c) <= 0x1F))

#define OUT(rule, c)                                                                               \
    (IS_SPACE(c)  ? ((rule)&SPACES ? ' ' : (c))                                                    \
     : IS_WORD(c) ? ((rule)&LOWER && IS_UPPER(c) ? (c) + 'a' - 'A' : (c))                          \
                  : ((rule)&PUNCTUATION ? VL_ASCII_DROP : (c)))
#define OUT_4(rule, c) OUT(rule, (c)), OUT(rule, (c) + 1), OUT(rule, (c) + 2), OUT(rule, (c) + 3)
#define OUT_16(rule, c)                                                                            \
    OUT_4(rule, c), OUT_4(rule, (c) + 4), OUT_4(rule, (c) + 8), OUT_4(rule, (c) + 12)
#define OUT_64(rule, c)                                                                            \
    OUT_16(rule, c), OUT_16(rule, (c) + 16), OUT_16(rule, (c) + 32), OUT_16(rule, (c) + 48)
#define RULE(rule)                                                                                 \
    {                                                                                              \
        .out = {OUT_64(rule, 0), OUT_64(rule, 64)},                                                \
        .space = (rule)&SPACES ? ' ' : VL_ASCII_NO_SPACE                                           \
    }

static const vl_ascii_rule rules[8] = {RULE(0), RULE(1), RULE(2), RULE(3),
                                       RULE(4), RULE(5), RULE(6), RULE(7)};

const vl_ascii_rule *vl_ascii_rule_of(uint32_t passes)
{
    return &rules[(passes & VL_CLEAN_ONE(LOWER) ? LOWER : 0) |
                  (passes & VL_CLEAN_ONE(PUNCTUATION) ? PUNCTUATION : 0) |
                  (passes & VL_CLEAN_ONE(SPACES) ? SPACES : 0)];
}

vl_clean_ascii_fn vl_clean_ascii_active(void)
{
    switch (vl_isa_active()) {
    case VL_ISA_AVX512:
        return vl_clean_ascii_avx512;
    case VL_ISA_AVX2:
        return vl_clean_ascii_avx2;
    default:
        return vl_clean_ascii_scalar;
    }
}
