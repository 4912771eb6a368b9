/* io_faults.c: a library for LD_PRELOAD under which one system call of a program fails. Not part of
 * valence: tests/e2e/test_hardening.py compiles and uses it.
 *
 *     VALENCE_FAULT=CALL:N:WHAT    the N-th call (from 1); N is * for each, N+ for the N-th and
 * later VALENCE_FAULT_MARK=FILE      is made when a call has failed
 *
 * CALL: read write open opendir readdir fstat mmap flock ftruncate fsync
 * fdatasync rename pthread_create.
 * WHAT: the name of an error (EIO); `short` (read and write move one byte only); `lost` (of a
 * mapped file only the first page can be read, though its size stays: a disk that fails under a
 * mapping). With EINTR or EAGAIN and * every second call fails, so that things go on. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOTHING, SHORT = -1, LOST = -2 };

static char call_name[32];
static long wanted, what; /* wanted 0: each */
static bool and_later;
static _Atomic long calls;

static const struct {
    const char *name;
    int number;
} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR},   {"EAGAIN", EAGAIN},
              {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"EDQUOT", EDQUOT},
              {"ENOLCK", ENOLCK}, {"EXDEV", EXDEV},   {"short", SHORT},   {"lost", LOST}};

__attribute__((constructor)) static void read_environment(void)
{
    const char *fault = getenv("VALENCE_FAULT");
    char count[32] = "", kind[32] = "";
    if (!fault) return;
    if (sscanf(fault, "%31[^:]:%31[^:]:%31s", call_name, count, kind) != 3) abort();
    wanted = strtol(count, NULL, 10);
    and_later = strchr(count, '+') != NULL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(errors[i].name, kind) == 0) what = errors[i].number;
    if (!what) abort();
}

static void leave_mark(void)
{
    const char *mark = getenv("VALENCE_FAULT_MARK");
    if (mark) syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0666));
}

/* What is to become of this call: NOTHING, SHORT, LOST, or an error's number. */
static long fate(const char *name)
{
    if (strcmp(name, call_name) != 0) return NOTHING;
    long n = atomic_fetch_add(&calls, 1) + 1;
    bool hit = wanted == 0 || n == wanted || (and_later && n > wanted);
    if (wanted == 0 && (what == EINTR || what == EAGAIN)) hit = n % 2;
    if (!hit) return NOTHING;
    leave_mark();
    return what;
}

#define FAILS(name, result)                                                                        \
    long f_ = fate(name);                                                                          \
    if (f_ > 0) {                                                                                  \
        errno = (int)f_;                                                                           \
        return result;                                                                             \
    }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t read(int fd, void *bytes, size_t len)
{
    FAILS("read", -1)
    return syscall(SYS_read, fd, bytes, f_ == SHORT && len > 1 ? 1 : len);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    FAILS("write", -1)
    return syscall(SYS_write, fd, bytes, f_ == SHORT && len > 1 ? 1 : len);
}

int open(const char *path, int flags, ...)
{
    FAILS("open", -1)
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int flock(int fd, int operation)
{
    FAILS("flock", -1)
    return (int)syscall(SYS_flock, fd, operation);
}

int ftruncate(int fd, off_t size)
{
    FAILS("ftruncate", -1)
    return (int)syscall(SYS_ftruncate, fd, size);
}

int fsync(int fd)
{
    FAILS("fsync", -1)
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    FAILS("fdatasync", -1)
    return (int)syscall(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to)
{
    FAILS("rename", -1)
    return (int)syscall(SYS_rename, from, to);
}

int fstat(int fd, struct stat *st)
{
    FAILS("fstat", -1)
    return REAL(fstat)(fd, st);
}

DIR *opendir(const char *path)
{
    FAILS("opendir", NULL)
    return REAL(opendir)(path);
}

struct dirent *readdir(DIR *dir)
{
    FAILS("readdir", NULL)
    return REAL(readdir)(dir);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*start)(void *),
                   void *argument)
{
    long f = fate("pthread_create");
    return f > 0 ? (int)f : REAL(pthread_create)(thread, how, start, argument);
}

/* The first page of the file in a file of its own, mapped at the full length. */
static void *map_lost(size_t len, int protection, int fd)
{
    char page[4096];
    int copy = (int)syscall(SYS_memfd_create, "lost", 0u);
    ssize_t n = syscall(SYS_pread64, fd, page, sizeof page, 0L);
    if (n > 0) syscall(SYS_write, copy, page, n);
    void *p = (void *)syscall(SYS_mmap, NULL, len, protection, MAP_PRIVATE, copy, 0L);
    syscall(SYS_close, copy);
    return p;
}

/* Of files only: memory is the allocator's business. */
void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (fd >= 0) {
        FAILS("mmap", MAP_FAILED)
        if (f_ == LOST) return map_lost(len, protection, fd);
    }
    return (void *)syscall(SYS_mmap, address, len, protection, flags, fd, offset);
}
