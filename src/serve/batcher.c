/* batcher.c: first come, first served. A worker takes jobs from the front while they fit its budget;
 * those that nobody waits for any more, or that are too late, are dropped on the way and cost nothing.
 * While all workers are busy the next batch gathers by itself, so waiting for company (wait_seconds)
 * only matters when there is little to do. */
#include "serve/batcher.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct vl_batcher {
    vl_batcher_options options;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* jobs have come, or closing */
    vl_job *first, **end;
    int64_t waiting_tokens;
    vl_batcher_counts counts;
    bool closing;
    int started;
    struct batch_worker *workers; /* (options.workers) */
};

typedef struct batch_worker {
    vl_batcher *b;
    pthread_t thread;
    int index;
    vl_job **batch;  /* (max_jobs) */
    vl_job *dropped; /* list of jobs to be told outside the lock */
} batch_worker;

/* ---- The queue, with the lock held ------------------------------------------------------------ */

static vl_job *take_first(vl_batcher *b)
{
    vl_job *job = b->first;
    b->first = job->next;
    if (!b->first) b->end = &b->first;
    job->next = NULL;
    b->waiting_tokens -= job->tokens;
    b->counts.waiting--;
    return job;
}

static bool is_late(const vl_job *job, double now)
{
    return job->deadline > 0 && now > job->deadline;
}

/* Takes jobs nobody waits for off the front. */
static void drop_stale(vl_batcher *b, batch_worker *w, double now)
{
    while (b->first && (atomic_load(&b->first->gone) || is_late(b->first, now))) {
        vl_job *job = take_first(b);
        if (atomic_load(&job->gone)) b->counts.dropped++;
        else b->counts.expired++;
        job->next = w->dropped;
        w->dropped = job;
    }
}

static int take_batch(vl_batcher *b, batch_worker *w, double now)
{
    int count = 0;
    int64_t tokens = 0;
    for (;;) {
        drop_stale(b, w, now);
        if (!b->first || count == b->options.max_jobs) break;
        if (count > 0 && tokens + b->first->tokens > b->options.max_tokens) break;
        vl_job *job = take_first(b);
        job->begun_at = now;
        atomic_store(&job->begun, true);
        tokens += job->tokens;
        w->batch[count++] = job;
    }
    b->counts.running += count;
    b->counts.jobs += (uint64_t)count;
    b->counts.batches += count > 0;
    if (b->first) pthread_cond_signal(&b->changed); /* for another worker */
    return count;
}

/* A batch is worth starting: it is full, or its oldest job has waited long enough. */
static bool is_ripe(const vl_batcher *b, double now)
{
    return b->waiting_tokens >= b->options.max_tokens || b->counts.waiting >= b->options.max_jobs ||
           now - b->first->submitted >= b->options.wait_seconds;
}

static void wait_until(vl_batcher *b, double seconds)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t nanoseconds = (int64_t)(seconds * 1e9) + at.tv_nsec;
    at.tv_sec += nanoseconds / 1000000000;
    at.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(&b->changed, &b->lock, &at);
}

/* Waits for a batch; 0 jobs: closing (or only dropped ones, to be told). */
static int next_batch(vl_batcher *b, batch_worker *w)
{
    while (!b->closing) {
        double now = vl_clock_seconds();
        drop_stale(b, w, now);
        if (w->dropped) return 0;
        if (!b->first) pthread_cond_wait(&b->changed, &b->lock);
        else if (is_ripe(b, now)) return take_batch(b, w, now);
        else wait_until(b, b->first->submitted + b->options.wait_seconds - now);
    }
    return 0;
}

/* ---- Workers --------------------------------------------------------------------------------- */

static void tell_dropped(batch_worker *w)
{
    while (w->dropped) {
        vl_job *job = w->dropped;
        w->dropped = job->next;
        job->done(job, atomic_load(&job->gone) ? VALENCE_CANCELLED : VALENCE_LIMIT);
    }
}

static void run_batch(vl_batcher *b, batch_worker *w, int count)
{
    vl_status status = b->options.run(b->options.user, w->index, w->batch, count);
    for (int i = 0; i < count; i++) w->batch[i]->done(w->batch[i], status);
}

