/* gpt_split.c: each alternative of the expressions in its order. ASCII goes by a table. */
#include "text/gpt_split.h"

#include "base/utf8.h"
#include "text/token_chars.h"

typedef enum kind { LETTER, NUMBER, SPACE, OTHER, FOREIGN } kind;

#define L LETTER
#define N NUMBER
#define S SPACE
#define O OTHER
static const uint8_t ascii[128] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, N, N, N, N, N, N, N, N, N, N, O, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
};
#undef L
#undef N
#undef S
#undef O

static kind foreign_kind(vl_span text, size_t at, int *len)
{
    uint32_t c = vl_utf8_decode(text.ptr + at, text.ptr + text.len, len);
    if (vl_token_is_letter(c)) return LETTER;
    if (vl_token_is_number(c)) return NUMBER;
    return vl_token_is_space(c) ? SPACE : OTHER;
}

/* Of the code point at at (< text.len). */
static inline kind kind_at(vl_span text, size_t at, int *len)
{
    unsigned char c = (unsigned char)text.ptr[at];
    *len = 1;
    return c < 0x80 ? (kind)ascii[c] : foreign_kind(text, at, len);
}

/* Behind the run of one kind that begins at at. */
static inline size_t run_of(vl_span text, size_t at, kind k)
{
    int len;
    while (at < text.len && kind_at(text, at, &len) == k) at += (size_t)len;
    return at;
}

/* 's, 't, 're, 've, 'm, 'll, 'd behind the apostrophe at at: their end, or at. */
static size_t contraction(vl_span text, size_t at)
{
    size_t left = text.len - at - 1;
    const char *p = text.ptr + at + 1;
    if (left >= 2 && ((p[0] == 'r' && p[1] == 'e') || (p[0] == 'v' && p[1] == 'e') ||
                      (p[0] == 'l' && p[1] == 'l')))
        return at + 3;
    if (left >= 1 && (p[0] == 's' || p[0] == 't' || p[0] == 'm' || p[0] == 'd')) return at + 2;
    return at;
}

/* \s+(?!\S)|\s+ for the run [at, end): the last one stays for the word behind it, unless it is the
 * only one or the text ends. */
static size_t spaces(vl_span text, size_t at, size_t end)
{
    if (end == text.len) return end;
    size_t last = end - 1;
    while (((unsigned char)text.ptr[last] & 0xC0) == 0x80) last--;
    return last > at ? last : end;
}

size_t vl_gpt2_match(vl_span text, size_t at)
{
    if (text.ptr[at] == '\'') {
        size_t end = contraction(text, at);
        if (end > at) return end;
    }
    size_t word = at + (text.ptr[at] == ' ');
    int len;
    kind k = word < text.len ? kind_at(text, word, &len) : SPACE;
    if (k != SPACE) return run_of(text, word + (size_t)len, k);
    return spaces(text, at, run_of(text, at, SPACE));
}

/* A letter of the contractions in either case: U+017F folds to s. Its length, or 0. */
static size_t folded(vl_span text, size_t at, char letter)
{
    if (at >= text.len) return 0;
    if ((text.ptr[at] | 0x20) == letter) return 1;
    bool long_s = letter == 's' && text.len - at >= 2 && memcmp(text.ptr + at, "\xC5\xBF", 2) == 0;
    return long_s ? 2 : 0;
}

static size_t folded_contraction(vl_span text, size_t at)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t end = at + 1;
        for (const char *c = endings[i]; *c; c++) {
            size_t len = folded(text, end, *c);
            end = len ? end + len : 0;
            if (!end) break;
        }
        if (end) return end;
    }
    return at;
}

static bool is_break(char c)
{
    return c == '\r' || c == '\n';
}

/* \s*[\r\n]+ in the run [at, end): behind its last line break, or at. */
static size_t breaks(vl_span text, size_t at, size_t end)
{
    while (end > at && !is_break(text.ptr[end - 1])) end--;
    return end;
}

/* [^\r\n\p{L}\p{N}]?\p{L}+ or at */
static size_t letters(vl_span text, size_t at, kind k, size_t len)
{
    if (k == LETTER) return run_of(text, at, LETTER);
    if (k == NUMBER || is_break(text.ptr[at])) return at;
    size_t end = run_of(text, at + len, LETTER);
    return end > at + len ? end : at;
}

static size_t digits(vl_span text, size_t at, uint32_t most)
{
    int len;
    for (uint32_t n = 0; n < most && at < text.len && kind_at(text, at, &len) == NUMBER; n++)
        at += (size_t)len;
    return at;
}

size_t vl_gpt4_match(vl_span text, size_t at, uint32_t most_digits)
{
    int len;
    kind k = kind_at(text, at, &len);
    size_t end = text.ptr[at] == '\'' ? folded_contraction(text, at) : at;
    if (end > at) return end;
    end = letters(text, at, k, (size_t)len);
    if (end > at) return end;
    if (k == NUMBER) return digits(text, at, most_digits);
    size_t other = at + (text.ptr[at] == ' ');
    end = run_of(text, other, OTHER);
    if (end > other) {
        while (end < text.len && is_break(text.ptr[end])) end++;
        return end;
    }
    size_t run = run_of(text, at, SPACE);
    end = breaks(text, at, run);
    return end > at ? end : spaces(text, at, run);
}
