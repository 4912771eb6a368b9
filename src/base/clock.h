/* clock.h: time and the process' memory as the system sees it. */
#ifndef VL_CLOCK_H
#define VL_CLOCK_H

#include <stdint.h>

/* Seconds on a monotonic clock with an arbitrary zero. */
double vl_clock_seconds(void);

/* Resident bytes now, and the most so far; 0 where the system does not say. */
int64_t vl_rss_bytes(void);
int64_t vl_peak_rss_bytes(void);

#endif
