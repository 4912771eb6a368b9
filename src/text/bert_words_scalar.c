/* bert_words_scalar.c: the kernel of bert_words.h, written to be read. */
#include "text/bert_words.h"

static bool is_word(unsigned char c)
{
    return (c | 0x20u) - 'a' < 26 || c - (unsigned)'0' < 10;
}

static bool is_visible(unsigned char c)
{
    return c > 0x20 && c < 0x7F;
}

int vl_bert_classify_scalar(vl_bert_block *b, const char *text, int len, bool fold)
{
    for (int row = 0; 64 * row < len; row++) {
        uint64_t word = 0, mark = 0;
        int end = len - 64 * row < 64 ? len : 64 * row + 64, i = 64 * row;
        for (; i < end; i++) {
            unsigned char c = (unsigned char)text[i];
            bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
            if (!blank && !is_visible(c)) break;
            word |= (uint64_t)is_word(c) << (i & 63);
            mark |= (uint64_t)(is_visible(c) && !is_word(c)) << (i & 63);
            b->lower[i] = (char)(fold && c - (unsigned)'A' < 26 ? c | 0x20 : c);
        }
        b->word[row] = word;
        b->mark[row] = mark;
        if (i < end) return i;
    }
    return len;
}
