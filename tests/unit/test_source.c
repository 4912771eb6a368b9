/* test_source.c: what holds for all formats: detection, shards, threads, truncation, memory. */
#include "data_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/mapped_file.h"
#include "base/mem.h"

static void test_lines(void **state)
{
    (void)state;
    static const char bytes[] = "\xEF\xBB\xBFone, \"two\"\r\n\n a\0b\t\xC3\nlast";
    expect_read(write_bytes("a.txt", bytes, sizeof bytes - 1), vl_source_options_defaults(),
                "1@1:4|-|-|one, \"two\"\n2@2:16|-|-|\n3@3:17|-|-| a\\00b\\09\\ef\\bf\\bd\n"
                "4@4:24|-|-|last\n");
    expect_read(write_text("b.txt", ""), vl_source_options_defaults(), "");
    expect_read(write_text("c.txt", "\n"), vl_source_options_defaults(), "1@1:1|-|-|\n");
    vl_source_options o = vl_source_options_defaults();
    o.max_record = 3;
    o.keep_columns = true;
    expect_read(write_text("d.txt", "abc\r\nabcd\nx"), o,
                "1@1:1|-|-|abc|abc\nbad@2:6\n3@3:11|-|-|x|x\n");
}

static void expect_format(const char *name, const char *content, vl_data_format format)
{
    valence_error e;
    vl_source *s;
    assert_int_equal(vl_source_open(&s, write_text(name, content), NULL, &e), VALENCE_OK);
    assert_int_equal(vl_source_format(s), format);
    vl_source_close(s);
}

static void test_format(void **state)
{
    (void)state;
    expect_format("a.CSV", "text\n", VL_DATA_CSV);
    expect_format("a.tab", "text\n", VL_DATA_TSV);
    expect_format("a.ndjson", "", VL_DATA_JSONL);
    expect_format("a.txt", "{\"text\":1}", VL_DATA_LINES);
    expect_format("a", "\n{\"text\":1}", VL_DATA_JSONL);
    expect_format("b", "label\tText\n", VL_DATA_TSV);
    expect_format("c", "\xEF\xBB\xBF\"text\",\"label\"\r\n", VL_DATA_CSV);
    expect_format("d", "well, some text, it seems\n", VL_DATA_LINES);
    expect_format("e", "", VL_DATA_LINES);
}

/* ---- Shards ---------------------------------------------------------------------------------- */

static text make_file(const char *header, const char *format, int rows)
{
    text t = {0};
    add(&t, header, strlen(header));
    for (int i = 0; i < rows; i++) {
        char row[200];
        add(&t, row, (size_t)snprintf(row, sizeof row, format, i, i % 2, i % 90, "x"));
    }
    return t;
}

/* Each record, with the same number and place, in exactly one shard: the parts put behind each
 * other are the whole. */
static void check_shards(const char *name, const text *bytes, size_t chunk_bytes)
{
    const char *path = write_bytes(name, bytes->data, bytes->len);
    text whole = read_path(path, NULL);
    for (uint64_t shards = 1; shards < 40; shards += 19) {
        text parts = {0};
        add(&parts, "", 0);
        for (uint64_t i = 0; i < shards; i++) {
            vl_source_options o = vl_source_options_defaults();
            o.chunk_bytes = chunk_bytes;
            o.shard = i;
            o.shards = shards;
            text t = read_path(path, &o);
            add(&parts, t.data, t.len);
            free(t.data);
        }
        assert_string_equal(parts.data, whole.data);
        free(parts.data);
    }
    free(whole.data);
}

static void test_shards(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16, 333, 0}; /* bytes per chunk */
    text csv = make_file("text,label\n", "\"%d \n,\",%d\n%*s,1\n", 60);
    text tsv = make_file("id\tlabel\ttext\n", "%d\t%d\t%*s\n", 100);
    text lines = make_file("", "%d %d %*s\n", 80);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_shards("s.csv", &csv, sizes[i]);
        check_shards("s.tsv", &tsv, sizes[i]);
        check_shards("s.txt", &lines, sizes[i]);
    }
    free(csv.data);
    free(tsv.data);
    free(lines.data);
}

