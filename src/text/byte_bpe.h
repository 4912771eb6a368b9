/* byte_bpe.h: the BPE model: a word begins as its bytes (or code points) and the pair of neighbours
 * that was merged earliest in training is merged again and again.
 * A model is constant once built; a work belongs to one thread. */
#ifndef VL_BYTE_BPE_H
#define VL_BYTE_BPE_H

#include "text/token_vocabulary.h"

typedef struct vl_bpe_slot {
    uint64_t pair;    /* left << 32 | right */
    int32_t rank, id; /* id -1: an empty slot */
} vl_bpe_slot;

typedef struct vl_bpe {
    vl_bpe_slot *slots;
    int shift; /* 64 - log2(slots) */
    uint64_t multiplier;
    int32_t bytes[256];    /* the token of each byte's letter, -1: none; if the pre-tokeniser gives
                              bytes */
    int32_t fallback[256]; /* the token "<0x00>" of each byte, if byte_fallback is set */
    bool by_bytes, fuse_unknown, ignore_merges;
    bool byte_fallback;     /* not together with by_bytes, prefix or suffix */
    int32_t unknown;        /* -1: what is unknown disappears */
    vl_span prefix, suffix; /* of code points behind the first, of the last one */
} vl_bpe;

typedef struct vl_bpe_work {
    vl_buffer symbols, heap, spelling;
} vl_bpe_work;

void vl_bpe_work_init(vl_bpe_work *w);
void vl_bpe_work_release(vl_bpe_work *w);

/* Room for so many merges. */
vl_status vl_bpe_init(vl_bpe *m, size_t merges);
void vl_bpe_release(vl_bpe *m); /* zeroed struct is fine */

/* left and right become id; a later merge of the same pair replaces an earlier one. */
void vl_bpe_add_merge(vl_bpe *m, int32_t left, int32_t right, int32_t rank, int32_t id);

/* Called when all else is set. */
void vl_bpe_finish(vl_bpe *m, const vl_token_vocabulary *v);

/* As vl_wordpiece_encode; *count may be 0. word: not empty; ids and ends (max(len, 1)). */
vl_status vl_bpe_encode(const vl_bpe *m, const vl_token_vocabulary *v, vl_bpe_work *w, vl_span word,
                        int32_t *ids, uint32_t *ends, size_t *count);

#endif
