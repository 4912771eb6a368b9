/* api_keys.c: each key fills a slot of fixed size, zeros behind it, so that comparing two is a loop
 * without a branch over all of it. */
#include "serve/api_keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"

enum { FILE_MAX = 1 << 20 };

typedef struct slot {
    char bytes[VL_API_KEY_BYTES];
} slot;

struct vl_api_keys {
    int count;
    slot keys[VL_API_KEYS_MAX];
};

/* ---- Reading the file ------------------------------------------------------------------------ */

static void warn_of_readers(int fd, const char *path)
{
    struct stat s;
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && (s.st_mode & (S_IRGRP | S_IROTH)))
        vl_log(VL_LOG_WARNING, "API keys in '%.200s' can be read by others: chmod 600 it", path);
}

static vl_status read_all(vl_buffer *text, const char *path, valence_error *error)
{
    char piece[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vl_fail_errno(error, "cannot open", path);
    warn_of_readers(fd, path);
    vl_status status = VALENCE_OK;
    ssize_t n = 0;
    while (status == VALENCE_OK && (n = read(fd, piece, sizeof piece)) > 0)
        status = vl_buffer_append(text, piece, (size_t)n);
    if (n < 0) status = vl_fail_errno(error, "cannot read", path);
    else if (status != VALENCE_OK)
        status = vl_fail(error, status, "cannot read '%.200s': more than %d bytes of API keys", path, FILE_MAX);
    close(fd);
    explicit_bzero(piece, sizeof piece);
    return status;
}

static vl_span trimmed(vl_span s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) s.ptr++, s.len--;
    while (s.len && memchr(" \t\r", s.ptr[s.len - 1], 3)) s.len--;
    return s;
}

static bool visible(vl_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~') return false;
    return true;
}

/* The message never quotes the line: it may be a key. */
static vl_status add(vl_api_keys *k, vl_span key, uint64_t line, const char *path,
                     valence_error *error)
{
    if (key.len == 0 || key.ptr[0] == '#') return VALENCE_OK;
    if (key.len > VL_API_KEY_BYTES)
        return vl_fail_at(error, VALENCE_FORMAT, line, 0,
                          "line %llu of '%.200s': an API key has at most %d bytes",
                          (unsigned long long)line, path, VL_API_KEY_BYTES);
    if (!visible(key))
        return vl_fail_at(error, VALENCE_FORMAT, line, 0,
                          "line %llu of '%.200s': an API key is visible ASCII without blanks",
                          (unsigned long long)line, path);
    if (k->count == VL_API_KEYS_MAX)
        return vl_fail_at(error, VALENCE_LIMIT, line, 0, "more than %d API keys in '%.200s'",
                          VL_API_KEYS_MAX, path);
    memcpy(k->keys[k->count++].bytes, key.ptr, key.len);
    return VALENCE_OK;
}

static vl_status add_lines(vl_api_keys *k, vl_span text, const char *path, valence_error *error)
{
    uint64_t line = 0;
    while (text.len) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len, used = end ? len + 1 : len;
        VL_TRY(add(k, trimmed((vl_span){text.ptr, len}), ++line, path, error));
        text = (vl_span){text.ptr + used, text.len - used};
    }
    if (k->count == 0) return vl_fail(error, VALENCE_FORMAT, "no API key in '%.200s'", path);
    return VALENCE_OK;
}

vl_status vl_api_keys_open(vl_api_keys **out, const char *path, valence_error *error)
{
    *out = NULL;
    if (!path) return VALENCE_OK;
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_REQUEST, FILE_MAX);
    vl_api_keys *k = vl_alloc_zero(VL_MEM_REQUEST, sizeof *k);
    vl_status status = k ? read_all(&text, path, error) : vl_fail_memory(error, sizeof *k, "API keys");
    if (status == VALENCE_OK) status = add_lines(k, vl_buffer_span(&text), path, error);
    if (text.data) explicit_bzero(text.data, text.capacity);
    vl_buffer_release(&text);
    if (status == VALENCE_OK) *out = k;
    else vl_api_keys_close(k);
    return status;
}

void vl_api_keys_close(vl_api_keys *k)
{
    if (!k) return;
    explicit_bzero(k, sizeof *k);
    vl_free(k);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

/* 0 if they are the same. volatile: the compiler must not stop early, either. */
static unsigned difference(const slot *a, const slot *b)
{
    volatile unsigned all = 0;
    for (size_t i = 0; i < sizeof a->bytes; i++) all = all | (unsigned char)(a->bytes[i] ^ b->bytes[i]);
    return all;
}

bool vl_api_keys_admit(const vl_api_keys *k, vl_span authorization)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof scheme - 1;
    if (!k) return true;
    if (authorization.len <= len || strncasecmp(authorization.ptr, scheme, len) != 0) return false;
    vl_span key = trimmed((vl_span){authorization.ptr + len, authorization.len - len});
    if (key.len == 0 || key.len > VL_API_KEY_BYTES || memchr(key.ptr, '\0', key.len)) return false;
    slot shown = {{0}};
    memcpy(shown.bytes, key.ptr, key.len);
    unsigned found = 0;
    for (int i = 0; i < k->count; i++) found |= difference(&shown, &k->keys[i]) == 0;
    explicit_bzero(&shown, sizeof shown);
    return found != 0;
}
