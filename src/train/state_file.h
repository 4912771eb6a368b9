/* state_file.h: a training run's state in a file: what a kill at any moment leaves, and --resume
 * goes on from. A safetensors file with arrays of floats, a row of numbers, and the fingerprint of
 * the data and options that the run belongs to. */
#ifndef VL_STATE_FILE_H
#define VL_STATE_FILE_H

#include "base/buffer.h"
#include "base/status.h"

typedef struct vl_state_array {
    const char *name;
    float *data; /* (n); NULL: the run has none */
    int64_t n;
} vl_state_array;

typedef struct vl_state_file {
    uint64_t fingerprint;
    const vl_state_array *arrays;
    int array_count;
    double *numbers; /* (number_count), each -1 or more and below 2^53 */
    int number_count;
    vl_buffer *rows; /* of doubles, as many as there are; NULL: none */
    int64_t columns; /* of rows */
} vl_state_file;

/* Atomic: the old file stays until the new one is whole. */
vl_status vl_state_file_write(const vl_state_file *s, const char *path, valence_error *error);

/* Fills the arrays, numbers and rows. VALENCE_NOT_FOUND where there is no such file;
 * VALENCE_ARGUMENT where it is another run's. */
vl_status vl_state_file_read(const vl_state_file *s, const char *path, valence_error *error);

#endif
