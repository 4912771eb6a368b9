/* clock.c: CLOCK_MONOTONIC and /proc/self. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double vl_clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t vl_rss_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    long long size = 0, resident = 0;
    int fields = fscanf(f, "%lld %lld", &size, &resident);
    fclose(f);
    return fields == 2 ? resident * sysconf(_SC_PAGESIZE) : 0;
}

/* VmHWM, for ru_maxrss survives exec: it would be at least what the parent that started us held. */
int64_t vl_peak_rss_bytes(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long long kilobytes = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lld kB", &kilobytes) == 1) break;
    if (f) fclose(f);
    int64_t now = vl_rss_bytes(); /* the kernel keeps the mark a little behind */
    if (kilobytes > 0) return kilobytes * 1024 > now ? kilobytes * 1024 : now;
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}
