/* counts.h: how many texts of each class hold each n-gram. The raw material of naive Bayes, of the
 * choice of features and of n-gram weights. Counts of shards add up: counting all at once, or parts
 * that are merged, in any number of threads, gives the same counts.
 *
 * N-grams are kept by the upper 43 bits of their number: everything ngram_table.h uses. Each has two
 * counts per class: of texts to learn from, and of texts held out, which are told by a hash of the
 * text, so that all shards agree. */
#ifndef VL_COUNTS_H
#define VL_COUNTS_H

#include "base/workers.h"
#include "text/features.h"
#include "train/corpus.h"

enum {
    VL_COUNT_PART_BITS = 11, /* n-grams are divided by their upper bits: a part's table fits the cache */
    VL_COUNT_PARTS = 1 << VL_COUNT_PART_BITS,
    VL_COUNT_CLASSES = 32 /* with more classes only the sum over classes is counted */
};

/* Texts with a smaller order are held out by naive Bayes: one in ten. */
#define VL_HELD_OUT_BELOW 429496729u

enum { VL_NGRAM_LOW_BITS = 64 - VL_COUNT_PART_BITS - 32 }; /* a part's own 32 bits stand above */

#define VL_NGRAM_MASK (~(uint64_t)0 << VL_NGRAM_LOW_BITS)

/* One hash table: open addressing, entries of 8 + 4 * columns bytes; or, once closed, a list. */
typedef struct vl_count_part {
    char *entries;
    uint64_t capacity; /* places: a power of two while it is a table, or 0 */
    uint64_t used;
} vl_count_part;

typedef struct vl_counts {
    int32_t classes; /* K, or 1 */
    int32_t columns; /* 2 * classes: learnt from, then held out */
    size_t stride;   /* bytes of an entry */
    bool closed;     /* by add_corpus: parts are lists, nothing can be added any more */
    vl_count_part part[VL_COUNT_PARTS];
} vl_counts;

/* Empty counts for K classes. */
void vl_counts_init(vl_counts *c, int32_t K);
void vl_counts_release(vl_counts *c);

/* Adds the corpus' texts under the features' pipeline (passes, words, max_n, counts or presence).
 * Each text adds its example weight; texts whose `order` is below held_out_below are held out.
 * VALENCE_ARGUMENT once closed. min_count > 0: nothing is to be added later, so n-grams found less often may be forgotten, which
 * takes half the time. */
vl_status vl_counts_add_corpus(vl_counts *c, const vl_corpus *corpus, const vl_features *f,
                               uint32_t held_out_below, float min_count, vl_workers *workers,
                               valence_error *error);

/* Adds to one n-gram's columns (columns values). Not thread-safe within a part. */
vl_status vl_counts_add(vl_counts *c, uint64_t ngram, const float *values);

/* Keeps the part's n-grams of at least min_count, as a list: nothing can be added to it any more. */
vl_status vl_counts_close_part(vl_counts *c, int part, float min_count);

static inline int vl_count_part_of(uint64_t ngram) { return (int)(ngram >> (64 - VL_COUNT_PART_BITS)); }

/* Entry i of a part: its number (0: none here) and its columns. */
static inline uint64_t vl_count_entry(const vl_counts *c, const vl_count_part *p, uint64_t i,
                                      const float **values)
{
    const char *entry = p->entries + i * c->stride;
    *values = (const float *)(const void *)(entry + sizeof(uint64_t));
    return *(const uint64_t *)(const void *)entry;
}

uint64_t vl_counts_total(const vl_counts *c); /* different n-grams */

#endif
