/* histogram.c: finds the bucket by halving: five comparisons. */
#include "serve/histogram.h"

static const uint64_t bounds[VL_DURATIONS] = {
#define VL_DURATION_BOUND(bound, text) bound,
    VL_DURATION_LIST(VL_DURATION_BOUND)
#undef VL_DURATION_BOUND
};

const char *const vl_duration_texts[VL_DURATIONS] = {
#define VL_DURATION_TEXT(bound, text) text,
    VL_DURATION_LIST(VL_DURATION_TEXT)
#undef VL_DURATION_TEXT
};

/* The first bound that is not below n. */
static int bucket_of(uint64_t n)
{
    int low = 0, high = VL_DURATIONS;
    while (low < high) {
        int middle = (low + high) / 2;
        if (bounds[middle] < n) low = middle + 1;
        else high = middle;
    }
    return low;
}

static uint64_t nanoseconds_of(double seconds)
{
    return !(seconds > 0) ? 0 : seconds < 1e9 ? (uint64_t)(seconds * 1e9 + 0.5) : (uint64_t)1e18;
}

void vl_histogram_add(vl_histogram *h, double seconds)
{
    uint64_t n = nanoseconds_of(seconds);
    vl_counter_add(&h->buckets[bucket_of(n)], 1);
    vl_counter_add(&h->nanoseconds, n);
}

void vl_histogram_add_shared(vl_histogram *h, double seconds)
{
    uint64_t n = nanoseconds_of(seconds);
    vl_counter_add_shared(&h->buckets[bucket_of(n)], 1);
    vl_counter_add_shared(&h->nanoseconds, n);
}

void vl_histogram_collect(vl_histogram_sum *sum, const vl_histogram *h)
{
    for (int i = 0; i <= VL_DURATIONS; i++) sum->buckets[i] += vl_counter_value(&h->buckets[i]);
    sum->nanoseconds += vl_counter_value(&h->nanoseconds);
}
