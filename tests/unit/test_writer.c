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
    unlink(path);
    assert_int_equal(vl_writer_open(&j.writer, path, window, &e), VALENCE_OK);
    assert_true(part_exists(path));
    run_threads(&j);
    assert_int_equal(j.failures, 0);
    assert_int_not_equal(access(path, F_OK), 0);
    text expected = expected_bytes();
    assert_int_equal(vl_writer_end(j.writer, &e), VALENCE_OK);
    assert_int_equal(vl_writer_marked(j.writer).sequence, RESULTS);
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

/* ---- Going on -------------------------------------------------------------------------------- */

enum { PIECE = 5000, PIECES = 200 }; /* a member of a compressed file holds several */

static vl_span piece_of(uint64_t i)
{
    static char bytes[PIECE];
    for (size_t k = 0; k < PIECE; k++) bytes[k] = (char)('a' + vl_random_at(i, k) % 8);
    return (vl_span){bytes, i % 7 == 3 ? 0 : PIECE - i % 100};
}

static void submit_piece(vl_writer *w, uint64_t i)
{
    valence_error e;
    const vl_progress one = {.at = {i, 10 * i, i + 1, i + 1}, .rows = 2, .bad_rows = i % 2, .repaired = 1};
    if (vl_writer_submit_rows(w, i, piece_of(i), &one, &e) != VALENCE_OK) fail_msg("%s", e.message);
}

/* As it is on disk. */
static text raw_bytes(const char *path)
{
    text t = {0};
    char bytes[4096];
    add(&t, "", 0);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, f)) > 0;) add(&t, bytes, n);
    fclose(f);
    return t;
}

/* Stops after `last` results as a kill would, and goes on from the mark. */
static vl_writer *stop_and_go_on(vl_writer *w, const char *path, uint64_t last, uint64_t *next)
{
    valence_error e;
    uint64_t size;
    for (; *next < last; ++*next) submit_piece(w, *next);
    vl_writer_mark mark = vl_writer_marked(w);
    assert_true(mark.sequence <= last);
    if (mark.sequence) {
        assert_int_equal(mark.progress.at.byte, 10 * (mark.sequence - 1));
        assert_int_equal(mark.progress.rows, 2 * mark.sequence);
        assert_int_equal(mark.progress.bad_rows, mark.sequence / 2);
        assert_int_equal(mark.progress.repaired, mark.sequence);
    }
    assert_int_equal(vl_writer_sync(w, &e), VALENCE_OK);
    vl_writer_keep(w);
    vl_writer_close(w);
    assert_true(part_exists(path));
    assert_int_equal(vl_writer_open_part(&w, path, 4, &size, &e), VALENCE_OK);
    assert_true(size >= mark.bytes);
    vl_writer_close(w); /* looked at and left: nothing has changed */
    assert_int_equal(vl_writer_open_part(&w, path, 4, &size, &e), VALENCE_OK);
    assert_int_equal(vl_writer_continue(w, &mark, &e), VALENCE_OK);
    *next = mark.sequence;
    return w;
}

/* Bit for bit what one run writes, however often it was stopped. */
static void check_going_on(const char *name)
{
    valence_error e;
    char whole_name[64];
    snprintf(whole_name, sizeof whole_name, "whole_%s", name);
    const char *path = path_of(name);
    vl_writer *w = open_writer(path_of(whole_name));
    for (uint64_t i = 0; i < PIECES; i++) submit_piece(w, i);
    assert_int_equal(vl_writer_finish(w, &e), VALENCE_OK);
    vl_writer_close(w);
    uint64_t next = 0;
    w = open_writer(path);
    for (uint64_t last = 0; last < PIECES; last += 1 + vl_random_at(5, last) % 40)
        w = stop_and_go_on(w, path, last, &next);
    for (; next < PIECES; next++) submit_piece(w, next);
    assert_int_equal(vl_writer_end(w, &e), VALENCE_OK);
    vl_writer_mark mark = vl_writer_marked(w);
    vl_writer_keep(w);
    vl_writer_close(w); /* complete, but without its name */
    uint64_t size;
    assert_int_equal(vl_writer_open_part(&w, path, 4, &size, &e), VALENCE_OK);
    assert_int_equal(size, mark.bytes);
    assert_int_equal(vl_writer_continue(w, &mark, &e), VALENCE_OK);
    assert_int_equal(vl_writer_finish(w, &e), VALENCE_OK);
    vl_writer_close(w);
    text got = raw_bytes(path), expected = raw_bytes(path_of(whole_name));
    assert_int_equal(got.len, expected.len);
    assert_int_equal(got.len, mark.bytes);
    assert_memory_equal(got.data, expected.data, got.len);
    text plain = file_bytes(path);
    for (uint64_t i = 0, at = 0; i < PIECES; i++) {
        vl_span piece = piece_of(i);
        assert_memory_equal(plain.data + at, piece.ptr, piece.len);
        at += piece.len;
        if (i == PIECES - 1) assert_int_equal(at, plain.len);
    }
    free(got.data);
    free(expected.data);
    free(plain.data);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on("going.csv");
    check_going_on("going.csv.gz");
    check_going_on("going.csv.zst");
}

static void test_empty_compressed_file(void **state)
{
    (void)state;
    valence_error e;
    for (int k = 0; k < 2; k++) {
        const char *path = path_of(k ? "empty.gz" : "empty.zst");
        vl_writer *w = open_writer(path);
        assert_int_equal(vl_writer_finish(w, &e), VALENCE_OK);
        vl_writer_close(w);
        text t = file_bytes(path), raw = raw_bytes(path);
        assert_int_equal(t.len, 0);
        assert_true(raw.len > 0);
        free(t.data);
        free(raw.data);
    }
}

/* Two at a time: the second may not even look. */
static void test_part_is_locked(void **state)
{
    (void)state;
    valence_error e;
    uint64_t size;
    const char *path = path_of("locked.txt");
    vl_writer *w = open_writer(path), *other;
    assert_int_equal(vl_writer_open_part(&other, path, 4, &size, &e), VALENCE_IO);
    assert_non_null(strstr(e.message, "another process is writing it"));
    assert_null(other);
    vl_writer_close(w);
    assert_int_equal(vl_writer_open_part(&other, "-", 4, &size, &e), VALENCE_UNSUPPORTED);
    assert_int_equal(vl_writer_open_part(&other, "/dev/null", 4, &size, &e), VALENCE_UNSUPPORTED);
    assert_int_equal(vl_writer_open_part(&other, path, 4, &size, &e), VALENCE_OK);
    assert_int_equal(size, 0);
    vl_writer_close(other);
    assert_false(part_exists(path));
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
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_empty_compressed_file),
        cmocka_unit_test(test_part_is_locked),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_closed_pipe),
        cmocka_unit_test(test_abort_wakes_all),
        cmocka_unit_test(test_cannot_open),
        cmocka_unit_test(test_stdout),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("writer", tests, make_folder, remove_folder);
}
