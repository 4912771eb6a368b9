/* trace_report.c: see trace_report.h. */
#include "cli/trace_report.h"

#include <stdio.h>

void cli_times_add(cli_times *sum, const valence_context *context)
{
    valence_time times[CLI_TIMES_MAX];
    sum->count = valence_context_times(context, times, CLI_TIMES_MAX);
    for (int i = 0; i < sum->count; i++) {
        sum->times[i].part = times[i].part;
        sum->times[i].seconds += times[i].seconds;
    }
}

void cli_times_print(const cli_times *sum)
{
    double all = 0;
    for (int i = 0; i < sum->count; i++) all += sum->times[i].seconds;
    if (!(all > 0)) {
        fprintf(stderr, "valence: this model's answers have no parts worth timing\n");
        return;
    }
    fprintf(stderr, "%lld texts, %lld tokens; milliseconds of all threads\n", sum->texts,
            sum->tokens);
    for (int i = 0; i < sum->count; i++)
        if (sum->times[i].seconds > 0) /* the others are parts of other kinds of models */
            fprintf(stderr, "  %-32s %10.2f  %5.1f %%\n", sum->times[i].part,
                    sum->times[i].seconds * 1e3, sum->times[i].seconds / all * 100);
    fprintf(stderr, "  %-32s %10.2f  %5.0f tokens/s a thread\n", "together", all * 1e3,
            (double)sum->tokens / all);
}
