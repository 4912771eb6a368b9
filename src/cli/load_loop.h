/* load_loop.h: one thread of a load test: its connections on libcurl's multi interface and epoll.
 */
#ifndef VL_LOAD_LOOP_H
#define VL_LOAD_LOOP_H

#include "cli/load_client.h"

typedef struct cli_load_loop cli_load_loop;

/* The index-th of plan->threads. It refers to plan. */
vl_status cli_load_loop_open(cli_load_loop **out, const cli_load_plan *plan, int index,
                             valence_error *error);
void cli_load_loop_close(cli_load_loop *l); /* NULL is fine */

/* Sends and counts until the plan is fulfilled or stopped. start: on vl_clock_seconds, the same for
 * all threads. */
void cli_load_loop_run(cli_load_loop *l, double start);

int64_t cli_load_loop_finished(const cli_load_loop *l); /* any thread, any time */

/* After the run; vl_status of it. */
vl_status cli_load_loop_result(const cli_load_loop *l, const cli_load_result **out,
                               valence_error *error);

/* What every request has in common: method, headers, limits. */
void cli_load_prepare(const cli_load_plan *plan, CURL *easy, struct curl_slist *headers,
                      int64_t *received);
void cli_load_body(const cli_load_plan *plan, CURL *easy, vl_span body);

#endif
