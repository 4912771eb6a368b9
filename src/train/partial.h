/* partial.h: naive Bayes counts in a file, to be counted anywhere and added up later. Nothing is
 * pruned in it, so the sum over shards is what one run over all data would have counted; and it holds
 * the texts to calibrate on, chosen by their hash, so that they are the same ones, too.
 *
 * Counts are floats. With text weights of 1 every sum is exact (up to 2^24 texts), and models made of
 * any sharding of the same rows are equal to the last byte; with other weights up to rounding.
 *
 * The file is safetensors, format "valence.counts.1", with the text pipeline and a checksum as in a
 * model file. N n-grams in rising order, K labels (2..VL_COUNT_CLASSES, in their order), G groups
 * (examples of one label and weight), H held-out texts:
 *     ngrams.number (N) U64, low 17 bits 0     ngrams.count (N,2K) F32: learnt from, then held out
 *     groups.label (G) I32    groups.weight (G) F32    groups.examples (G) I64, held-out ones included
 *     held_out.text U8        held_out.end (H) U64     held_out.group (H) I32
 *     labels.text U8          labels.end (K) U64       text i ends where text i + 1 begins */
#ifndef VL_PARTIAL_H
#define VL_PARTIAL_H

#include "base/mapped_file.h"
#include "train/classic.h"

#define VL_PARTIAL_FORMAT "valence.counts.1"

/* Counts the corpus under the options' pipeline and writes the file. VALENCE_LIMIT with more than
 * VL_COUNT_CLASSES labels. */
vl_status vl_partial_write(const char *path, const vl_corpus *corpus,
                           const vl_classic_options *options, vl_workers *workers,
                           valence_error *error);

/* Adds up partial files (of one pipeline; labels are joined by name) and trains naive Bayes of them.
 * store: as vl_classic_train leaves it, with card and checksum; the card names neither files nor
 * command, so that the sharding leaves no trace. */
vl_status vl_partial_merge(vl_store *store, vl_classic_report *report, const char *const *paths,
                           int count, const vl_classic_options *options, vl_workers *workers,
                           valence_error *error);

/* ---- One file, open -------------------------------------------------------------------------- */

/* Texts behind each other. */
typedef struct vl_blob {
    const char *bytes;
    const uint64_t *ends; /* (count) */
    int64_t count;
} vl_blob;

/* Ends rise when the file is opened; they read as 0 once it has been cut off meanwhile. */
static inline vl_span vl_blob_at(const vl_blob *b, int64_t i)
{
    uint64_t begin = i ? b->ends[i - 1] : 0, end = b->ends[i];
    return (vl_span){b->bytes + begin, end > begin ? (size_t)(end - begin) : 0};
}

/* Borrows name, and points into the file. */
typedef struct vl_partial {
    const char *name;
    vl_mapped_file file; /* data NULL: of bytes in memory */
    vl_store *store;
    vl_features pipeline;
    int32_t K;
    vl_blob labels, held_out;
    int64_t ngrams, groups;
    const uint64_t *number;       /* (ngrams) checked when they are added up */
    const float *count;           /* (ngrams, 2K) likewise */
    const int32_t *group_label;   /* (groups) in [0, K) */
    const float *group_weight;    /* (groups) above 0 */
    const int64_t *group_examples; /* (groups) 0 or more */
    const int32_t *held_out_group; /* (held_out.count) in [0, groups) */
} vl_partial;

/* Opens a file, or bytes in memory (which must outlive it), and checks everything but the n-grams.
 * Errors name the file. */
vl_status vl_partial_open(vl_partial *p, const char *path, valence_error *error);
vl_status vl_partial_read(vl_partial *p, vl_span bytes, const char *name, valence_error *error);
void vl_partial_close(vl_partial *p); /* zeroed struct is fine */

/* vl_partial_merge of open files. */
vl_status vl_partial_join(vl_store *store, vl_classic_report *report, const vl_partial *parts,
                          int count, const vl_classic_options *options, vl_workers *workers,
                          valence_error *error);

#endif
