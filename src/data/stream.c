/* stream.c: read(2), inflate and ZSTD_decompressStream behind one function. The decompressors' own
 * memory comes from vl_alloc. */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_createDCtx_advanced: our allocator */
#include "data/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

enum { INPUT_BYTES = 128 << 10, MAGIC_BYTES = 4, GZIP_WINDOW = 15 + 16, LOOK_MILLISECONDS = 100 };

typedef enum packing { PACKING_UNKNOWN, PACKING_NONE, PACKING_GZIP, PACKING_ZSTD } packing;

struct vl_stream {
    const char *path;
    int fd;
    const atomic_int *stop; /* NULL: never */
    packing packing;
    char *in; /* (INPUT_BYTES) read and not yet used: [at, len) */
    size_t at, len;
    bool in_ended;
    bool between; /* at a member's or frame's border: the input may end here */
    uint64_t consumed;
    z_stream zlib;
    bool zlib_ready;
    ZSTD_DCtx *zstd;
};

static const char gzip_magic[] = "\x1f\x8b", zstd_magic[] = "\x28\xb5\x2f\xfd",
                  skippable_magic[] = "\x50\x2a\x4d\x18"; /* low four bits of the first: any */

/* True if the bytes, as far as they go, are those of magic. */
static bool agrees(vl_span bytes, const char *magic, size_t len)
{
    return memcmp(bytes.ptr, magic, bytes.len < len ? bytes.len : len) == 0;
}

/* The packing these first bytes may belong to; fewer than four leave it open. */
static packing packing_of(vl_span bytes)
{
    if (bytes.len == 0) return PACKING_NONE;
    if (agrees(bytes, gzip_magic, 2)) return PACKING_GZIP;
    if (agrees(bytes, zstd_magic, 4)) return PACKING_ZSTD;
    char first[4] = {0};
    memcpy(first, bytes.ptr, bytes.len < 4 ? bytes.len : 4);
    first[0] = (char)(first[0] & 0xF0);
    vl_span masked = {first, bytes.len < 4 ? bytes.len : 4};
    return agrees(masked, skippable_magic, 4) ? PACKING_ZSTD : PACKING_NONE;
}

bool vl_bytes_compressed(vl_span bytes)
{
    packing p = packing_of(bytes);
    return (p == PACKING_GZIP && bytes.len >= 2) || (p == PACKING_ZSTD && bytes.len >= 4);
}

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return vl_alloc_array(VL_MEM_IO, count, size);
}

static void zlib_free(void *opaque, void *block)
{
    (void)opaque;
    vl_free(block);
}

static void *zstd_alloc(void *opaque, size_t size)
{
    (void)opaque;
    return vl_alloc(VL_MEM_IO, size);
}

vl_status vl_stream_open(vl_stream **out, const char *path, valence_error *error)
{
    *out = NULL;
    vl_stream *s = vl_alloc_zero(VL_MEM_IO, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a stream");
    s->path = path;
    s->between = true;
    s->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    s->in = s->fd < 0 ? NULL : vl_alloc(VL_MEM_IO, INPUT_BYTES);
    vl_status status = VALENCE_OK;
    if (s->fd < 0) status = vl_fail_errno(error, "cannot open", path);
    else if (!s->in) status = vl_fail_memory(error, INPUT_BYTES, "a stream");
    if (status != VALENCE_OK) vl_stream_close(s);
    else *out = s;
    return status;
}

void vl_stream_close(vl_stream *s)
{
    if (!s) return;
    if (s->zlib_ready) inflateEnd(&s->zlib);
    ZSTD_freeDCtx(s->zstd);
    if (s->fd > STDIN_FILENO) close(s->fd);
    vl_free(s->in);
    vl_free(s);
}

uint64_t vl_stream_consumed(const vl_stream *s)
{
    return s->consumed;
}

void vl_stream_set_stop(vl_stream *s, const atomic_int *stop)
{
    s->stop = stop;
}

/* Waits for bytes or the end. It looks at *stop now and then, since a signal may come between a look
 * and the wait. */
static vl_status wait_readable(const vl_stream *s, valence_error *error)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    while (s->stop && poll(&p, 1, LOOK_MILLISECONDS) <= 0)
        if (atomic_load(s->stop))
            return vl_fail(error, VALENCE_CANCELLED, "reading '%.250s' was stopped", s->path);
    return VALENCE_OK;
}

/* read(2) that waits and is not stopped by signals; *got 0 at the end. */
static vl_status read_some(vl_stream *s, char *out, size_t want, size_t *got, valence_error *error)
{
    for (;;) {
        VL_TRY(wait_readable(s, error));
        ssize_t n = read(s->fd, out, want);
        if (n >= 0) {
            *got = (size_t)n;
            s->consumed += (uint64_t)n;
            return VALENCE_OK;
        }
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (errno == EAGAIN || errno == EWOULDBLOCK) poll(&p, 1, -1);
        else if (errno != EINTR) return vl_fail_errno(error, "cannot read", s->path);
    }
}

/* Reads behind what is left of the input. */
static vl_status refill(vl_stream *s, valence_error *error)
{
    memmove(s->in, s->in + s->at, s->len - s->at);
    s->len -= s->at;
    s->at = 0;
    size_t got = 0;
    VL_TRY(read_some(s, s->in + s->len, INPUT_BYTES - s->len, &got, error));
    s->len += got;
    s->in_ended = got == 0;
    return VALENCE_OK;
}

