/* lstm_back_avx2.c: lstm_back_x16.h in AVX2's registers. */
#include "kernels/lstm_panel_avx2.h"

#include "kernels/lstm_back_x16.h"

void vl_lstm_carry_back_avx2(float *dh, const float *dz, const float *packed, int32_t U, int32_t n)
{
    carry_back(dh, dz, packed, U, n);
}

void vl_lstm_cell_back_avx2(float *z, float *dc, const float *dh, const float *c,
                            const float *c_before, int32_t U, int32_t n)
{
    cell_back(z, dc, dh, c, c_before, U, n);
}
