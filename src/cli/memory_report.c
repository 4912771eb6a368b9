/* memory_report.c: a table on stderr. */
#include "cli/memory_report.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"

static void print_row(const char *name, vl_mem_usage u)
{
    fprintf(stderr, "%-10s %12.1f %12.1f %12lld\n", name, (double)u.current / 1024,
            (double)u.peak / 1024, (long long)u.allocations);
}

void cli_memory_report(uint64_t predictions)
{
    fprintf(stderr, "%-10s %12s %12s %12s\n", "memory", "current KiB", "peak KiB", "allocations");
    for (int c = 0; c < VL_MEM_CATEGORIES; c++)
        print_row(vl_mem_name((vl_mem_category)c), vl_mem_usage_of((vl_mem_category)c));
    vl_mem_usage total = vl_mem_usage_total();
    print_row("total", total);
    fprintf(stderr, "%-10s %12.1f %12.1f\n", "resident", (double)vl_rss_bytes() / 1024,
            (double)vl_peak_rss_bytes() / 1024);
    if (predictions)
        fprintf(stderr, "per prediction: %.1f bytes at the peak, %.4f allocations\n",
                (double)total.peak / (double)predictions,
                (double)total.allocations / (double)predictions);
}
