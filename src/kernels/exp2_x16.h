/* exp2_x16.h: 2^x of sixteen floats. Included behind x16_avx2.h or x16_avx512.h.
 *
 * x = n + f with n = round(x) and |f| <= 1/2; 2^f is a polynomial of degree 6 (minimax, relative
 * error 2e-9, exact at 0; tools/fit_polynomials.py), 2^n goes into the exponent. Together at most
 * 1.1 ulp. */
#ifndef VL_EXP2_X16_H
#define VL_EXP2_X16_H

#define VL_LOG2_E 1.44269504f

static inline vl_x16 vl_x16_exp2_polynomial(vl_x16 f)
{
    vl_x16 p = vl_x16_set(0x1.41fbbcp-13f);
    p = vl_x16_fma(p, f, vl_x16_set(0x1.5f3e52p-10f));
    p = vl_x16_fma(p, f, vl_x16_set(0x1.3b2d4cp-7f));
    p = vl_x16_fma(p, f, vl_x16_set(0x1.c6aee8p-5f));
    p = vl_x16_fma(p, f, vl_x16_set(0x1.ebfbdcp-3f));
    p = vl_x16_fma(p, f, vl_x16_set(0x1.62e430p-1f));
    return vl_x16_fma(p, f, vl_x16_set(1.0f));
}

/* 2^x for x <= 126, 2^-126 for all that is smaller. NaN stays NaN. */
static inline vl_x16 vl_x16_exp2(vl_x16 x)
{
    x = vl_x16_max(vl_x16_set(-126), x);
    vl_x16 n = vl_x16_round(x);
    return vl_x16_scale(vl_x16_exp2_polynomial(vl_x16_sub(x, n)), n);
}

/* The same, but 0 below -126, so at -infinity. */
static inline vl_x16 vl_x16_exp2_or_zero(vl_x16 x)
{
    vl_x16 n = vl_x16_round(x);
    vl_x16 y = vl_x16_scale(vl_x16_exp2_polynomial(vl_x16_sub(x, n)), n);
    return vl_x16_less(x, vl_x16_set(-126), vl_x16_set(0), y);
}

#endif
