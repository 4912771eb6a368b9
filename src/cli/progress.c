/* progress.c: draws the progress line. */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR = 24 };

void cli_progress_start(cli_progress *p)
{
    *p = (cli_progress){.shown = isatty(STDERR_FILENO) != 0, .start = vl_clock_seconds()};
}

static void draw_bar(double share)
{
    int full = (int)(share * BAR);
    fputc('[', stderr);
    for (int i = 0; i < BAR; i++) fputc(i < full ? '=' : i == full ? '>' : ' ', stderr);
    fprintf(stderr, "] %3d %%", (int)(share * 100));
}

void cli_progress_update(cli_progress *p, const char *what, double done, double total,
                         uint64_t count, const char *things)
{
    double now = vl_clock_seconds();
    if (!p->shown || now - p->last < 0.1 || now - p->start < 0.3) return;
    p->last = now;
    double seconds = now - p->start, share = total > 0 ? done / total : 0;
    if (share > 1) share = 1;
    fprintf(stderr, "\r\033[K%s ", what);
    if (total > 0) draw_bar(share);
    if (count) fprintf(stderr, "  %.0f %s/s", (double)count / seconds, things);
    if (total > 0 && share > 0.01) fprintf(stderr, "  %.0f s left", seconds / share - seconds);
    fflush(stderr);
}

void cli_progress_end(cli_progress *p)
{
    if (p->shown && p->last > 0) fputs("\r\033[K", stderr);
    p->last = 0;
}
