/* bert_words.h: finds the words of plain English as BERT's normaliser and pre-tokeniser would: runs
 * of letters and digits, and each mark alone. Only ASCII without control characters: what else
 * there is goes through normalizer.h and pretokenizer.h. */
#ifndef VL_BERT_WORDS_H
#define VL_BERT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { VL_BERT_BLOCK = 4096, VL_BERT_ROWS = VL_BERT_BLOCK / 64 };

typedef struct vl_bert_block {
    _Alignas(64) char lower[VL_BERT_BLOCK + 64]; /* the text, in lower case if so asked */
    uint64_t word[VL_BERT_ROWS + 1];             /* bit: a letter or digit */
    uint64_t mark[VL_BERT_ROWS + 1];             /* bit: another visible byte */
    uint16_t begin[VL_BERT_BLOCK + 64];          /* (count) first byte of each word or mark */
    uint16_t last[VL_BERT_BLOCK + 64];           /* (count) its last byte */
    int count;
} vl_bert_block;

/* Fills the block from the start of text. Returns how many bytes it covers: up to the end of the
 * text, or past the last blank that comes before a full block or a foreign byte ends it; 0 when
 * there is no such blank. */
size_t vl_bert_words_next(vl_bert_block *b, vl_span text, bool fold);

/* How many bytes at the start of text, which begins with a word of foreign bytes, are to go another
 * way: up to a blank behind which plain English goes on, or the end. */
size_t vl_bert_words_foreign(vl_span text);

/* ---- Kernels, chosen by vl_isa_active() -------------------------------------------------- */

/* lower and the masks of text[0..len), len <= VL_BERT_BLOCK, up to the first foreign byte, whose
 * place is the result (len: none). Bits at and past it, up to the next multiple of 64, are 0. May
 * write lower up to that multiple. Never reads past text + len. */
typedef int vl_bert_classify_fn(vl_bert_block *b, const char *text, int len, bool fold);
vl_bert_classify_fn vl_bert_classify_scalar, vl_bert_classify_avx2, vl_bert_classify_avx512;

#endif
