/* trace_report.h: --trace: where the time of a slow model's forward passes went, of all threads. */
#ifndef VL_TRACE_REPORT_H
#define VL_TRACE_REPORT_H

#include "valence.h"

enum { CLI_TIMES_MAX = 16 };

typedef struct cli_times {
    valence_time times[CLI_TIMES_MAX];
    int count;
    long long texts, tokens;
} cli_times;

/* Adds a context's times; one thread at a time. */
void cli_times_add(cli_times *sum, const valence_context *context);

/* A table on stderr; says so where there is nothing to tell. */
void cli_times_print(const cli_times *sum);

#endif
