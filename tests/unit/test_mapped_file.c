/* test_mapped_file.c: contents, and what happens when the file shrinks under the mapping. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mapped_file.h"

enum { PAGE = 4096 };

static char *file_of(size_t size)
{
    char *path = test_path("f"), *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(i % 251 + 1);
    test_write(path, bytes, size);
    free(bytes);
    return path;
}

static void test_contents(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 100, PAGE, PAGE + 1, 5 * PAGE - 1};
    for (size_t k = 0; k < LENGTH(sizes); k++) {
        char *path = file_of(sizes[k]);
        vl_mapped_file m;
        assert_int_equal(vl_mapped_file_open(&m, path, NULL), VALENCE_OK);
        assert_int_equal(m.size, sizes[k]);
        vl_mapped_file_sequential(&m);
        for (size_t i = 0; i < m.size; i++) assert_int_equal(m.data[i], (char)(i % 251 + 1));
        vl_mapped_file_give_back(&m, 0, m.size);
        vl_mapped_file_give_back(&m, 3, 2);
        for (size_t i = 0; i < m.size; i++) assert_int_equal(m.data[i], (char)(i % 251 + 1));
        assert_false(vl_mapped_file_truncated(&m));
        vl_mapped_file_release(&m);
        vl_mapped_file_release(&m);
        test_path_done(path);
    }
}

static void test_empty_and_zeroed(void **state)
{
    (void)state;
    char *path = file_of(0);
    vl_mapped_file m, zeroed = {0};
    assert_int_equal(vl_mapped_file_open(&m, path, NULL), VALENCE_OK);
    assert_true(m.data == NULL && m.size == 0);
    assert_false(vl_mapped_file_truncated(&m));
    vl_mapped_file_give_back(&m, 0, 0);
    vl_mapped_file_release(&m);
    vl_mapped_file_release(&zeroed);
    test_path_done(path);
}

static void test_what_cannot_be_mapped(void **state)
{
    (void)state;
    vl_mapped_file m;
    valence_error error;
    assert_int_equal(vl_mapped_file_open(&m, "/nonexistent/x", &error), VALENCE_NOT_FOUND);
    assert_string_equal(error.message, "cannot open '/nonexistent/x': no such file or directory");
    assert_int_equal(vl_mapped_file_open(&m, "/", &error), VALENCE_ARGUMENT);
    assert_int_equal(vl_mapped_file_open(&m, "/dev/null", NULL), VALENCE_UNSUPPORTED);
    char *fifo = test_path("fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    alarm(20); /* opening a FIFO would wait for its writer */
    assert_int_equal(vl_mapped_file_open(&m, fifo, NULL), VALENCE_UNSUPPORTED);
    alarm(0);
    test_path_done(fifo);
}

static void test_too_many(void **state)
{
    (void)state;
    enum { MOST = 1024 };
    static vl_mapped_file m[MOST];
    char *path = file_of(10);
    valence_error error;
    int opened = 0;
    vl_status status = VALENCE_OK;
    while (opened < MOST && status == VALENCE_OK) {
        status = vl_mapped_file_open(&m[opened], path, &error);
        opened += status == VALENCE_OK;
    }
    vl_mapped_file more;
    if (status == VALENCE_OK) status = vl_mapped_file_open(&more, path, &error);
    assert_true(status == VALENCE_LIMIT || status == VALENCE_IO); /* or too many descriptors */
    for (int i = 0; i < opened; i++) vl_mapped_file_release(&m[i]);
    assert_int_equal(vl_mapped_file_open(&more, path, &error), VALENCE_OK);
    vl_mapped_file_release(&more);
    test_path_done(path);
}

static void exit_42(int number)
{
    (void)number;
    _exit(42);
}

static void exit_43(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    _exit(info->si_addr ? 43 : 44);
}

/* A page without a file behind it that is not ours. */
static int foreign_bus_error(const char *path)
{
    int fd = open(path, O_RDWR);
    volatile char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED || ftruncate(fd, 0) != 0) return 90;
    return p[0] ? 91 : 92; /* not reached */
}

typedef struct plan {
    const char *ours, *theirs;
    int how; /* 0: plain handler, 1: with siginfo, 2: none, 3: none, sent by kill */
} plan;

