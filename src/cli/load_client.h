/* load_client.h: threads that send requests and count what comes back. Each has an event loop of
 * its own over a share of the connections.
 *
 * Closed loop (rate 0): a connection sends its next request as soon as the answer is there, and
 * latency counts from the sending. Open loop: requests are due at fixed times whatever the server
 * does, and latency counts from when a request was due, however late a connection became free for
 * it: a stall shows in every request that it delayed (no coordinated omission). */
#ifndef VL_LOAD_CLIENT_H
#define VL_LOAD_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/status.h"
#include "cli/load_curl.h"
#include "cli/load_histogram.h"
#include "cli/load_texts.h"

enum { CLI_LOAD_STATUS_MAX = 600 };

/* kind, its name in JSON, and for people */
#define CLI_LOAD_ERRORS(X)                                                                         \
    X(TIMEOUT, "timeout", "no answer in time")                                                     \
    X(CONNECT, "connect", "could not connect")                                                     \
    X(BROKEN, "broken", "connection broken off")                                                   \
    X(OTHER, "other", "other failures")                                                            \
    X(UNSENT, "unsent", "due, but never sent: no connection was free")

typedef enum cli_load_error {
#define CLI_LOAD_ENUM(name, key, text) CLI_LOAD_##name,
    CLI_LOAD_ERRORS(CLI_LOAD_ENUM)
#undef CLI_LOAD_ENUM
        CLI_LOAD_ERROR_KINDS
} cli_load_error;

typedef struct cli_load_plan { /* constant while threads run */
    const cli_load_curl *curl;
    const cli_load_texts *texts;
    const char *url;
    const char *socket; /* path of a Unix socket to go through, or NULL */
    int threads, concurrency;
    double rate;             /* requests per second of all threads; 0: closed loop */
    int64_t requests;        /* to measure, of all threads; 0: for `duration` */
    double duration, warmup; /* seconds; what starts during the warm-up is not counted */
    double timeout;          /* seconds per request */
    bool insecure, http2;
    const atomic_int *stop; /* not zero: end now, give what there is */
} cli_load_plan;

typedef struct cli_load_result {
    cli_load_histogram latency; /* of answers with status 2xx */
    int64_t finished;           /* requests with an answer or an error, UNSENT ones not */
    int64_t errors[CLI_LOAD_ERROR_KINDS];
    int64_t status[CLI_LOAD_STATUS_MAX]; /* answers by code */
    int64_t sent, received;              /* bytes of bodies */
    int64_t connections;                 /* opened, during the warm-up too */
    double seconds;                      /* from the end of the warm-up to the last answer */
    double busy;       /* share of that time for which the busiest thread computed or wanted to */
    char example[160]; /* sentence of the first transport error, or "" */
} cli_load_result;

/* Told about ten times a second: requests finished so far, the warm-up's too; seconds since start.
 */
typedef void cli_load_progress(void *user, int64_t finished, double seconds);

/* Sends one request and waits for it, to see whether the server is there at all. */
vl_status cli_load_probe(const cli_load_plan *plan, valence_error *error);

/* Runs the plan; *out is filled with the sum over the threads, also after *stop. */
vl_status cli_load_run(const cli_load_plan *plan, cli_load_result *out, cli_load_progress *progress,
                       void *user, valence_error *error);

#endif
