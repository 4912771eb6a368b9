/* test_writer.c: results of many threads in order; disks that are full and pipes that close. */
#include "data_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "base/hash.h"
#include "base/mem.h"
#include "data/stream.h"
#include "data/writer.h"

enum { THREADS = 4, RESULTS = 3000 };

typedef struct job {
    vl_writer *writer;
    _Atomic uint64_t next;
    _Atomic int failures, cancelled;
    int last_status;
} job;

static size_t result_of(uint64_t i, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%d %.*s\n", (int)i, (int)(vl_random_at(1, i) % 100),
                            "..................................................................."
                            ".................................");
}

static void *submit_some(void *argument)
{
    job *j = argument;
    for (;;) {
        char line[200];
        uint64_t i = j->next++;
        if (i >= RESULTS) return NULL;
        valence_error e;
        vl_span bytes = {line, result_of(i, line, sizeof line)};
        if (vl_random_at(2, i) % 50 == 0) usleep(500);
        vl_status status = vl_writer_submit(j->writer, i, bytes, &e);
        j->failures += status != VALENCE_OK;
        j->cancelled += status == VALENCE_CANCELLED;
        if (status != VALENCE_OK) return NULL;
    }
}

static void run_threads(job *j)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_some, j), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static text expected_bytes(void)
{
    text t = {0};
    char line[200];
    for (uint64_t i = 0; i < RESULTS; i++) add(&t, line, result_of(i, line, sizeof line));
    return t;
}

/* The file's contents, decompressed. */
static text file_bytes(const char *path)
{
    text t = {0};
    valence_error e;
    vl_stream *s;
    char bytes[4096];
    size_t got = 1;
    add(&t, "", 0);
    assert_int_equal(vl_stream_open(&s, path, &e), VALENCE_OK);
    while (got) {
        assert_int_equal(vl_stream_read(s, bytes, sizeof bytes, &got, &e), VALENCE_OK);
        add(&t, bytes, got);
    }
    vl_stream_close(s);
    return t;
}

static bool part_exists(const char *path)
{
    char part[600];
    snprintf(part, sizeof part, "%s.part", path);
    return access(part, F_OK) == 0;
}

static void check_order(const char *name, int window)
{
    const char *path = path_of(name);
    valence_error e;
    job j = {.next = 0};
    uint64_t sequence, bytes;
    unlink(path);
    assert_int_equal(vl_writer_open(&j.writer, path, window, &e), VALENCE_OK);
    assert_true(part_exists(path));
    run_threads(&j);
    assert_int_equal(j.failures, 0);
    assert_int_not_equal(access(path, F_OK), 0);
    text expected = expected_bytes();
    vl_writer_progress(j.writer, &sequence, &bytes);
    assert_int_equal(sequence, RESULTS);
    assert_int_equal(bytes, expected.len);
    assert_int_equal(vl_writer_finish(j.writer, &e), VALENCE_OK);
    vl_writer_close(j.writer);
    text got = file_bytes(path);
    assert_string_equal(got.data, expected.data);
    assert_false(part_exists(path));
    free(got.data);
    free(expected.data);
}

static void test_order(void **state)
{
    (void)state;
    check_order("a.txt", 0);
    check_order("b.txt", 1);
    check_order("c.txt", 3);
    check_order("d.txt.gz", 8);
    check_order("e.txt.zst", 8);
}

static vl_writer *open_writer(const char *path)
{
    valence_error e;
    vl_writer *w;
    vl_status status = vl_writer_open(&w, path, 4, &e);
    if (status != VALENCE_OK) fail_msg("%s", e.message);
    return w;
}

static void test_empty_results_and_old_file(void **state)
{
    (void)state;
    valence_error e;
    const char *path = write_text("old.txt", "old");
    vl_writer *w = open_writer(path);
    assert_int_equal(vl_writer_submit(w, 0, (vl_span){"", 0}, &e), VALENCE_OK);
    assert_int_equal(vl_writer_submit(w, 2, (vl_span){"b", 1}, &e), VALENCE_OK);
    assert_int_equal(vl_writer_submit(w, 1, (vl_span){"a\0", 2}, &e), VALENCE_OK);
    text before = file_bytes(path);
    assert_string_equal(before.data, "old");
    assert_int_equal(vl_writer_finish(w, &e), VALENCE_OK);
    vl_writer_close(w);
    text after = file_bytes(path);
    assert_int_equal(after.len, 3);
    assert_memory_equal(after.data, "a\0b", 3);
    free(before.data);
    free(after.data);
}

