/* test_atomic_file.c: the whole file or the old one; never a leftover. */
#include "test.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "base/atomic_file.h"
#include "base/mem.h"

static bool holds(const char *path, const char *wanted)
{
    char text[200] = "";
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    return n == strlen(wanted) && memcmp(text, wanted, n) == 0;
}

static bool part_exists(const char *path)
{
    char part[600];
    snprintf(part, sizeof part, "%s.part", path);
    return access(part, F_OK) == 0;
}

static void test_new_and_replaced(void **state)
{
    (void)state;
    char *path = test_path("m");
    int64_t before = vl_mem_usage_total().current;
    assert_int_equal(vl_atomic_file_write(path, vl_span_of("first"), NULL), VALENCE_OK);
    assert_true(holds(path, "first"));
    int fd = open(path, O_RDONLY);
    const char *mapped = mmap(NULL, 5, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    assert_int_equal(vl_atomic_file_write(path, vl_span_of("2"), NULL), VALENCE_OK);
    assert_true(holds(path, "2"));
    assert_memory_equal(mapped, "first", 5); /* who had it mapped keeps it */
    munmap((void *)(uintptr_t)mapped, 5);
    assert_int_equal(vl_atomic_file_write(path, (vl_span){NULL, 0}, NULL), VALENCE_OK);
    assert_true(holds(path, ""));
    assert_false(part_exists(path));
    assert_int_equal(vl_mem_usage_total().current, before);
    test_path_done(path);
}

static void test_pieces_and_abandon(void **state)
{
    (void)state;
    char *path = test_path("m");
    vl_atomic_file f;
    assert_int_equal(vl_atomic_file_open(&f, path, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_append(&f, "ab", 2, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_append(&f, "c", 1, NULL), VALENCE_OK);
    assert_true(part_exists(path) && access(path, F_OK) != 0);
    assert_int_equal(vl_atomic_file_commit(&f, NULL), VALENCE_OK);
    assert_true(holds(path, "abc"));
    assert_int_equal(vl_atomic_file_open(&f, path, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_append(&f, "zzz", 3, NULL), VALENCE_OK);
    vl_atomic_file_abandon(&f);
    vl_atomic_file_abandon(&f);
    assert_true(holds(path, "abc"));
    assert_false(part_exists(path));
    f = (vl_atomic_file){0};
    vl_atomic_file_abandon(&f);
    test_path_done(path);
}

static void test_leftover_is_replaced(void **state)
{
    (void)state;
    char *path = test_path("m"), part[600];
    snprintf(part, sizeof part, "%s.part", path);
    test_write(part, "a long leftover of a killed run", 31);
    assert_int_equal(vl_atomic_file_write(path, vl_span_of("new"), NULL), VALENCE_OK);
    assert_true(holds(path, "new"));
    assert_false(part_exists(path));
    test_path_done(path);
}

static void test_two_writers(void **state)
{
    (void)state;
    char *path = test_path("m");
    valence_error error;
    vl_atomic_file first;
    assert_int_equal(vl_atomic_file_open(&first, path, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_write(path, vl_span_of("2"), &error), VALENCE_IO);
    assert_non_null(strstr(error.message, "another process is writing it"));
    assert_int_equal(vl_atomic_file_append(&first, "1", 1, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_commit(&first, NULL), VALENCE_OK);
    assert_true(holds(path, "1"));
    assert_int_equal(vl_atomic_file_write(path, vl_span_of("2"), NULL), VALENCE_OK);
    assert_true(holds(path, "2"));
    test_path_done(path);
}

static void test_continue(void **state)
{
    (void)state;
    char *path = test_path("m"), part[600];
    uint64_t size;
    vl_atomic_file f;
    snprintf(part, sizeof part, "%s.part", path);
    test_write(part, "one two thr", 11);
    assert_int_equal(vl_atomic_file_continue(&f, path, &size, NULL), VALENCE_OK);
    assert_int_equal(size, 11);
    assert_int_equal(vl_atomic_file_write(path, vl_span_of("2"), NULL), VALENCE_IO);
    f.keep = true;
    vl_atomic_file_abandon(&f);
    assert_true(holds(part, "one two thr"));
    assert_int_equal(vl_atomic_file_continue(&f, path, &size, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_cut(&f, 8, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_append(&f, "2", 1, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_sync(&f, NULL), VALENCE_OK);
    assert_int_equal(vl_atomic_file_commit(&f, NULL), VALENCE_OK);
    assert_true(holds(path, "one two 2"));
    assert_false(part_exists(path));
    assert_int_equal(vl_atomic_file_continue(&f, path, &size, NULL), VALENCE_OK);
    assert_int_equal(size, 0);
    vl_atomic_file_abandon(&f);
    assert_false(part_exists(path));
    test_path_done(path);
}

static void test_refused(void **state)
{
    (void)state;
    char *path = test_path("m"), below[600];
    valence_error error;
    assert_int_equal(vl_atomic_file_write("/nonexistent/m", vl_span_of("x"), &error),
                     VALENCE_NOT_FOUND);
    assert_string_equal(error.message, "cannot create '/nonexistent/m': no such file or directory");
    test_write(path, "old", 3);
    snprintf(below, sizeof below, "%s/m", path);
    assert_int_equal(vl_atomic_file_write(below, vl_span_of("x"), &error), VALENCE_IO);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0); /* a folder cannot be replaced by a file */
    assert_int_equal(vl_atomic_file_write(path, vl_span_of("x"), &error), VALENCE_IO);
    assert_non_null(strstr(error.message, "cannot replace"));
    assert_false(part_exists(path));
    rmdir(path);
    test_path_done(path);
}

/* The disk is full, as far as this process can tell. */
static int write_past_limit(void *path)
{
    static char bytes[100000];
    valence_error error;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {50000, 50000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    if (vl_atomic_file_write(path, (vl_span){bytes, sizeof bytes}, &error) != VALENCE_IO) return 2;
    if (!strstr(error.message, "cannot write")) return 3;
    return part_exists(path) ? 4 : 0;
}

static void test_no_room(void **state)
{
    (void)state;
    char *path = test_path("m");
    test_write(path, "old", 3);
    assert_int_equal(test_in_child(write_past_limit, path), 0);
    assert_true(holds(path, "old"));
    test_path_done(path);
}

static int write_unprivileged(void *path)
{
    valence_error error;
    if (geteuid() == 0 && seteuid(65534) != 0) return 77;
    if (vl_atomic_file_write(path, vl_span_of("x"), &error) != VALENCE_IO) return 1;
    return strstr(error.message, "permission denied") ? 0 : 2;
}

static void test_no_permission(void **state)
{
    (void)state;
    char *path = test_path("m"), folder[600];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    assert_int_equal(chmod(folder, 0500), 0);
    int code = test_in_child(write_unprivileged, path);
    chmod(folder, 0700);
    test_path_done(path);
    if (code == 77) skip();
    assert_int_equal(code, 0);
}

static void test_relative_path(void **state)
{
    (void)state;
    char *path = test_path("m"), folder[600], here[600];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(vl_atomic_file_write("m", vl_span_of("x"), NULL), VALENCE_OK);
    assert_int_equal(chdir(here), 0);
    assert_true(holds(path, "x"));
    test_path_done(path);
}

static void test_fail_sweep(void **state)
{
    (void)state;
    char *path = test_path("m");
    int64_t before = vl_mem_usage_total().current;
    for (int n = 1; n <= 2; n++) {
        vl_mem_fail_from(n);
        assert_int_equal(vl_atomic_file_write(path, vl_span_of("x"), NULL), VALENCE_NO_MEMORY);
        vl_mem_fail_from(0);
        assert_true(access(path, F_OK) != 0 && !part_exists(path));
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    test_path_done(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_and_replaced),
        cmocka_unit_test(test_pieces_and_abandon),
        cmocka_unit_test(test_leftover_is_replaced),
        cmocka_unit_test(test_two_writers),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_no_permission),
        cmocka_unit_test(test_relative_path),
        cmocka_unit_test(test_fail_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
