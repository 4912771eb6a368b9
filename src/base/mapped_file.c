/* mapped_file.c: mmap with a guard against truncation.
 *
 * The kernel sends SIGBUS when a mapped page has no file behind it any more. Our handler looks the
 * address up in a small table of live mappings; if it is ours it puts an anonymous zero page there,
 * marks the mapping truncated and lets the read go on. The reader asks for the mark afterwards; it
 * also compares the file's size, because a cut inside a page raises no signal.
 * Addresses that are not ours go to whatever handler was there before. */
#include "base/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_GUARDED = 1024 };

typedef struct guard {
    _Atomic uintptr_t begin; /* 0: free */
    _Atomic uintptr_t end;
    _Atomic int truncated;
} guard;

static guard guards[MAX_GUARDED];
static struct sigaction previous;
static pthread_once_t install_once = PTHREAD_ONCE_INIT;

static guard *guard_of(uintptr_t address)
{
    for (int i = 0; i < MAX_GUARDED; i++)
        if (address >= atomic_load(&guards[i].begin) && address < atomic_load(&guards[i].end))
            return &guards[i];
    return NULL;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else {
        signal(number, SIG_DFL); /* returning repeats the access and ends the process as usual */
        if (info->si_code <= 0) raise(number); /* sent by kill(): nothing would be repeated */
    }
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);
    guard *g = guard_of((uintptr_t)info->si_addr);
    void *target = (void *)page;
    if (g && mmap(target, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                 target)
        atomic_store(&g->truncated, 1);
    else pass_on(number, info, context);
    errno = saved;
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

/* The last page counts whole: readers may look a few bytes past the end of the file.
 * Claims a slot of the table, or -1 when all are taken (then the mapping is unguarded). */
static int guard_add(const char *data, size_t size)
{
    pthread_once(&install_once, install_handler);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = (uintptr_t)data + (size + page - 1) / page * page;
    for (int i = 0; i < MAX_GUARDED; i++) {
        uintptr_t expected = 0;
        if (!atomic_compare_exchange_strong(&guards[i].begin, &expected, (uintptr_t)data)) continue;
        atomic_store(&guards[i].truncated, 0);
        atomic_store(&guards[i].end, end);
        return i;
    }
    return -1;
}

static void guard_remove(int slot)
{
    if (slot < 0) return;
    atomic_store(&guards[slot].end, 0);
    atomic_store(&guards[slot].begin, 0);
}

/* On success m has taken the descriptor over, unless the file is empty. */
static vl_status map_descriptor(vl_mapped_file *m, int fd, const char *path, valence_error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return vl_fail_errno(error, "cannot examine", path);
    if (S_ISDIR(st.st_mode))
        return vl_fail(error, VALENCE_ARGUMENT, "cannot read '%.250s': it is a folder", path);
    if (!S_ISREG(st.st_mode)) return VALENCE_UNSUPPORTED;
    if (st.st_size == 0) return VALENCE_OK;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) return vl_fail_errno(error, "cannot map", path);
    m->slot = guard_add(data, (size_t)st.st_size);
    if (m->slot < 0) {
        munmap(data, (size_t)st.st_size);
        return vl_fail(error, VALENCE_LIMIT, "cannot map '%.250s': %d files are mapped already",
                       path, MAX_GUARDED);
    }
    m->data = data;
    m->size = (size_t)st.st_size;
    m->fd = fd;
    return VALENCE_OK;
}

static bool may_be_opened(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
}

vl_status vl_mapped_file_open(vl_mapped_file *m, const char *path, valence_error *error)
{
    *m = (vl_mapped_file){.slot = -1, .fd = -1};
    if (!may_be_opened(path)) return VALENCE_UNSUPPORTED;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vl_fail_errno(error, "cannot open", path);
    vl_status status = map_descriptor(m, fd, path, error);
    if (m->fd != fd) close(fd);
    return status;
}

void vl_mapped_file_release(vl_mapped_file *m)
{
    if (!m->data) return;
    guard_remove(m->slot);
    munmap((void *)(uintptr_t)m->data, m->size);
    close(m->fd);
    *m = (vl_mapped_file){.slot = -1, .fd = -1};
}

void vl_mapped_file_give_back(const vl_mapped_file *m, size_t from, size_t to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    from = (from + page - 1) / page * page;
    to = to / page * page;
    /* A page that replaced a truncated one is dropped too, and reads as zero again. */
    if (m->data && from < to)
        madvise((void *)(uintptr_t)(m->data + from), to - from, MADV_DONTNEED);
}

void vl_mapped_file_sequential(const vl_mapped_file *m)
{
    if (m->data) madvise((void *)(uintptr_t)m->data, m->size, MADV_SEQUENTIAL);
}

bool vl_mapped_file_lost(const vl_mapped_file *m)
{
    return m->data && atomic_load_explicit(&guards[m->slot].truncated, memory_order_relaxed);
}

bool vl_mapped_file_truncated(const vl_mapped_file *m)
{
    struct stat st;
    if (!m->data) return false;
    if (vl_mapped_file_lost(m)) return true;
    return fstat(m->fd, &st) == 0 && (uint64_t)st.st_size < m->size;
}
