/* checkpoint.c: sleep, sync, write, again. */
#include "cli/checkpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

/* A disk that takes long to sync is given REST times as long for other things, but MOST_SECONDS at
 * most: that is the work which a kill costs. */
static const double REST = 4, MOST_SECONDS = 30;

struct cli_checkpoints {
    const cli_resume *resume;
    vl_writer *writer;
    double seconds;
    cli_state state; /* in the file, if `written` */
    bool written, told;

    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* for stop */
    pthread_cond_t wake;
    bool stop;
};

static void tell(cli_checkpoints *c, const valence_error *error)
{
    if (!c->told) fprintf(stderr, "valence: no checkpoint: %s\n", error->message);
    c->told = true;
}

/* The order is what makes it safe: first the mark, then the bytes before it to the disk, then the
 * state. A failed sync is the writer's failure and is told there. */
static void make(cli_checkpoints *c, bool complete)
{
    valence_error error = {0};
    cli_state state = {vl_writer_marked(c->writer), complete};
    uint64_t old = c->written ? c->state.mark.sequence : 0;
    if (state.mark.progress.rows == 0 || state.mark.sequence <= old) return;
    if (vl_writer_sync(c->writer, &error) != VALENCE_OK) return;
    if (cli_resume_write(c->resume, &state, &error) != VALENCE_OK) {
        tell(c, &error);
        return;
    }
    c->state = state;
    c->written = true;
    vl_writer_keep(c->writer);
}

static struct timespec in_seconds(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double nanoseconds = (double)t.tv_nsec + seconds * 1e9;
    t.tv_sec += (time_t)(nanoseconds / 1e9);
    t.tv_nsec = (long)(nanoseconds - (double)(time_t)(nanoseconds / 1e9) * 1e9);
    return t;
}

/* False: it was stopped meanwhile. */
static bool rest(cli_checkpoints *c, double seconds)
{
    struct timespec until = in_seconds(seconds);
    int result = 0;
    pthread_mutex_lock(&c->lock);
    while (!c->stop && result == 0) result = pthread_cond_timedwait(&c->wake, &c->lock, &until);
    bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return !stop;
}

static void *run(void *argument)
{
    cli_checkpoints *c = argument;
    double wait = c->seconds;
    while (rest(c, wait)) {
        double start = vl_clock_seconds();
        make(c, false);
        double took = vl_clock_seconds() - start;
        wait = REST * took > c->seconds ? REST * took : c->seconds;
        if (wait > MOST_SECONDS && c->seconds < MOST_SECONDS) wait = MOST_SECONDS;
    }
    return NULL;
}

vl_status cli_checkpoints_start(cli_checkpoints **out, const cli_resume *resume, vl_writer *writer,
                                double seconds, const cli_state *begun, valence_error *error)
{
    pthread_condattr_t monotonic;
    cli_checkpoints *c = vl_alloc_zero(VL_MEM_IO, sizeof *c);
    *out = c;
    if (!c) return vl_fail_memory(error, sizeof *c, "checkpoints");
    c->resume = resume;
    c->writer = writer;
    c->seconds = seconds;
    c->written = begun != NULL;
    if (begun) c->state = *begun;
    if (begun) vl_writer_keep(writer);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    c->running = pthread_create(&c->thread, NULL, run, c) == 0;
    return c->running ? VALENCE_OK : vl_fail(error, VALENCE_LIMIT, "cannot start a thread");
}

void cli_checkpoints_stop(cli_checkpoints *c)
{
    if (!c || !c->running) return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    c->running = false;
}

void cli_checkpoints_now(cli_checkpoints *c, bool last)
{
    if (c && (!last || c->written)) make(c, last);
}

uint64_t cli_checkpoints_row(const cli_checkpoints *c)
{
    return c && c->written ? c->state.mark.progress.at.row : 0;
}

void cli_checkpoints_close(cli_checkpoints *c)
{
    if (!c) return;
    cli_checkpoints_stop(c);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->wake);
    vl_free(c);
}
