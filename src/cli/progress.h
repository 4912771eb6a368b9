/* progress.h: one line on a terminal that shows how far a long task is: share, rate, time left.
 * Silent where stderr is no terminal. */
#ifndef VL_PROGRESS_H
#define VL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_progress {
    bool shown;
    double start, last;
} cli_progress;

void cli_progress_start(cli_progress *p);

/* At most ten times a second. done of total in any unit (total 0: unknown); count of `things` so far
 * (count 0: no rate). */
void cli_progress_update(cli_progress *p, const char *what, double done, double total,
                         uint64_t count, const char *things);

/* Wipes the line. */
void cli_progress_end(cli_progress *p);

#endif
