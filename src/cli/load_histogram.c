/* load_histogram.c: the bucket of a value is its highest bit and the seven bits behind it. */
#include "cli/load_histogram.h"

#include <math.h>

enum { SUB = 1 << CLI_LOAD_SUB_BITS };

static const uint64_t longest = ((uint64_t)2 << CLI_LOAD_TOP_BIT) - 1;

/* Values below SUB have buckets of their own; then each power of two has SUB of them. */
static int bucket_of(uint64_t ns)
{
    if (ns < SUB) return (int)ns;
    int shift = 63 - __builtin_clzll(ns) - CLI_LOAD_SUB_BITS;
    return (shift + 1) * SUB + (int)((ns >> shift) - SUB);
}

static uint64_t middle_of(int bucket)
{
    if (bucket < SUB) return (uint64_t)bucket;
    int shift = bucket / SUB - 1;
    uint64_t low = (uint64_t)(SUB + bucket % SUB) << shift;
    return low + (((uint64_t)1 << shift) >> 1);
}

void cli_load_histogram_record(cli_load_histogram *h, uint64_t ns)
{
    if (ns > longest) ns = longest;
    h->buckets[bucket_of(ns)]++;
    if (h->count == 0 || ns < h->min) h->min = ns;
    if (ns > h->max) h->max = ns;
    h->count++;
    h->sum += (double)ns;
}

void cli_load_histogram_merge(cli_load_histogram *h, const cli_load_histogram *from)
{
    if (from->count == 0) return;
    for (int i = 0; i < CLI_LOAD_BUCKETS; i++) h->buckets[i] += from->buckets[i];
    if (h->count == 0 || from->min < h->min) h->min = from->min;
    if (from->max > h->max) h->max = from->max;
    h->count += from->count;
    h->sum += from->sum;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

uint64_t cli_load_histogram_quantile(const cli_load_histogram *h, double q)
{
    if (h->count == 0 || q <= 0) return h->min;
    if (q >= 1) return h->max;
    /* 0.99 is a little above ninety-nine hundredths in binary; of 100 values it means the 99th. */
    uint64_t rank = (uint64_t)ceil(q * (double)h->count * (1 - 1e-12)), seen = 0;
    for (int i = 0; i < CLI_LOAD_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank && seen) return clamp(middle_of(i), h->min, h->max);
    }
    return h->max;
}

uint64_t cli_load_histogram_between(const cli_load_histogram *h, uint64_t from, uint64_t to)
{
    uint64_t count = 0;
    for (int i = 0; i < CLI_LOAD_BUCKETS; i++)
        if (middle_of(i) >= from && middle_of(i) < to) count += h->buckets[i];
    return count;
}

double cli_load_histogram_mean(const cli_load_histogram *h)
{
    return h->count ? h->sum / (double)h->count : 0;
}
