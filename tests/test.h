/* test.h: what the unit tests share: cmocka with the headers it wants before itself, and temporary
 * files. Assertions only in the main thread: cmocka jumps out of the test. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A name in a new folder; call test_path_done to remove both. */
static inline char *test_path(const char *name)
{
    const char *tmp = getenv("TMPDIR");
    char *path = malloc(512);
    if (!path) exit(1);
    snprintf(path, 256, "%.200s/valence-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(path)) exit(1);
    size_t len = strlen(path);
    snprintf(path + len, 512 - len, "/%.200s", name);
    return path;
}

static inline void test_path_done(char *path)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    free(path);
}

static inline void test_write(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) exit(1);
}

/* Runs fn in a child; gives its exit code, or 1000 + signal. For what changes the whole process. */
static inline int test_in_child(int (*fn)(void *argument), void *argument)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(fn(argument));
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