static vl_status prepare_gzip(vl_stream *s, valence_error *error)
{
    s->zlib = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(&s->zlib, GZIP_WINDOW) != Z_OK)
        return vl_fail(error, VALENCE_NO_MEMORY, "out of memory (gzip of '%.250s')", s->path);
    s->zlib_ready = true;
    return VALENCE_OK;
}

static vl_status prepare_zstd(vl_stream *s, valence_error *error)
{
    s->zstd = ZSTD_createDCtx_advanced((ZSTD_customMem){zstd_alloc, zlib_free, NULL});
    if (s->zstd) return VALENCE_OK;
    return vl_fail(error, VALENCE_NO_MEMORY, "out of memory (zstd of '%.250s')", s->path);
}

/* Reads enough to tell what kind of stream it is; a pipe that is slow is not kept waiting. */
static vl_status recognise(vl_stream *s, valence_error *error)
{
    do {
        VL_TRY(refill(s, error));
    } while (s->len < MAGIC_BYTES && !s->in_ended &&
             packing_of((vl_span){s->in, s->len}) != PACKING_NONE);
    vl_span seen = {s->in, s->len};
    s->packing = vl_bytes_compressed(seen) ? packing_of(seen) : PACKING_NONE;
    if (s->packing == PACKING_GZIP) return prepare_gzip(s, error);
    if (s->packing == PACKING_ZSTD) return prepare_zstd(s, error);
    return VALENCE_OK;
}

static vl_status read_plain(vl_stream *s, char *out, size_t want, size_t *got, valence_error *error)
{
    if (s->at == s->len) return read_some(s, out, want, got, error);
    size_t n = s->len - s->at < want ? s->len - s->at : want;
    memcpy(out, s->in + s->at, n);
    s->at += n;
    *got = n;
    return VALENCE_OK;
}

static vl_status ended_early(const vl_stream *s, valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "cannot decompress '%.250s': the data ends in the middle",
                   s->path);
}

static vl_status damaged(const vl_stream *s, const char *why, valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "cannot decompress '%.250s': %s", s->path, why);
}

/* At a border between members: zero padding (tapes, some archivers) is passed over; what follows
 * must be another member. */
static vl_status next_member(vl_stream *s, valence_error *error)
{
    while (s->at < s->len && s->in[s->at] == '\0') s->at++;
    if (s->at == s->len) return VALENCE_OK;
    if (s->in[s->at] != '\x1f') return damaged(s, "other bytes follow the gzip data", error);
    inflateReset(&s->zlib);
    s->between = false;
    return VALENCE_OK;
}

/* One call of inflate over what is in the input; *n bytes came out. */
static vl_status inflate_some(vl_stream *s, char *out, size_t want, size_t *n, valence_error *error)
{
    *n = 0;
    if (s->between) VL_TRY(next_member(s, error));
    if (s->between) return VALENCE_OK;
    size_t room = want < (1u << 30) ? want : 1u << 30;
    s->zlib.next_in = (unsigned char *)s->in + s->at;
    s->zlib.avail_in = (unsigned)(s->len - s->at);
    s->zlib.next_out = (unsigned char *)out;
    s->zlib.avail_out = (unsigned)room;
    int result = inflate(&s->zlib, Z_NO_FLUSH);
    s->at = s->len - s->zlib.avail_in;
    *n = room - s->zlib.avail_out;
    if (result == Z_STREAM_END) s->between = true;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) return VALENCE_OK;
    if (result == Z_MEM_ERROR) return vl_fail_memory(error, 32 << 10, "gzip");
    return damaged(s, s->zlib.msg ? s->zlib.msg : "damaged gzip data", error);
}

static vl_status zstd_some(vl_stream *s, char *out, size_t want, size_t *n, valence_error *error)
{
    ZSTD_inBuffer in = {s->in, s->len, s->at};
    ZSTD_outBuffer to = {out, want, 0};
    *n = 0;
    if (s->between && s->at == s->len) return VALENCE_OK;
    size_t result = ZSTD_decompressStream(s->zstd, &to, &in);
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
        return vl_fail(error, VALENCE_NO_MEMORY, "out of memory (zstd of '%.250s')", s->path);
    if (ZSTD_isError(result)) return damaged(s, ZSTD_getErrorName(result), error);
    s->at = in.pos;
    *n = to.pos;
    s->between = result == 0;
    return VALENCE_OK;
}

/* Decompresses until out is full, the data ends, or the pipe behind has nothing more just now. */
static vl_status read_packed(vl_stream *s, char *out, size_t want, size_t *got,
                             valence_error *error)
{
    for (;;) {
        size_t n, before = s->at;
        if (s->packing == PACKING_GZIP) VL_TRY(inflate_some(s, out + *got, want - *got, &n, error));
        else VL_TRY(zstd_some(s, out + *got, want - *got, &n, error));
        *got += n;
        if (*got == want) return VALENCE_OK;
        if (n || s->at != before || s->at < s->len) continue;
        if (s->in_ended) return s->between ? VALENCE_OK : ended_early(s, error);
        VL_TRY(refill(s, error));
    }
}

vl_status vl_stream_read(vl_stream *s, char *out, size_t want, size_t *got, valence_error *error)
{
    *got = 0;
    if (want == 0) return VALENCE_OK;
    if (s->packing == PACKING_UNKNOWN) VL_TRY(recognise(s, error));
    if (s->packing == PACKING_NONE) return read_plain(s, out, want, got, error);
    return read_packed(s, out, want, got, error);
}
