/* ranking.c: a radix sort of keys, and sums along them. */
#include "engine/ranking.h"

#include "base/mem.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 }; /* 33 bits: all of a key */

static uint32_t digit_of(uint32_t key, int pass)
{
    return ~key >> (pass * DIGIT_BITS) & (DIGITS - 1); /* ~: highest first */
}

static void sort_by_digit(uint32_t *to, const uint32_t *from, int64_t n, int pass)
{
    int64_t start[DIGITS + 1] = {0};
    for (int64_t i = 0; i < n; i++) start[digit_of(from[i], pass) + 1]++;
    for (int d = 0; d < DIGITS; d++) start[d + 1] += start[d];
    for (int64_t i = 0; i < n; i++) to[start[digit_of(from[i], pass)]++] = from[i];
}

vl_status vl_rank_sort(uint32_t *keys, int64_t n)
{
    uint32_t *other = vl_alloc_array(VL_MEM_REQUEST, (size_t)n, sizeof *other);
    if (!other) return VALENCE_NO_MEMORY;
    uint32_t *from = keys, *to = other;
    for (int pass = 0; pass < PASSES; pass++) {
        sort_by_digit(to, from, n, pass);
        uint32_t *turn = from;
        from = to;
        to = turn;
    }
    memcpy(keys, other, (size_t)n * sizeof *keys); /* an odd number of passes ends there */
    vl_free(other);
    return VALENCE_OK;
}

bool vl_rank_next(vl_rank_cut *cut, const uint32_t *keys, int64_t n)
{
    if (cut->kept >= n) return false;
    uint32_t score = keys[cut->kept] >> 1;
    cut->score = vl_rank_score(keys[cut->kept]);
    for (; cut->kept < n && keys[cut->kept] >> 1 == score; cut->kept++)
        cut->yes += keys[cut->kept] & 1;
    return true;
}

double vl_rank_average_precision(const uint32_t *keys, int64_t n)
{
    vl_rank_cut cut = {0};
    double sum = 0;
    for (int64_t before = 0; vl_rank_next(&cut, keys, n); before = cut.yes)
        sum += (double)(cut.yes - before) * (double)cut.yes / (double)cut.kept;
    return cut.yes ? sum / (double)cut.yes : 0;
}

double vl_rank_mean_risk(const uint32_t *keys, int64_t n)
{
    vl_rank_cut cut = {0};
    double sum = 0;
    for (int64_t before = 0; vl_rank_next(&cut, keys, n); before = cut.kept)
        sum += (double)(cut.kept - before) * (double)(cut.kept - cut.yes) / (double)cut.kept;
    return n ? sum / (double)n : 0;
}
