/* folder_reader.c: each file of a folder is a record. Files are read, not mapped: they are small,
 * and a file that shrinks meanwhile is simply shorter. */
#include "data/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_BYTES = 16 << 10 };

/* Appends the file to c->values, one byte more than max_record at most. */
static vl_status read_all(vl_cursor *c, int fd, const char *path, valence_error *error)
{
    size_t most = c->layout->max_record + 1;
    for (;;) {
        size_t left = most - c->values.len;
        if (left == 0) return VALENCE_OK;
        if (vl_buffer_reserve(&c->values, left < READ_BYTES ? left : READ_BYTES) != VALENCE_OK)
            return vl_fail_memory(error, c->values.len + READ_BYTES, "a document");
        size_t room = c->values.capacity - c->values.len;
        ssize_t n = read(fd, c->values.data + c->values.len, room < left ? room : left);
        if (n == 0) return VALENCE_OK;
        if (n > 0) c->values.len += (size_t)n;
        else if (errno != EINTR) return vl_fail_errno(error, "cannot read", path);
    }
}

static vl_status read_file(vl_cursor *c, const char *path, valence_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vl_fail_errno(error, "cannot open", path);
    vl_status status = read_all(c, fd, path, error);
    close(fd);
    return status;
}

/* The file's name in place of the folder's. */
static vl_status bad_file(const char *path, const char *why, valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "bad record in '%.300s': %s", path, why);
}

vl_status vl_folder_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error)
{
    *more = c->rows_left > 0;
    if (!*more) return VALENCE_OK;
    vl_folder_file file;
    vl_status status = vl_folder_at(c->folder, c->row - 1, &c->repaired, &file);
    if (status != VALENCE_OK) return vl_fail_memory(error, 4096, "a path");
    c->rows_left--;
    *record = (vl_record){.row = c->row++, .label = file.label, .id = file.id};
    vl_buffer_reset(&c->values);
    VL_TRY(read_file(c, file.path, error));
    if (c->values.len > c->layout->max_record)
        return bad_file(file.path, "longer than the longest record allowed", error);
    vl_span text = vl_buffer_span(&c->values);
    if (text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0)
        text = (vl_span){text.ptr + 3, text.len - 3};
    if (!text.ptr) text.ptr = "";
    bool changed = false;
    record->raw = record->text = text;
    vl_buffer_reset(&c->repaired); /* the path is not needed any more */
    VL_TRY(vl_cursor_repair(c, &record->text, text.len, &changed, error));
    if (changed) vl_cursor_count_repaired(c);
    return VALENCE_OK;
}
