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

/* MEMBER_BYTES: smaller members compress worse (1 to 2 % here), larger ones make a slow model repeat
 * more rows after a kill. */
enum { WINDOW = 64, MAX_WINDOW = 1 << 20, MEMBER_BYTES = 128 << 10 };

/* Of results that wait; a slot's buffer above SLOT_BYTES is not kept for the next. */
enum { KEPT_MAX = 8 << 20, SLOT_BYTES = 1 << 20 };

typedef struct slot {
    bool full;
    vl_buffer bytes;
    bool has_progress;
    vl_progress progress;
} slot;

struct vl_writer {
    char *path;
    int fd;
    vl_atomic_file file; /* behind fd, if `atomic` */
    bool atomic, pipe;
    vl_packer *packer;
    uint64_t size;   /* bytes written; only the thread whose turn it is touches these two */
    uint64_t member; /* bytes before compression in the member that is not ended */

    pthread_mutex_t lock;
    pthread_cond_t moved; /* next, writing or failed has changed */
    uint64_t next;        /* the result whose turn it is */
    vl_progress progress; /* of the results before it */
    vl_writer_mark mark;
    bool writing, failed, ended;
    valence_error failure;
    uint64_t window;
    uint64_t kept; /* bytes that wait in the ring */
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
            w->size += (uint64_t)n;
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
        VL_TRY(vl_atomic_file_continue(&w->file, w->path, &w->size, error));
        w->atomic = true;
        w->file.keep = w->size > 0;
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
    w->ring = vl_alloc_zero(VL_MEM_IO, w->window * sizeof *w->ring);
    if (!w->path || !w->ring) return vl_fail_memory(error, strlen(path), "an output file");
    for (uint64_t i = 0; i < w->window; i++) {
        w->ring[i].full = false;
        vl_buffer_init(&w->ring[i].bytes, VL_MEM_IO, SIZE_MAX / 4);
    }
    VL_TRY(vl_packer_open(&w->packer, path, write_all, w, error));
    return open_output(w, error);
}

static vl_status open_writer(vl_writer **out, const char *path, int window, valence_error *error)
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

vl_status vl_writer_open(vl_writer **out, const char *path, int window, valence_error *error)
{
    VL_TRY(open_writer(out, path, window, error));
    vl_status status = vl_writer_continue(*out, &(vl_writer_mark){0}, error);
    if (status == VALENCE_OK) return status;
    vl_writer_close(*out);
    *out = NULL;
    return status;
}

vl_status vl_writer_open_part(vl_writer **out, const char *path, int window, uint64_t *size,
                              valence_error *error)
{
    VL_TRY(open_writer(out, path, window, error));
    *size = (*out)->size;
    if ((*out)->atomic) return VALENCE_OK;
    vl_writer_close(*out);
    *out = NULL;
    return VALENCE_UNSUPPORTED;
}

vl_status vl_writer_continue(vl_writer *w, const vl_writer_mark *mark, valence_error *error)
{
    if (w->atomic) VL_TRY(vl_atomic_file_cut(&w->file, mark->bytes, error));
    w->file.keep = false;
    w->mark = *mark;
    w->next = mark->sequence;
    w->progress = mark->progress;
    w->size = mark->bytes;
    return VALENCE_OK;
}

void vl_writer_keep(vl_writer *w)
{
    w->file.keep = true;
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

/* Adds a result to the file, which can be cut behind it if *whole. */
static vl_status add_bytes(vl_writer *w, vl_span bytes, bool *whole, valence_error *error)
{
    VL_TRY(vl_packer_add(w->packer, bytes, error));
    *whole = vl_packer_plain(w->packer);
    if (*whole) return VALENCE_OK;
    w->member += bytes.len;
    *whole = w->member == 0 || w->member >= MEMBER_BYTES;
    if (w->member < MEMBER_BYTES) return VALENCE_OK;
    w->member = 0;
    return vl_packer_end(w->packer, error);
}

/* The input is known up to the newest result's place. */
static void add_progress(vl_progress *sum, const vl_progress *p)
{
    if (!p) return;
    sum->at = p->at;
    sum->rows += p->rows;
    sum->bad_rows += p->bad_rows;
    sum->repaired += p->repaired;
}

/* Writes the result whose turn it is, with the lock open meanwhile. */
static vl_status write_next(vl_writer *w, vl_span bytes, const vl_progress *progress,
                            valence_error *error)
{
    bool whole = false;
    valence_error why = {.code = VALENCE_OK};
    w->writing = true;
    pthread_mutex_unlock(&w->lock);
    vl_status status = add_bytes(w, bytes, &whole, &why);
    pthread_mutex_lock(&w->lock);
    w->writing = false;
    if (status != VALENCE_OK) return fail(w, &why, error);
    w->next++;
    add_progress(&w->progress, progress);
    if (whole) w->mark = (vl_writer_mark){w->next, w->size, w->progress};
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
        vl_status status = write_next(w, vl_buffer_span(&s->bytes),
                                      s->has_progress ? &s->progress : NULL, error);
        w->kept -= s->bytes.len;
        if (s->bytes.capacity > SLOT_BYTES) vl_buffer_release(&s->bytes);
        VL_TRY(status);
    }
}

