/* rope_x16.h: rope.h sixteen pairs at a time: the body of rope_avx2.c and rope_avx512.c. No fused
 * multiply-add: the plain version has none. */
#include "kernels/rope.h"

static inline vl_x16 turned_a(vl_x16 a, vl_x16 b, vl_x16 c, vl_x16 s)
{
    return vl_x16_sub(vl_x16_mul(a, c), vl_x16_mul(b, s));
}

static inline vl_x16 turned_b(vl_x16 a, vl_x16 b, vl_x16 c, vl_x16 s)
{
    return vl_x16_add(vl_x16_mul(b, c), vl_x16_mul(a, s));
}

static void rope_head(float *x, const float *cos_sin, int32_t half)
{
    float *y = x + half;
    const float *sine = cos_sin + half;
    int32_t i = 0;
    for (; i + 16 <= half; i += 16) {
        vl_x16 a = vl_x16_load(x + i), b = vl_x16_load(y + i);
        vl_x16 c = vl_x16_load(cos_sin + i), s = vl_x16_load(sine + i);
        vl_x16_store(x + i, turned_a(a, b, c, s));
        vl_x16_store(y + i, turned_b(a, b, c, s));
    }
    if (i == half) return;
    int32_t some = half - i;
    vl_x16 a = vl_x16_load_some(x + i, some), b = vl_x16_load_some(y + i, some);
    vl_x16 c = vl_x16_load_some(cos_sin + i, some), s = vl_x16_load_some(sine + i, some);
    vl_x16_store_some(x + i, turned_a(a, b, c, s), some);
    vl_x16_store_some(y + i, turned_b(a, b, c, s), some);
}
