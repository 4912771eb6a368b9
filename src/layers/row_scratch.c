/* row_scratch.c: the layout, in one place for asking and for using. */
#include "layers/row_scratch.h"

static size_t up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static size_t input_bytes(int64_t K)
{
    return up((size_t)VL_ROW_BLOCK * (size_t)K * sizeof(uint16_t));
}

static size_t scale_bytes(void)
{
    return up(VL_ROW_BLOCK * sizeof(float));
}

size_t vl_row_scratch_bytes(int64_t N, int64_t K)
{
    return input_bytes(K) + scale_bytes() + up((size_t)VL_ROW_BLOCK * (size_t)N * sizeof(float));
}

vl_row_scratch vl_row_scratch_in(void *memory, int64_t K)
{
    char *at = memory;
    return (vl_row_scratch){.input = at,
                            .row_scale = (float *)(void *)(at + input_bytes(K)),
                            .product = at + input_bytes(K) + scale_bytes()};
}
