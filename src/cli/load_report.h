/* load_report.h: the load test's result for people and as JSON. */
#ifndef VL_LOAD_REPORT_H
#define VL_LOAD_REPORT_H

#include "cli/load_slo.h"

void cli_load_print(const cli_load_plan *plan, const cli_load_result *r, const cli_load_slos *slos,
                    bool interrupted);
vl_status cli_load_print_json(const cli_load_plan *plan, const cli_load_result *r,
                              const cli_load_slos *slos, bool interrupted);

#endif
