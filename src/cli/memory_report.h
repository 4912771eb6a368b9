/* memory_report.h: `--memory`: bytes by category, as tracemalloc would show them. */
#ifndef VL_MEMORY_REPORT_H
#define VL_MEMORY_REPORT_H

#include <stdint.h>

/* To stderr. predictions > 0: also allocations per prediction. */
void cli_memory_report(uint64_t predictions);

#endif
