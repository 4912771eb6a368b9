/* linear_writer.h: trained float weights become the tensors of models/linear.h. */
#ifndef VL_LINEAR_WRITER_H
#define VL_LINEAR_WRITER_H

#include "base/store.h"
#include "models/linear.h"

typedef struct vl_linear_weights {
    float *weight;        /* (slots, C) real units */
    float *bias;          /* (K) */
    const float *square;  /* (slots) or NULL */
    const float *usage;   /* (slots) how often each slot occurs: errors there count so much */
    int64_t slots;
    int32_t K, C;
    vl_linear_norm norm;
} vl_linear_weights;

/* Adds linear.* tensors of the dtype and the metadata linear.norm; the store keeps copies. */
vl_status vl_linear_write(vl_store *store, const vl_linear_weights *w, vl_dtype dtype,
                          valence_error *error);

/* The scale for int8 that loses least: minimises sum usage * (weight - rounded)^2 over a few. */
float vl_int8_scale(const float *weight, const float *usage, int64_t rows, int32_t stride);

/* Types as users name them: i8, f16, f32. */
vl_status vl_linear_type_parse(vl_dtype *out, const char *name, valence_error *error);

#endif
