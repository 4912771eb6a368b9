/* interrupt.h: SIGINT and SIGTERM as a request to stop in good order. Only commands that leave
 * something behind (a half-written file) catch them; for all others the signals end the process. */
#ifndef VL_INTERRUPT_H
#define VL_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

/* From now on the first such signal only sets the flag, and a second one ends the process at once.
 * Signals that are ignored (nohup, a script's background job) stay ignored. */
void cli_interrupt_catch(void);

/* 0, or the number of the signal that came. Constant address. */
const atomic_int *cli_interrupt_flag(void);

static inline bool cli_interrupted(void)
{
    return atomic_load_explicit(cli_interrupt_flag(), memory_order_relaxed) != 0;
}

/* If a signal came, ends the process by it, so that whoever started it sees that. */
void cli_interrupt_end(void);

#endif
