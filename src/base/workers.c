/* workers.c: a parallel for. Threads sleep on a condition between loops and take indices from one
 * atomic counter during a loop. */
#include "base/workers.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

struct vl_workers {
    int threads; /* the caller included */
    int started;
    pthread_t *handles;
    pthread_mutex_t lock;
    pthread_cond_t go, finished;
    uint64_t round; /* counts loops; a thread runs each round once */
    int busy;       /* threads still in the present round */
    int stop;
    vl_work_fn fn;
    void *argument;
    int64_t count;
    _Atomic int64_t next;
};

typedef struct seat {
    vl_workers *pool;
    int thread;
} seat;

static void take_indices(vl_workers *w, int thread)
{
    for (;;) {
        int64_t i = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed);
        if (i >= w->count) return;
        w->fn(w->argument, i, thread);
    }
}

static void *worker_main(void *argument)
{
    seat s = *(seat *)argument;
    vl_free(argument);
    vl_workers *w = s.pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->round == seen && !w->stop) pthread_cond_wait(&w->go, &w->lock);
        if (w->stop) break;
        seen = w->round;
        pthread_mutex_unlock(&w->lock);
        take_indices(w, s.thread);
        pthread_mutex_lock(&w->lock);
        if (--w->busy == 0) pthread_cond_signal(&w->finished);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Starts one thread with signals blocked: they belong to the application's threads. Not those that a
 * thread brings upon itself: a blocked SIGBUS would end the process (mapped_file.c handles it). */
static vl_status start_thread(vl_workers *w)
{
    seat *s = vl_alloc(VL_MEM_IO, sizeof *s);
    if (!s) return VALENCE_NO_MEMORY;
    *s = (seat){w, w->started + 1};
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP};
    sigset_t all, old;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&w->handles[w->started], NULL, worker_main, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        vl_free(s);
        return VALENCE_NO_MEMORY;
    }
    w->started++;
    return VALENCE_OK;
}

vl_status vl_workers_open(vl_workers **out, int threads, valence_error *error)
{
    *out = NULL;
    if (threads <= 0) threads = vl_cpu_count();
    vl_workers *w = vl_alloc_zero(VL_MEM_IO, sizeof *w);
    if (!w) return vl_fail_memory(error, sizeof *w, "a thread pool");
    w->threads = threads;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->go, NULL);
    pthread_cond_init(&w->finished, NULL);
    w->handles = vl_alloc_array(VL_MEM_IO, (size_t)threads, sizeof *w->handles);
    vl_status status = w->handles ? VALENCE_OK : VALENCE_NO_MEMORY;
    while (status == VALENCE_OK && w->started < threads - 1) status = start_thread(w);
    if (status != VALENCE_OK) {
        vl_workers_close(w);
        return vl_fail(error, status, "cannot start %d threads: out of memory", threads);
    }
    *out = w;
    return VALENCE_OK;
}

void vl_workers_close(vl_workers *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->stop = 1;
    pthread_cond_broadcast(&w->go);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->started; i++) pthread_join(w->handles[i], NULL);
    pthread_cond_destroy(&w->finished);
    pthread_cond_destroy(&w->go);
    pthread_mutex_destroy(&w->lock);
    vl_free(w->handles);
    vl_free(w);
}

int vl_workers_threads(const vl_workers *w)
{
    return w ? w->threads : 1;
}

void vl_workers_run(vl_workers *w, vl_work_fn fn, void *argument, int64_t count)
{
    assert(count >= 0);
    if (!w || w->threads == 1 || count <= 1) {
        for (int64_t i = 0; i < count; i++) fn(argument, i, 0);
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->fn = fn;
    w->argument = argument;
    w->count = count;
    atomic_store_explicit(&w->next, 0, memory_order_relaxed);
    w->busy = w->started;
    w->round++;
    pthread_cond_broadcast(&w->go);
    pthread_mutex_unlock(&w->lock);
    take_indices(w, 0);
    pthread_mutex_lock(&w->lock);
    while (w->busy > 0) pthread_cond_wait(&w->finished, &w->lock);
    pthread_mutex_unlock(&w->lock);
}
