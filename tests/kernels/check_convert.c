/* check_convert.c: every bfloat16 and binary16 there is, bytes, and floats to bfloat16, each level
 * against the plain version and that against the definition; odd sizes; rows set and added; speed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/convert.h"
#include "kernels/embed.h"
#include "kernels/half.h"
#include "numeric.h"

int check_convert(void);

enum { ALL = 1 << 16, ROUNDS = 4000, MOST = 200, TIMED = 4096, TIMES = 100 };

static vl_convert_row_fn *const convert_of[VL_ISA_COUNT] = {
    vl_convert_row_scalar, vl_convert_row_avx2, vl_convert_row_avx512};
static vl_f32_to_bf16_fn *const to_bf16_of[VL_ISA_COUNT] = {
    vl_f32_to_bf16_scalar, vl_f32_to_bf16_avx2, vl_f32_to_bf16_avx512};

static bool same(float a, float b)
{
    return isnan(a) ? isnan(b) : memcmp(&a, &b, 4) == 0;
}

/* sign, 8 bits of exponent, 7 of mantissa */
static float bf16_value(uint16_t h)
{
    int exponent = h >> 7 & 0xFF, mantissa = h & 0x7F;
    double x = exponent == 0     ? ldexp(mantissa, -133)
               : exponent == 255 ? (mantissa ? NAN : INFINITY)
                                 : ldexp(mantissa + 128, exponent - 134);
    return (float)(h & 0x8000 ? -x : x);
}

static bool all_halves(vl_isa isa)
{
    static uint16_t src[ALL], back[ALL];
    static float bf[ALL], f16[ALL];
    bool good = true;
    for (int i = 0; i < ALL; i++) src[i] = (uint16_t)i;
    vl_isa_limit(isa);
    vl_bf16_to_f32(bf, src, ALL);
    vl_f16_to_f32(f16, src, ALL);
    vl_f32_to_bf16(back, bf, ALL);
    for (int i = 0; i < ALL; i++) {
        good = good && same(bf[i], bf16_value((uint16_t)i)) &&
               same(f16[i], vl_half_to_float((uint16_t)i));
        good = good && (isnan(bf[i]) ? isnan(bf16_value(back[i])) : back[i] == i);
    }
    return good;
}

/* Floats of random bits: the nearer neighbour, at a tie the even one. */
static bool rounds_well(vl_isa isa, uint64_t round)
{
    int64_t n = (int64_t)random_below(round, 0, MOST);
    size_t gap = random_below(round, 1, 16);
    float *x = guarded(0, (size_t)n * 4, gap * 4);
    uint16_t *q = guarded(1, (size_t)n * 2, gap * 2);
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)random_below(round, 2 + (uint64_t)i, (uint64_t)1 << 32);
        if (i % 4 == 0) bits = (bits & 0xFFFF0000) | 0x8000;      /* a tie */
        if (i % 16 == 1) bits = (bits & 0x8000FFFF) | 0x7F800000; /* mostly NaN */
        memcpy(x + i, &bits, 4);
    }
    to_bf16_of[isa](q, x, n);
    bool good = intact(1, q, (size_t)n * 2);
    for (int64_t i = 0; good && i < n; i++) {
        if (isnan(x[i])) {
            good = isnan(bf16_value(q[i]));
            continue;
        }
        uint16_t cut;
        memcpy(&cut, (const char *)(x + i) + 2, 2);
        double below = bf16_value(cut), above = bf16_value((uint16_t)(cut + 1));
        if (isinf(above)) above = copysign(0x1p128, below); /* what would follow */
        double middle = (below + above) / 2, far = fabs((double)x[i]) - fabs(middle);
        good = q[i] == (uint16_t)(cut + (far > 0 || (far == 0 && (cut & 1))));
    }
    return good;
}

static bool rows_agree(vl_isa isa, uint64_t round)
{
    static const vl_dtype types[] = {VL_F32, VL_BF16, VL_F16, VL_I8};
    vl_dtype type = types[random_below(round, 0, 4)];
    int64_t n = (int64_t)random_below(round, 1, MOST);
    size_t bytes = (size_t)n * vl_dtype_size(type), floats = (size_t)n * 4;
    unsigned char *src = guarded(0, bytes, random_below(round, 2, 16) * vl_dtype_size(type));
    float *dst = guarded(1, floats, random_below(round, 3, 16) * 4), expected[MOST], scale = 0.37f;
    for (size_t i = 0; i < bytes; i++) src[i] = (unsigned char)random_below(round, 4 + i, 256);
    fill_floats(dst, n, 1, round, 1);
    memcpy(expected, dst, floats);
    vl_convert_row_scalar(expected, src, type, scale, round % 2, n);
    vl_isa_limit(isa);
    (round % 2 ? vl_embed_add_row : vl_embed_row)(dst, src, type, scale, n);
    bool good = intact(1, dst, floats);
    for (int64_t i = 0; i < n; i++) good = good && same(dst[i], expected[i]);
    if (type == VL_I8 && round % 2 == 0) {
        vl_i8_to_f32(dst, (const int8_t *)src, scale, n);
        for (int64_t i = 0; i < n; i++) good = good && dst[i] == (float)(int8_t)src[i] * scale;
    }
    return good;
}

static double gigabytes(vl_isa isa, vl_dtype type)
{
    static float dst[TIMED], src[TIMED];
    double best;
    BEST_SECONDS(best, 20,
                 for (int i = 0; i < TIMES; i++) convert_of[isa](dst, src, type, 1, false, TIMED));
    return TIMED * TIMES * 4.0 / best * 1e-9;
}

int check_convert(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = all_halves(isa);
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = rounds_well(isa, round) && rows_agree(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "convert", isa);
        if (good)
            printf("# to float %s, GB/s written: bf16 %.0f, f16 %.0f, i8 %.0f\n", vl_isa_name(isa),
                   gigabytes(isa, VL_BF16), gigabytes(isa, VL_F16), gigabytes(isa, VL_I8));
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
