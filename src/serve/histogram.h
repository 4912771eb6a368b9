/* histogram.h: durations counted in fixed buckets, as Prometheus wants them. One thread writes, any
 * reads: relaxed atomics without a lock prefix, a few nanoseconds. A zeroed struct is empty. */
#ifndef VL_HISTOGRAM_H
#define VL_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/* upper bound in nanoseconds, in seconds as it is written (and must stay) */
#define VL_DURATION_LIST(X)                                                                        \
    X(1000, "0.000001")                                                                            \
    X(2500, "0.0000025")                                                                           \
    X(5000, "0.000005")                                                                            \
    X(10000, "0.00001")                                                                            \
    X(25000, "0.000025")                                                                           \
    X(50000, "0.00005")                                                                            \
    X(100000, "0.0001")                                                                            \
    X(250000, "0.00025")                                                                           \
    X(500000, "0.0005")                                                                            \
    X(1000000, "0.001")                                                                            \
    X(2500000, "0.0025")                                                                           \
    X(5000000, "0.005")                                                                            \
    X(10000000, "0.01")                                                                            \
    X(25000000, "0.025")                                                                           \
    X(50000000, "0.05")                                                                            \
    X(100000000, "0.1")                                                                            \
    X(250000000, "0.25")                                                                           \
    X(500000000, "0.5")                                                                            \
    X(1000000000, "1")                                                                             \
    X(2500000000, "2.5")                                                                           \
    X(5000000000, "5")                                                                             \
    X(10000000000, "10")

#define VL_DURATION_ONE(bound, text) +1
enum { VL_DURATIONS = 0 VL_DURATION_LIST(VL_DURATION_ONE) };
#undef VL_DURATION_ONE

extern const char *const vl_duration_texts[VL_DURATIONS];

typedef _Atomic uint64_t vl_counter;

/* By the only thread that writes it. */
static inline void vl_counter_add(vl_counter *c, uint64_t n)
{
    uint64_t value = atomic_load_explicit(c, memory_order_relaxed);
    atomic_store_explicit(c, value + n, memory_order_relaxed);
}

/* By any thread. */
static inline void vl_counter_add_shared(vl_counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t vl_counter_value(const vl_counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

typedef struct vl_histogram {
    vl_counter buckets[VL_DURATIONS + 1]; /* not cumulative; the last: longer than all bounds */
    vl_counter nanoseconds;               /* sum */
} vl_histogram;

/* Negative and NaN count as 0. */
void vl_histogram_add(vl_histogram *h, double seconds);
/* The same for a histogram that several threads write. */
void vl_histogram_add_shared(vl_histogram *h, double seconds);

typedef struct vl_histogram_sum {
    uint64_t buckets[VL_DURATIONS + 1], nanoseconds;
} vl_histogram_sum;

void vl_histogram_collect(vl_histogram_sum *sum, const vl_histogram *h); /* adds h to sum */

#endif
