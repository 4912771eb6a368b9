/* check_bf16_product.c: products of bfloat16 pairs, with either way of storing A, against doubles;
 * packing against its definition; rows alone and together; guard bytes; then speed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/bf16_product.h"
#include "kernels/convert.h"
#include "numeric.h"

int check_bf16_product(void);

enum { M_MOST = 30, N_MOST = 150, K_MOST = 300, ROUNDS = 300 };

static float a[M_MOST * K_MOST],
    b[K_MOST * N_MOST]; /* rounded to bfloat16: (M,entries), (entries,N) */

static void fill_rounded(float *x, int64_t n, uint64_t round, uint64_t stream)
{
    static uint16_t half[K_MOST * N_MOST];
    fill_floats(x, n, 1, round, stream);
    vl_f32_to_bf16(half, x, n);
    vl_bf16_to_f32(x, half, n);
}

/* A as rows of bfloat16, or by twos; its strides. */
static void store_a(void *A, vl_bf16_product *s, int64_t entries, bool twos)
{
    s->row = twos ? 1 : s->K;
    s->step = twos ? s->M : 1;
    for (int64_t m = 0; m < s->M; m++)
        for (int64_t k = 0; k < s->K; k++) {
            const float *even = a + m * entries + 2 * k,
                        *odd = 2 * k + 1 < entries ? even + 1 : NULL;
            vl_bf16_pairs_scalar((uint32_t *)A + m * s->row + k * s->step, even, odd, 1);
        }
}

/* B by rows, or by columns. */
static void store_b(void *B, const vl_bf16_product *s, int64_t entries, bool columns)
{
    float column[K_MOST];
    memset(B, 0, (size_t)vl_bf16_panels(s->N, s->K) * 4);
    for (int64_t k = 0; k < s->K && !columns; k++)
        vl_bf16_put_rows(B, b + 2 * k * s->N, 2 * k + 1 < entries ? b + (2 * k + 1) * s->N : NULL,
                         k, s->N, s->K);
    for (int64_t n = 0; n < s->N && columns; n++) {
        for (int64_t k = 0; k < entries; k++) column[k] = b[k * s->N + n];
        vl_bf16_put_column(B, column, entries, n, s->K);
    }
}

static bool is_right(const float *C, const float *before, const vl_bf16_product *s, int64_t entries)
{
    for (int64_t m = 0; m < s->M; m++)
        for (int64_t n = 0; n < s->ldc; n++) {
            double sum = s->add || n >= s->N ? before[m * s->ldc + n] : 0, size = fabs(sum);
            for (int64_t k = 0; k < entries && n < s->N; k++) {
                double product = (double)a[m * entries + k] * b[k * s->N + n];
                sum += product;
                size += fabs(product);
            }
            if (!near(C[m * s->ldc + n], sum, 1e-6 * size)) return false;
        }
    return true;
}

static bool agrees(vl_bf16_product_fn *product, uint64_t round)
{
    static float before[M_MOST * (N_MOST + 5)], one[N_MOST + 5];
    const int64_t entries = (int64_t)random_below(round, 1, round % 4 ? 40 : K_MOST);
    vl_bf16_product s = {.M = (int64_t)random_below(round, 2, M_MOST + 1),
                         .N = 1 + (int64_t)random_below(round, 3, N_MOST),
                         .K = (entries + 1) / 2,
                         .add = random_below(round, 4, 2)};
    s.ldc = s.N + (int64_t)random_below(round, 5, 6);
    const size_t bytes = (size_t)(s.M * s.ldc) * 4;
    float *C = guarded(0, bytes, 0);
    void *A = guarded(1, (size_t)(s.M * s.K) * 4, 0),
         *B = guarded(2, (size_t)vl_bf16_panels(s.N, s.K) * 4, 0);
    fill_rounded(a, s.M * entries, round, 1);
    fill_rounded(b, entries * s.N, round, 2);
    fill_floats(C, s.M * s.ldc, 1, round, 3);
    memcpy(before, C, bytes);
    store_a(A, &s, entries, random_below(round, 6, 2));
    store_b(B, &s, entries, random_below(round, 7, 2));
    product(C, A, B, &s);
    bool good = intact(0, C, bytes) && is_right(C, before, &s, entries);
    vl_bf16_product alone = s;
    for (alone.M = 1; good && s.M > 0 && alone.M < 2; alone.M++) {
        const int64_t m = (int64_t)random_below(round, 8, (uint64_t)s.M);
        memcpy(one, before + m * s.ldc, (size_t)s.ldc * 4);
        product(one, (const uint32_t *)A + m * s.row, B, &alone);
        good = memcmp(one, C + m * s.ldc, (size_t)s.ldc * 4) == 0;
    }
    return good;
}

/* Pairs of both makers, on odd sizes. */
static bool pairs_agree(uint64_t round)
{
    float even[100], odd[100];
    uint32_t expected[100];
    const int64_t n = (int64_t)random_below(round, 1, 100);
    fill_floats(even, n, 3, round, 1);
    fill_floats(odd, n, 3, round, 2);
    for (int which = 1; which < 4; which++) {
        uint32_t *got = guarded(3, (size_t)n * 4, 0);
        vl_bf16_pairs_scalar(expected, which & 1 ? even : NULL, which & 2 ? odd : NULL, n);
        vl_bf16_pairs_avx512bf16(got, which & 1 ? even : NULL, which & 2 ? odd : NULL, n);
        if (memcmp(got, expected, (size_t)n * 4) != 0 || !intact(3, got, (size_t)n * 4))
            return false;
    }
    return true;
}

static void tell_speed(void)
{
    enum { M = 512, N = 128, K = 512 };
    static float C[M * N];
    static uint32_t A[M * K], B[N * K];
    const vl_bf16_product s = {.M = M, .N = N, .K = K, .row = K, .step = 1, .ldc = N};
    double best, work = 4.0 * M * N * K;
    BEST_SECONDS(best, 30, vl_bf16_product_avx512bf16(C, A, B, &s));
    printf("# bfloat16 product avx512: %.1f GFLOP/s (%.0f %% of float32's peak)\n",
           work / best * 1e-9, work / best * 1e-7 / peak_gflops(VL_ISA_AVX512));
}

int check_bf16_product(void)
{
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        if (i && !vl_cpu_has_bf16()) break;
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(i ? vl_bf16_product_avx512bf16 : vl_bf16_product_scalar, round) &&
                   (!i || pairs_agree(round));
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "bfloat16 product", i ? VL_ISA_AVX512 : VL_ISA_SCALAR);
    }
    if (!failed && vl_cpu_has_bf16()) tell_speed();
    return failed;
}
