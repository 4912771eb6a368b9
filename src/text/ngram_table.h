/* ngram_table.h: the set of n-grams a model knows: n-gram number -> slot.
 *
 * An array of buckets of eight 16-bit fingerprints. A number's upper bits choose the bucket, other
 * bits are the fingerprint; the slot is the place where it stands. An unknown n-gram costs one
 * 16-byte read and is taken for a known one with probability about 8 / 65536. No n-gram is anywhere
 * but in its bucket: what does not fit when the table is made is left out, the weakest first. */
#ifndef VL_NGRAM_TABLE_H
#define VL_NGRAM_TABLE_H

#include <stdint.h>

#include "base/status.h"

enum { VL_BUCKET = 8, VL_NGRAM_BUCKETS_MAX = 1 << 24 };

typedef struct vl_ngram_table {
    const uint16_t *fingerprints; /* (buckets, 8), borrowed; 0: empty */
    uint32_t buckets;
} vl_ngram_table;

static inline uint32_t vl_ngram_bucket(uint64_t ngram, uint32_t buckets)
{
    return (uint32_t)((ngram >> 32) * buckets >> 32);
}

static inline uint16_t vl_ngram_fingerprint(uint64_t ngram)
{
    uint16_t f = (uint16_t)(ngram >> 24);
    return (uint16_t)(f + (f == 0));
}

/* The n-gram's slot in [0, buckets * 8), or -1. */
int32_t vl_ngram_find(const vl_ngram_table *t, uint64_t ngram);

/* slots[0..result) = slots of the known ones among ngrams[0..count), in order, repeats kept.
 * slots has room for count + 16. */
typedef int vl_ngram_lookup_fn(int32_t *slots, const vl_ngram_table *t, const uint64_t *ngrams,
                               int count);
vl_ngram_lookup_fn vl_ngram_lookup_scalar, vl_ngram_lookup_avx2, vl_ngram_lookup_avx512;

/* The same, and where[i] = index of the n-gram whose slot is slots[i]; room as for slots. */
typedef int vl_ngram_locate_fn(int32_t *slots, int32_t *where, const vl_ngram_table *t,
                               const uint64_t *ngrams, int count);
vl_ngram_locate_fn vl_ngram_locate_scalar, vl_ngram_locate_avx2, vl_ngram_locate_avx512;

/* The kernels for vl_isa_active(). */
int vl_ngram_lookup(int32_t *slots, const vl_ngram_table *t, const uint64_t *ngrams, int count);
int vl_ngram_locate(int32_t *slots, int32_t *where, const vl_ngram_table *t, const uint64_t *ngrams,
                    int count);

/* Puts an n-gram into fingerprints (buckets, 8). Its slot; the slot it already has; or -1 when its
 * bucket is full. */
int32_t vl_ngram_insert(uint16_t *fingerprints, uint32_t buckets, uint64_t ngram);

#endif
