/* load_histogram.h: latencies counted in buckets whose width grows with the value, as HdrHistogram
 * has them: 128 buckets per power of two, so that a value is known to 0.4 %. Times are nanoseconds.
 * The caller holds the struct; one thread at a time. */
#ifndef VL_LOAD_HISTOGRAM_H
#define VL_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    CLI_LOAD_SUB_BITS = 7,
    CLI_LOAD_TOP_BIT = 42, /* longer than 2^43 ns, two hours, counts as that */
    CLI_LOAD_BUCKETS = (CLI_LOAD_TOP_BIT - CLI_LOAD_SUB_BITS + 2) << CLI_LOAD_SUB_BITS
};

typedef struct cli_load_histogram { /* zeroed: empty */
    uint64_t buckets[CLI_LOAD_BUCKETS];
    uint64_t count, min, max; /* min and max exact */
    double sum;
} cli_load_histogram;

void cli_load_histogram_record(cli_load_histogram *h, uint64_t ns);

/* Adds what `from` holds. */
void cli_load_histogram_merge(cli_load_histogram *h, const cli_load_histogram *from);

/* The least value that a share q (0..1) of all values does not exceed, to 0.4 %; q 0 and 1 give the
 * exact least and greatest. Empty: 0. */
uint64_t cli_load_histogram_quantile(const cli_load_histogram *h, double q);

/* How many values lie in [from, to), where an edge cuts a bucket by the bucket's middle. */
uint64_t cli_load_histogram_between(const cli_load_histogram *h, uint64_t from, uint64_t to);

double cli_load_histogram_mean(const cli_load_histogram *h); /* exact; empty: 0 */

#endif
