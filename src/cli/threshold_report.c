/* threshold_report.c: a line for people, four members for programs. */
#include "cli/threshold_report.h"

#include <stdio.h>

void cli_threshold_json(const vl_threshold *t)
{
    if (t->asked > 0)
        printf(",\"min_precision\":%g,\"min_confidence\":%.9g,\"held_out_precision\":%.4f,"
               "\"held_out_coverage\":%.4f",
               t->asked, (double)t->confidence, t->precision, t->coverage);
}

void cli_threshold_text(const vl_threshold *t)
{
    if (t->asked > 0)
        printf("answers from a confidence of %.4f on: of these texts %.1f %%, %.4f of them right "
               "(at least %g asked)\n",
               (double)t->confidence, 100 * t->coverage, t->precision, t->asked);
}
