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

/* "3@7:90|label|id|rest" of a whole file as its shard says it: "1@0:90|label|2/5:1|rest". */
static void add_as_in_shard(text *t, const char *line, uint64_t row, const vl_source_options *o)
{
    const char *end = strchr(line, '\n'), *byte = strchr(line, ':'), *label = strchr(line, '|');
    const char *id = strchr(label + 1, '|'), *rest = strchr(id + 1, '|');
    char head[96];
    add(t, head, (size_t)snprintf(head, sizeof head, "%d@0%.*s", (int)row, (int)(id + 1 - byte), byte));
    if (id[1] == '-')
        add(t, head, (size_t)snprintf(head, sizeof head, "%d/%d:%d", (int)o->shard + 1, (int)o->shards,
                                      (int)row));
    else add(t, id + 1, (size_t)(rest - id) - 1);
    add(t, rest, (size_t)(end - rest) + 1);
}

/* Each record, with the same place and values, in exactly one shard: the parts put behind each other
 * are the whole; rows count within the shard. */
static void check_shards(const char *name, const text *bytes, size_t chunk_bytes)
{
    const char *path = write_bytes(name, bytes->data, bytes->len);
    text whole = read_path(path, NULL);
    for (uint64_t shards = 1; shards < 40; shards += 19) {
        const char *line = whole.data;
        for (uint64_t i = 0; i < shards; i++) {
            vl_source_options o = vl_source_options_defaults();
            o.chunk_bytes = chunk_bytes;
            o.shard = i;
            o.shards = shards;
            text got = read_path(path, &o), expected = {0};
            uint64_t row = 1;
            add(&expected, "", 0);
            for (size_t n = 0; n < got.len; n++)
                if (got.data[n] == '\n' && *line) {
                    add_as_in_shard(&expected, line, row++, &o);
                    line = strchr(line, '\n') + 1;
                }
            assert_string_equal(got.data, expected.data);
            free(got.data);
            free(expected.data);
        }
        assert_int_equal(*line, '\0');
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

/* A malformed row of a shard has a byte, but no line. */
static void test_bad_row_in_shard(void **state)
{
    (void)state;
    vl_source_options o = vl_source_options_defaults();
    o.shards = 2;
    o.shard = 1;
    expect_read(write_text("bad.csv", "text\nfirst row\n\"b\"ad\nlast\n"), o,
                "bad@0:16\n2@0:22|-|2/2:2|last\n");
}

/* ---- Going on -------------------------------------------------------------------------------- */

/* Reads n chunks, then goes on in a new source from there: together the whole, with all counts. */
static bool check_seek(const char *path, const vl_source_options *o, int n, const text *whole)
{
    valence_error e = {0};
    vl_source *s;
    vl_cursor *c;
    vl_chunk chunk = {0};
    vl_record r;
    bool more = true, any = true;
    text t = {0};
    add(&t, "", 0);
    vl_source_counts counts = {0};
    assert_int_equal(vl_source_open(&s, path, o, &e), VALENCE_OK);
    vl_source_position at = vl_source_tell(s);
    assert_int_equal(vl_cursor_open(&c, s, &e), VALENCE_OK);
    for (int i = 0; i < n && any; i++) {
        assert_int_equal(vl_source_next(s, &chunk, &any, &e), VALENCE_OK);
        if (!any) break;
        vl_cursor_start(c, &chunk);
        for (more = true;;) {
            vl_status status = vl_cursor_next(c, &r, &more, &e);
            if (status == VALENCE_OK && !more) break;
            add_record(&t, status, &r, &e);
        }
        at = chunk.next;
        counts.rows += vl_cursor_counted(c).rows;
        counts.bad_rows += vl_cursor_counted(c).bad_rows;
        counts.repaired += vl_cursor_counted(c).repaired;
        vl_source_return(s, &chunk);
    }
    vl_cursor_close(c);
    vl_chunk_release(&chunk);
    assert_int_equal(vl_source_counted(s).rows, counts.rows);
    assert_int_equal(vl_source_counted(s).bad_rows, counts.bad_rows);
    vl_source_close(s);
    assert_int_equal(vl_source_open(&s, path, o, &e), VALENCE_OK);
    if (vl_source_seek(s, &at, &counts, &e) != VALENCE_OK) fail_msg("%s", e.message);
    text rest = read_source(s);
    add(&t, rest.data, rest.len);
    assert_string_equal(t.data, whole->data);
    counts = vl_source_counted(s);
    uint64_t rows = 0, bad = 0;
    for (const char *p = whole->data; *p; p = strchr(p, '\n') + 1, rows++) bad += *p == 'b';
    assert_int_equal(counts.rows, rows);
    assert_int_equal(counts.bad_rows, bad);
    vl_source_close(s);
    free(rest.data);
    free(t.data);
    return any;
}

static void check_seeks(const char *path, size_t chunk_bytes, uint64_t shards)
{
    vl_source_options o = vl_source_options_defaults();
    o.chunk_bytes = chunk_bytes;
    o.shards = shards;
    o.shard = shards ? shards - 1 : 0;
    text whole = read_path(path, &o);
    assert_true(whole.len > 200);
    int n = 0;
    while (check_seek(path, &o, n, &whole)) n++;
    assert_true(n > 3);
    free(whole.data);
}

static void test_seek(void **state)
{
    (void)state;
    /* large enough for chunks behind what is read of a stream to tell its format */
    text csv = make_file("text,label\n", "\"%d \n\"\",\xFF\",%d\n%*s,1\n\"b\"ad\n", 3000);
    const char *path = write_bytes("seek.csv", csv.data, csv.len);
    check_seeks(path, 20000, 0);
    check_seeks(path, 5000, 3);
    char command[256];
    snprintf(command, sizeof command, "gzip -kf %s && zstd -qf %s", path, path);
    if (system(command) == 0) {
        check_seeks(path_of("seek.csv.gz"), 20000, 0);
        check_seeks(path_of("seek.csv.zst"), 20000, 3);
    }
    free(csv.data);
    mkdir(path_of("seek"), 0777);
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "seek/%d.txt", i);
        write_text(name, "a document\xFF");
    }
    check_seeks(path_of("seek"), 200, 0);
    check_seeks(path_of("seek"), 200, 2);
}