/* ---- Threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, MOST_CHUNKS = 4096 };

typedef struct shared {
    vl_source *source;
    text chunks[MOST_CHUNKS]; /* by sequence number */
    _Atomic int failures;
} shared;

static void *read_some(void *argument)
{
    shared *all = argument;
    valence_error e;
    vl_cursor *c = NULL;
    vl_chunk chunk = {0};
    vl_record r;
    bool more;
    if (vl_cursor_open(&c, all->source, &e) != VALENCE_OK) all->failures++;
    while (c && vl_source_next(all->source, &chunk, &more, &e) == VALENCE_OK && more) {
        text *t = &all->chunks[chunk.sequence % MOST_CHUNKS];
        if (chunk.sequence >= MOST_CHUNKS || t->data) all->failures++;
        vl_cursor_start(c, &chunk);
        for (;;) {
            vl_status status = vl_cursor_next(c, &r, &more, &e);
            if (status == VALENCE_OK && !more) break;
            if (status != VALENCE_OK && status != VALENCE_FORMAT) {
                all->failures++;
                break;
            }
            add_record(t, status, &r, &e);
        }
        vl_source_return(all->source, &chunk);
    }
    vl_chunk_release(&chunk);
    vl_cursor_close(c);
    return NULL;
}

static void check_parallel(const char *path, size_t chunk_bytes)
{
    static shared all;
    valence_error e;
    pthread_t threads[THREADS];
    vl_source_options o = vl_source_options_defaults();
    o.chunk_bytes = chunk_bytes;
    memset(&all, 0, sizeof all);
    text serial = read_path(path, &o), parallel = {0};
    assert_int_equal(vl_source_open(&all.source, path, &o, &e), VALENCE_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_some, &all), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(all.failures, 0);
    add(&parallel, "", 0);
    for (int i = 0; i < MOST_CHUNKS; i++) {
        if (all.chunks[i].data) add(&parallel, all.chunks[i].data, all.chunks[i].len);
        free(all.chunks[i].data);
    }
    assert_string_equal(parallel.data, serial.data);
    free(parallel.data);
    free(serial.data);
    vl_source_close(all.source);
}

static void test_threads_equal_serial(void **state)
{
    (void)state;
    text csv = make_file("text,label\n", "\"%d \n\"\",\xFF\",%d\n%*s,1\n\"b\"ad\n", 2000);
    text jsonl = make_file("", "{\"text\":\"%d\",\"label\":%d}\n%*s\n", 2000);
    check_parallel(write_bytes("p.csv", csv.data, csv.len), 300);
    check_parallel(write_bytes("p.txt", csv.data, csv.len), 300);
    check_parallel(write_bytes("p.jsonl", jsonl.data, jsonl.len), 300);
    char command[256];
    snprintf(command, sizeof command, "gzip -kf %s && zstd -qf %s", path_of("p.csv"),
             path_of("p.csv"));
    if (system(command) == 0) {
        check_parallel(path_of("p.csv.gz"), 300);
        check_parallel(path_of("p.csv.zst"), 300);
    }
    free(csv.data);
    free(jsonl.data);
}

/* ---- Files that change ----------------------------------------------------------------------- */

static struct sigaction guard; /* cmocka puts its own handler in the place of mapped_file's */

static void remember_guard(void)
{
    char path[] = "/tmp/valence_guard_XXXXXX";
    int fd = mkstemp(path);
    vl_mapped_file m;
    if (fd < 0 || write(fd, "x", 1) != 1) exit(1);
    if (vl_mapped_file_open(&m, path, NULL) != VALENCE_OK) exit(1);
    sigaction(SIGBUS, NULL, &guard);
    vl_mapped_file_release(&m);
    close(fd);
    unlink(path);
}

