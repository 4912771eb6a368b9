/* floats.h: a tensor's numbers as float32, whatever kind of float the file has. */
#ifndef VL_FLOATS_H
#define VL_FLOATS_H

#include "base/store.h"

/* dst (n) of a tensor with n elements. VALENCE_UNSUPPORTED for other types, naming the tensor. */
vl_status vl_floats_of_tensor(float *dst, const vl_tensor *t, int64_t n, valence_error *error);

/* A block of its own, to vl_free, of the tensor of that name and shape (rank 1 or 2, -1: any). */
vl_status vl_floats_take(float **out, const vl_store *store, const char *name, int rank,
                         const int64_t *shape, valence_error *error);

#endif
