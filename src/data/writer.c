/* writer.c: a ring of early results. The thread whose turn it is writes with the lock open, marked
 * by `writing`, and goes on with the results that wait behind its own; others meanwhile leave
 * theirs in the ring. So no thread waits for another's turn unless it is a window ahead. */
#include "data/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/buffer.h"
#include "data/packer.h"

enum { WINDOW = 64, MAX_WINDOW = 1 << 20 };

typedef struct slot {
    bool full;
    vl_buffer bytes;
} slot;

struct vl_writer {
    char *path;
    int fd;
    vl_atomic_file file; /* behind fd, if `atomic` */
    bool atomic, pipe;
    vl_packer *packer;

    pthread_mutex_t lock;
    pthread_cond_t moved; /* next, writing or failed has changed */
    uint64_t next;        /* the result whose turn it is */
    uint64_t written;     /* bytes of the results before it */
    bool writing, failed;
    valence_error failure;
    uint64_t window;
    slot *ring; /* (window) result n waits in ring[n % window] */
};

/* ---- Bytes to the descriptor ----------------------------------------------------------------- */

/* write(2) without the signal that a closed pipe would send to the process. */
static ssize_t write_quietly(int fd, const char *bytes, size_t len)
{
    sigset_t pipe_signal, old, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
    ssize_t n = write(fd, bytes, len);
    int number = errno;
    if (n < 0 && number == EPIPE && !was_pending)
        sigtimedwait(&pipe_signal, NULL, &(struct timespec){0, 0});
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = number;
    return n;
}

static vl_status write_all(void *user, const char *bytes, size_t len, valence_error *error)
{
    vl_writer *w = user;
    while (len > 0) {
        ssize_t n = w->pipe ? write_quietly(w->fd, bytes, len) : write(w->fd, bytes, len);
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            poll(&p, 1, -1);
        } else if (n == 0 || errno != EINTR) {
            if (n == 0) errno = ENOSPC;
            return vl_fail_errno(error, "cannot write", strcmp(w->path, "-") == 0 ? "standard output" : w->path);
        }
    }
    return VALENCE_OK;
}

/* ---- Open, close ----------------------------------------------------------------------------- */

