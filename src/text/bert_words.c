/* bert_words.c: edges of words out of the kernels' masks, and the way around foreign bytes. */
#include "text/bert_words.h"

#include "base/cpu.h"
#include "text/words.h"

static vl_bert_classify_fn *const classify_of[VL_ISA_COUNT] = {
    vl_bert_classify_scalar, vl_bert_classify_avx2, vl_bert_classify_avx512};
static vl_words_positions_fn *const positions_of[VL_ISA_COUNT] = {
    vl_words_positions_scalar, vl_words_positions_avx2, vl_words_positions_avx512};

/* Behind the last blank before byte end, or 0. */
static int behind_blank(const vl_bert_block *b, int end)
{
    for (int row = (end - 1) / 64; row >= 0; row--) {
        uint64_t blank = ~(b->word[row] | b->mark[row]);
        if (end - 64 * row < 64) blank &= ((uint64_t)1 << (end - 64 * row)) - 1;
        if (blank) return 64 * row + 64 - __builtin_clzll(blank);
    }
    return 0;
}

/* Clears the bits from byte end on, of rows rows. */
static void cut(vl_bert_block *b, int end, int rows)
{
    for (int row = end / 64; row < rows; row++) {
        uint64_t keep = row == end / 64 ? ((uint64_t)1 << (end & 63)) - 1 : 0;
        b->word[row] &= keep;
        b->mark[row] &= keep;
    }
}

static void find_edges(vl_bert_block *b, int rows, vl_isa isa)
{
    uint64_t first[VL_BERT_ROWS], last[VL_BERT_ROWS], before = 0;
    b->word[rows] = 0;
    for (int row = 0; row < rows; row++) {
        uint64_t word = b->word[row], mark = b->mark[row];
        first[row] = (word & ~(word << 1 | before)) | mark;
        last[row] = (word & ~(word >> 1 | b->word[row + 1] << 63)) | mark;
        before = word >> 63;
    }
    b->count = positions_of[isa](b->begin, first, rows);
    positions_of[isa](b->last, last, rows);
}

size_t vl_bert_words_next(vl_bert_block *b, vl_span text, bool fold)
{
    vl_isa isa = vl_isa_active();
    int len = text.len < VL_BERT_BLOCK ? (int)text.len : VL_BERT_BLOCK;
    int clean = classify_of[isa](b, text.ptr, len, fold), rows = (clean + 63) / 64, end = clean;
    if ((size_t)clean < text.len) {
        end = behind_blank(b, clean);
        cut(b, end, rows);
    }
    b->count = 0;
    if (end > 0) find_edges(b, (end + 63) / 64, isa);
    return (size_t)end;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind the word that begins at at; *foreign: it has a foreign byte. */
static size_t word_end(vl_span text, size_t at, bool *foreign)
{
    for (*foreign = false; at < text.len && !is_blank((unsigned char)text.ptr[at]); at++)
        *foreign = *foreign || (unsigned char)text.ptr[at] - 0x20u >= 0x5Fu;
    return at;
}

size_t vl_bert_words_foreign(vl_span text)
{
    bool foreign;
    size_t end = word_end(text, 0, &foreign);
    for (;;) {
        size_t next = end;
        while (next < text.len && is_blank((unsigned char)text.ptr[next])) next++;
        next = word_end(text, next, &foreign);
        if (!foreign) return end;
        end = next;
    }
}
