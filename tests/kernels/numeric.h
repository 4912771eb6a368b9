/* numeric.h: what the checks of arithmetic kernels share: random numbers, arrays between unreadable
 * pages, comparisons, clocks. */
#ifndef NUMERIC_H
#define NUMERIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* The run's seed: VALENCE_SEED, else the time. Printed at its first use. */
uint64_t numeric_seed(void);

/* A number below limit, and a float in [-1,1), of the round's stream. */
uint64_t random_below(uint64_t round, uint64_t i, uint64_t limit);
float random_float(uint64_t round, uint64_t i);

/* x: (n) = random_float * range */
void fill_floats(float *x, int64_t n, float range, uint64_t round, uint64_t stream);

/* Memory number `which` (each 1 MiB, between unreadable pages) filled with guard bytes; gives the
 * array of `bytes` that ends `gap` bytes before its end. intact: whether the bytes around it are
 * still the guard's. */
enum { GUARDED = 12, GUARDED_BYTES = 1 << 20 };
void *guarded(int which, size_t bytes, size_t gap);
bool intact(int which, const void *array, size_t bytes);

/* Whether both are NaN, or equal, or differ by at most `bound`. */
bool near(double got, double expected, double bound);

/* Multiply-adds count two: 10^9 operations a second this machine does at most with float registers
 * of that level (1 for scalar); measured once. */
double peak_gflops(vl_isa isa);

/* This thread's seconds of processor time: other programs do not count. Costs a microsecond. */
double thread_seconds(void);

/* The least seconds of `rounds` runs of statement. */
#define BEST_SECONDS(best, rounds, statement)                                                      \
    do {                                                                                           \
        (best) = 1e9;                                                                              \
        for (int round_ = 0; round_ < (rounds); round_++) {                                        \
            double start_ = thread_seconds();                                                      \
            statement;                                                                             \
            double took_ = thread_seconds() - start_;                                              \
            if (took_ < (best)) (best) = took_;                                                    \
        }                                                                                          \
    } while (0)

/* One line of the report. */
int said(bool good, const char *what, vl_isa isa);

#endif