static vl_status keep(vl_writer *w, uint64_t sequence, vl_span bytes, const vl_progress *progress,
                      valence_error *error)
{
    slot *s = &w->ring[sequence % w->window];
    vl_buffer_reset(&s->bytes);
    if (vl_buffer_append(&s->bytes, bytes.ptr, bytes.len) == VALENCE_OK) {
        s->full = true;
        w->kept += bytes.len;
        s->has_progress = progress != NULL;
        if (progress) s->progress = *progress;
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

/* Too far ahead, or too large to wait beside those that do. Never the one whose turn it is. */
static bool must_wait(const vl_writer *w, uint64_t sequence, size_t bytes)
{
    if (w->failed || sequence <= w->next) return false;
    return sequence >= w->next + w->window || (w->kept && w->kept + bytes > KEPT_MAX);
}

static vl_status submit(vl_writer *w, uint64_t sequence, vl_span bytes, const vl_progress *progress,
                        valence_error *error)
{
    while (must_wait(w, sequence, bytes.len)) pthread_cond_wait(&w->moved, &w->lock);
    if (w->failed) return fail(w, &w->failure, error);
    if (known(w, sequence))
        return vl_fail(error, VALENCE_ARGUMENT, "result %llu was submitted twice",
                       (unsigned long long)sequence);
    if (sequence == w->next) VL_TRY(write_next(w, bytes, progress, error));
    else VL_TRY(keep(w, sequence, bytes, progress, error));
    return write_waiting(w, error);
}

vl_status vl_writer_submit_rows(vl_writer *w, uint64_t sequence, vl_span bytes,
                                const vl_progress *progress, valence_error *error)
{
    pthread_mutex_lock(&w->lock);
    vl_status status = submit(w, sequence, bytes, progress, error);
    pthread_mutex_unlock(&w->lock);
    return status;
}

vl_status vl_writer_submit(vl_writer *w, uint64_t sequence, vl_span bytes, valence_error *error)
{
    return vl_writer_submit_rows(w, sequence, bytes, NULL, error);
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

/* A compressed file without any bytes is one empty member. */
static vl_status end(vl_writer *w, valence_error *error)
{
    valence_error why = {.code = VALENCE_OK};
    if (w->failed) return fail(w, &w->failure, error);
    if (w->ended) return VALENCE_OK;
    VL_TRY(check_complete(w, error));
    if ((w->member || w->size == 0) && vl_packer_end(w->packer, &why) != VALENCE_OK)
        return fail(w, &why, error);
    w->mark = (vl_writer_mark){w->next, w->size, w->progress};
    w->ended = true;
    return VALENCE_OK;
}

vl_status vl_writer_end(vl_writer *w, valence_error *error)
{
    pthread_mutex_lock(&w->lock);
    vl_status status = end(w, error);
    pthread_mutex_unlock(&w->lock);
    return status;
}

vl_status vl_writer_finish(vl_writer *w, valence_error *error)
{
    VL_TRY(vl_writer_end(w, error));
    if (!w->atomic) return VALENCE_OK;
    w->atomic = false;
    w->fd = -1;
    return vl_atomic_file_commit(&w->file, error);
}

void vl_writer_abort(vl_writer *w)
{
    valence_error why = {.code = VALENCE_OK};
    vl_fail(&why, VALENCE_CANCELLED, "writing '%.250s' was stopped", w->path);
    pthread_mutex_lock(&w->lock);
    fail(w, &why, NULL);
    pthread_mutex_unlock(&w->lock);
}

/* ---- How far ---------------------------------------------------------------------------------- */

vl_writer_mark vl_writer_marked(vl_writer *w)
{
    pthread_mutex_lock(&w->lock);
    vl_writer_mark mark = w->mark;
    pthread_mutex_unlock(&w->lock);
    return mark;
}

vl_status vl_writer_sync(vl_writer *w, valence_error *error)
{
    valence_error why = {.code = VALENCE_OK};
    if (!w->atomic || vl_atomic_file_sync(&w->file, &why) == VALENCE_OK) return VALENCE_OK;
    pthread_mutex_lock(&w->lock);
    vl_status status = fail(w, &why, error);
    pthread_mutex_unlock(&w->lock);
    return status;
}
