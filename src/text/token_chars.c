/* token_chars.c: utf8proc's categories, forms and cases, and the lists of what differs. */
#include "text/token_chars.h"

#include <utf8proc.h>

/* Bits of categories, Cn being bit 0. */
#define BIT(name) (1u << UTF8PROC_CATEGORY_##name)
#define LETTERS   (BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO))
#define MARKS     (BIT(MN) | BIT(MC) | BIT(ME))
#define NUMBERS   (BIT(ND) | BIT(NL) | BIT(NO))
#define MARKED    (BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO))
#define OTHERS    (BIT(CC) | BIT(CF) | BIT(CO))

static bool has_category(uint32_t c, uint32_t bits)
{
    return bits >> utf8proc_category((utf8proc_int32_t)c) & 1;
}

static bool in_ranges(const vl_char_ranges *r, uint32_t c)
{
    if (c < r->ranges[0].first) return false;
    int lo = 0, hi = r->count; /* ranges[lo].first <= c, ranges[hi].first > c */
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (r->ranges[mid].first <= c) lo = mid;
        else hi = mid;
    }
    return c <= r->ranges[lo].last;
}

bool vl_token_is_space(uint32_t c)
{
    if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
    if (c < 0x1680) return c == 0x85 || c == 0xA0;
    return c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

bool vl_token_is_other(uint32_t c)
{
    if (c < 0x7F) return c < 0x20;
    return has_category(c, OTHERS) != in_ranges(&vl_differ_other, c);
}

bool vl_token_is_nonspacing(uint32_t c)
{
    return c >= 0x300 && has_category(c, BIT(MN)) != in_ranges(&vl_differ_nonspacing, c);
}

bool vl_token_is_punctuation(uint32_t c)
{
    if (c < 0x80) return (c > ' ' && c < '0') || (c - ':' < 7) || (c - '[' < 6) || (c - '{' < 4);
    return has_category(c, MARKED) != in_ranges(&vl_differ_punctuation, c);
}

bool vl_token_is_numeric(uint32_t c)
{
    if (c < 0x80) return c - '0' < 10;
    return has_category(c, NUMBERS) != in_ranges(&vl_differ_numeric, c);
}

/* Alphabetic, marks, decimal digits, connectors, joiners. Letters in circles and squares are the
 * only symbols that are alphabetic. */
bool vl_token_is_word(uint32_t c)
{
    if (c < 0x80) return (c | 0x20) - 'a' < 26 || c - '0' < 10 || c == '_';
    bool symbol = c - 0x24B6 < 52 || c - 0x1F130 < 26 || c - 0x1F150 < 26 || c - 0x1F170 < 26;
    bool joiner = c == 0x200C || c == 0x200D;
    bool word = has_category(c, LETTERS | MARKS | BIT(ND) | BIT(NL) | BIT(PC));
    return (word || symbol || joiner) != in_ranges(&vl_differ_word, c);
}

bool vl_token_is_letter(uint32_t c)
{
    if (c < 0x80) return (c | 0x20) - 'a' < 26;
    return has_category(c, LETTERS) != in_ranges(&vl_differ_letter, c);
}

bool vl_token_is_number(uint32_t c)
{
    if (c < 0x80) return c - '0' < 10;
    return has_category(c, NUMBERS) != in_ranges(&vl_differ_number, c);
}

bool vl_token_is_combining(uint32_t c)
{
    return c >= 0x300 && has_category(c, MARKS) != in_ranges(&vl_differ_combining, c);
}

int vl_token_lower(uint32_t out[VL_TOKEN_LOWER_MAX], uint32_t c)
{
    out[0] = c - 'A' < 26 ? c | 0x20 : c;
    if (c < 0x80) return 1;
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    for (int i = 0; i < vl_lower_range_count; i++) {
        const vl_lower_range *r = &vl_lower_ranges[i];
        if (c >= r->first && c <= r->last && (c - r->first) % r->step == 0)
            out[0] = (uint32_t)((int32_t)c + r->add);
    }
    if (c != 0x130) return 1;
    out[1] = 0x307; /* the one mapping of SpecialCasing.txt to more than one */
    return 2;
}

int vl_token_combining_class(uint32_t c)
{
    if (c < 0x300) return 0;
    int class = utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
    return class && in_ranges(&vl_differ_class, c) ? 0 : class;
}

/* Composed in Unicode 13, unknown to the crate. */
enum { DIVES_AKURU_O = 0x11938, DIVES_AKURU_E = 0x11935 };

int vl_token_decompose(uint32_t out[VL_DECOMPOSE_MAX], uint32_t c, bool compatible)
{
    out[0] = c;
    if (c < 0xA0 || c == DIVES_AKURU_O) return 1;
    if (compatible && in_ranges(&vl_differ_compatible, c)) return 1;
    int boundclass = 0;
    utf8proc_int32_t parts[VL_DECOMPOSE_MAX];
    utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    if (compatible) options |= UTF8PROC_COMPAT;
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, VL_DECOMPOSE_MAX, options, &boundclass);
    if (n < 1 || n > VL_DECOMPOSE_MAX) return 1;
    for (int i = 0; i < n; i++) out[i] = (uint32_t)parts[i];
    return (int)n;
}

uint32_t vl_token_compose(uint32_t a, uint32_t b)
{
    if (b < 0x300 || a == DIVES_AKURU_E) return 0;
    utf8proc_int32_t pair[3] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b, 0};
    utf8proc_ssize_t n = utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return n == 1 ? (uint32_t)pair[0] : 0;
}