static void expect_no_place(const char *path, vl_source_position at)
{
    valence_error e = {0};
    vl_source *s;
    const vl_source_counts none = {0};
    assert_int_equal(vl_source_open(&s, path, NULL, &e), VALENCE_OK);
    assert_int_equal(vl_source_seek(s, &at, &none, &e), VALENCE_ARGUMENT);
    assert_non_null(strstr(e.message, "no record begins there"));
    vl_source_close(s);
}

/* A place from elsewhere is refused, not believed. */
static void test_seek_nowhere(void **state)
{
    (void)state;
    const char *path = write_text("short.csv", "text\na\nb\n");
    expect_no_place(path, (vl_source_position){1, 10, 3, 4});
    expect_no_place(path, (vl_source_position){1, 4, 2, 2}); /* in the header */
    expect_no_place(path, (vl_source_position){1, UINT64_MAX, 3, 4});
    char command[256];
    snprintf(command, sizeof command, "gzip -kf %s", path);
    if (system(command) == 0) {
        expect_no_place(path_of("short.csv.gz"), (vl_source_position){1, 8, 3, 4});
        expect_no_place(path_of("short.csv.gz"), (vl_source_position){9, 9, 3, 4});
    }
}

static vl_source_identity identity_of(const char *path)
{
    valence_error e = {0};
    vl_source *s;
    vl_source_identity identity;
    assert_int_equal(vl_source_open(&s, path, NULL, &e), VALENCE_OK);
    if (vl_source_identify(s, &identity, &e) != VALENCE_OK) fail_msg("%s", e.message);
    vl_source_close(s);
    return identity;
}

static void test_identity(void **state)
{
    (void)state;
    text lines = make_file("", "%d %d %*s\n", 30000);
    vl_source_identity a = identity_of(write_bytes("id.txt", lines.data, lines.len));
    assert_int_equal(a.size, lines.len);
    vl_source_identity copy = identity_of(write_bytes("id2.txt", lines.data, lines.len));
    assert_true(copy.size == a.size && copy.contents == a.contents);
    lines.data[lines.len - 60000]++;
    vl_source_identity b = identity_of(write_bytes("id.txt", lines.data, lines.len));
    assert_true(b.size == a.size && b.contents != a.contents && b.mtime != a.mtime);
    mkdir(path_of("names"), 0777);
    write_text("names/a.txt", "x");
    a = identity_of(path_of("names"));
    write_text("names/a.txt", "y");
    vl_source_identity same = identity_of(path_of("names"));
    assert_memory_equal(&a, &same, sizeof a);
    assert_int_equal(a.size, 1);
    rename(path_of("names/a.txt"), path_of("names/b.txt"));
    assert_true(identity_of(path_of("names")).contents != a.contents);
    free(lines.data);
}

/* A pipe that gives nothing, and a request to stop. */
static void *stop_soon(void *argument)
{
    usleep(30000);
    atomic_store((atomic_int *)argument, 1);
    return NULL;
}

static void test_stop(void **state)
{
    (void)state;
    valence_error e = {0};
    vl_source *s;
    atomic_int stop = 0;
    int ends[2];
    char path[64];
    pthread_t thread;
    vl_source_options o = vl_source_options_defaults();
    o.stop = &stop;
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    assert_int_equal(vl_source_open(&s, path, &o, &e), VALENCE_CANCELLED);
    assert_non_null(strstr(e.message, "was stopped"));
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
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
        cmocka_unit_test(test_bad_row_in_shard),
        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_seek_nowhere),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_threads_equal_serial),
        cmocka_unit_test(test_truncated_while_read),
        cmocka_unit_test(test_truncated_while_parsed),
        cmocka_unit_test(test_resident_memory_stays_small),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_no_allocation_per_record),
    };
    return cmocka_run_group_tests_name("source", tests, make_folder, remove_folder);
}
