/* process_stats.c: from /proc. */
#include "serve/process_stats.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

static double boot_time(void)
{
    FILE *f = fopen("/proc/stat", "r");
    char line[4096];
    long long seconds = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "btime %lld", &seconds) == 1) break;
    if (f) fclose(f);
    return (double)seconds;
}

/* Fields 22 and 23 of /proc/self/stat, counted behind the name, which may hold anything. */
static void read_stat(vl_process_stats *s)
{
    char text[2048];
    FILE *f = fopen("/proc/self/stat", "r");
    if (!f) return;
    size_t len = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[len] = '\0';
    const char *behind = strrchr(text, ')');
    unsigned long long started = 0, size = 0;
    if (!behind || sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d"
                                      " %*d %*d %*d %*d %llu %llu", &started, &size) != 2)
        return;
    s->virtual_bytes = (int64_t)size;
    double boot = boot_time();
    if (boot > 0) s->start_time = boot + (double)started / (double)sysconf(_SC_CLK_TCK);
}

static int64_t count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int64_t n = -3; /* ".", ".." and d itself */
    if (!d) return 0;
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

vl_process_stats vl_process_stats_now(void)
{
    vl_process_stats s = {.resident_bytes = vl_rss_bytes(), .open_fds = count_fds()};
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        s.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) s.max_fds = (int64_t)limit.rlim_cur;
    read_stat(&s);
    return s;
}
