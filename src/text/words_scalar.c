/* words_scalar.c: the kernels of words.h as they are meant, one byte at a time. */
#include "text/words.h"

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void vl_words_classify_scalar(vl_word_block *b, const char *text, int len)
{
    for (int r = 0; r < (len + 63) / 64; r++) b->word[r] = b->mark[r] = b->apostrophe[r] = 0;
    for (int i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        uint64_t bit = (uint64_t)1 << (i % 64);
        if (is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c >= 0x80) b->word[i / 64] |= bit;
        else if (c == '\'') b->apostrophe[i / 64] |= bit;
        else if (c > ' ') b->mark[i / 64] |= bit;
        b->lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
}

int vl_words_positions_scalar(uint16_t *out, const uint64_t *bits, int rows)
{
    int n = 0;
    for (int r = 0; r < rows; r++)
        for (uint64_t left = bits[r]; left; left &= left - 1)
            out[n++] = (uint16_t)(64 * r + __builtin_ctzll(left));
    return n;
}
