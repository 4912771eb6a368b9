/* projection.h: y = act(W x + b) for rows x, with weights in float32, bfloat16 or int8: the linear
 * layer.
 *
 * int8: each row of x is quantised as it comes, to 7 bits around 64 with a scale s of its own, and
 * with W[n] = scale[n] * w[n] (w integers, sum[n] theirs) y[n] = act((q . w[n] - 64 sum[n]) * s *
 * scale[n] + b[n]) where the product is exact. Seven bits cannot saturate the 16-bit sums of
 * processors without VNNI. Constant once open, any thread. */
#ifndef VL_PROJECTION_H
#define VL_PROJECTION_H

#include "base/store.h"
#include "kernels/activation.h"
#include "layers/row_scratch.h"

typedef struct vl_projection {
    int64_t N, K;
    vl_matmul *product;
    float *bias;  /* (N) or NULL */
    float *scale; /* (N), int8 only */
    int32_t *sum; /* (N), int8 only */
} vl_projection;

/* Takes NAME.weight (N,K) and, where there is one, NAME.bias (N) of a store. Several names: their
 * rows one behind the other, as one projection of all (query, key, value); all of N rows and one
 * type, and either all with a bias or none. The weights are packed: the store's are not needed any
 * more. Weights F32, F16, BF16, or I8 with NAME.weight.scale (N) F32. */
vl_status vl_projection_open(vl_projection *p, const vl_store *store, const char *const *names,
                             int name_count, int64_t N, int64_t K, valence_error *error);
void vl_projection_release(vl_projection *p); /* zeroed struct is fine */

/* dst (R,N) with a row every dst_stride floats; src (R,K) without gaps, 64-byte aligned, with room
 * for VL_ROW_BLOCK rows; R <= VL_ROW_BLOCK. */
vl_status vl_projection_run(const vl_projection *p, float *dst, int64_t dst_stride,
                            const float *src, int64_t R, vl_activation act,
                            const vl_row_scratch *s);

/* The same in two steps, for threads that share the columns of one block: what the product reads of
 * src (src itself, or s->input), which every one of them makes for itself; then columns [first,
 * first + count), panels as vl_matmul_run_columns has them, of the rows of dst, which begin at
 * column `first` of it. */
const void *vl_projection_input(const vl_projection *p, const float *src, int64_t R,
                                const vl_row_scratch *s);
vl_status vl_projection_columns(const vl_projection *p, float *dst, int64_t dst_stride,
                                const void *input, int64_t R, int64_t first, int64_t count,
                                vl_activation act, const vl_row_scratch *s);

/* down(act(up x)) for the block, what lies between never leaving the thread's cache: dst (R,
 * down.N) without gaps. gated: up's rows are [gate; up], and what goes on is act(gate x) * (up x).
 * hidden: room for (VL_ROW_BLOCK, down.K) floats, 64-byte aligned. */
vl_status vl_projection_pair(const vl_projection *up, const vl_projection *down, float *dst,
                             const float *src, int64_t R, vl_activation act, bool gated,
                             float *hidden, const vl_row_scratch *s);

#endif
