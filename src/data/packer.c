/* packer.c: deflate and ZSTD_compressStream2 behind one function. */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_createCCtx_advanced: our allocator */
#include "data/packer.h"

#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum {
    OUTPUT_BYTES = 128 << 10,
    GZIP_LEVEL = 6,
    GZIP_WINDOW = 15 + 16,
    GZIP_MEMORY = 8,
    ZSTD_LEVEL = 3
};

struct vl_packer {
    vl_packer_sink sink;
    void *user;
    char *out; /* (OUTPUT_BYTES) */
    z_stream zlib;
    bool gzip;
    ZSTD_CCtx *zstd; /* neither: plain */
};

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return vl_alloc_array(VL_MEM_IO, count, size);
}

static void any_free(void *opaque, void *block)
{
    (void)opaque;
    vl_free(block);
}

static void *zstd_alloc(void *opaque, size_t size)
{
    (void)opaque;
    return vl_alloc(VL_MEM_IO, size);
}

static bool ends_with(const char *path, const char *ending)
{
    size_t len = path ? strlen(path) : 0, n = strlen(ending);
    return len > n && strcmp(path + len - n, ending) == 0;
}

static bool prepare(vl_packer *p, const char *path)
{
    bool gzip = ends_with(path, ".gz"), zstd = ends_with(path, ".zst");
    if (!gzip && !zstd) return true;
    p->out = vl_alloc(VL_MEM_IO, OUTPUT_BYTES);
    if (!p->out) return false;
    if (gzip) {
        p->zlib = (z_stream){.zalloc = zlib_alloc, .zfree = any_free};
        p->gzip = deflateInit2(&p->zlib, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                               Z_DEFAULT_STRATEGY) == Z_OK;
        return p->gzip;
    }
    p->zstd = ZSTD_createCCtx_advanced((ZSTD_customMem){zstd_alloc, any_free, NULL});
    return p->zstd &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1));
}

vl_status vl_packer_open(vl_packer **out, const char *path, vl_packer_sink sink, void *user,
                         valence_error *error)
{
    *out = NULL;
    vl_packer *p = vl_alloc_zero(VL_MEM_IO, sizeof *p);
    if (!p) return vl_fail_memory(error, sizeof *p, "an output file");
    p->sink = sink;
    p->user = user;
    if (!prepare(p, path)) {
        vl_packer_close(p);
        return vl_fail_memory(error, OUTPUT_BYTES, "compressing an output file");
    }
    *out = p;
    return VALENCE_OK;
}

void vl_packer_close(vl_packer *p)
{
    if (!p) return;
    if (p->gzip) deflateEnd(&p->zlib);
    ZSTD_freeCCtx(p->zstd);
    vl_free(p->out);
    vl_free(p);
}

bool vl_packer_plain(const vl_packer *p)
{
    return !p->gzip && !p->zstd;
}

static vl_status add_gzip(vl_packer *p, vl_span bytes, int flush, valence_error *error)
{
    size_t left = bytes.len;
    p->zlib.next_in = (unsigned char *)(uintptr_t)bytes.ptr;
    p->zlib.avail_in = 0;
    for (;;) {
        if (p->zlib.avail_in == 0) {
            p->zlib.avail_in = left < (1u << 30) ? (unsigned)left : 1u << 30;
            left -= p->zlib.avail_in;
        }
        p->zlib.next_out = (unsigned char *)p->out;
        p->zlib.avail_out = OUTPUT_BYTES;
        int result = deflate(&p->zlib, left ? Z_NO_FLUSH : flush);
        size_t n = OUTPUT_BYTES - p->zlib.avail_out;
        if (n) VL_TRY(p->sink(p->user, p->out, n, error));
        bool done = flush == Z_FINISH ? result == Z_STREAM_END
                                      : p->zlib.avail_in == 0 && p->zlib.avail_out > 0;
        if (left == 0 && done) return VALENCE_OK;
        if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
            return vl_fail(error, VALENCE_IO, "cannot compress (gzip error %d)", result);
    }
}

static vl_status add_zstd(vl_packer *p, vl_span bytes, ZSTD_EndDirective end, valence_error *error)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    for (;;) {
        ZSTD_outBuffer out = {p->out, OUTPUT_BYTES, 0};
        size_t result = ZSTD_compressStream2(p->zstd, &out, &in, end);
        if (ZSTD_isError(result))
            return vl_fail(error, VALENCE_NO_MEMORY, "cannot compress: %s",
                           ZSTD_getErrorName(result));
        if (out.pos) VL_TRY(p->sink(p->user, p->out, out.pos, error));
        if (end == ZSTD_e_end ? result == 0 : in.pos == in.size) return VALENCE_OK;
    }
}

vl_status vl_packer_add(vl_packer *p, vl_span bytes, valence_error *error)
{
    if (bytes.len == 0) return VALENCE_OK;
    if (p->gzip) return add_gzip(p, bytes, Z_NO_FLUSH, error);
    if (p->zstd) return add_zstd(p, bytes, ZSTD_e_continue, error);
    return p->sink(p->user, bytes.ptr, bytes.len, error);
}

vl_status vl_packer_end(vl_packer *p, valence_error *error)
{
    if (p->gzip) {
        VL_TRY(add_gzip(p, (vl_span){"", 0}, Z_FINISH, error));
        deflateReset(&p->zlib);
        return VALENCE_OK;
    }
    if (p->zstd) return add_zstd(p, (vl_span){"", 0}, ZSTD_e_end, error);
    return VALENCE_OK;
}
