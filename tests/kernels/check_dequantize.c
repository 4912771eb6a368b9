/* check_dequantize.c: the int8 product's epilogue: without activation equal to the bit at every
 * level and right in doubles; with one, and quantised again, composed of checked parts in the
 * stated way; then its speed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/dequantize.h"
#include "kernels/quantize.h"
#include "numeric.h"

int check_dequantize(void);

enum { ROUNDS = 4000, MOST_N = 400, MOST_R = 4, R_TIMED = 128, N_TIMED = 3072 };

/* Inputs of one round, each up to an unreadable page. */
typedef struct input {
    int64_t R, N, acc_stride, dst_stride;
    int32_t *acc, *col_sum;
    float *row_scale, *col_scale, *bias;
} input;

static void make(input *in, uint64_t round)
{
    in->R = 1 + (int64_t)random_below(round, 0, MOST_R);
    in->N = (int64_t)random_below(round, 1, round % 8 ? 70 : MOST_N);
    in->acc_stride = in->N + (int64_t)random_below(round, 2, 5);
    in->dst_stride = in->N + (int64_t)random_below(round, 3, 5);
    size_t acc_size = (size_t)((in->R - 1) * in->acc_stride + in->N), n = (size_t)in->N;
    in->acc = guarded(0, acc_size * 4, random_below(round, 4, 16) * 4);
    in->col_sum = guarded(1, n * 4, 0);
    in->row_scale = guarded(2, (size_t)in->R * 4, 0);
    in->col_scale = guarded(3, n * 4, 0);
    in->bias = guarded(4, n * 4, 0);
    int32_t range = round % 5 ? 1 << 20 : 1 << 29;
    for (size_t i = 0; i < acc_size; i++)
        in->acc[i] = (int32_t)(random_float(round, 100 + i) * (float)range);
    for (size_t i = 0; i < n; i++)
        in->col_sum[i] = (int32_t)(random_float(round, 9000 + i) * (float)(range >> 7));
    fill_floats(in->row_scale, in->R, 0.01f, round, 1);
    fill_floats(in->col_scale, in->N, 0.001f, round, 2);
    fill_floats(in->bias, in->N, 1, round, 3);
    if (round % 3 == 0) in->bias = NULL;
}

static double exact(const input *in, int64_t r, int64_t n)
{
    double difference = (double)in->acc[r * in->acc_stride + n] - 64.0 * in->col_sum[n];
    double x = difference * in->row_scale[r] * in->col_scale[n];
    return in->bias ? x + in->bias[n] : x;
}

/* The linear part at this level: right in doubles (four roundings) and equal to the plain
 * version's. */
static bool linear_agrees(vl_isa isa, uint64_t round)
{
    static float expected[MOST_R * (MOST_N + 5)];
    input in;
    make(&in, round);
    size_t bytes = (size_t)((in.R - 1) * in.dst_stride + in.N) * 4;
    float *dst = guarded(5, bytes, random_below(round, 5, 16) * 4);
    memcpy(expected, dst, bytes);
    vl_isa_limit(VL_ISA_SCALAR);
    vl_dequantize_rows(expected, in.dst_stride, in.acc, in.acc_stride, in.row_scale, in.col_scale,
                       in.col_sum, in.bias, in.R, in.N, VL_ACT_NONE);
    vl_isa_limit(isa);
    vl_dequantize_rows(dst, in.dst_stride, in.acc, in.acc_stride, in.row_scale, in.col_scale,
                       in.col_sum, in.bias, in.R, in.N, VL_ACT_NONE);
    bool good = memcmp(dst, expected, bytes) == 0 && intact(5, dst, bytes);
    for (int64_t r = 0; r < in.R; r++)
        for (int64_t n = 0; n < in.N; n++) {
            double e = exact(&in, r, n), b = in.bias ? fabs((double)in.bias[n]) : 0;
            good = good && near(dst[r * in.dst_stride + n], e, (fabs(e) + b) * 3e-7);
        }
    return good;
}

