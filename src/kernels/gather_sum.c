/* gather_sum.c: one loop per frequent width, so that sums stay in registers. */
#include "kernels/gather_sum.h"

#include <assert.h>

static void sum_one(int32_t *sum, const int8_t *w, int64_t stride, const int32_t *ids, int32_t count)
{
    int32_t a = 0, b = 0, i = 0;
    for (; i + 2 <= count; i += 2) {
        a += w[ids[i] * stride];
        b += w[ids[i + 1] * stride];
    }
    if (i < count) a += w[ids[i] * stride];
    sum[0] = a + b;
}

static void sum_three(int32_t *sum, const int8_t *w, int64_t stride, const int32_t *ids,
                      int32_t count)
{
    int32_t a = 0, b = 0, c = 0;
    for (int32_t i = 0; i < count; i++) {
        const int8_t *row = w + ids[i] * stride;
        a += row[0];
        b += row[1];
        c += row[2];
    }
    sum[0] = a;
    sum[1] = b;
    sum[2] = c;
}

void vl_gather_sum_i8(int32_t *sum, const int8_t *w, int64_t stride, const int32_t *ids,
                      int32_t count, int32_t width)
{
    assert(width >= 1 && width <= VL_GATHER_COLUMNS);
    if (width == 1) {
        sum_one(sum, w, stride, ids, count);
        return;
    }
    if (width == 3) {
        sum_three(sum, w, stride, ids, count);
        return;
    }
    for (int32_t c = 0; c < width; c++) sum_one(sum + c, w + c, stride, ids, count);
}
