/* lstm_step_avx2.c: lstm_float_x16.h in AVX2's registers. */
#include "kernels/lstm_panel_avx2.h"

#include "kernels/lstm_float_x16.h"

void vl_lstm_step_avx2(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    float_step(r, s, n);
}
