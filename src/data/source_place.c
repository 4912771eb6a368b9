/* source_place.c: going on where an earlier run of the program was: is it still the same input, and
 * the way to a place in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "data/source_state.h"

enum { SAMPLE_BYTES = 64 << 10 };

/* ---- Identity -------------------------------------------------------------------------------- */

/* Hash of up to SAMPLE_BYTES from `at` on; sample (SAMPLE_BYTES) is working memory. */
static vl_status hash_sample(int fd, const char *path, off_t at, char *sample, uint64_t *hash,
                             valence_error *error)
{
    size_t got = 0;
    while (got < SAMPLE_BYTES) {
        ssize_t n = pread(fd, sample + got, SAMPLE_BYTES - got, at + (off_t)got);
        if (n == 0) break;
        if (n > 0) got += (size_t)n;
        else if (errno != EINTR) return vl_fail_errno(error, "cannot read", path);
    }
    *hash = vl_hash64(sample, got, *hash);
    return VALENCE_OK;
}

static vl_status hash_ends(int fd, const char *path, off_t size, uint64_t *hash,
                           valence_error *error)
{
    char *sample = vl_alloc(VL_MEM_IO, SAMPLE_BYTES);
    if (!sample) return vl_fail_memory(error, SAMPLE_BYTES, "a checksum");
    *hash = 0;
    vl_status status = hash_sample(fd, path, 0, sample, hash, error);
    off_t last = size > SAMPLE_BYTES ? size - SAMPLE_BYTES : 0;
    if (status == VALENCE_OK) status = hash_sample(fd, path, last, sample, hash, error);
    vl_free(sample);
    return status;
}

static vl_status identify(int fd, const char *path, vl_source_identity *out, valence_error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return vl_fail_errno(error, "cannot examine", path);
    *out = (vl_source_identity){
        .size = (uint64_t)st.st_size,
        .mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + (int64_t)st.st_mtim.tv_nsec};
    return hash_ends(fd, path, st.st_size, &out->contents, error);
}

/* Never opens a pipe: its writer would see a reader come and go. */
vl_status vl_file_identify(const char *path, vl_source_identity *out, valence_error *error)
{
    struct stat st;
    if (stat(path, &st) != 0) return vl_fail_errno(error, "cannot examine", path);
    if (!S_ISREG(st.st_mode))
        return vl_fail(error, VALENCE_UNSUPPORTED, "'%.250s' is not a regular file", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vl_fail_errno(error, "cannot open", path);
    vl_status status = identify(fd, path, out, error);
    close(fd);
    return status;
}

vl_status vl_source_identify(const vl_source *s, vl_source_identity *out, valence_error *error)
{
    if (s->folder) {
        *out = (vl_source_identity){.size = vl_folder_count(s->folder),
                                    .contents = vl_folder_hash(s->folder)};
        return VALENCE_OK;
    }
    if (strcmp(s->layout.path, "-") == 0)
        return vl_fail(error, VALENCE_UNSUPPORTED, "standard input is not a regular file");
    return vl_file_identify(s->layout.path, out, error);
}

/* ---- Place ----------------------------------------------------------------------------------- */

vl_source_position vl_source_tell(vl_source *s)
{
    pthread_mutex_lock(&s->lock);
    vl_source_position at = vl_source_position_now(s);
    pthread_mutex_unlock(&s->lock);
    return at;
}

/* Chunks are cut again and dropped: that finds the same places and counts the same rows. */
static vl_status read_up_to(vl_source *s, uint64_t sequence, valence_error *error)
{
    vl_chunk chunk = {0};
    bool more = true;
    vl_status status = VALENCE_OK;
    while (status == VALENCE_OK && more && s->sequence < sequence) {
        status = vl_chunk_cut(s, &chunk, &more, error);
        if (s->input.stop && atomic_load(s->input.stop))
            status = vl_fail(error, VALENCE_CANCELLED, "reading '%.250s' was stopped",
                             s->layout.path);
    }
    vl_chunk_release(&chunk);
    return status;
}

/* The last place that may be asked for: behind all files, or behind all bytes. */
static bool is_inside(const vl_source *s, const vl_source_position *to)
{
    const vl_shard *shard = &s->layout.shard;
    if (to->row < s->row || to->byte < s->input.position) return false;
    if (s->folder) return to->row - 1 <= (shard->count ? shard->end : vl_folder_count(s->folder));
    return to->byte <= (shard->count ? shard->end : s->input.map.size);
}

static vl_status go(vl_source *s, const vl_source_position *to, valence_error *error)
{
    bool stream = !s->folder && !s->input.mapped;
    bool good = stream || is_inside(s, to);
    if (stream) {
        VL_TRY(read_up_to(s, to->sequence, error));
        vl_source_position at = vl_source_position_now(s);
        good = at.sequence == to->sequence && at.byte == to->byte && at.row == to->row;
    }
    if (!good)
        return vl_fail(error, VALENCE_ARGUMENT, "cannot go on in '%.200s' at byte %llu, row %llu: "
                       "no record begins there", s->layout.path,
                       (unsigned long long)to->byte + 1, (unsigned long long)to->row);
    s->sequence = to->sequence;
    s->input.position = (size_t)to->byte;
    s->row = to->row;
    s->line = to->line;
    return VALENCE_OK;
}

vl_status vl_source_seek(vl_source *s, const vl_source_position *to, const vl_source_counts *counts,
                         valence_error *error)
{
    pthread_mutex_lock(&s->lock);
    vl_status status = go(s, to, error);
    atomic_store(&s->rows, counts->rows);
    atomic_store(&s->bad_rows, counts->bad_rows);
    atomic_store(&s->repaired, counts->repaired);
    pthread_mutex_unlock(&s->lock);
    return status;
}