/* The row's bytes and scale are those of its parts. */
static bool same_bytes(const uint8_t *q, float scale, const float *row, int64_t N)
{
    static uint8_t expected[MOST_N];
    float expected_scale;
    vl_quantize_rows(expected, &expected_scale, row, 1, N);
    return memcmp(expected, q, (size_t)N) == 0 && expected_scale == scale;
}

/* With activation, and quantised: as the parts one after the other. AVX2 and AVX-512 to the bit. */
static bool fused_agrees(vl_isa isa, uint64_t round)
{
    static float linear[MOST_R * MOST_N], row[MOST_N], other_scale[MOST_R];
    static uint8_t other[MOST_R * MOST_N];
    input in;
    make(&in, round);
    vl_activation a = (vl_activation)random_below(round, 6, VL_ACTIVATIONS);
    size_t size = (size_t)(in.R * in.N);
    uint8_t *q = guarded(6, size, random_below(round, 7, 64));
    float *scale = guarded(7, (size_t)in.R * 4, 0), *dst = guarded(5, size * 4, 0);
    vl_isa_limit(VL_ISA_AVX2);
    vl_dequantize_quantize_rows(other, other_scale, row, in.acc, in.acc_stride, in.row_scale,
                                in.col_scale, in.col_sum, in.bias, in.R, in.N, a);
    vl_isa_limit(isa);
    vl_dequantize_rows(linear, in.N, in.acc, in.acc_stride, in.row_scale, in.col_scale, in.col_sum,
                       in.bias, in.R, in.N, VL_ACT_NONE);
    vl_dequantize_quantize_rows(q, scale, row, in.acc, in.acc_stride, in.row_scale, in.col_scale,
                                in.col_sum, in.bias, in.R, in.N, a);
    bool good = intact(6, q, size);
    for (int64_t r = 0; good && r < in.R; r++) {
        vl_activate(linear + r * in.N, in.N, a);
        good = same_bytes(q + r * in.N, scale[r], linear + r * in.N, in.N);
    }
    if (isa == VL_ISA_AVX512)
        good = good && memcmp(q, other, size) == 0 &&
               memcmp(scale, other_scale, (size_t)in.R * 4) == 0;
    vl_dequantize_rows(dst, in.N, in.acc, in.acc_stride, in.row_scale, in.col_scale, in.col_sum,
                       in.bias, in.R, in.N, a);
    return good && memcmp(dst, linear, size * 4) == 0;
}

static void time_it(vl_isa isa)
{
    static int32_t acc[R_TIMED * N_TIMED], col_sum[N_TIMED];
    static float dst[R_TIMED * N_TIMED], row_scale[R_TIMED], col_scale[N_TIMED], bias[N_TIMED];
    static uint8_t q[R_TIMED * N_TIMED];
    double plain, quantized;
    for (int i = 0; i < R_TIMED * N_TIMED; i++) acc[i] = (i % 20011 - 10000) * 10;
    for (int i = 0; i < R_TIMED; i++) row_scale[i] = 0.01f;
    for (int i = 0; i < N_TIMED; i++) col_scale[i] = 0.003f;
    vl_isa_limit(isa);
    BEST_SECONDS(plain, 10,
                 vl_dequantize_rows(dst, N_TIMED, acc, N_TIMED, row_scale, col_scale, col_sum, bias,
                                    R_TIMED, N_TIMED, VL_ACT_NONE));
    BEST_SECONDS(quantized, 10,
                 vl_dequantize_quantize_rows(q, row_scale, dst, acc, N_TIMED, row_scale, col_scale,
                                             col_sum, bias, R_TIMED, N_TIMED, VL_ACT_GELU));
    printf("# dequantize %s: %.1f GB/s; with gelu and quantised again %.2f ns each\n",
           vl_isa_name(isa), R_TIMED * N_TIMED * 8 / plain * 1e-9,
           quantized / (R_TIMED * N_TIMED) * 1e9);
}

int check_dequantize(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = linear_agrees(isa, round) && fused_agrees(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "dequantize", isa);
        if (good) time_it(isa);
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
