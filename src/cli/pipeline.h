/* pipeline.h: the loop that predict, clean and eval share: records of a file through a function, in
 * parallel, what it writes in order, in memory that does not depend on the file's size. */
#ifndef VL_PIPELINE_H
#define VL_PIPELINE_H

#include "base/workers.h"
#include "data/source.h"
#include "data/writer.h"

typedef struct cli_job {
    const char *name; /* of the input, for messages */
    const char *what; /* what the progress line says: "predicting" */
    void *user;
    /* A thread's own state. */
    vl_status (*open)(void *user, void **state, valence_error *error);
    /* One record; appends to out. */
    vl_status (*record)(void *user, void *state, const vl_record *record, vl_buffer *out,
                        valence_error *error);
    /* Called once per opened state, one thread at a time: may merge into user. */
    vl_status (*close)(void *user, void *state, valence_error *error);
} cli_job;

/* Runs the job over all of the source, or what is left of it. What the records of a chunk wrote is
 * submitted to the writer (NULL: none) as one result, numbered from *sequence on, which ends as the
 * next free number.
 * Malformed rows are told on stderr (the first ten), counted by the source and left out.
 * When a signal was caught (interrupt.h) it stops at once and returns VALENCE_OK: whole results are
 * written, in order and up to some chunk, and chunks in work are dropped. */
vl_status cli_pipeline_run(vl_source *source, vl_writer *writer, uint64_t *sequence,
                           const cli_job *job, int threads, valence_error *error);

#endif
