/* linear_writer.c: rounding to int8 and half floats. */
#include "train/linear_writer.h"

#include <math.h>
#include <string.h>

#include "kernels/half.h"

vl_status vl_linear_type_parse(vl_dtype *out, const char *name, valence_error *error)
{
    if (strcmp(name, "i8") == 0) *out = VL_I8;
    else if (strcmp(name, "f16") == 0) *out = VL_F16;
    else if (strcmp(name, "f32") == 0) *out = VL_F32;
    else return vl_fail(error, VALENCE_ARGUMENT, "unknown type '%.40s' (i8, f16, f32)", name);
    return VALENCE_OK;
}

static int8_t round_int8(float value, float scale)
{
    float q = rintf(value / scale);
    return (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
}

static double rounding_loss(const float *weight, const float *usage, int64_t rows, int32_t stride,
                            float scale)
{
    double loss = 0;
    for (int64_t i = 0; i < rows; i++) {
        double e = weight[i * stride] - scale * round_int8(weight[i * stride], scale);
        loss += (usage ? usage[i] : 1) * e * e;
    }
    return loss;
}

float vl_int8_scale(const float *weight, const float *usage, int64_t rows, int32_t stride)
{
    float max = 0;
    for (int64_t i = 0; i < rows; i++)
        if (fabsf(weight[i * stride]) > max) max = fabsf(weight[i * stride]);
    if (max == 0) return 1;
    float best = max / 127, clip = best;
    double least = rounding_loss(weight, usage, rows, stride, best);
    for (int step = 0; step < 8; step++) {
        clip *= 0.8f; /* weights past 127 * clip are cut off, the others become finer */
        double loss = rounding_loss(weight, usage, rows, stride, clip);
        if (loss >= least) break;
        least = loss;
        best = clip;
    }
    return best;
}

static vl_status add_tensor(vl_store *store, const char *name, vl_dtype dtype, int rank,
                            int64_t rows, int64_t columns, const void *data, valence_error *error)
{
    vl_tensor t = {.name = name, .dtype = dtype, .rank = rank, .shape = {rows, columns},
                   .data = data,
                   .bytes = (size_t)(rows * (rank == 2 ? columns : 1)) * vl_dtype_size(dtype)};
    return vl_store_add_copy(store, &t, error);
}

static vl_status write_int8(vl_store *store, const vl_linear_weights *w, int8_t *q, float *scale,
                            valence_error *error)
{
    for (int32_t c = 0; c < w->C; c++) {
        scale[c] = vl_int8_scale(w->weight + c, w->usage, w->slots, w->C);
        for (int64_t s = 0; s < w->slots; s++)
            q[s * w->C + c] = round_int8(w->weight[s * w->C + c], scale[c]);
    }
    VL_TRY(add_tensor(store, "linear.weight", VL_I8, 2, w->slots, w->C, q, error));
    return add_tensor(store, "linear.scale", VL_F32, 1, w->C, 0, scale, error);
}

static vl_status write_weight(vl_store *store, const vl_linear_weights *w, vl_dtype dtype,
                              valence_error *error)
{
    size_t n = (size_t)w->slots * (size_t)w->C;
    if (dtype == VL_F32)
        return add_tensor(store, "linear.weight", VL_F32, 2, w->slots, w->C, w->weight, error);
    void *small = vl_alloc_array(VL_MEM_TRAINING, n, 2);
    float *scale = vl_alloc_array(VL_MEM_TRAINING, (size_t)w->C, sizeof *scale);
    vl_status status = small && scale ? VALENCE_OK : vl_fail_memory(error, n * 2, "rounded weights");
    if (status == VALENCE_OK && dtype == VL_I8) {
        status = write_int8(store, w, small, scale, error);
    } else if (status == VALENCE_OK) {
        for (size_t i = 0; i < n; i++) ((uint16_t *)small)[i] = vl_float_to_half(w->weight[i]);
        status = add_tensor(store, "linear.weight", VL_F16, 2, w->slots, w->C, small, error);
    }
    vl_free(small);
    vl_free(scale);
    return status;
}

vl_status vl_linear_write(vl_store *store, const vl_linear_weights *w, vl_dtype dtype,
                          valence_error *error)
{
    VL_TRY(write_weight(store, w, dtype, error));
    VL_TRY(add_tensor(store, "linear.bias", VL_F32, 1, w->K, 0, w->bias, error));
    if (w->square)
        VL_TRY(add_tensor(store, "linear.square", VL_F32, 1, w->slots, 0, w->square, error));
    return vl_store_set(store, "linear.norm", vl_span_of(vl_linear_norm_name(w->norm)), error);
}
