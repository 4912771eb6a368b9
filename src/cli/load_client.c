/* load_client.c: starts the threads, shows progress, adds up. */
#include "cli/load_client.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "cli/load_loop.h"

enum { THREADS_MAX = 256 };

typedef struct crew {
    const cli_load_plan *plan;
    cli_load_loop *loops[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    int opened, started;
    double start;
    atomic_int next, running;
} crew;

static vl_status fail_probe(const cli_load_plan *plan, CURLcode code, valence_error *error)
{
    return vl_fail(error, VALENCE_IO, "cannot load '%.200s': %s; is the server running there",
                   plan->url, plan->curl->sentence(code));
}

vl_status cli_load_probe(const cli_load_plan *plan, valence_error *error)
{
    const cli_load_curl *c = plan->curl;
    int64_t received = 0;
    CURL *easy = c->easy_init();
    struct curl_slist *headers = c->slist_append(NULL, "Content-Type: application/json");
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (easy && headers) {
        cli_load_prepare(plan, easy, headers, &received);
        cli_load_body(plan, easy, cli_load_texts_body(plan->texts, 0));
        code = c->perform(easy);
    }
    if (easy) c->easy_cleanup(easy);
    c->slist_free(headers);
    return code == CURLE_OK ? VALENCE_OK : fail_probe(plan, code, error);
}

static void *work(void *argument)
{
    crew *w = argument;
    cli_load_loop_run(w->loops[atomic_fetch_add(&w->next, 1)], w->start);
    atomic_fetch_sub(&w->running, 1);
    return NULL;
}

static vl_status start_threads(crew *w, valence_error *error)
{
    for (; w->opened < w->plan->threads; w->opened++)
        VL_TRY(cli_load_loop_open(&w->loops[w->opened], w->plan, w->opened, error));
    w->start = vl_clock_seconds();
    for (; w->started < w->opened; w->started++) {
        atomic_fetch_add(&w->running, 1);
        if (pthread_create(&w->threads[w->started], NULL, work, w) == 0) continue;
        atomic_fetch_sub(&w->running, 1);
        return vl_fail(error, VALENCE_IO, "cannot start thread %d", w->started + 1);
    }
    return VALENCE_OK;
}

static void watch(crew *w, cli_load_progress *progress, void *user)
{
    const struct timespec nap = {.tv_nsec = 20000000};
    while (atomic_load(&w->running) > 0) {
        int64_t finished = 0;
        for (int i = 0; i < w->started; i++) finished += cli_load_loop_finished(w->loops[i]);
        if (progress) progress(user, finished, vl_clock_seconds() - w->start);
        nanosleep(&nap, NULL);
    }
}

static void add(cli_load_result *sum, const cli_load_result *r)
{
    cli_load_histogram_merge(&sum->latency, &r->latency);
    sum->finished += r->finished;
    for (int i = 0; i < CLI_LOAD_ERROR_KINDS; i++) sum->errors[i] += r->errors[i];
    for (int i = 0; i < CLI_LOAD_STATUS_MAX; i++) sum->status[i] += r->status[i];
    sum->sent += r->sent;
    sum->received += r->received;
    sum->connections += r->connections;
    if (r->seconds > sum->seconds) sum->seconds = r->seconds;
    if (r->busy > sum->busy) sum->busy = r->busy;
    if (!*sum->example) memcpy(sum->example, r->example, sizeof sum->example);
}

static vl_status add_all(const crew *w, cli_load_result *out, valence_error *error)
{
    vl_status status = VALENCE_OK;
    for (int i = 0; i < w->started; i++) {
        const cli_load_result *r;
        vl_status one = cli_load_loop_result(w->loops[i], &r, error);
        if (one != VALENCE_OK) status = one;
        add(out, r);
    }
    return status;
}

vl_status cli_load_run(const cli_load_plan *plan, cli_load_result *out, cli_load_progress *progress,
                       void *user, valence_error *error)
{
    if (plan->threads > THREADS_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "more than %d threads", THREADS_MAX);
    crew *w = vl_alloc_zero(VL_MEM_BATCH, sizeof *w);
    if (!w) return vl_fail_memory(error, sizeof *w, "threads");
    w->plan = plan;
    *out = (cli_load_result){0};
    vl_status status = start_threads(w, error);
    watch(w, progress, user);
    for (int i = 0; i < w->started; i++) pthread_join(w->threads[i], NULL);
    if (status == VALENCE_OK) status = add_all(w, out, error);
    for (int i = 0; i < w->opened; i++) cli_load_loop_close(w->loops[i]);
    vl_free(w);
    return status;
}