/* A name like /dev/stdout may lead to a regular file, but nothing can be put beside it. */
static bool is_device_name(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

/* Regular files, and names that are free, are written aside; all else directly. */
static vl_status open_output(vl_writer *w, valence_error *error)
{
    struct stat st;
    if (strcmp(w->path, "-") == 0) {
        w->fd = STDOUT_FILENO;
    } else if (!is_device_name(w->path) && (stat(w->path, &st) != 0 || S_ISREG(st.st_mode))) {
        VL_TRY(vl_atomic_file_open(&w->file, w->path, error));
        w->atomic = true;
        w->fd = w->file.fd;
    } else {
        w->fd = open(w->path, O_WRONLY | O_CLOEXEC);
        if (w->fd < 0) return vl_fail_errno(error, "cannot open", w->path);
    }
    w->pipe = fstat(w->fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
    return VALENCE_OK;
}

static vl_status prepare(vl_writer *w, const char *path, valence_error *error)
{
    w->path = vl_copy_string(VL_MEM_IO, path, strlen(path));
    w->ring = vl_alloc_array(VL_MEM_IO, w->window, sizeof *w->ring);
    if (!w->path || !w->ring) return vl_fail_memory(error, strlen(path), "an output file");
    for (uint64_t i = 0; i < w->window; i++) {
        w->ring[i].full = false;
        vl_buffer_init(&w->ring[i].bytes, VL_MEM_IO, SIZE_MAX / 4);
    }
    VL_TRY(vl_packer_open(&w->packer, path, write_all, w, error));
    return open_output(w, error);
}

vl_status vl_writer_open(vl_writer **out, const char *path, int window, valence_error *error)
{
    *out = NULL;
    if (window < 0 || window > MAX_WINDOW)
        return vl_fail(error, VALENCE_ARGUMENT, "cannot keep %d results waiting", window);
    vl_writer *w = vl_alloc_zero(VL_MEM_IO, sizeof *w);
    if (!w) return vl_fail_memory(error, sizeof *w, "an output file");
    w->fd = w->file.fd = -1;
    w->window = window ? (uint64_t)window : WINDOW;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->moved, NULL);
    vl_status status = prepare(w, path, error);
    if (status != VALENCE_OK) {
        vl_writer_close(w);
        return status;
    }
    *out = w;
    return VALENCE_OK;
}

void vl_writer_close(vl_writer *w)
{
    if (!w) return;
    if (w->atomic) vl_atomic_file_abandon(&w->file);
    else if (w->fd > STDERR_FILENO) close(w->fd);
    vl_packer_close(w->packer);
    for (uint64_t i = 0; w->ring && i < w->window; i++) vl_buffer_release(&w->ring[i].bytes);
    vl_free(w->ring);
    vl_free(w->path);
    pthread_cond_destroy(&w->moved);
    pthread_mutex_destroy(&w->lock);
    vl_free(w);
}

/* ---- Results, with the lock held ------------------------------------------------------------- */

/* The first failure is the one that is told. */
static vl_status fail(vl_writer *w, const valence_error *why, valence_error *error)
{
    if (!w->failed) w->failure = *why;
    w->failed = true;
    pthread_cond_broadcast(&w->moved);
    if (error) *error = w->failure;
    return w->failure.code;
}

/* Writes the result whose turn it is, with the lock open meanwhile. */
static vl_status write_next(vl_writer *w, vl_span bytes, valence_error *error)
{
    valence_error why = {.code = VALENCE_OK};
    w->writing = true;
    pthread_mutex_unlock(&w->lock);
    vl_status status = vl_packer_add(w->packer, bytes, &why);
    pthread_mutex_lock(&w->lock);
    w->writing = false;
    if (status != VALENCE_OK) return fail(w, &why, error);
    w->next++;
    w->written += bytes.len;
    pthread_cond_broadcast(&w->moved);
    return VALENCE_OK;
}

/* Those that waited behind the present one. */
static vl_status write_waiting(vl_writer *w, valence_error *error)
{
    for (;;) {
        slot *s = &w->ring[w->next % w->window];
        if (w->failed) return fail(w, &w->failure, error);
        if (!s->full || w->writing) return VALENCE_OK;
        s->full = false;
        VL_TRY(write_next(w, vl_buffer_span(&s->bytes), error));
    }
}

static vl_status keep(vl_writer *w, uint64_t sequence, vl_span bytes, valence_error *error)
{
    slot *s = &w->ring[sequence % w->window];
    vl_buffer_reset(&s->bytes);
    if (vl_buffer_append(&s->bytes, bytes.ptr, bytes.len) == VALENCE_OK) {
        s->full = true;
        return VALENCE_OK;
    }
    valence_error why = {.code = VALENCE_OK};
    vl_fail_memory(&why, bytes.len, "a result that waits for its turn");
    return fail(w, &why, error);
}

/* Written, being written, or waiting. */
static bool known(const vl_writer *w, uint64_t sequence)
{
    return sequence < w->next || (sequence == w->next && w->writing) ||
           w->ring[sequence % w->window].full;
}

static vl_status submit(vl_writer *w, uint64_t sequence, vl_span bytes, valence_error *error)
{
    while (!w->failed && sequence >= w->next + w->window) pthread_cond_wait(&w->moved, &w->lock);
    if (w->failed) return fail(w, &w->failure, error);
    if (known(w, sequence))
        return vl_fail(error, VALENCE_ARGUMENT, "result %llu was submitted twice",
                       (unsigned long long)sequence);
    if (sequence == w->next) VL_TRY(write_next(w, bytes, error));
    else VL_TRY(keep(w, sequence, bytes, error));
    return write_waiting(w, error);
}

vl_status vl_writer_submit(vl_writer *w, uint64_t sequence, vl_span bytes, valence_error *error)
{
    pthread_mutex_lock(&w->lock);
    vl_status status = submit(w, sequence, bytes, error);
    pthread_mutex_unlock(&w->lock);
    return status;
}

/* ---- The end --------------------------------------------------------------------------------- */

static vl_status check_complete(const vl_writer *w, valence_error *error)
{
    for (uint64_t i = 0; i < w->window; i++)
        if (w->ring[i].full)
            return vl_fail(error, VALENCE_ARGUMENT,
                           "cannot finish '%.250s': result %llu is missing", w->path,
                           (unsigned long long)w->next);
    return VALENCE_OK;
}

static vl_status finish(vl_writer *w, valence_error *error)
{
    if (w->failed) return fail(w, &w->failure, error);
    VL_TRY(check_complete(w, error));
    VL_TRY(vl_packer_finish(w->packer, error));
    if (!w->atomic) return VALENCE_OK;
    w->atomic = false;
    w->fd = -1;
    return vl_atomic_file_commit(&w->file, error);
}

vl_status vl_writer_finish(vl_writer *w, valence_error *error)
{
    pthread_mutex_lock(&w->lock);
    vl_status status = finish(w, error);
    pthread_mutex_unlock(&w->lock);
    return status;
}

void vl_writer_abort(vl_writer *w)
{
    valence_error why = {.code = VALENCE_OK};
    vl_fail(&why, VALENCE_CANCELLED, "writing '%.250s' was stopped", w->path);
    pthread_mutex_lock(&w->lock);
    fail(w, &why, NULL);
    pthread_mutex_unlock(&w->lock);
}

void vl_writer_progress(vl_writer *w, uint64_t *sequence, uint64_t *bytes)
{
    pthread_mutex_lock(&w->lock);
    *sequence = w->next;
    *bytes = w->written;
    pthread_mutex_unlock(&w->lock);
}
