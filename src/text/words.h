/* words.h: finds the words of a text and hashes each to 64 bits. Not n-grams: ngrams.h.
 *
 * A word is a run of letters, digits and _ (Unicode L*, Nd, Nl, No), with single apostrophes inside
 * ("don't"); ASCII letters count in lower case, others as utf8proc lowers them. Every other ASCII
 * byte above the blank is a mark, a word of its own if VL_WORDS_MARKS is set. Emoji and other
 * symbols are words of their own; typographic quotes, dashes and dots count as their ASCII twins.
 * The hash is part of the model format: it never changes.
 *
 * A text goes through in blocks: a block ends at the last blank within VL_WORDS_BLOCK bytes (a run
 * without blanks is cut at that length), so any text needs constant memory. */
#ifndef VL_WORDS_H
#define VL_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum {
    VL_WORDS_BLOCK = 4096, /* bytes of text seen at once, and most words of a block */
    VL_WORDS_ROWS = VL_WORDS_BLOCK / 64,
    VL_WORDS_MARKS = 1 /* flag: punctuation marks are words */
};

/* Working memory for one block; about 60 kB, of which a short text touches little. */
typedef struct vl_word_block {
    _Alignas(64) char lower[VL_WORDS_BLOCK + 64]; /* the block's text, ASCII lower-cased */
    char plain[VL_WORDS_BLOCK + 64];              /* non-ASCII text rewritten by words_unicode.c */
    uint64_t word[VL_WORDS_ROWS];                 /* bit: byte of a word */
    uint64_t mark[VL_WORDS_ROWS];                 /* bit: a mark */
    uint64_t apostrophe[VL_WORDS_ROWS];
    uint16_t begin[VL_WORDS_BLOCK + 64]; /* (count) first byte of each word in lower */
    uint16_t end[VL_WORDS_BLOCK + 64];   /* (count) one past its last byte */
    uint64_t hash[VL_WORDS_BLOCK];       /* (count) */
    int count;
    bool rewritten; /* positions are those of plain, not of the text */
} vl_word_block;

/* Fills the block from the start of text: words and their hashes. Returns the bytes used, at least
 * 1 unless text is empty. */
size_t vl_words_next(vl_word_block *b, vl_span text, unsigned flags);

/* ---- Kernels, chosen by vl_isa_active() ------------------------------------------------------ */

/* lower[0..len) and the three masks of text[0..len), len <= VL_WORDS_BLOCK; mask bits at and past
 * len, up to the next multiple of 64, are 0. May write lower up to that multiple. Never reads past
 * text + len. */
typedef void vl_words_classify_fn(vl_word_block *b, const char *text, int len);
vl_words_classify_fn vl_words_classify_scalar, vl_words_classify_avx2, vl_words_classify_avx512;

/* Positions of the set bits of rows 64-bit rows; returns their number. out may be written up to 64
 * entries past that number. */
typedef int vl_words_positions_fn(uint16_t *out, const uint64_t *bits, int rows);
vl_words_positions_fn vl_words_positions_scalar, vl_words_positions_avx2, vl_words_positions_avx512;

/* ---- Non-ASCII text -------------------------------------------------------------------------- */

/* Rewrites text (any bytes, len <= VL_WORDS_BLOCK / 2) for classify: letters and digits in lower
 * case, marks as ASCII, symbols between blanks, everything else a blank. Returns the length,
 * at most 2 * len. */
int vl_words_plain(char *out, const char *text, int len);

/* Where each byte that vl_words_plain writes comes from: origin[i] is the offset of its code point in
 * text; origin[result] = len. origin has room for 2 * len + 1. */
int vl_words_origin(uint16_t *origin, const char *text, int len);

#endif
