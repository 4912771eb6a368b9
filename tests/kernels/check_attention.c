/* check_attention.c: each level against doubles over odd shapes, windows and strides between guard
 * bytes; rows split in every way give the same bits, as do AVX2 and AVX-512; NaN and infinities
 * stay where they belong; then GFLOP/s and their share of the machine's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/attention.h"
#include "numeric.h"

int check_attention(void);

enum { ROUNDS = 400, MOST = 1 << 18, BF16 = VL_ISA_COUNT, KINDS };

static vl_attention_fn *const attention_of[KINDS] = {vl_attention_scalar, vl_attention_avx2,
                                                     vl_attention_avx512, vl_attention_avx512bf16};

typedef struct problem {
    float *qkv; /* (T,3,heads,D) rows stride apart */
    int64_t stride, dst_stride;
    int32_t T, heads, D, window;
    float scale;
} problem;

static const float *part(const problem *p, int which)
{
    return p->qkv + which * p->heads * p->D;
}

static bool sees(const problem *p, int64_t i, int64_t j)
{
    return p->window <= 0 || llabs(i - j) <= p->window;
}

/* Row i of head h; gives the largest scale * sum |q k| of a key, and max |v| in *largest. */
static double in_doubles(double *out, double *largest, const problem *p, int64_t i, int h)
{
    static double s[4096];
    double max = -INFINITY, sum = 0, most = 0;
    const float *q = part(p, 0) + i * p->stride + h * p->D, *k = part(p, 1) + h * p->D;
    const float *v = part(p, 2) + h * p->D;
    for (int d = 0; d < p->D; d++) out[d] = 0;
    *largest = 0;
    for (int64_t j = 0; j < p->T; j++) {
        if (!sees(p, i, j)) continue;
        double size = s[j] = 0;
        for (int d = 0; d < p->D; d++) {
            s[j] += (double)q[d] * k[j * p->stride + d] * p->scale;
            size += fabs((double)q[d] * k[j * p->stride + d] * p->scale);
        }
        max = fmax(max, s[j]);
        most = fmax(most, size);
    }
    for (int64_t j = 0; j < p->T; j++) {
        if (!sees(p, i, j)) continue;
        double e = exp(s[j] - max);
        sum += e;
        for (int d = 0; d < p->D; d++) {
            out[d] += e * v[j * p->stride + d];
            *largest = fmax(*largest, fabs((double)v[j * p->stride + d]));
        }
    }
    for (int d = 0; d < p->D; d++) out[d] /= sum;
    return most;
}

static void make(problem *p, uint64_t round)
{
    static const int32_t usual[] = {32, 64, 64, 16, 128, 256};
    p->D = (int32_t)(round % 2 ? usual[random_below(round, 0, 6)]
                               : 8 + (int)random_below(round, 0, 80));
    p->heads = 1 + (int32_t)random_below(round, 1, 3);
    p->T = 1 + (int32_t)random_below(round, 2, round % 8 ? 100 : 400);
    p->window = random_below(round, 3, 3) ? 0 : 1 + (int32_t)random_below(round, 4, 150);
    p->stride = 3 * p->heads * p->D + (int64_t)random_below(round, 5, 4);
    while (p->T * p->stride > MOST - 64) p->T = p->T / 2 + 1;
    p->dst_stride = p->heads * p->D + (int64_t)random_below(round, 6, 4);
    p->scale = 1 / sqrtf((float)p->D);
    size_t size = (size_t)((p->T - 1) * p->stride + 3 * p->heads * p->D);
    p->qkv = guarded(0, size * 4, random_below(round, 7, 16) * 4);
    fill_floats(p->qkv, (int64_t)size, round % 3 ? 1.5f : 8, round, 1);
}

/* Rows from..to-1 in pieces of `piece` rows. */
static void run(float *dst, int kind, const problem *p, int32_t from, int32_t to, int32_t piece)
{
    size_t bytes = vl_attention_scratch(p->T, p->heads, p->D);
    for (int32_t i = from; i < to; i += piece) {
        void *scratch = guarded(2, bytes, 4);
        attention_of[kind](dst, part(p, 0), part(p, 1), part(p, 2), p->stride, p->dst_stride, p->T,
                           i, to - i < piece ? to : i + piece, p->heads, p->D, p->scale, p->window,
                           scratch);
        if (!intact(2, scratch, bytes)) exit(printf("not ok - scratch overrun\n"));
    }
}

static bool right(const float *dst, int kind, const problem *p, int32_t from, int32_t to)
{
    double expected[256], most_v;
    for (int64_t i = from; i < to; i++)
        for (int h = 0; h < p->heads; h++) {
            double most_s = in_doubles(expected, &most_v, p, i, h);
            for (int d = 0; d < p->D; d++) {
                float got = dst[i * p->dst_stride + h * p->D + d];
                double bound = kind == BF16 ? 0x1p-7 * (1 + most_s) : 4e-6 + 2e-7 * most_s;
                if (near(got, expected[d], bound * most_v)) continue;
                printf("# T %d D %d window %d row %d: %g, not %g\n", p->T, p->D, p->window, (int)i,
                       got, expected[d]);
                return false;
            }
        }
    return true;
}

