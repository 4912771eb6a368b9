/* test_batcher.c: batches within their budget, in order; jobs that are gone or late are never run;
 * a full queue refuses; ten times too much work keeps goodput; every job is done exactly once. */
#include <pthread.h>
#include <time.h>

#include "test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "serve/batcher.h"

enum { MOST = 4096, MOST_TOKENS = 1000000 };

/* A slow model: each batch takes `seconds`; it writes down what it saw. */
typedef struct fake {
    double seconds;
    pthread_mutex_t lock;
    int batch_size[MOST], batches;
    int64_t batch_tokens[MOST];
    void *order[MOST];
    int ran, gone_ran;
    vl_status answer;
} fake;

static fake make_fake(double seconds)
{
    return (fake){.seconds = seconds, .lock = PTHREAD_MUTEX_INITIALIZER};
}

static void sleep_for(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

static vl_status run(void *user, int thread, vl_job *const *jobs, int count)
{
    fake *f = user;
    (void)thread;
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < count; i++) {
        f->batch_tokens[f->batches % MOST] += jobs[i]->tokens;
        f->order[f->ran++ % MOST] = jobs[i];
    }
    f->batch_size[f->batches++ % MOST] = count;
    pthread_mutex_unlock(&f->lock);
    sleep_for(f->seconds);
    return f->answer;
}

typedef struct counted_job {
    vl_job job; /* first */
    _Atomic int done;
    _Atomic int status;
} counted_job;

static void count_done(vl_job *job, vl_status status)
{
    counted_job *c = (counted_job *)(void *)job;
    atomic_store(&c->status, (int)status);
    atomic_fetch_add(&c->done, 1);
}

static counted_job *make_jobs(int n, int64_t tokens)
{
    counted_job *jobs = calloc((size_t)n, sizeof *jobs);
    for (int i = 0; i < n; i++) jobs[i].job = (vl_job){.tokens = tokens, .done = count_done};
    return jobs;
}

static vl_batcher *open_batcher(fake *f, int workers, int64_t tokens, int jobs, int waiting, double wait)
{
    vl_batcher *b;
    vl_batcher_options o = {workers, tokens, jobs, waiting, MOST_TOKENS, wait, run, f};
    assert_int_equal(vl_batcher_open(&b, &o, NULL), VALENCE_OK);
    return b;
}

static void wait_done(counted_job *jobs, int n)
{
    double start = vl_clock_seconds();
    for (int i = 0; i < n; i++)
        while (atomic_load(&jobs[i].done) == 0) {
            sleep_for(0.0005);
            assert_true(vl_clock_seconds() - start < 30);
        }
}

static void test_budget_and_order(void **state)
{
    (void)state;
    fake f = make_fake(0.002);
    vl_batcher *b = open_batcher(&f, 1, 100, 8, MOST, 0);
    counted_job *jobs = make_jobs(200, 30);
    jobs[50].job.tokens = 5000; /* larger than the budget: alone */
    for (int i = 0; i < 200; i++) assert_int_equal(vl_batcher_submit(b, &jobs[i].job), VALENCE_OK);
    wait_done(jobs, 200);
    for (int i = 0; i < 200; i++) {
        assert_ptr_equal(f.order[i], &jobs[i]);
        assert_int_equal(jobs[i].status, VALENCE_OK);
        assert_true(jobs[i].job.begun_at >= jobs[i].job.submitted);
        assert_true(atomic_load(&jobs[i].job.begun));
    }
    for (int i = 0; i < f.batches; i++) {
        assert_in_range(f.batch_size[i], 1, 3);
        assert_true(f.batch_tokens[i] <= 100 || f.batch_size[i] == 1);
    }
    assert_true(f.batches < 120); /* they gathered while the worker was busy */
    vl_batcher_counts c = vl_batcher_counted(b);
    assert_int_equal(c.jobs, 200);
    assert_int_equal(c.waiting, 0);
    vl_batcher_close(b);
    free(jobs);
}

static void test_gone_and_late(void **state)
{
    (void)state;
    fake f = make_fake(0.05);
    vl_batcher *b = open_batcher(&f, 1, 1000, 1, MOST, 0);
    counted_job *jobs = make_jobs(4, 1);
    for (int i = 0; i < 4; i++) {
        if (i == 2) jobs[i].job.deadline = vl_clock_seconds() + 0.01;
        assert_int_equal(vl_batcher_submit(b, &jobs[i].job), VALENCE_OK);
    }
    sleep_for(0.01); /* the first is running */
    atomic_store(&jobs[1].job.gone, true);
    wait_done(jobs, 4);
    assert_int_equal(jobs[0].status, VALENCE_OK);
    assert_int_equal(jobs[1].status, VALENCE_CANCELLED);
    assert_int_equal(jobs[2].status, VALENCE_LIMIT);
    assert_int_equal(jobs[3].status, VALENCE_OK);
    assert_int_equal(f.ran, 2);
    assert_false(atomic_load(&jobs[1].job.begun) || atomic_load(&jobs[2].job.begun));
    vl_batcher_counts c = vl_batcher_counted(b);
    assert_int_equal(c.dropped, 1);
    assert_int_equal(c.expired, 1);
    vl_batcher_close(b);
    free(jobs);
}

