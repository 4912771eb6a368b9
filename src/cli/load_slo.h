/* load_slo.h: service level objectives: what a load test must find. */
#ifndef VL_LOAD_SLO_H
#define VL_LOAD_SLO_H

#include "base/span.h"
#include "cli/load_client.h"

enum { CLI_LOAD_SLO_MAX = 16 };

typedef enum cli_load_slo_kind {
    CLI_LOAD_LATENCY,
    CLI_LOAD_MEAN,
    CLI_LOAD_ERROR_COUNT,
    CLI_LOAD_ERROR_SHARE,
    CLI_LOAD_RPS
} cli_load_slo_kind;

/* One service level objective: "p99=10ms". */
typedef struct cli_load_slo {
    cli_load_slo_kind kind;
    double quantile; /* LATENCY: 0.99; max is 1 */
    double limit;    /* seconds, requests, a share; for RPS the least, else the most */
    vl_span text;    /* as given */
} cli_load_slo;

typedef struct cli_load_slos {
    cli_load_slo items[CLI_LOAD_SLO_MAX];
    int count;
} cli_load_slos;

/* Parses "p99=10ms,errors=0" or "max=1s,errors=0.1%,rps=5000"; spans point into text.
 * VALENCE_ARGUMENT with a message that begins with "needs". */
vl_status cli_load_slos_parse(cli_load_slos *s, const char *text, valence_error *error);

/* What was measured for it, in its unit. */
double cli_load_slo_value(const cli_load_slo *s, const cli_load_result *r);

/* Latencies are not met where nothing was answered. */
bool cli_load_slo_met(const cli_load_slo *s, const cli_load_result *r);

int64_t cli_load_errors(const cli_load_result *r); /* all kinds, and answers other than 2xx */

/* Answers with 2xx per second. */
double cli_load_throughput(const cli_load_result *r);

#endif
