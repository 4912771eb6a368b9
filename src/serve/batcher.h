/* batcher.h: a bounded queue in front of worker threads that answer many texts at once: dynamic
 * batching by a budget of tokens, without padding. For models whose answers take milliseconds; those
 * of microseconds are answered in the loop. Knows nothing of HTTP.
 * Ownership: a job belongs to whoever submits it, and is lent to the batcher until its `done`. */
#ifndef VL_BATCHER_H
#define VL_BATCHER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct vl_batcher vl_batcher;
typedef struct vl_job vl_job;

struct vl_job {
    int64_t tokens;   /* what it takes of a batch's budget; at least 1 */
    double deadline;  /* vl_clock_seconds() by which it must have begun; 0: none */
    atomic_bool gone; /* nobody wants the answer: set any time, by any thread */
    /* Called once, by a worker or by vl_batcher_close, without a lock held. VALENCE_OK: run has
     * answered it. VALENCE_CANCELLED: it was gone, or the batcher closes. VALENCE_LIMIT: the deadline
     * passed before it began. Else: what run returned. The job may be freed here. */
    void (*done)(vl_job *job, vl_status status);
    void *user;
    struct vl_job *next; /* for submit: jobs that come together; then the batcher's own */
    atomic_bool begun;   /* a worker has it: read any time, by any thread */
    double submitted, begun_at; /* vl_clock_seconds(): for the timing headers, valid in done */
};

typedef struct vl_batcher_options {
    int workers;         /* threads */
    int64_t max_tokens;  /* of a batch; a single larger job is a batch of its own */
    int max_jobs;        /* of a batch */
    int max_waiting;     /* jobs in the queue */
    int64_t max_waiting_tokens; /* of those; one job may have more where nothing else waits */
    double wait_seconds; /* how long the oldest job waits at most for company while a worker is free */
    /* Answers a batch: all of it, or fails all of it. thread: 0 .. workers - 1. */
    vl_status (*run)(void *user, int thread, vl_job *const *jobs, int count);
    void *user;
} vl_batcher_options;

typedef struct vl_batcher_counts {
    int waiting, running;                       /* jobs now */
    uint64_t batches, jobs, dropped, expired, rejected; /* since the start */
} vl_batcher_counts;

vl_status vl_batcher_open(vl_batcher **out, const vl_batcher_options *options, valence_error *error);

/* Runs what is running to its end; what waits is done with VALENCE_CANCELLED. NULL is fine. */
void vl_batcher_close(vl_batcher *b);

/* Takes a list of jobs (by next), all of them or none. VALENCE_LIMIT: there is no room for them, none
 * was taken and no done is called. Any thread. */
vl_status vl_batcher_submit(vl_batcher *b, vl_job *first);

/* Whether the queue has no room for even one small job. Any thread. */
bool vl_batcher_full(vl_batcher *b);

vl_batcher_counts vl_batcher_counted(vl_batcher *b); /* any thread */

#endif