static void test_full(void **state)
{
    (void)state;
    fake f = make_fake(0.05);
    vl_batcher *b = open_batcher(&f, 1, 1, 1, 3, 0);
    counted_job *jobs = make_jobs(20, 1);
    int taken = 0;
    for (int i = 0; i < 20; i++) {
        vl_status status = vl_batcher_submit(b, &jobs[i].job);
        assert_true(status == VALENCE_OK || status == VALENCE_LIMIT);
        taken += status == VALENCE_OK;
    }
    assert_in_range(taken, 3, 4); /* three wait, and one may run already */
    assert_int_equal(vl_batcher_counted(b).rejected, 20 - taken);
    vl_batcher_close(b); /* what waits is cancelled, what runs ends */
    int ok = 0, cancelled = 0;
    for (int i = 0; i < 20; i++) {
        assert_true(jobs[i].done <= 1);
        ok += jobs[i].done && jobs[i].status == VALENCE_OK;
        cancelled += jobs[i].done && jobs[i].status == VALENCE_CANCELLED;
    }
    assert_int_equal(ok + cancelled, taken);
    free(jobs);
}

static void chain(counted_job *jobs, int n)
{
    for (int i = 0; i + 1 < n; i++) jobs[i].job.next = &jobs[i + 1].job;
}

/* Jobs that come together are taken together or not at all, by number and by tokens. */
static void test_all_or_none(void **state)
{
    (void)state;
    fake f = make_fake(0.05);
    vl_batcher_options o = {1, 100, 8, 10, 50, 0, run, &f};
    vl_batcher *b;
    assert_int_equal(vl_batcher_open(&b, &o, NULL), VALENCE_OK);
    counted_job *first = make_jobs(1, 5), *many = make_jobs(11, 1), *some = make_jobs(6, 5), *heavy = make_jobs(2, 11);
    assert_int_equal(vl_batcher_submit(b, &first->job), VALENCE_OK);
    while (!atomic_load(&first->job.begun)) sleep_for(0.0005);
    chain(many, 11);
    chain(some, 6);
    chain(heavy, 2);
    assert_int_equal(vl_batcher_submit(b, &many->job), VALENCE_LIMIT); /* 11 > 10 */
    assert_int_equal(vl_batcher_submit(b, &some->job), VALENCE_OK);    /* 30 tokens */
    assert_int_equal(vl_batcher_submit(b, &heavy->job), VALENCE_LIMIT); /* 30 + 22 > 50 */
    assert_false(vl_batcher_full(b));
    for (int i = 0; i < 11; i++) many[i].job.next = NULL;
    chain(many, 4);
    assert_int_equal(vl_batcher_submit(b, &many->job), VALENCE_OK);
    assert_true(vl_batcher_full(b));
    wait_done(first, 1);
    wait_done(some, 6);
    wait_done(many, 4);
    assert_int_equal(f.ran, 11);
    for (int i = 0; i < 6; i++) assert_ptr_equal(f.order[1 + i], &some[i]);
    assert_int_equal(vl_batcher_counted(b).rejected, 13);
    heavy[0].job.tokens = 1000; /* alone in the queue it may be as heavy as it is */
    assert_int_equal(vl_batcher_submit(b, &heavy->job), VALENCE_OK);
    wait_done(heavy, 2);
    for (int i = 4; i < 11; i++) assert_int_equal(many[i].done, 0);
    vl_batcher_close(b);
    free(first), free(many), free(some), free(heavy);
}

/* What does not fit a worker's batch goes to another one that is idle, at once. */
static void test_workers_share(void **state)
{
    (void)state;
    fake f = make_fake(0.2);
    vl_batcher *b = open_batcher(&f, 3, 10, 8, MOST, 0);
    counted_job *jobs = make_jobs(3, 8);
    sleep_for(0.02); /* all are asleep */
    double start = vl_clock_seconds();
    chain(jobs, 3);
    assert_int_equal(vl_batcher_submit(b, &jobs[0].job), VALENCE_OK);
    wait_done(jobs, 3);
    assert_true(vl_clock_seconds() - start < 0.35);
    assert_int_equal(f.batches, 3);
    vl_batcher_close(b);
    free(jobs);
}

