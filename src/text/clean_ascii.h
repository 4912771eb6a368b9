/* clean_ascii.h: lower case, punctuation and spaces of a run of ASCII in one sweep. The rest of
 * Unicode, and what starts and ends a text, is pass_fold.c's.
 * Nothing is allocated; any thread. */
#ifndef VL_CLEAN_ASCII_H
#define VL_CLEAN_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VL_ASCII_DROP = 0x80,     /* in out[]: the byte goes */
    VL_ASCII_NO_SPACE = 0xFF, /* as space: no byte folds */
    VL_ASCII_SLACK = 64       /* bytes behind the result that a kernel may overwrite */
};

/* What a set of passes does with each ASCII byte. */
typedef struct vl_ascii_rule {
    _Alignas(64) unsigned char out[128]; /* what is written for it, or VL_ASCII_DROP */
    unsigned char space; /* this byte of out[] is written only if a word byte came last */
} vl_ascii_rule;

/* The rule of the bits LOWER, PUNCTUATION, SPACES in passes; others are ignored. */
const vl_ascii_rule *vl_ascii_rule_of(uint32_t passes);

typedef struct vl_ascii_writer {
    char *out; /* the next byte goes here */
    bool word; /* the last byte written (over all calls) was no folding space; starts false */
} vl_ascii_writer;

/* Rewrites the leading ASCII bytes of in[0..len), stops before the first other byte; returns how
 * many were read. w->out needs room for len + VL_ASCII_SLACK bytes and may not overlap in. */
typedef size_t (*vl_clean_ascii_fn)(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                                    size_t len);
size_t vl_clean_ascii_scalar(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                             size_t len);
size_t vl_clean_ascii_avx2(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                           size_t len);
size_t vl_clean_ascii_avx512(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                             size_t len);

/* The kernel of the active instruction set. */
vl_clean_ascii_fn vl_clean_ascii_active(void);

/* For blocks of 64 bytes as bits. Which of them follow a word byte directly or after dropped bytes
 * only; carry: the block itself does. The addition lets a bit run through a group of drops: it
 * comes out behind the group's end. */
static inline uint64_t vl_ascii_after_word(uint64_t word, uint64_t drop, bool carry)
{
    uint64_t next = word << 1 | carry;
    return (next | (drop + (next & drop))) & ~drop;
}

/* The carry for the next block: the highest bit of both decides. */
static inline bool vl_ascii_ends_in_word(uint64_t word, uint64_t space, bool carry)
{
    return word | space ? word > space : carry;
}

#endif
