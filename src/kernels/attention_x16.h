/* attention_x16.h: attention.h in registers of sixteen floats: the body of attention_avx2.c and
 * attention_avx512.c, which say how many registers a block of sums takes (WIDE).
 *
 * FlashAttention's scheme (Dao et al. 2022) for a cache instead of a GPU: for a block of rows, keys
 * come in tiles of KEYS; a tile's keys are transposed and its values copied to contiguous memory
 * once, then groups of rows go through it: scores (GROUP,KEYS), softmax with a running maximum, and
 * the weighted sum of values, rescaled where the maximum has risen. Both products are outer
 * products in registers: ROWS rows times WIDE registers, one broadcast per row and step. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/attention.h"
#include "kernels/exp2_x16.h"

enum { KEYS = VL_ATTENTION_KEYS, GROUP = VL_ATTENTION_GROUP, BLOCK = VL_ATTENTION_BLOCK, ROWS = 6 };

/* One head of one text. */
typedef struct head {
    const float *q, *k, *v; /* (T,D) rows stride apart */
    float *dst;             /* (T,D) rows dst_stride apart */
    int64_t stride, dst_stride;
    int32_t T, D, window;
    int32_t padded;     /* D to the next multiple of 16 */
    float scale;        /* times log2(e): powers of 2 are taken */
    float *keys;        /* (D,KEYS) of the tile */
    float *values;      /* (KEYS,padded) of the tile */
    float *scores;      /* (GROUP,KEYS), then weights */
    float *sums;        /* (BLOCK,padded) weighted sums of values */
    float *denominator; /* (BLOCK,16) sums of weights */
    float *top;         /* (BLOCK) largest score so far */
    float *rescale;     /* (BLOCK) 2^(top before this tile - top) */
} head;

/* Keys n and further are copies of the last: their scores are never looked at. */
static void pack_keys(const head *a, int64_t first, int64_t n)
{
    const float *rows[16];
    for (int64_t j = 0; j < n; j += 16) {
        for (int64_t i = 0; i < 16; i++)
            rows[i] = a->k + (first + (j + i < n ? j + i : n - 1)) * a->stride;
        for (int32_t d = 0; d < a->D; d += 16)
            vl_x16_transpose(a->keys + d * KEYS + j, KEYS, rows, d, a->D - d < 16 ? a->D - d : 16);
    }
}

static void pack_values(const head *a, int64_t first, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        const float *from = a->v + (first + j) * a->stride;
        float *to = a->values + j * a->padded;
        int32_t d = 0;
        for (; d + 16 <= a->D; d += 16) vl_x16_store(to + d, vl_x16_load(from + d));
        if (d < a->D) vl_x16_store(to + d, vl_x16_load_some(from + d, a->D - d));
    }
}