static void test_wrong_sequences(void **state)
{
    (void)state;
    valence_error e;
    const char *path = path_of("wrong.txt");
    vl_writer *w = open_writer(path);
    assert_int_equal(vl_writer_submit(w, 0, (vl_span){"a", 1}, &e), VALENCE_OK);
    assert_int_equal(vl_writer_submit(w, 0, (vl_span){"a", 1}, &e), VALENCE_ARGUMENT);
    assert_int_equal(vl_writer_submit(w, 2, (vl_span){"c", 1}, &e), VALENCE_OK);
    assert_int_equal(vl_writer_submit(w, 2, (vl_span){"c", 1}, &e), VALENCE_ARGUMENT);
    assert_int_equal(vl_writer_finish(w, &e), VALENCE_ARGUMENT);
    assert_non_null(strstr(e.message, "result 1 is missing"));
    vl_writer_close(w);
    assert_false(part_exists(path));
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_full_disk(void **state)
{
    (void)state;
    valence_error e;
    for (int threads = 0; threads < 2; threads++) {
        job j = {.writer = open_writer("/dev/full")};
        if (threads) {
            run_threads(&j);
            assert_int_equal(j.failures, THREADS);
        }
        assert_int_equal(vl_writer_submit(j.writer, 0, (vl_span){"x", 1}, &e), VALENCE_IO);
        assert_string_equal(e.message, "cannot write '/dev/full': no space left on device");
        assert_int_equal(vl_writer_finish(j.writer, &e), VALENCE_IO);
        vl_writer_close(j.writer);
    }
}

static void test_closed_pipe(void **state)
{
    (void)state;
    valence_error e;
    char path[64];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    vl_writer *w = open_writer(path);
    assert_int_equal(vl_writer_submit(w, 0, (vl_span){"x", 1}, &e), VALENCE_OK);
    close(ends[0]);
    assert_int_equal(vl_writer_submit(w, 1, (vl_span){"y", 1}, &e), VALENCE_IO);
    assert_non_null(strstr(e.message, "broken pipe"));
    vl_writer_close(w);
    close(ends[1]);
    sigset_t pending;
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

static void *abort_soon(void *argument)
{
    usleep(30000);
    vl_writer_abort(argument);
    return NULL;
}

/* Result 0 never comes: all threads wait in the end, and the abort wakes them. */
static void test_abort_wakes_all(void **state)
{
    (void)state;
    const char *path = path_of("abort.txt");
    job j = {.writer = open_writer(path), .next = 1};
    pthread_t thread;
    valence_error e;
    assert_int_equal(pthread_create(&thread, NULL, abort_soon, j.writer), 0);
    run_threads(&j);
    pthread_join(thread, NULL);
    assert_int_equal(j.cancelled, THREADS);
    assert_int_equal(vl_writer_finish(j.writer, &e), VALENCE_CANCELLED);
    vl_writer_close(j.writer);
    assert_false(part_exists(path));
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_cannot_open(void **state)
{
    (void)state;
    valence_error e = {0};
    vl_writer *w;
    assert_int_equal(vl_writer_open(&w, path_of("no/such/file"), 0, &e), VALENCE_NOT_FOUND);
    assert_non_null(strstr(e.message, "no/such/file"));
    assert_int_not_equal(vl_writer_open(&w, folder, 0, &e), VALENCE_OK);
    assert_int_equal(vl_writer_open(&w, path_of("x"), -1, &e), VALENCE_ARGUMENT);
}

static void test_stdout(void **state)
{
    (void)state;
    valence_error e;
    const char *path = path_of("stdout.txt");
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), fd = open(path, O_WRONLY | O_CREAT, 0666);
    dup2(fd, STDOUT_FILENO);
    vl_writer *w = open_writer("-");
    vl_status submitted = vl_writer_submit(w, 0, (vl_span){"hello", 5}, &e);
    vl_status finished = vl_writer_finish(w, &e);
    vl_writer_close(w);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fd);
    assert_int_equal(submitted + finished, VALENCE_OK);
    text t = file_bytes(path);
    assert_string_equal(t.data, "hello");
    free(t.data);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    static const char *const names[] = {"m.txt", "m.txt.gz", "m.txt.zst"};
    for (int k = 0; k < 3; k++) {
        int64_t before = vl_mem_usage_total().current;
        vl_status status = VALENCE_NO_MEMORY;
        for (int n = 1; status != VALENCE_OK && n < 200; n++) {
            vl_writer *w;
            vl_mem_fail_from(n);
            status = vl_writer_open(&w, path_of(names[k]), 4, NULL);
            if (status == VALENCE_OK) status = vl_writer_submit(w, 1, (vl_span){"b", 1}, NULL);
            if (status == VALENCE_OK) status = vl_writer_submit(w, 0, (vl_span){"a", 1}, NULL);
            if (status == VALENCE_OK) status = vl_writer_finish(w, NULL);
            vl_writer_close(w);
            vl_mem_fail_from(0);
            if (status != VALENCE_OK) assert_int_equal(status, VALENCE_NO_MEMORY);
            assert_int_equal(vl_mem_usage_total().current, before);
        }
        assert_int_equal(status, VALENCE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_empty_results_and_old_file),
        cmocka_unit_test(test_wrong_sequences),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_closed_pipe),
        cmocka_unit_test(test_abort_wakes_all),
        cmocka_unit_test(test_cannot_open),
        cmocka_unit_test(test_stdout),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("writer", tests, make_folder, remove_folder);
}
