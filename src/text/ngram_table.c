/* ngram_table.c: insertion, single look-up and the choice of the look-up kernel. */
#include "text/ngram_table.h"

#include "base/cpu.h"

static int32_t slot_of(const uint16_t *fingerprints, uint32_t bucket, uint16_t wanted)
{
    const uint16_t *f = fingerprints + (size_t)bucket * VL_BUCKET;
    for (int i = 0; i < VL_BUCKET; i++)
        if (f[i] == wanted) return (int32_t)(bucket * VL_BUCKET) + i;
    return -1;
}

int32_t vl_ngram_find(const vl_ngram_table *t, uint64_t ngram)
{
    return slot_of(t->fingerprints, vl_ngram_bucket(ngram, t->buckets),
                   vl_ngram_fingerprint(ngram));
}

int32_t vl_ngram_insert(uint16_t *fingerprints, uint32_t buckets, uint64_t ngram)
{
    uint32_t bucket = vl_ngram_bucket(ngram, buckets);
    uint16_t fingerprint = vl_ngram_fingerprint(ngram);
    int32_t slot = slot_of(fingerprints, bucket, fingerprint);
    if (slot < 0) slot = slot_of(fingerprints, bucket, 0);
    if (slot >= 0) fingerprints[slot] = fingerprint;
    return slot;
}

int vl_ngram_lookup_scalar(int32_t *slots, const vl_ngram_table *t, const uint64_t *ngrams,
                           int count)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        int32_t slot = vl_ngram_find(t, ngrams[i]);
        if (slot >= 0) slots[n++] = slot;
    }
    return n;
}

int vl_ngram_lookup(int32_t *slots, const vl_ngram_table *t, const uint64_t *ngrams, int count)
{
    static vl_ngram_lookup_fn *const kernels[VL_ISA_COUNT] = {
        vl_ngram_lookup_scalar, vl_ngram_lookup_avx2, vl_ngram_lookup_avx512};
    return kernels[vl_isa_active()](slots, t, ngrams, count);
}

int vl_ngram_locate_scalar(int32_t *slots, int32_t *where, const vl_ngram_table *t,
                           const uint64_t *ngrams, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        int32_t slot = vl_ngram_find(t, ngrams[i]);
        if (slot < 0) continue;
        slots[n] = slot;
        where[n++] = i;
    }
    return n;
}

int vl_ngram_locate(int32_t *slots, int32_t *where, const vl_ngram_table *t, const uint64_t *ngrams,
                    int count)
{
    static vl_ngram_locate_fn *const kernels[VL_ISA_COUNT] = {
        vl_ngram_locate_scalar, vl_ngram_locate_avx2, vl_ngram_locate_avx512};
    return kernels[vl_isa_active()](slots, where, t, ngrams, count);
}