/* scores[r][0..16 wide) = sum_d q[r][d] * keys[d][..]     for `rows` rows */
static inline __attribute__((always_inline)) void score_block(float *scores, const float *q,
                                                              int64_t stride, const float *keys,
                                                              int32_t D, const int rows,
                                                              const int wide)
{
    vl_x16 sum[ROWS][WIDE];
    const float *row[ROWS];
    for (int r = 0; r < rows; r++) row[r] = q + r * stride;
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) sum[r][w] = vl_x16_set(0);
    for (int64_t d = 0; d < D; d++) {
        vl_x16 key[WIDE];
        for (int w = 0; w < wide; w++) key[w] = vl_x16_load(keys + d * KEYS + 16 * w);
        for (int r = 0; r < rows; r++) {
            vl_x16 x = vl_x16_set(row[r][d]);
            for (int w = 0; w < wide; w++) sum[r][w] = vl_x16_fma(x, key[w], sum[r][w]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) vl_x16_store(scores + r * KEYS + 16 * w, sum[r][w]);
}

static inline __attribute__((always_inline)) void
score_columns(const head *a, int64_t i, int64_t rows, int64_t j, const int wide)
{
    const float *q = a->q + i * a->stride;
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        score_block(a->scores + r * KEYS + j, q + r * a->stride, a->stride, a->keys + j, a->D, ROWS,
                    wide);
    for (; r < rows; r++)
        score_block(a->scores + r * KEYS + j, q + r * a->stride, a->stride, a->keys + j, a->D, 1,
                    wide);
}

/* Rows i.. against the tile's n keys, to the next multiple of 16. */
static void score(const head *a, int64_t i, int64_t rows, int64_t n)
{
    int64_t j = 0, end = (n + 15) / 16 * 16;
    for (; j + 16 * WIDE <= end; j += 16 * WIDE) score_columns(a, i, rows, j, WIDE);
    for (; j < end; j += 16) score_columns(a, i, rows, j, 1);
}

/* Scores of a row become weights. It sees the keys first..end-1 of the tile; wide = ceil(n / 16).
 */
static inline __attribute__((always_inline)) void
weigh_row(const head *a, int64_t r, int64_t at, int64_t first, int64_t end, const int wide)
{
    const vl_x16 scale = vl_x16_set(a->scale), minus = vl_x16_set(-INFINITY);
    float *p = a->scores + r * KEYS, *denominator = a->denominator + at * 16;
    vl_x16 s[KEYS / 16], largest = minus, sum = vl_x16_set(0);
    bool all = first <= 0 && end >= 16 * wide;
    for (int w = 0; w < wide; w++) {
        s[w] = vl_x16_mul(vl_x16_load(p + 16 * w), scale);
        if (!all) s[w] = vl_x16_only(s[w], first - 16 * w, end - 16 * w, minus);
        largest = vl_x16_max(largest, s[w]);
    }
    float before = a->top[at], now = vl_x16_top(largest);
    now = now > before ? now : before;
    for (int w = 0; w < wide; w++) {
        s[w] = vl_x16_exp2_or_zero(vl_x16_sub(s[w], vl_x16_set(now)));
        vl_x16_store(p + 16 * w, s[w]);
        sum = vl_x16_add(sum, s[w]);
    }
    vl_x16 factor = vl_x16_exp2_or_zero(vl_x16_set(before - now));
    vl_x16_store(denominator, vl_x16_fma(vl_x16_load(denominator), factor, sum));
    a->rescale[at] = vl_x16_lowest_lane(factor);
    a->top[at] = now;
}

/* Rows i.., number `at` of the block, against the tile's keys first..first+n-1. */
static inline __attribute__((always_inline)) void weigh_rows(const head *a, int64_t i, int64_t at,
                                                             int64_t rows, int64_t first, int64_t n,
                                                             const int wide)
{
    for (int64_t r = 0; r < rows; r++) {
        int64_t low = a->window > 0 ? i + r - a->window - first : 0;
        int64_t end = a->window > 0 ? i + r + a->window + 1 - first : n;
        weigh_row(a, r, at + r, low, end < n ? end : n, wide);
    }
}

static void weigh(const head *a, int64_t i, int64_t at, int64_t rows, int64_t first, int64_t n)
{
    if (n > 48) weigh_rows(a, i, at, rows, first, n, 4);
    else if (n > 32) weigh_rows(a, i, at, rows, first, n, 3);
    else if (n > 16) weigh_rows(a, i, at, rows, first, n, 2);
    else weigh_rows(a, i, at, rows, first, n, 1);
}

/* sums[r][..] = sums[r][..] * rescale[r] + sum_j weights[r][j] * values[j][..] */
static inline __attribute__((always_inline)) void
sum_block(float *sums, const float *weights, const float *rescale, const float *values,
          int64_t padded, int64_t n, const int rows, const int wide)
{
    vl_x16 sum[ROWS][WIDE];
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++)
            sum[r][w] = vl_x16_mul(vl_x16_load(sums + r * padded + 16 * w), vl_x16_set(rescale[r]));
    for (int64_t j = 0; j < n; j++) {
        vl_x16 value[WIDE];
        for (int w = 0; w < wide; w++) value[w] = vl_x16_load(values + j * padded + 16 * w);
        for (int r = 0; r < rows; r++) {
            vl_x16 x = vl_x16_set(weights[r * KEYS + j]);
            for (int w = 0; w < wide; w++) sum[r][w] = vl_x16_fma(x, value[w], sum[r][w]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) vl_x16_store(sums + r * padded + 16 * w, sum[r][w]);
}

static inline __attribute__((always_inline)) void
sum_columns(const head *a, int64_t at, int64_t rows, int64_t n, int64_t d, const int wide)
{
    float *sums = a->sums + at * a->padded + d;
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        sum_block(sums + r * a->padded, a->scores + r * KEYS, a->rescale + at + r, a->values + d,
                  a->padded, n, ROWS, wide);
    for (; r < rows; r++)
        sum_block(sums + r * a->padded, a->scores + r * KEYS, a->rescale + at + r, a->values + d,
                  a->padded, n, 1, wide);
}

static void sum(const head *a, int64_t at, int64_t rows, int64_t n)
{
    int64_t d = 0;
    for (; d + 16 * WIDE <= a->padded; d += 16 * WIDE) sum_columns(a, at, rows, n, d, WIDE);
    if (WIDE == 4 && d + 32 <= a->padded) {
        sum_columns(a, at, rows, n, d, 2);
        d += 32;
    }
    for (; d < a->padded; d += 16) sum_columns(a, at, rows, n, d, 1);
}

/* The tile's keys first..first+n-1 for rows from..to-1, group by group. */
static void attend_tile(const head *a, int64_t from, int64_t to, int64_t first, int64_t n)
{
    pack_keys(a, first, n);
    pack_values(a, first, n);
    for (int64_t i = from; i < to; i += GROUP) {
        int64_t rows = to - i < GROUP ? to - i : GROUP;
        if (a->window > 0 && (i - a->window >= first + n || i + rows + a->window <= first))
            continue;
        score(a, i, rows, n);
        weigh(a, i, i - from, rows, first, n);
        sum(a, i - from, rows, n);
    }
}

static void write_rows(const head *a, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        const float *sums = a->sums + (i - from) * a->padded;
        float *dst = a->dst + i * a->dst_stride;
        vl_x16 total = vl_x16_set(vl_x16_sum(vl_x16_load(a->denominator + (i - from) * 16)));
        int32_t d = 0;
        for (; d + 16 <= a->D; d += 16)
            vl_x16_store(dst + d, vl_x16_div(vl_x16_load(sums + d), total));
        if (d < a->D)
            vl_x16_store_some(dst + d, vl_x16_div(vl_x16_load(sums + d), total), a->D - d);
    }
}

/* Rows from..to-1, at most BLOCK. Tiles begin at multiples of KEYS, whatever the rows. */
static void attend_block(const head *a, int64_t from, int64_t to)
{
    int64_t first = 0, end = a->T;
    if (a->window > 0 && from > a->window) first = (from - a->window) / KEYS * KEYS;
    if (a->window > 0 && to + a->window < end) end = to + a->window;
    for (int64_t i = 0; i < to - from; i++) a->top[i] = -FLT_MAX;
    memset(a->sums, 0, (size_t)((to - from) * a->padded) * sizeof *a->sums);
    memset(a->denominator, 0, (size_t)(to - from) * 16 * sizeof *a->denominator);
    for (; first < end; first += KEYS)
        attend_tile(a, from, to, first, a->T - first < KEYS ? a->T - first : KEYS);
    write_rows(a, from, to);
}

/* The arrays of attention.c's vl_attention_scratch. */
static void place_scratch(head *a, int64_t block, void *scratch)
{
    a->keys = (float *)(((uintptr_t)scratch + 63) / 64 * 64);
    a->values = a->keys + KEYS * a->padded;
    a->scores = a->values + KEYS * a->padded;
    a->sums = a->scores + GROUP * KEYS;
    a->denominator = a->sums + block * a->padded;
    a->top = a->denominator + block * 16;
    a->rescale = a->top + block;
}

static void attend(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                   int64_t dst_stride, int32_t T, int32_t from, int32_t to, int32_t heads,
                   int32_t D, float scale, int32_t window, void *scratch)
{
    head a = {.stride = stride, .dst_stride = dst_stride, .T = T, .D = D, .window = window};
    a.padded = (D + 15) / 16 * 16;
    a.scale = scale * VL_LOG2_E;
    place_scratch(&a, T < BLOCK ? T : BLOCK, scratch);
    for (int64_t at = 0; at < (int64_t)heads * D; at += D) {
        a.dst = dst + at;
        a.q = q + at;
        a.k = k + at;
        a.v = v + at;
        for (int32_t i = from; i < to; i += BLOCK)
            attend_block(&a, i, to - i < BLOCK ? to : i + BLOCK);
    }
}
