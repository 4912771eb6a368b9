/* embed.c: rows by convert.h. */
#include "kernels/embed.h"

#include "kernels/convert.h"

void vl_embed_row(float *dst, const void *row, vl_dtype type, float scale, int64_t N)
{
    vl_convert_row()(dst, row, type, scale, false, N);
}

void vl_embed_add_row(float *dst, const void *row, vl_dtype type, float scale, int64_t N)
{
    vl_convert_row()(dst, row, type, scale, true, N);
}
