/* convert_scalar.c: the plain versions. */
#include <assert.h>
#include <string.h>

#include "kernels/convert.h"
#include "kernels/half.h"

static float bf16_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static float at(const void *src, vl_dtype type, float scale, int64_t i)
{
    switch (type) {
    case VL_F32:
        return ((const float *)src)[i];
    case VL_BF16:
        return bf16_to_float(((const uint16_t *)src)[i]);
    case VL_F16:
        return vl_half_to_float(((const uint16_t *)src)[i]);
    default:
        assert(type == VL_I8);
        return (float)((const int8_t *)src)[i] * scale;
    }
}

void vl_convert_row_scalar(float *dst, const void *src, vl_dtype type, float scale, bool add,
                           int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float x = at(src, type, scale, i);
        dst[i] = add ? dst[i] + x : x;
    }
}

void vl_f32_to_bf16_scalar(uint16_t *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, src + i, 4);
        if ((bits & 0x7FFFFFFF) > 0x7F800000)
            bits |= 0x00400000; /* NaN: quiet, or its mantissa could be cut to infinity's */
        else bits += 0x7FFF + (bits >> 16 & 1);
        dst[i] = (uint16_t)(bits >> 16);
    }
}
