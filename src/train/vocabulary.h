/* vocabulary.h: chooses the n-grams a model will know and gives each its slot. */
#ifndef VL_VOCABULARY_H
#define VL_VOCABULARY_H

#include "text/ngram_table.h"
#include "train/counts.h"

/* How n-grams compete for places. With p_k the smoothed share of class k's texts that hold it, the
 * strength is max_k |log(p_k / p_others)|. */
typedef enum vl_choice {
    VL_CHOOSE_STRENGTH, /* by strength alone: only telling n-grams. For naive Bayes */
    VL_CHOOSE_EVIDENCE, /* strength * sqrt(texts): frequent ones too. For regression */
    VL_CHOOSE_FREQUENCY
} vl_choice;

const char *vl_choice_name(vl_choice choice);
vl_status vl_choice_parse(vl_choice *out, const char *name, valence_error *error);

typedef struct vl_vocabulary_options {
    int64_t capacity;  /* most n-grams */
    float min_count;   /* an n-gram found less often is not taken */
    float smoothing;   /* added to each class' count when the strength is taken */
    vl_choice choice;
    bool held_out; /* held-out texts count like the others; else as if they did not exist */
} vl_vocabulary_options;

typedef struct vl_vocabulary {
    uint32_t buckets;
    int64_t slots;          /* buckets * 8 */
    int64_t used;
    uint16_t *fingerprints; /* (slots) */
    uint64_t *numbers;      /* (slots) upper 43 bits; 0 in empty slots */
    int32_t columns;        /* K, or 1 where counts.h keeps only sums */
    float *counts;          /* (slots, columns) */
} vl_vocabulary;

/* class_texts: (K) summed weights of the texts of each class that count. */
vl_status vl_vocabulary_choose(vl_vocabulary *v, const vl_counts *counts, const double *class_texts,
                               int32_t K, const vl_vocabulary_options *options,
                               vl_workers *workers, valence_error *error);

/* The same into a copy of a table that is in use: the n-grams it knows keep their places (and get
 * these counts), the strongest of the others take the free ones. numbers stay 0 where the counts say
 * nothing of a known n-gram. */
vl_status vl_vocabulary_extend(vl_vocabulary *v, const vl_ngram_table *table,
                               const vl_counts *counts, const double *class_texts, int32_t K,
                               const vl_vocabulary_options *options, vl_workers *workers,
                               valence_error *error);
void vl_vocabulary_release(vl_vocabulary *v);

static inline vl_ngram_table vl_vocabulary_table(const vl_vocabulary *v)
{
    return (vl_ngram_table){v->fingerprints, v->buckets};
}

/* max_k |log(p_k / p_others)|, p = (count + smoothing) / (texts + 2 smoothing). Two classes or more. */
float vl_ngram_strength(const float *counts, const double *class_texts, int32_t K, float smoothing);

#endif
