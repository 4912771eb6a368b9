/* lstm_step_avx512.c: lstm_float_x16.h in AVX-512's registers. */
#include "kernels/lstm_panel_avx512.h"

#include "kernels/lstm_float_x16.h"

void vl_lstm_step_avx512(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    float_step(r, s, n);
}
