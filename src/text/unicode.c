/* unicode.c: Python 3.11's str predicates on top of utf8proc's categories.
 *
 * Categories of utf8proc 2.8 (Unicode 15) are those of Unicode 14 wherever that assigns a code
 * point, and \w in Python (alpha, decimal, digit or numeric) is exactly L*, N* and '_';
 * tests/e2e/test_clean_python.py goes through all of them. Two properties utf8proc does not have,
 * Cased and Case_Ignorable (DerivedCoreProperties.txt), are its categories plus the short lists
 * below; lower() needs them for the final sigma only. */
#include "text/unicode.h"

#include <utf8proc.h>

static utf8proc_category_t category_of(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

static bool is_letter_category(utf8proc_category_t k)
{
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

bool vl_is_space(uint32_t c)
{
    if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
    if (c < 0x1680) return c == 0x85 || c == 0xA0;
    return c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

bool vl_is_letter(uint32_t c)
{
    return is_letter_category(category_of(c));
}

static bool is_ascii_word(uint32_t c)
{
    return (c | 0x20) - 'a' < 26 || c - '0' < 10 || c == '_';
}

bool vl_is_word(uint32_t c)
{
    if (c < 0x80) return is_ascii_word(c);
    utf8proc_category_t k = category_of(c);
    return is_letter_category(k) || (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

int vl_display_width(uint32_t c)
{
    return utf8proc_charwidth((utf8proc_int32_t)c);
}

int vl_lower(uint32_t out[VL_LOWER_MAX], uint32_t c)
{
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    if (c != 0x130) return 1;
    out[0] = 'i'; /* the one unconditional mapping of SpecialCasing.txt to more than one */
    out[1] = 0x307;
    return 2;
}

/* Word_Break MidLetter, MidNumLet and Single_Quote. */
static bool is_mid_letter(uint32_t c)
{
    static const uint16_t list[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                    0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                    0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (c == list[i]) return true;
    return false;
}

static bool is_case_ignorable(uint32_t c)
{
    switch (category_of(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return is_mid_letter(c);
    }
}

/* Cased, for code points that are not case-ignorable: ordinal indicators, Roman numerals, and
 * letters in circles and squares beside the cased letters. */
static bool is_cased(uint32_t c)
{
    utf8proc_category_t k = category_of(c);
    if (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LT) return true;
    return c == 0xAA || c == 0xBA || (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9) ||
           (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
           (c >= 0x1F170 && c <= 0x1F189);
}

uint32_t vl_utf8_before(vl_span text, size_t at, int *len)
{
    size_t back = 1;
    while (back < 4 && back < at && (text.ptr[at - back] & 0xC0) == 0x80) back++;
    uint32_t c = vl_utf8_decode(text.ptr + (at - back), text.ptr + at, len);
    if (*len == (int)back) return c;
    *len = 1;
    return VL_UTF8_BAD;
}

static bool cased_before(vl_span text, size_t at)
{
    while (at > 0) {
        int len;
        uint32_t c = vl_utf8_before(text, at, &len);
        if (c == VL_UTF8_BAD) return false;
        if (!is_case_ignorable(c)) return is_cased(c);
        at -= (size_t)len;
    }
    return false;
}

static bool cased_after(vl_span text, size_t at)
{
    while (at < text.len) {
        int len;
        uint32_t c = vl_utf8_at(text, at, &len);
        if (c == VL_UTF8_BAD) return false;
        if (!is_case_ignorable(c)) return is_cased(c);
        at += (size_t)len;
    }
    return false;
}

/* Linear over a whole text: a run of case-ignorables is looked at by its two neighbours at most. */
uint32_t vl_lower_sigma(vl_span text, size_t at)
{
    return cased_before(text, at) && !cased_after(text, at + 2) ? 0x3C2 : 0x3C3;
}

bool vl_word_before(vl_span text, size_t at)
{
    int len;
    if (at == 0) return false;
    uint32_t c = vl_utf8_before(text, at, &len);
    return c != VL_UTF8_BAD && vl_is_word(c);
}

/* Length of the \w at at (< len), 0: none. */
static size_t word_length(vl_span text, size_t at)
{
    unsigned char first = (unsigned char)text.ptr[at];
    if (first < 0x80) return is_ascii_word(first);
    int len;
    uint32_t c = vl_utf8_at(text, at, &len);
    return c != VL_UTF8_BAD && vl_is_word(c) ? (size_t)len : 0;
}

size_t vl_word_run(vl_span text, size_t at)
{
    for (size_t len; at < text.len && (len = word_length(text, at)) > 0;) at += len;
    return at;
}

bool vl_word_at(vl_span text, size_t at)
{
    return at < text.len && word_length(text, at) > 0;
}
