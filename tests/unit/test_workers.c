/* test_workers.c: each index once, whatever the threads; nothing is asserted inside them. */
#include "test.h"

#include <signal.h>
#include <stdatomic.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/workers.h"

enum { MOST = 1000, MOST_THREADS = 8 };

typedef struct counts {
    _Atomic int index[MOST];
    _Atomic int thread[MOST_THREADS];
    _Atomic int bad; /* an index or a thread number out of range */
    int threads;
    int64_t count;
} counts;

static void count(void *argument, int64_t index, int thread)
{
    counts *c = argument;
    if (index < 0 || index >= c->count || thread < 0 || thread >= c->threads) {
        atomic_store(&c->bad, 1);
        return;
    }
    atomic_fetch_add(&c->index[index], 1);
    atomic_fetch_add(&c->thread[thread], 1);
}

static void check_loop(vl_workers *w, int64_t n)
{
    static counts c;
    memset(&c, 0, sizeof c);
    c.threads = vl_workers_threads(w);
    c.count = n;
    vl_workers_run(w, count, &c, n);
    assert_int_equal(c.bad, 0);
    for (int64_t i = 0; i < MOST; i++) assert_int_equal(c.index[i], i < n ? 1 : 0);
    int64_t sum = 0;
    for (int i = 0; i < MOST_THREADS; i++) sum += c.thread[i];
    assert_int_equal(sum, n);
}

static void test_each_index_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        vl_workers *w;
        assert_int_equal(vl_workers_open(&w, threads, NULL), VALENCE_OK);
        assert_int_equal(vl_workers_threads(w), threads);
        const int64_t sizes[] = {0, 1, 2, threads, threads + 1, 97, MOST};
        for (size_t i = 0; i < LENGTH(sizes); i++) check_loop(w, sizes[i]);
        vl_workers_close(w);
    }
}

static void test_without_pool(void **state)
{
    (void)state;
    assert_int_equal(vl_workers_threads(NULL), 1);
    check_loop(NULL, 10);
    vl_workers_close(NULL);
}

typedef struct sums {
    int64_t of[MOST]; /* plain memory: the pool must order the rounds */
} sums;

static void add_index(void *argument, int64_t index, int thread)
{
    (void)thread;
    ((sums *)argument)->of[index] += index;
}

/* What one round wrote the next may read without further ado, in any thread. */
static void test_many_rounds(void **state)
{
    (void)state;
    enum { ROUNDS = 3000, N = 13 };
    vl_workers *w;
    assert_int_equal(vl_workers_open(&w, 4, NULL), VALENCE_OK);
    static sums s;
    for (int round = 0; round < ROUNDS; round++) vl_workers_run(w, add_index, &s, N);
    for (int64_t i = 0; i < N; i++) assert_int_equal(s.of[i], i * ROUNDS);
    vl_workers_close(w);
}

static void test_default_count_and_idle_close(void **state)
{
    (void)state;
    vl_workers *w;
    assert_int_equal(vl_workers_open(&w, 0, NULL), VALENCE_OK);
    assert_int_equal(vl_workers_threads(w), vl_cpu_count());
    vl_workers_close(w);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().current;
    for (int n = 1; n <= 5; n++) { /* pool, handles, three seats */
        vl_workers *w;
        valence_error error;
        vl_mem_fail_from(n);
        assert_int_equal(vl_workers_open(&w, 4, &error), VALENCE_NO_MEMORY);
        vl_mem_fail_from(0);
        assert_null(w);
        assert_non_null(strstr(error.message, "memory"));
    }
    assert_int_equal(vl_mem_usage_total().current, before);
}

static void note_mask(void *argument, int64_t index, int thread)
{
    (void)index;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (thread > 0) atomic_store((_Atomic int *)argument, 1 + sigismember(&mask, SIGTERM));
}

/* Signals of the process belong to the application's own threads. */
static void test_workers_block_signals(void **state)
{
    (void)state;
    vl_workers *w;
    _Atomic int seen = 0;
    assert_int_equal(vl_workers_open(&w, 4, NULL), VALENCE_OK);
    for (int i = 0; i < 1000 && !seen; i++) vl_workers_run(w, note_mask, &seen, 64);
    if (seen) assert_int_equal(seen, 2);
    vl_workers_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_index_once), cmocka_unit_test(test_without_pool),
        cmocka_unit_test(test_many_rounds),     cmocka_unit_test(test_default_count_and_idle_close),
        cmocka_unit_test(test_out_of_memory),   cmocka_unit_test(test_workers_block_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
