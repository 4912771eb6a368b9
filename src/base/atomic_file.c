/* atomic_file.c: write aside, fsync, rename, fsync the folder. A lock on PATH.part keeps two
 * processes from writing it at the same time. */
#include "base/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { TRIES = 8 };

static const char suffix[] = ".part";

static void forget(vl_atomic_file *f)
{
    if (f->fd > 0) close(f->fd);
    vl_free(f->path);
    vl_free(f->part);
    *f = (vl_atomic_file){.fd = -1};
}

void vl_atomic_file_abandon(vl_atomic_file *f)
{
    if (f->part && !f->keep) unlink(f->part);
    forget(f);
}

/* Abandons f and tells why, by errno; the message names the final path. */
static vl_status give_up(vl_atomic_file *f, const char *verb, valence_error *error)
{
    vl_status status = vl_fail_errno(error, verb, f->path);
    vl_atomic_file_abandon(f);
    return status;
}

/* Is the file behind fd still the one of that name? */
static bool same_file(int fd, const char *name)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(name, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Some network file systems have no locks: then nobody watches over PATH.part. */
static bool without_locks(int number)
{
    return number == ENOLCK || number == EOPNOTSUPP || number == ENOSYS;
}

/* Opens and locks PATH.part. Between the two another process may have renamed it into place: then
 * what we hold is the finished file, must not be touched, and a new one is made. -1: see errno. */
static int open_locked(const char *part)
{
    for (int i = 0; i < TRIES; i++) {
        int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0 && !without_locks(errno)) {
            int number = errno == EWOULDBLOCK ? EBUSY : errno;
            close(fd);
            errno = number;
            return -1;
        }
        if (same_file(fd, part)) return fd;
        close(fd);
    }
    errno = EBUSY;
    return -1;
}

static vl_status cannot_create(const char *path, valence_error *error)
{
    if (errno != EBUSY) return vl_fail_errno(error, "cannot create", path);
    return vl_fail(error, VALENCE_IO, "cannot write '%.250s': another process is writing it", path);
}

vl_status vl_atomic_file_continue(vl_atomic_file *f, const char *path, uint64_t *size,
                                  valence_error *error)
{
    struct stat st;
    size_t len = strlen(path);
    *f = (vl_atomic_file){.fd = -1};
    f->path = vl_copy_string(VL_MEM_IO, path, len);
    f->part = vl_alloc(VL_MEM_IO, len + sizeof suffix);
    if (!f->path || !f->part) {
        forget(f);
        return vl_fail_memory(error, len, "a file name");
    }
    memcpy(f->part, path, len);
    memcpy(f->part + len, suffix, sizeof suffix);
    f->fd = open_locked(f->part);
    if (f->fd >= 0 && fstat(f->fd, &st) == 0) {
        *size = (uint64_t)st.st_size;
        return VALENCE_OK;
    }
    vl_status status = cannot_create(path, error);
    forget(f);
    return status;
}

vl_status vl_atomic_file_cut(vl_atomic_file *f, uint64_t size, valence_error *error)
{
    bool good = ftruncate(f->fd, (off_t)size) == 0 && lseek(f->fd, 0, SEEK_END) == (off_t)size;
    return good ? VALENCE_OK : vl_fail_errno(error, "cannot write", f->path);
}

vl_status vl_atomic_file_sync(const vl_atomic_file *f, valence_error *error)
{
    while (fdatasync(f->fd) != 0)
        if (errno != EINTR) return vl_fail_errno(error, "cannot write", f->path);
    return VALENCE_OK;
}

vl_status vl_atomic_file_open(vl_atomic_file *f, const char *path, valence_error *error)
{
    uint64_t size;
    VL_TRY(vl_atomic_file_continue(f, path, &size, error));
    vl_status status = vl_atomic_file_cut(f, 0, error);
    if (status != VALENCE_OK) vl_atomic_file_abandon(f);
    return status;
}

vl_status vl_atomic_file_append(vl_atomic_file *f, const void *bytes, size_t len,
                                valence_error *error)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = write(f->fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return give_up(f, "cannot write", error);
        p += n;
        len -= (size_t)n;
    }
    return VALENCE_OK;
}

/* fsync that signals do not stop. */
static bool synced(int fd)
{
    while (fsync(fd) != 0)
        if (errno != EINTR) return false;
    return true;
}

/* Some file systems cannot sync a folder (EINVAL): then there is nothing to be done. */
static vl_status sync_folder(const char *folder, const char *path, valence_error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool bad = fd >= 0 && !synced(fd) && errno != EINVAL && errno != EROFS;
    vl_status status = bad ? vl_fail_errno(error, "cannot sync the folder of", path) : VALENCE_OK;
    if (fd >= 0) close(fd);
    return status;
}

static vl_status replace(vl_atomic_file *f, const char *folder, valence_error *error)
{
    if (!synced(f->fd)) return give_up(f, "cannot write", error);
    if (rename(f->part, f->path) != 0) return give_up(f, "cannot replace", error);
    vl_status status = sync_folder(folder, f->path, error);
    forget(f);
    return status;
}

/* All memory is had before the rename: what fails must leave the old file. */
vl_status vl_atomic_file_commit(vl_atomic_file *f, valence_error *error)
{
    const char *slash = strrchr(f->path, '/');
    size_t len = slash ? (size_t)(slash - f->path) + 1 : 1;
    char *folder = vl_copy_string(VL_MEM_IO, slash ? f->path : ".", len);
    if (!folder) {
        vl_atomic_file_abandon(f);
        return vl_fail_memory(error, len, "a file name");
    }
    vl_status status = replace(f, folder, error);
    vl_free(folder);
    return status;
}

vl_status vl_atomic_file_write(const char *path, vl_span bytes, valence_error *error)
{
    vl_atomic_file f;
    VL_TRY(vl_atomic_file_open(&f, path, error));
    VL_TRY(vl_atomic_file_append(&f, bytes.ptr, bytes.len, error));
    return vl_atomic_file_commit(&f, error);
}