static void *work(void *worker)
{
    batch_worker *w = worker;
    vl_batcher *b = w->b;
    pthread_mutex_lock(&b->lock);
    while (!b->closing) {
        int count = next_batch(b, w);
        pthread_mutex_unlock(&b->lock);
        tell_dropped(w);
        if (count) run_batch(b, w, count);
        pthread_mutex_lock(&b->lock);
        b->counts.running -= count;
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* ---- Open, close ----------------------------------------------------------------------------- */

static vl_status start(vl_batcher *b, valence_error *error)
{
    int n = b->options.workers;
    b->workers = vl_alloc_zero(VL_MEM_REQUEST, (size_t)n * sizeof *b->workers);
    if (!b->workers) return vl_fail_memory(error, (size_t)n * sizeof *b->workers, "workers");
    for (; b->started < n; b->started++) {
        batch_worker *w = &b->workers[b->started];
        *w = (batch_worker){.b = b, .index = b->started};
        w->batch = vl_alloc_array(VL_MEM_REQUEST, (size_t)b->options.max_jobs, sizeof(vl_job *));
        if (!w->batch) return vl_fail_memory(error, (size_t)b->options.max_jobs * sizeof(vl_job *), "a batch");
        if (pthread_create(&w->thread, NULL, work, w) == 0) continue;
        vl_free(w->batch);
        return vl_fail(error, VALENCE_IO, "cannot start worker %d", b->started + 1);
    }
    return VALENCE_OK;
}

static void prepare_lock(vl_batcher *b)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

vl_status vl_batcher_open(vl_batcher **out, const vl_batcher_options *options, valence_error *error)
{
    *out = NULL;
    if (options->workers < 1 || options->max_jobs < 1 || options->max_tokens < 1 || options->max_waiting < 1 ||
        options->max_waiting_tokens < 1)
        return vl_fail(error, VALENCE_ARGUMENT, "a queue needs workers, a batch and places of at least 1");
    vl_batcher *b = vl_alloc_zero(VL_MEM_REQUEST, sizeof *b);
    if (!b) return vl_fail_memory(error, sizeof *b, "a queue");
    b->options = *options;
    b->end = &b->first;
    prepare_lock(b);
    vl_status status = start(b, error);
    if (status != VALENCE_OK) {
        vl_batcher_close(b);
        return status;
    }
    *out = b;
    return VALENCE_OK;
}

void vl_batcher_close(vl_batcher *b)
{
    if (!b) return;
    pthread_mutex_lock(&b->lock);
    b->closing = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    for (int i = 0; i < b->started; i++) {
        pthread_join(b->workers[i].thread, NULL);
        vl_free(b->workers[i].batch);
    }
    while (b->first) {
        vl_job *job = take_first(b);
        job->done(job, VALENCE_CANCELLED);
    }
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    vl_free(b->workers);
    vl_free(b);
}

/* ---- Submitting ------------------------------------------------------------------------------ */

static bool has_room(const vl_batcher *b, int jobs, int64_t tokens)
{
    const vl_batcher_options *o = &b->options;
    if (b->closing || jobs > o->max_waiting - b->counts.waiting) return false;
    return b->counts.waiting == 0 || tokens <= o->max_waiting_tokens - b->waiting_tokens;
}

vl_status vl_batcher_submit(vl_batcher *b, vl_job *first)
{
    int jobs = 0;
    int64_t tokens = 0;
    double now = vl_clock_seconds();
    vl_job **end = &first;
    for (; *end; end = &(*end)->next, jobs++) {
        (*end)->submitted = now;
        tokens += (*end)->tokens;
    }
    if (jobs == 0) return VALENCE_OK;
    pthread_mutex_lock(&b->lock);
    bool room = has_room(b, jobs, tokens);
    if (room) {
        *b->end = first;
        b->end = end;
        b->counts.waiting += jobs;
        b->waiting_tokens += tokens;
        if (jobs == 1) pthread_cond_signal(&b->changed);
        else pthread_cond_broadcast(&b->changed);
    } else {
        b->counts.rejected += (uint64_t)jobs;
    }
    pthread_mutex_unlock(&b->lock);
    return room ? VALENCE_OK : VALENCE_LIMIT;
}

bool vl_batcher_full(vl_batcher *b)
{
    pthread_mutex_lock(&b->lock);
    bool room = has_room(b, 1, 1);
    pthread_mutex_unlock(&b->lock);
    return !room;
}

vl_batcher_counts vl_batcher_counted(vl_batcher *b)
{
    pthread_mutex_lock(&b->lock);
    vl_batcher_counts counts = b->counts;
    pthread_mutex_unlock(&b->lock);
    return counts;
}
