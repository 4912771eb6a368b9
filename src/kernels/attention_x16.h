/* attention_x16.h: attention.h in registers of sixteen words of 32 bits: the body of
 * attention_avx2.c, attention_avx512.c and attention_avx512bf16.c. Those say what a word is (a
 * float, or a pair of bfloat16 of which both are multiplied at once) and how many registers a block
 * of sums takes: PER              numbers in a word, 1 or 2 WIDE             registers of a block:
 * 1 or 4 dot              sum + the products of two words row_words        a row's words: 16 * PER
 * numbers from d on, `count` of them there, then zeros column_words     16 words of PER rows; the
 * second NULL: zeros weights_of       2^x where x <= 0, as good as a word can hold it store_weights
 * 16 * wide weights as words; returns their sum, lane by lane
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

enum { KEYS = VL_ATTENTION_KEYS, GROUP = VL_ATTENTION_GROUP, BLOCK = VL_ATTENTION_BLOCK, ROWS = 6 };

/* One head of one text. Words are kept as floats. */
typedef struct head {
    const float *q, *k, *v; /* (T,D) rows stride apart */
    float *dst;             /* (T,D) rows dst_stride apart */
    int64_t stride, dst_stride;
    int32_t T, D, window;
    int32_t padded, words; /* D to the next multiple of 16; D / PER to the next multiple of 16 */
    float scale;           /* times log2(e): powers of 2 are taken */
    float *queries;        /* (BLOCK,words) */
    float *keys;           /* (words,KEYS) of the tile */
    float *values;         /* (KEYS/PER,padded) of the tile */
    float *scores;         /* (GROUP,KEYS), then (GROUP,KEYS/PER) weights at the same stride */
    float *sums;           /* (BLOCK,padded) weighted sums of values */
    float *denominator;    /* (BLOCK,16) sums of weights */
    float *top;            /* (BLOCK) largest score so far */
    float *rescale;        /* (BLOCK) 2^(top before this tile - top) */
} head;

static void pack_queries(const head *a, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        for (int32_t w = 0; w < a->words; w += 16)
            vl_x16_store(a->queries + (i - from) * a->words + w,
                         row_words(a->q + i * a->stride, w * PER, a->D - w * PER));
}

/* Keys n and further are copies of the last: their scores are never looked at. */
static void pack_keys(const head *a, int64_t first, int64_t n)
{
    for (int64_t j = 0; j < n; j += 16)
        for (int32_t w = 0; w < a->words; w += 16) {
            vl_x16 block[16];
            for (int64_t i = 0; i < 16; i++)
                block[i] = row_words(a->k + (first + (j + i < n ? j + i : n - 1)) * a->stride,
                                     w * PER, a->D - w * PER);
            vl_x16_transpose(a->keys + w * KEYS + j, KEYS, block);
        }
}

static void pack_values(const head *a, int64_t first, int64_t n)
{
    for (int64_t j = 0; j < n; j += PER) {
        const float *row = a->v + (first + j) * a->stride;
        const float *next = j + 1 < n ? row + a->stride : NULL;
        for (int32_t d = 0; d < a->D; d += 16)
            vl_x16_store(a->values + j / PER * a->padded + d, column_words(row, next, d, a->D - d));
    }
}

/* out[r][..] += sum_s row[r][s] * column[s][..]     for `rows` rows, 16 * wide columns */
static inline __attribute__((always_inline)) void
add_products(vl_x16 out[ROWS][WIDE], const float *row, int64_t row_stride, const float *column,
             int64_t column_stride, int64_t steps, const int rows, const int wide)
{
    for (int64_t s = 0; s < steps; s++) {
        vl_x16 c[WIDE];
        for (int w = 0; w < wide; w++) c[w] = vl_x16_load(column + s * column_stride + 16 * w);
        for (int r = 0; r < rows; r++) {
            vl_x16 x = vl_x16_set(row[r * row_stride + s]);
            for (int w = 0; w < wide; w++) out[r][w] = dot(out[r][w], x, c[w]);
        }
    }
}

