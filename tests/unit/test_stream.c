/* test_stream.c: compressed files and pipes read like plain files; damaged ones are errors. */
#include "data_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <zlib.h>
#include <zstd.h>

static void add_gzip(text *t, const char *bytes, size_t len)
{
    static char out[1 << 20];
    z_stream z = {0};
    deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)(uintptr_t)bytes;
    z.avail_in = (unsigned)len;
    z.next_out = (unsigned char *)out;
    z.avail_out = sizeof out;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    add(t, out, z.total_out);
    deflateEnd(&z);
}

static void add_zstd(text *t, const char *bytes, size_t len)
{
    static char out[1 << 20];
    size_t n = ZSTD_compress(out, sizeof out, bytes, len, 3);
    assert_false(ZSTD_isError(n));
    add(t, out, n);
}

typedef void (*pack_fn)(text *t, const char *bytes, size_t len);

/* A CSV with rows of growing length, some over several lines. */
static text make_table(int rows)
{
    text t = {0};
    add(&t, "id,text,label\n", 14);
    for (int i = 0; i < rows; i++) {
        char row[400];
        int n = snprintf(row, sizeof row, "%d,\"row \"\"%d\"\"\n%*s\",%d\r\n", i, i, i % 200, "x",
                         i % 2);
        add(&t, row, (size_t)n);
    }
    return t;
}

static text read_as(const char *name, const text *bytes, size_t chunk_bytes)
{
    vl_source_options o = vl_source_options_defaults();
    o.chunk_bytes = chunk_bytes;
    return read_path(write_bytes(name, bytes->data, bytes->len), &o);
}

static void check_packed(pack_fn pack, const char *name)
{
    text plain = make_table(3000), packed = {0};
    text expected = read_as("t.csv", &plain, 0);
    pack(&packed, plain.data, 40000); /* members that end within a record */
    pack(&packed, "", 0);
    pack(&packed, plain.data + 40000, plain.len - 40000);
    for (size_t chunk = 1; chunk < 1 << 20; chunk *= 37) {
        text t = read_as(name, &packed, chunk);
        assert_string_equal(t.data, expected.data);
        free(t.data);
    }
    free(expected.data);
    free(packed.data);
    free(plain.data);
}

static void test_gzip_members(void **state)
{
    (void)state;
    check_packed(add_gzip, "t.csv.gz");
    check_packed(add_gzip, "named_otherwise.csv");
}

static void test_zstd_frames(void **state)
{
    (void)state;
    check_packed(add_zstd, "t.csv.zst");
}

static void check_damage(pack_fn pack, const char *name)
{
    text plain = make_table(500), packed = {0};
    pack(&packed, plain.data, plain.len);
    text cut = {0};
    for (size_t len = 4; len < packed.len; len += packed.len / 9) {
        cut.len = 0;
        add(&cut, packed.data, len);
        text t = read_as(name, &cut, 0);
        assert_non_null(strstr(t.data, "FORMAT: cannot decompress '"));
        assert_non_null(strstr(t.data, name));
        assert_non_null(strstr(t.data, "ends in the middle"));
        free(t.data);
    }
    packed.data[packed.len / 2] ^= 0x55;
    text t = read_as(name, &packed, 0);
    assert_non_null(strstr(t.data, "cannot decompress"));
    packed.data[packed.len / 2] ^= 0x55;
    add(&packed, "rubbish", 7);
    free(t.data);
    t = read_as(name, &packed, 0);
    assert_non_null(strstr(t.data, "cannot decompress"));
    free(t.data);
    free(cut.data);
    free(packed.data);
    free(plain.data);
}

static void test_damaged_gzip(void **state)
{
    (void)state;
    check_damage(add_gzip, "d.csv.gz");
    text t = {0};
    add_gzip(&t, "text\na\n", 7);
    add(&t, "\0\0\0\0", 4); /* padding is fine */
    text got = read_as("p.csv.gz", &t, 0);
    assert_string_equal(got.data, "1@2:6|-|-|a\n");
    free(got.data);
    free(t.data);
}

static void test_damaged_zstd(void **state)
{
    (void)state;
    check_damage(add_zstd, "d.csv.zst");
}

static void test_empty_and_tiny(void **state)
{
    (void)state;
    text t = {0};
    add_gzip(&t, "", 0);
    text got = read_as("e.csv.gz", &t, 0);
    assert_string_equal(got.data, "");
    free(got.data);
    free(t.data);
    expect_read(write_bytes("g.txt", "\x1f", 1), vl_source_options_defaults(), "1@1:1|-|-|\\1f\n");
    expect_error(write_bytes("h.txt", "\x1f\x8b", 2), vl_source_options_defaults(),
                 "ends in the middle");
}