/* Cut after the first chunk was handed out: an error that names the file, for every later call. */
static void check_truncated(off_t size)
{
    text tsv = make_file("id\tlabel\ttext\n", "%d\t%d\t%*s\n", 20000);
    const char *path = write_bytes("cut.tsv", tsv.data, tsv.len);
    valence_error e = {0};
    vl_source *s;
    vl_chunk chunk = {0};
    bool more;
    vl_source_options o = vl_source_options_defaults();
    o.chunk_bytes = 10000;
    assert_int_equal(vl_source_open(&s, path, &o, &e), VALENCE_OK);
    assert_int_equal(vl_source_next(s, &chunk, &more, &e), VALENCE_OK);
    vl_source_return(s, &chunk);
    assert_int_equal(truncate(path, size), 0);
    vl_status status = VALENCE_OK;
    while (status == VALENCE_OK && more) status = vl_source_next(s, &chunk, &more, &e);
    assert_int_equal(status, VALENCE_IO);
    assert_non_null(strstr(e.message, path));
    assert_non_null(strstr(e.message, "cut short"));
    assert_false(more);
    e.message[0] = '\0';
    assert_int_equal(vl_source_next(s, &chunk, &more, &e), VALENCE_IO);
    assert_non_null(strstr(e.message, "cut short"));
    vl_chunk_release(&chunk);
    vl_source_close(s);
    free(tsv.data);
}

static void test_truncated_while_read(void **state)
{
    (void)state;
    sigaction(SIGBUS, &guard, NULL);
    check_truncated(0);
    check_truncated(20000);
    check_truncated(100);
}

/* Cut while a chunk is being parsed: the cursor tells at the chunk's end. */
static void test_truncated_while_parsed(void **state)
{
    (void)state;
    sigaction(SIGBUS, &guard, NULL);
    text lines = make_file("", "%d %d %*s\n", 5000);
    const char *path = write_bytes("cut.txt", lines.data, lines.len);
    valence_error e = {0};
    vl_source *s;
    vl_cursor *c;
    vl_chunk chunk = {0};
    vl_record r;
    bool more;
    assert_int_equal(vl_source_open(&s, path, NULL, &e), VALENCE_OK);
    assert_int_equal(vl_cursor_open(&c, s, &e), VALENCE_OK);
    assert_int_equal(vl_source_next(s, &chunk, &more, &e), VALENCE_OK);
    vl_cursor_start(c, &chunk);
    assert_int_equal(vl_cursor_next(c, &r, &more, &e), VALENCE_OK);
    assert_int_equal(truncate(path, (off_t)lines.len - 3), 0);
    vl_status status = VALENCE_OK;
    while (status == VALENCE_OK && more) status = vl_cursor_next(c, &r, &more, &e);
    assert_int_equal(status, VALENCE_IO);
    vl_cursor_close(c);
    vl_chunk_release(&chunk);
    vl_source_close(s);
    free(lines.data);
}

