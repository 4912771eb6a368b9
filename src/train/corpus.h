/* corpus.h: labelled texts in memory, read from any number of data sets in parallel; the order of
 * examples is that of the files, whatever the number of threads. The corpus owns its texts. */
#ifndef VL_CORPUS_H
#define VL_CORPUS_H

#include "base/hash.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "data/labels.h"
#include "data/source.h"

enum { VL_GROUPS_MAX = 65536 };

/* All examples of one label in one data set. */
typedef struct vl_group {
    int32_t label;
    float weight; /* of each of its examples, after balancing */
    int64_t count;
} vl_group;

typedef struct vl_example {
    vl_span text;
    int32_t group;
    uint32_t order; /* random but fixed by the text: the smallest ones make held-out samples */
} vl_example;

typedef struct vl_corpus {
    vl_example *examples; /* (count) */
    int64_t count;
    vl_group *groups; /* (group_count) */
    int32_t group_count;
    int32_t K;
    const char *const *labels; /* (K) names in final order */
    uint64_t skipped_empty;    /* rows without a label */
    uint64_t bad_rows, repaired;
    void *memory; /* the corpus' own */
} vl_corpus;

typedef struct vl_corpus_options {
    vl_source_options source;
    const char *const *labels; /* (K) the only labels allowed, in this order; NULL: from the data */
    int32_t K;
    bool balance_sets; /* all data sets weigh the same, and all labels within a set */
    double balance;    /* exponent of that: 1 fully, 0 not at all */
    bool skip_bad;     /* else a malformed row is an error */
    bool one_label;    /* a single label will do: the data is part of something larger */
    bool unlabelled;   /* labels are not looked at: every row counts, under one label, "text" */
} vl_corpus_options;

vl_corpus_options vl_corpus_options_defaults(void);

/* Reads FILE[@MAP] specifications. Empty corpora and corpora of one class are errors where `labels`
 * is NULL. Errors name file and line. */
vl_status vl_corpus_read(vl_corpus *c, const char *const *specs, int count,
                         const vl_corpus_options *options, vl_workers *workers,
                         valence_error *error);
void vl_corpus_release(vl_corpus *c);

static inline int32_t vl_corpus_label(const vl_corpus *c, int64_t i)
{
    return c->groups[c->examples[i].group].label;
}

/* An example's order, from its text alone. */
static inline uint32_t vl_text_order(vl_span text)
{
    return (uint32_t)(vl_hash64(text.ptr, text.len, 1) >> 32);
}

/* Indices of the `count` examples with the smallest order (ties by text, label and weight): the same
 * texts in the same sequence, whatever the order or the sharding of the data. out: (count), sorted
 * in that way. Returns how many; fewer than asked for and than there are: out of memory. */
int64_t vl_corpus_sample(const vl_corpus *c, int64_t *out, int64_t count);

/* Adds label names to the corpus' own; labels, K and the groups' labels are sorted anew. */
vl_status vl_corpus_add_labels(vl_corpus *c, const char *const *names, int32_t count,
                               valence_error *error);

#endif
