/* corpus.h: labelled texts in memory, read from any number of data sets in parallel; the order of
 * examples is that of the files, whatever the number of threads. The corpus owns its texts. */
#ifndef VL_CORPUS_H
#define VL_CORPUS_H

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

/* Indices of the `count` examples with the smallest order (ties by text): the same texts whatever
 * the order or the sharding of the data. out: (count), sorted by index. Returns how many. */
int64_t vl_corpus_sample(const vl_corpus *c, int64_t *out, int64_t count);

#endif