static void test_long_record_of_a_stream(void **state)
{
    (void)state;
    text csv = {0}, packed = {0};
    add(&csv, "text,label\na,1\n\"", 16);
    for (int i = 0; i < 1000; i++) add(&csv, "long\n", 5);
    add(&csv, "\",2\nb,3\n", 8);
    add_gzip(&packed, csv.data, csv.len);
    const char *path = write_bytes("l.csv.gz", packed.data, packed.len);
    vl_source_options o = vl_source_options_defaults();
    o.max_record = 100;
    expect_read(path, o, "1@2:12|1|-|a\nbad@3:16\n3@1004:5021|3|-|b\n");
    csv.len -= 8; /* and one that never ends */
    packed.len = 0;
    add_gzip(&packed, csv.data, csv.len);
    expect_read(write_bytes("l.csv.gz", packed.data, packed.len), o, "1@2:12|1|-|a\nbad@3:16\n");
    free(packed.data);
    free(csv.data);
}

static void test_shards_of_a_stream(void **state)
{
    (void)state;
    text plain = make_table(50), packed = {0};
    add_zstd(&packed, plain.data, plain.len);
    const char *path = write_bytes("s.csv.zst", packed.data, packed.len);
    int seen[51] = {0};
    for (uint64_t i = 0; i < 3; i++) {
        vl_source_options o = vl_source_options_defaults();
        o.shard = i;
        o.shards = 3;
        text t = read_path(path, &o);
        for (char *line = strtok(t.data, "\n"); line; line = strtok(NULL, "\n")) {
            assert_in_range(atoi(line), 1, 50);
            assert_int_equal((uint64_t)(atoi(line) - 1) % 3, i);
            seen[atoi(line)]++;
        }
        free(t.data);
    }
    for (int i = 1; i <= 50; i++) assert_int_equal(seen[i], 1);
    free(packed.data);
    free(plain.data);
}

static void *write_slowly(void *argument)
{
    int fd = *(int *)argument;
    const char *pieces[] = {"te", "xt,label\n\"a", "\nb\",1\nc,", "2\nd"};
    for (int i = 0; i < 4; i++) {
        if (write(fd, pieces[i], strlen(pieces[i])) < 0) break;
        usleep(20000);
    }
    close(fd);
    return NULL;
}

/* Reads a pipe through /dev/fd: records are handed out as they come. */
static void test_pipe(void **state)
{
    (void)state;
    int ends[2];
    char path[64];
    pthread_t thread;
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &ends[1]), 0);
    text t = read_path(path, NULL);
    pthread_join(thread, NULL);
    assert_string_equal(t.data, "1@2:12|1|-|a\\0ab\n2@4:20|2|-|c\n3@5:24|-|-|d\n");
    free(t.data);
    close(ends[0]);
}

static void *write_two_lines(void *argument)
{
    int *fds = argument;
    char answer;
    if (write(fds[1], "first\nsec", 9) != 9) return NULL;
    if (read(fds[2], &answer, 1) == 1 && write(fds[1], "ond\n", 4) == 4) close(fds[1]);
    return NULL;
}

/* A writer that waits for an answer to its first line gets it: nothing waits for a full chunk. */
static void test_pipe_does_not_wait(void **state)
{
    (void)state;
    int data[2], answers[2];
    char path[64];
    pthread_t thread;
    assert_int_equal(pipe(data), 0);
    assert_int_equal(pipe(answers), 0);
    int fds[3] = {data[0], data[1], answers[0]};
    assert_int_equal(pthread_create(&thread, NULL, write_two_lines, fds), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", data[0]);
    valence_error e;
    vl_source *s;
    vl_chunk chunk = {0};
    bool more;
    vl_source_options o = vl_source_options_defaults();
    o.format = VL_DATA_LINES;
    assert_int_equal(vl_source_open(&s, path, &o, &e), VALENCE_OK);
    assert_int_equal(vl_source_next(s, &chunk, &more, &e), VALENCE_OK);
    assert_true(more && vl_span_is(chunk.bytes, "first\n"));
    assert_int_equal(write(answers[1], "!", 1), 1);
    assert_int_equal(vl_source_next(s, &chunk, &more, &e), VALENCE_OK);
    assert_true(more && vl_span_is(chunk.bytes, "second\n"));
    assert_int_equal(vl_source_next(s, &chunk, &more, &e), VALENCE_OK);
    assert_false(more);
    pthread_join(thread, NULL);
    vl_chunk_release(&chunk);
    vl_source_close(s);
    close(data[0]);
    close(answers[0]);
    close(answers[1]);
}

static void test_not_gzip_after_all(void **state)
{
    (void)state;
    vl_source_options o = vl_source_options_defaults();
    o.format = VL_DATA_LINES;
    expect_error(write_text("x.gz", "\x1f\x8b rubbish that is no gzip header"), o,
                 "cannot decompress");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip_members),       cmocka_unit_test(test_zstd_frames),
        cmocka_unit_test(test_damaged_gzip),       cmocka_unit_test(test_damaged_zstd),
        cmocka_unit_test(test_empty_and_tiny),     cmocka_unit_test(test_long_record_of_a_stream),
        cmocka_unit_test(test_shards_of_a_stream), cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_pipe_does_not_wait), cmocka_unit_test(test_not_gzip_after_all),
    };
    return cmocka_run_group_tests_name("stream", tests, make_folder, remove_folder);
}
