/* attention_floats.h: words of attention_x16.h that are floats, for attention_avx2.c and
 * attention_avx512.c. */
#include "kernels/exp2_x16.h"

enum { PER = 1 };

static inline vl_x16 dot(vl_x16 sum, vl_x16 x, vl_x16 y)
{
    return vl_x16_fma(x, y, sum);
}

static inline vl_x16 row_words(const float *row, int64_t d, int64_t count)
{
    return count >= 16 ? vl_x16_load(row + d) : vl_x16_load_some(row + d, count);
}

static inline vl_x16 column_words(const float *row, const float *next, int64_t d, int64_t count)
{
    (void)next;
    return row_words(row, d, count);
}

static inline vl_x16 weights_of(vl_x16 x)
{
    return vl_x16_exp2_or_zero(x);
}

static inline __attribute__((always_inline)) vl_x16 store_weights(float *to, const vl_x16 *p,
                                                                  const int wide)
{
    vl_x16 sum = p[0];
    for (int w = 0; w < wide; w++) vl_x16_store(to + 16 * w, p[w]);
    for (int w = 1; w < wide; w++) sum = vl_x16_add(sum, p[w]);
    return sum;
}