/* Rows at.. of the block against 16 * wide keys. */
static inline __attribute__((always_inline)) void
score_block(const head *a, int64_t at, int64_t r0, int64_t j, const int rows, const int wide)
{
    vl_x16 sum[ROWS][WIDE];
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) sum[r][w] = vl_x16_set(0);
    add_products(sum, a->queries + (at + r0) * a->words, a->words, a->keys + j, KEYS,
                 (a->D + PER - 1) / PER, rows, wide);
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++)
            vl_x16_store(a->scores + (r0 + r) * KEYS + j + 16 * w, sum[r][w]);
}

/* 16 * wide columns of sums: rescaled, and the weighted values of n keys added. */
static inline __attribute__((always_inline)) void sum_block(const head *a, int64_t at, int64_t r0,
                                                            int64_t d, int64_t n, const int rows,
                                                            const int wide)
{
    vl_x16 sum[ROWS][WIDE];
    float *sums = a->sums + (at + r0) * a->padded + d;
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++)
            sum[r][w] = vl_x16_mul(vl_x16_load(sums + r * a->padded + 16 * w),
                                   vl_x16_set(a->rescale[at + r0 + r]));
    add_products(sum, a->scores + r0 * KEYS, KEYS, a->values + d, a->padded, (n + PER - 1) / PER,
                 rows, wide);
    for (int r = 0; r < rows; r++)
        for (int w = 0; w < wide; w++) vl_x16_store(sums + r * a->padded + 16 * w, sum[r][w]);
}

/* Cuts rows into sixes, fours and ones: 8 and 9 rows do better without a six. */
static inline int next_rows(int64_t left)
{
    return left >= 6 && left != 8 && left != 9 ? 6 : left >= 4 ? 4 : 1;
}

static inline __attribute__((always_inline)) void
score_columns(const head *a, int64_t at, int64_t rows, int64_t j, const int wide)
{
    for (int64_t r = 0, some; r < rows; r += some) {
        some = next_rows(rows - r);
        if (some == 6) score_block(a, at, r, j, 6, wide);
        else if (some == 4) score_block(a, at, r, j, 4, wide);
        else score_block(a, at, r, j, 1, wide);
    }
}

static inline __attribute__((always_inline)) void
sum_columns(const head *a, int64_t at, int64_t rows, int64_t d, int64_t n, const int wide)
{
    for (int64_t r = 0, some; r < rows; r += some) {
        some = next_rows(rows - r);
        if (some == 6) sum_block(a, at, r, d, n, 6, wide);
        else if (some == 4) sum_block(a, at, r, d, n, 4, wide);
        else sum_block(a, at, r, d, n, 1, wide);
    }
}

/* Scores of a group's rows, at.. of the block, with the tile's n keys to the next multiple of 16.
 */
static void score(const head *a, int64_t at, int64_t rows, int64_t n)
{
    int64_t j = 0, end = (n + 15) / 16 * 16;
    for (; j + 16 * WIDE <= end; j += 16 * WIDE) score_columns(a, at, rows, j, WIDE);
    for (; j < end; j += 16) score_columns(a, at, rows, j, 1);
}

static void sum(const head *a, int64_t at, int64_t rows, int64_t n)
{
    int64_t d = 0;
    for (; d + 16 * WIDE <= a->padded; d += 16 * WIDE) sum_columns(a, at, rows, d, n, WIDE);
    for (; WIDE == 4 && d + 32 <= a->padded; d += 32) sum_columns(a, at, rows, d, n, 2);
    for (; d < a->padded; d += 16) sum_columns(a, at, rows, d, n, 1);
}

/* The keys of the tile at `first` that row i sees: *low <= j < *end, perhaps past 0..n. */
static inline void visible(int64_t *low, int64_t *end, const head *a, int64_t i, int64_t first,
                           int64_t n)
{
    *low = a->window > 0 ? i - a->window - first : 0;
    *end = a->window > 0 && i + a->window + 1 - first < n ? i + a->window + 1 - first : n;
}

