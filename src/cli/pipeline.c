/* pipeline.c: each thread takes the next chunk, hands its records to the job and submits the output;
 * the writer puts chunks in order. */
#include "cli/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "cli/interrupt.h"
#include "cli/progress.h"

enum { TOLD_MOST = 10 };

#define OUTPUT_MAX ((size_t)1 << 32) /* of one chunk */

typedef struct pipeline {
    const cli_job *job;
    vl_source *source;
    vl_writer *writer;
    uint64_t begin;          /* number of the first chunk */
    uint64_t first;          /* sequence number of its output */
    _Atomic uint64_t chunks; /* chunks seen */
    _Atomic uint64_t told;
    cli_progress progress;
    pthread_mutex_t lock;
    vl_status status;
    valence_error *error;
} pipeline;

typedef struct pipeline_thread {
    vl_cursor *cursor;
    vl_chunk chunk;
    vl_buffer out;
    void *state;
} pipeline_thread;

static void fail(pipeline *p, vl_status status, const valence_error *error)
{
    pthread_mutex_lock(&p->lock);
    if (p->status == VALENCE_OK) {
        p->status = status;
        *p->error = *error;
    }
    pthread_mutex_unlock(&p->lock);
    if (p->writer) vl_writer_abort(p->writer);
}

/* After an interruption: results of dropped chunks will not come, nobody shall wait for them. */
static void stop_waiting(pipeline *p)
{
    if (p->writer) vl_writer_abort(p->writer);
}

static bool failed(pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    bool yes = p->status != VALENCE_OK;
    pthread_mutex_unlock(&p->lock);
    return yes;
}

static void tell_bad_row(pipeline *p, const valence_error *error)
{
    uint64_t n = atomic_fetch_add(&p->told, 1);
    char place[64] = "";
    if (error->line) /* unknown in a shard */
        snprintf(place, sizeof place, "line %llu, byte %llu: ", (unsigned long long)error->line,
                 (unsigned long long)error->byte);
    else if (error->byte)
        snprintf(place, sizeof place, "byte %llu: ", (unsigned long long)error->byte);
    if (n < TOLD_MOST)
        fprintf(stderr, "valence: %s: %s%s\n", p->job->name, place, error->message);
    else if (n == TOLD_MOST)
        fputs("valence: more malformed rows follow and are only counted\n", stderr);
}

static vl_status run_chunk(pipeline *p, pipeline_thread *t, valence_error *error)
{
    vl_record record;
    vl_buffer_reset(&t->out);
    vl_cursor_start(t->cursor, &t->chunk);
    for (bool more = true;;) {
        vl_status status = vl_cursor_next(t->cursor, &record, &more, error);
        if (status == VALENCE_FORMAT) {
            tell_bad_row(p, error);
            continue;
        }
        VL_TRY(status);
        if (!more) return VALENCE_OK;
        if (cli_interrupted()) return VALENCE_CANCELLED;
        VL_TRY(p->job->record(p->job->user, t->state, &record, &t->out, error));
    }
}

static void show(pipeline *p)
{
    vl_source_counts c = vl_source_counted(p->source);
    cli_progress_update(&p->progress, p->job->what, (double)c.bytes_read, (double)c.bytes_total,
                        c.rows, "texts");
}

static vl_status run_chunks(pipeline *p, pipeline_thread *t, int thread, valence_error *error)
{
    while (!failed(p)) {
        bool more;
        if (cli_interrupted()) return VALENCE_CANCELLED;
        VL_TRY(vl_source_next(p->source, &t->chunk, &more, error));
        if (!more) return VALENCE_OK;
        vl_status status = run_chunk(p, t, error);
        uint64_t sequence = p->first + (t->chunk.sequence - p->begin);
        vl_source_counts n = vl_cursor_counted(t->cursor);
        const vl_progress done = {t->chunk.next, n.rows, n.bad_rows, n.repaired};
        atomic_fetch_add(&p->chunks, 1);
        vl_source_return(p->source, &t->chunk);
        VL_TRY(status);
        if (p->writer)
            VL_TRY(vl_writer_submit_rows(p->writer, sequence, vl_buffer_span(&t->out), &done, error));
        if (thread == 0) show(p);
    }
    return VALENCE_OK;
}

static void thread_job(void *argument, int64_t index, int thread)
{
    (void)index;
    pipeline *p = argument;
    valence_error error = {0};
    pipeline_thread t = {0};
    vl_buffer_init(&t.out, VL_MEM_IO, OUTPUT_MAX);
    vl_status status = vl_cursor_open(&t.cursor, p->source, &error);
    if (status == VALENCE_OK) status = p->job->open(p->job->user, &t.state, &error);
    if (status == VALENCE_OK) {
        status = run_chunks(p, &t, thread, &error);
        pthread_mutex_lock(&p->lock);
        vl_status closed = p->job->close(p->job->user, t.state, status ? NULL : &error);
        pthread_mutex_unlock(&p->lock);
        if (status == VALENCE_OK) status = closed;
    }
    if (status == VALENCE_CANCELLED && cli_interrupted()) stop_waiting(p);
    else if (status != VALENCE_OK) fail(p, status, &error);
    vl_cursor_close(t.cursor);
    vl_chunk_release(&t.chunk);
    vl_buffer_release(&t.out);
}

vl_status cli_pipeline_run(vl_source *source, vl_writer *writer, uint64_t *sequence,
                           const cli_job *job, int threads, valence_error *error)
{
    pipeline p = {.job = job, .source = source, .writer = writer, .first = *sequence,
                  .begin = vl_source_tell(source).sequence, .error = error};
    vl_workers *workers;
    valence_error first = {0};
    p.error = error ? error : &first;
    VL_TRY(vl_workers_open(&workers, threads, error));
    pthread_mutex_init(&p.lock, NULL);
    cli_progress_start(&p.progress);
    vl_workers_run(workers, thread_job, &p, vl_workers_threads(workers));
    cli_progress_end(&p.progress);
    pthread_mutex_destroy(&p.lock);
    vl_workers_close(workers);
    *sequence += atomic_load(&p.chunks);
    return p.status;
}
