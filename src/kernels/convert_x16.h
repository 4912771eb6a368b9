/* convert_x16.h: convert.h sixteen numbers at a time: the body of convert_avx2.c and
 * convert_avx512.c. What is left at the end of a row goes through a buffer. */
#include <assert.h>
#include <string.h>

#include "kernels/convert.h"

static inline __attribute__((always_inline)) vl_x16 widened(const void *src, vl_dtype type,
                                                            vl_x16 scale)
{
    switch (type) {
    case VL_F32:
        return vl_x16_load(src);
    case VL_BF16:
        return vl_x16_load_bf16(src);
    case VL_F16:
        return vl_x16_load_f16(src);
    default:
        return vl_x16_mul(vl_i16_to_float(vl_i16_load_bytes(src)), scale);
    }
}

static inline __attribute__((always_inline)) void
convert_row(float *dst, const char *src, vl_dtype type, float scale, bool add, int64_t n)
{
    const int64_t size = type == VL_F32 ? 4 : type == VL_I8 ? 1 : 2;
    const vl_x16 factor = vl_x16_set(scale);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vl_x16 x = widened(src + i * size, type, factor);
        vl_x16_store(dst + i, add ? vl_x16_add(vl_x16_load(dst + i), x) : x);
    }
    if (i == n) return;
    char rest[64] = {0};
    memcpy(rest, src + i * size, (size_t)((n - i) * size));
    vl_x16 x = widened(rest, type, factor);
    if (add) x = vl_x16_add(vl_x16_load_some(dst + i, n - i), x);
    vl_x16_store_some(dst + i, x, n - i);
}

/* One loop for each type, and with and without the addition. */
static void convert_any_row(float *dst, const void *src, vl_dtype type, float scale, bool add,
                            int64_t n)
{
    assert(type == VL_F32 || type == VL_BF16 || type == VL_F16 || type == VL_I8);
#define CASE(name)                                                                                 \
    if (type == name)                                                                              \
        add ? convert_row(dst, src, name, scale, true, n)                                          \
            : convert_row(dst, src, name, scale, false, n);
    CASE(VL_F32)
    CASE(VL_BF16)
    CASE(VL_F16)
    CASE(VL_I8)
#undef CASE
}

static void f32_to_bf16(uint16_t *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) vl_x16_store_bf16(dst + i, vl_x16_load(src + i));
    if (i == n) return;
    uint16_t rest[16];
    vl_x16_store_bf16(rest, vl_x16_load_some(src + i, n - i));
    memcpy(dst + i, rest, (size_t)(n - i) * 2);
}
