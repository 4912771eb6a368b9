/* interrupt.c: the handler stores a number; everything else happens where the flag is looked at. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static atomic_int came;
static const int numbers[] = {SIGINT, SIGTERM};

enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void stop_catching(void)
{
    for (int i = 0; i < NUMBERS; i++) signal(numbers[i], SIG_DFL);
}

static void on_signal(int number)
{
    atomic_store(&came, number);
    stop_catching();
}

void cli_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < NUMBERS; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
}

const atomic_int *cli_interrupt_flag(void)
{
    return &came;
}

void cli_interrupt_end(void)
{
    int number = atomic_load(&came);
    if (number) raise(number); /* by now with its default action */
}
