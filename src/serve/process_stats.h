/* process_stats.h: the process as the system sees it, for /metrics. */
#ifndef VL_PROCESS_STATS_H
#define VL_PROCESS_STATS_H

#include <stdint.h>

typedef struct vl_process_stats { /* 0 where the system does not say */
    double cpu_seconds;
    double start_time; /* seconds since 1970 */
    int64_t resident_bytes, virtual_bytes;
    int64_t open_fds, max_fds;
} vl_process_stats;

vl_process_stats vl_process_stats_now(void);

#endif