/* Hides the keys of a row that it does not see; its largest score, times scale. */
static inline __attribute__((always_inline)) float largest(const head *a, float *s, int64_t low,
                                                           int64_t end, const int wide)
{
    const vl_x16 hidden = vl_x16_set(-INFINITY);
    bool all = low <= 0 && end >= 16 * wide;
    vl_x16 most = hidden;
    for (int w = 0; w < wide; w++) {
        vl_x16 x = vl_x16_load(s + 16 * w);
        if (!all) {
            x = vl_x16_only(x, low - 16 * w, end - 16 * w, hidden);
            vl_x16_store(s + 16 * w, x);
        }
        most = vl_x16_max(most, x);
    }
    return vl_x16_top(most) * a->scale;
}

/* top = max(top, now), and rescale, for `rows` rows at.. of the block. */
static inline void raise_tops(const head *a, int64_t at, int64_t rows, const float *now)
{
    for (int64_t r = 0; r < rows; r += 16) {
        int64_t some = rows - r < 16 ? rows - r : 16;
        vl_x16 before = vl_x16_load_some(a->top + at + r, some);
        vl_x16 top = vl_x16_max(vl_x16_load_some(now + r, some), before);
        vl_x16_store_some(a->rescale + at + r, vl_x16_exp2_or_zero(vl_x16_sub(before, top)), some);
        vl_x16_store_some(a->top + at + r, top, some);
    }
}

/* A row's scores become weights. */
static inline __attribute__((always_inline)) void weigh_row(const head *a, float *s, int64_t at,
                                                            const int wide)
{
    const vl_x16 scale = vl_x16_set(a->scale), minus_top = vl_x16_set(-a->top[at]);
    float *denominator = a->denominator + at * 16;
    vl_x16 p[KEYS / 16];
    for (int w = 0; w < wide; w++)
        p[w] = weights_of(vl_x16_fma(vl_x16_load(s + 16 * w), scale, minus_top));
    vl_x16 total = store_weights(s, p, wide);
    vl_x16_store(denominator,
                 vl_x16_fma(vl_x16_load(denominator), vl_x16_set(a->rescale[at]), total));
}

/* Rows i.., at.. of the block, over the tile's keys first..first+n-1; wide = ceil(n / 16). */
static inline __attribute__((always_inline)) void weigh_rows(const head *a, int64_t i, int64_t at,
                                                             int64_t rows, int64_t first, int64_t n,
                                                             const int wide)
{
    float now[GROUP];
    for (int64_t r = 0; r < rows; r++) {
        int64_t low, end;
        visible(&low, &end, a, i + r, first, n);
        now[r] = largest(a, a->scores + r * KEYS, low, end, wide);
    }
    raise_tops(a, at, rows, now);
    for (int64_t r = 0; r < rows; r++) weigh_row(a, a->scores + r * KEYS, at + r, wide);
}

static void weigh(const head *a, int64_t i, int64_t at, int64_t rows, int64_t first, int64_t n)
{
    if (n > 48) weigh_rows(a, i, at, rows, first, n, 4);
    else if (n > 32) weigh_rows(a, i, at, rows, first, n, 3);
    else if (n > 16) weigh_rows(a, i, at, rows, first, n, 2);
    else weigh_rows(a, i, at, rows, first, n, 1);
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
        score(a, i - from, rows, n);
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
    pack_queries(a, from, to);
    for (; first < end; first += KEYS)
        attend_tile(a, from, to, first, a->T - first < KEYS ? a->T - first : KEYS);
    write_rows(a, from, to);
}

/* The arrays of attention.c's vl_attention_scratch. */
static void place_scratch(head *a, int64_t block, void *scratch)
{
    a->keys = (float *)(((uintptr_t)scratch + 63) / 64 * 64);
    a->values = a->keys + KEYS * a->words;
    a->scores = a->values + KEYS / PER * a->padded;
    a->queries = a->scores + GROUP * KEYS;
    a->sums = a->queries + block * a->words;
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
    a.words = (D + 16 * PER - 1) / (16 * PER) * 16;
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