/* 64 MB read in windows leave little behind in memory. */
static void test_resident_memory_stays_small(void **state)
{
    (void)state;
    const char *path = path_of("big.txt");
    FILE *f = fopen(path, "w");
    char line[1024];
    memset(line, 'x', sizeof line);
    line[1023] = '\n';
    for (int i = 0; i < 64 << 10; i++) fwrite(line, 1, sizeof line, f);
    fclose(f);
    valence_error e;
    vl_source *s;
    vl_cursor *c;
    vl_chunk chunk = {0};
    vl_record r;
    bool more;
    assert_int_equal(vl_source_open(&s, path, NULL, &e), VALENCE_OK);
    assert_int_equal(vl_cursor_open(&c, s, &e), VALENCE_OK);
    int64_t before = vl_rss_bytes(), most = 0;
    uint64_t rows = 0;
    while (vl_source_next(s, &chunk, &more, &e) == VALENCE_OK && more) {
        vl_cursor_start(c, &chunk);
        while (vl_cursor_next(c, &r, &more, &e) == VALENCE_OK && more) rows++;
        if (vl_rss_bytes() > most) most = vl_rss_bytes();
        vl_source_return(s, &chunk);
    }
    assert_int_equal(rows, 64 << 10);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(most - before < 8 << 20);
#else
    (void)before;
#endif
    vl_cursor_close(c);
    vl_chunk_release(&chunk);
    vl_source_close(s);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Fails the n-th allocation for n = 1, 2, ..: always an error or the right result, never a leak. */
static void sweep(const char *path, vl_source_options o)
{
    text expected = read_path(path, &o);
    int64_t before = vl_mem_usage_total().current;
    int n = 1, failed = 0;
    for (bool reached = true; reached && n < 500; n++) {
        vl_mem_fail_from(n);
        text t = read_path(path, &o);
        reached = strstr(t.data, "NO_MEMORY: ") != NULL;
        vl_mem_fail_from(0);
        if (!reached) assert_string_equal(t.data, expected.data);
        failed += reached;
        assert_int_equal(vl_mem_usage_total().current, before);
        free(t.data);
    }
    assert_true(failed > 3);
    free(expected.data);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    vl_source_options o = vl_source_options_defaults();
    o.chunk_bytes = 64;
    o.keep_columns = true;
    const char *csv = "text,label,id\n\"a \"\"b\"\" \xFF\",\xFF,\"3\"\"\"\n\"x\ny\",2,3\n";
    sweep(write_text("m.csv", csv), o);
    sweep(write_text("m.tsv", "text\tlabel\na\xFF\t1\n"), o);
    sweep(write_text("m.txt", "a\xFF\nb\n"), o);
    sweep(write_text("m.jsonl", "{\"text\":\"a\",\"id\":1,\"x\":[1]}\n{\"text\":\"b\"}\n"), o);
    char command[256];
    snprintf(command, sizeof command, "gzip -kf %s && zstd -qf %s", path_of("m.csv"),
             path_of("m.csv"));
    if (system(command) == 0) {
        sweep(path_of("m.csv.gz"), o);
        sweep(path_of("m.csv.zst"), o);
    }
    mkdir(path_of("m"), 0777);
    mkdir(path_of("m/pos"), 0777);
    write_text("m/pos/a.txt", "a\xFF");
    sweep(path_of("m"), o);
}

/* In the middle of a file of plain rows nothing is allocated. */
static void test_no_allocation_per_record(void **state)
{
    (void)state;
    text tsv = make_file("id\tlabel\ttext\n", "%d\t%d\t%*s\n", 5000);
    const char *path = write_bytes("n.tsv", tsv.data, tsv.len);
    valence_error e;
    vl_source *s;
    vl_cursor *c;
    vl_chunk chunk = {0};
    vl_record r;
    bool more;
    assert_int_equal(vl_source_open(&s, path, NULL, &e), VALENCE_OK);
    assert_int_equal(vl_cursor_open(&c, s, &e), VALENCE_OK);
    int64_t before = vl_mem_usage_total().allocations;
    while (vl_source_next(s, &chunk, &more, &e) == VALENCE_OK && more) {
        vl_cursor_start(c, &chunk);
        while (vl_cursor_next(c, &r, &more, &e) == VALENCE_OK && more) continue;
        vl_source_return(s, &chunk);
    }
    assert_int_equal(vl_mem_usage_total().allocations, before);
    vl_cursor_close(c);
    vl_chunk_release(&chunk);
    vl_source_close(s);
    free(tsv.data);
}

int main(void)
{
    remember_guard();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_threads_equal_serial),
        cmocka_unit_test(test_truncated_while_read),
        cmocka_unit_test(test_truncated_while_parsed),
        cmocka_unit_test(test_resident_memory_stays_small),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_no_allocation_per_record),
    };
    return cmocka_run_group_tests_name("source", tests, make_folder, remove_folder);
}