static bool agrees(int kind, uint64_t round)
{
    static float other[MOST];
    problem p;
    make(&p, round);
    size_t size = (size_t)((p.T - 1) * p.dst_stride + p.heads * p.D);
    float *dst = guarded(1, size * 4, random_below(round, 8, 16) * 4);
    int32_t from = round % 4 ? 0 : (int32_t)random_below(round, 9, (uint64_t)p.T);
    int32_t to =
        round % 4 ? p.T : from + 1 + (int32_t)random_below(round, 10, (uint64_t)(p.T - from));
    memcpy(other, dst, size * 4);
    run(dst, kind, &p, from, to, p.T);
    bool good = intact(1, dst, size * 4) && right(dst, kind, &p, from, to);
    run(other, kind, &p, from, to, 1 + (int32_t)random_below(round, 11, 40));
    good = good && memcmp(dst, other, size * 4) == 0; /* the same rows, nothing else written */
    if (kind == VL_ISA_AVX512) run(other, VL_ISA_AVX2, &p, from, to, p.T);
    return good && memcmp(dst, other, size * 4) == 0;
}

/* Keys 70 and 71 are bad; with a window of 5 rows 65 to 76 see one of them. */
static bool keeps_apart(int kind)
{
    enum { T = 140, D = 24 };
    bool good = true;
    for (int bad = 0; bad < 2; bad++) {
        problem p = {.T = T, .heads = 1, .D = D, .window = 5, .scale = 0.2f, .stride = 3 * D};
        p.dst_stride = D;
        p.qkv = guarded(0, T * 3 * D * 4, 0);
        fill_floats(p.qkv, T * 3 * D, 1, 5, 1);
        p.qkv[70 * 3 * D + D] = p.qkv[71 * 3 * D + D + 1] = bad ? INFINITY : NAN;
        float *dst = guarded(1, T * D * 4, 0);
        run(dst, kind, &p, 0, T, T);
        for (int i = 0; i < T; i++)
            if (i < 65 || i > 76) good = good && right(dst, kind, &p, i, i + 1);
        for (int i = 65; i <= 76 && !bad; i++) good = good && isnan(dst[i * D]);
    }
    return good;
}

/* How far bfloat16 takes typical rows from the exact ones: the root of the mean square. */
static double typical_error(int kind)
{
    enum { T = 100, D = 64 };
    static float qkv[T * 3 * D], dst[T * D];
    problem p = {qkv, 3 * D, D, T, 1, D, 0, 0.125f};
    double expected[D], unused, sum = 0;
    fill_floats(qkv, T * 3 * D, 1.7f, 3, 1); /* variance 1 */
    run(dst, kind, &p, 0, T, T);
    for (int i = 0; i < T; i++) {
        in_doubles(expected, &unused, &p, i, 0);
        for (int d = 0; d < D; d++) sum += pow(dst[i * D + d] - expected[d], 2);
    }
    return sqrt(sum / (T * D));
}

static void time_shape(int kind, const char *name, int32_t T, int32_t D, int32_t heads)
{
    static float qkv[512 * 3 * 768], dst[512 * 768];
    problem p = {qkv, 3 * heads * D, heads * D, T, heads, D, 0, 0.125f};
    void *scratch = malloc(vl_attention_scratch(T, heads, D));
    double best;
    fill_floats(qkv, (int64_t)T * p.stride, 1, 0, 1);
    BEST_SECONDS(best, kind == VL_ISA_SCALAR ? 2 : 40,
                 attention_of[kind](dst, part(&p, 0), part(&p, 1), part(&p, 2), p.stride,
                                    p.dst_stride, T, 0, T, heads, D, p.scale, 0, scratch));
    double rate = 4.0 * T * T * D * heads / best * 1e-9;
    printf("# attention %s T %d, %d heads of %d: %.3f ms, %.1f GFLOP/s", name, (int)T, (int)heads,
           (int)D, best * 1e3, rate);
    double peak = peak_gflops(kind == BF16 ? VL_ISA_AVX512 : (vl_isa)kind);
    if (kind != VL_ISA_SCALAR) printf(", %.0f %% of the float peak", 100 * rate / peak);
    printf("\n");
    free(scratch);
}

static int check_kind(int kind, const char *name)
{
    bool good = keeps_apart(kind);
    if (!good) printf("# bad keys are seen by the wrong rows\n");
    for (uint64_t round = 0; good && round < ROUNDS; round++) {
        good = agrees(kind, round);
        if (!good) printf("# differs in round %d\n", (int)round);
    }
    printf("%s - attention %s\n", good ? "ok" : "not ok", name);
    if (!good) return 1;
    printf("# attention %s: typical error %.1e\n", name, typical_error(kind));
    time_shape(kind, name, 16, 64, 12);
    time_shape(kind, name, 128, 64, 12);
    time_shape(kind, name, 128, 32, 12);
    if (kind != VL_ISA_SCALAR) time_shape(kind, name, 512, 64, 12);
    return 0;
}

int check_attention(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++)
        failed += check_kind((int)isa, vl_isa_name(isa));
    if (vl_cpu_has_bf16()) return failed + check_kind(BF16, "avx512bf16");
    printf("ok - attention avx512bf16 # SKIP no AVX512_BF16, or VALENCE_ISA forbids it\n");
    return failed;
}
