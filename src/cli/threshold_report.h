/* threshold_report.h: what train and merge say of the threshold they chose. Nothing where none was
 * asked for. */
#ifndef VL_THRESHOLD_REPORT_H
#define VL_THRESHOLD_REPORT_H

#include "train/threshold.h"

/* Members of an open JSON object on stdout: ,"min_precision":.. */
void cli_threshold_json(const vl_threshold *t);

/* A line on stdout. */
void cli_threshold_text(const vl_threshold *t);

#endif