static int meet_foreign(void *argument)
{
    const plan *p = argument;
    struct sigaction action = {.sa_handler = exit_42};
    if (p->how == 1) action = (struct sigaction){.sa_sigaction = exit_43, .sa_flags = SA_SIGINFO};
    if (p->how >= 2) action.sa_handler = SIG_DFL;
    sigaction(SIGBUS, &action, NULL);
    vl_mapped_file m;
    if (vl_mapped_file_open(&m, p->ours, NULL) != VALENCE_OK) return 93;
    if (p->how == 3) kill(getpid(), SIGBUS);
    return p->how == 3 ? 94 : foreign_bus_error(p->theirs);
}

static void test_foreign_bus_error(void **state)
{
    (void)state;
    const int wanted[] = {42, 43, 1000 + SIGBUS, 1000 + SIGBUS};
    for (int how = 0; how < 4; how++) {
        char *ours = file_of(PAGE), *theirs = file_of(PAGE);
        plan p = {ours, theirs, how};
        assert_int_equal(test_in_child(meet_foreign, &p), wanted[how]);
        test_path_done(ours);
        test_path_done(theirs);
    }
}

/* cmocka sets its own SIGBUS handler before every test, over ours, which is installed once. So what
 * needs ours runs in children of a parent that has mapped nothing yet; they give 0 when all is well
 * and assert nothing. */

typedef struct cut {
    const char *path;
    size_t size, cut;
} cut;

/* Every byte is what it was, or zero from the cut on; and the mark is set. */
static int read_cut(void *argument)
{
    const cut *c = argument;
    vl_mapped_file m;
    if (vl_mapped_file_open(&m, c->path, NULL) != VALENCE_OK || m.data[0] != 1) return 1;
    if (vl_mapped_file_truncated(&m) || truncate(c->path, (off_t)c->cut) != 0) return 2;
    for (size_t i = 0; i < c->size; i++)
        if (m.data[i] != (i < c->cut ? (char)(i % 251 + 1) : 0)) return 3;
    if (!vl_mapped_file_truncated(&m)) return 4;
    vl_mapped_file_release(&m);
    return 0;
}

static void test_truncated(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{10 * PAGE, 3 * PAGE},
                                      {10 * PAGE, 3 * PAGE + 17},
                                      {10 * PAGE + 5, 0},
                                      {10 * PAGE, 10 * PAGE - 1},
                                      {100, 50}}; /* inside the only page: no signal tells */
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        char *path = file_of(sizes[i][0]);
        cut c = {path, sizes[i][0], sizes[i][1]};
        assert_int_equal(test_in_child(read_cut, &c), 0);
        test_path_done(path);
    }
}

static int read_behind(void *argument)
{
    vl_mapped_file m;
    if (vl_mapped_file_open(&m, argument, NULL) != VALENCE_OK) return 1;
    if (truncate(argument, 10) != 0) return 2;
    volatile const char *p = m.data;
    return p[2 * PAGE + 60] == 0 ? 0 : 3;
}

/* A reader that looks a few bytes past the end, inside the last page, is safe as well. */
static void test_truncated_padding(void **state)
{
    (void)state;
    char *path = file_of(2 * PAGE + 10);
    assert_int_equal(test_in_child(read_behind, path), 0);
    test_path_done(path);
}

static int read_two(void *argument)
{
    vl_mapped_file a, b;
    if (vl_mapped_file_open(&a, argument, NULL) || vl_mapped_file_open(&b, argument, NULL))
        return 1;
    if (truncate(argument, PAGE) != 0) return 2;
    volatile const char *p = a.data;
    if (p[3 * PAGE] != 0) return 3;
    if (!vl_mapped_file_truncated(&a) || !vl_mapped_file_truncated(&b)) return 4;
    vl_mapped_file_release(&a);
    if (vl_mapped_file_open(&a, argument, NULL)) return 5; /* the slot again, unmarked */
    if (vl_mapped_file_truncated(&a)) return 6;
    vl_mapped_file_release(&a);
    vl_mapped_file_release(&b);
    return 0;
}

static void test_two_mappings(void **state)
{
    (void)state;
    char *path = file_of(4 * PAGE);
    assert_int_equal(test_in_child(read_two, path), 0);
    test_path_done(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_bus_error), /* the first four: see above */
        cmocka_unit_test(test_truncated),         cmocka_unit_test(test_truncated_padding),
        cmocka_unit_test(test_two_mappings),      cmocka_unit_test(test_contents),
        cmocka_unit_test(test_empty_and_zeroed),  cmocka_unit_test(test_what_cannot_be_mapped),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