/* With company to wait for, the oldest job waits no longer than it must. */
static void test_waiting(void **state)
{
    (void)state;
    fake f = make_fake(0);
    vl_batcher *b = open_batcher(&f, 1, 1000, 4, MOST, 0.1);
    counted_job *jobs = make_jobs(6, 1);
    double start = vl_clock_seconds();
    for (int i = 0; i < 4; i++) vl_batcher_submit(b, &jobs[i].job); /* a full batch: at once */
    wait_done(jobs, 4);
    assert_true(vl_clock_seconds() - start < 0.09);
    start = vl_clock_seconds();
    vl_batcher_submit(b, &jobs[4].job);
    vl_batcher_submit(b, &jobs[5].job);
    wait_done(jobs, 6);
    double took = vl_clock_seconds() - start;
    assert_true(took > 0.09 && took < 5);
    assert_int_equal(f.batches, 2);
    assert_int_equal(f.batch_size[1], 2);
    vl_batcher_close(b);
    free(jobs);
}

static void test_failure(void **state)
{
    (void)state;
    fake f = make_fake(0);
    f.answer = VALENCE_NO_MEMORY;
    vl_batcher *b = open_batcher(&f, 2, 10, 10, 10, 0);
    counted_job *jobs = make_jobs(5, 1);
    for (int i = 0; i < 5; i++) vl_batcher_submit(b, &jobs[i].job);
    wait_done(jobs, 5);
    for (int i = 0; i < 5; i++) assert_int_equal(jobs[i].status, VALENCE_NO_MEMORY);
    vl_batcher_close(b);
    free(jobs);
}

typedef struct client {
    vl_batcher *b;
    counted_job *jobs;
    int n, taken;
    pthread_t thread;
} client;

static void *submit_all(void *argument)
{
    client *c = argument;
    for (int i = 0; i < c->n; i++) {
        vl_status status = vl_batcher_submit(c->b, &c->jobs[i].job);
        c->taken += status == VALENCE_OK;
        if (status != VALENCE_OK) count_done(&c->jobs[i].job, status);
        if (i % 7 == 0) atomic_store(&c->jobs[i].job.gone, true);
        if (i % 16 == 0) sleep_for(0.0002);
    }
    return NULL;
}

/* Ten times more than two workers can do: the queue stays bounded, each job ends exactly once. */
static void test_overload(void **state)
{
    (void)state;
    enum { CLIENTS = 4, EACH = 2000 };
    fake f = make_fake(0.001);
    client clients[CLIENTS];
    vl_batcher *b = open_batcher(&f, 2, 8, 8, 64, 0);
    for (int c = 0; c < CLIENTS; c++) {
        clients[c] = (client){.b = b, .jobs = make_jobs(EACH, 1), .n = EACH};
        assert_int_equal(pthread_create(&clients[c].thread, NULL, submit_all, &clients[c]), 0);
    }
    int taken = 0;
    for (int c = 0; c < CLIENTS; c++) {
        pthread_join(clients[c].thread, NULL);
        taken += clients[c].taken;
    }
    for (int c = 0; c < CLIENTS; c++) wait_done(clients[c].jobs, EACH);
    vl_batcher_counts counts = vl_batcher_counted(b);
    assert_int_equal(counts.rejected, CLIENTS * EACH - taken);
    assert_int_equal(counts.jobs + counts.dropped, taken);
    assert_true(counts.rejected > 0 && counts.jobs > 100);
    vl_batcher_close(b);
    for (int c = 0; c < CLIENTS; c++) {
        for (int i = 0; i < EACH; i++) assert_int_equal(clients[c].jobs[i].done, 1);
        free(clients[c].jobs);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fake f = make_fake(0);
    vl_batcher_options o = {2, 8, 8, 64, MOST_TOKENS, 0, run, &f};
    size_t before = vl_mem_usage_total().current;
    bool done = false;
    for (int n = 1; !done; n++) {
        vl_batcher *b;
        valence_error error = {0};
        vl_mem_fail_from(n);
        vl_status status = vl_batcher_open(&b, &o, &error);
        vl_mem_fail_from(0);
        done = status == VALENCE_OK;
        if (!done) assert_int_equal(status, VALENCE_NO_MEMORY);
        vl_batcher_close(b);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    o.workers = 0;
    vl_batcher *b;
    assert_int_equal(vl_batcher_open(&b, &o, NULL), VALENCE_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_and_order), cmocka_unit_test(test_gone_and_late),
        cmocka_unit_test(test_full),             cmocka_unit_test(test_all_or_none),
        cmocka_unit_test(test_workers_share),    cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_failure),          cmocka_unit_test(test_overload),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
