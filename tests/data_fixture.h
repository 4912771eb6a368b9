/* data_fixture.h: files for the tests of src/data, and what a source makes of them as text. */
#ifndef DATA_FIXTURE_H
#define DATA_FIXTURE_H

#include <sys/stat.h>

#include "folder_fixture.h"

#include "base/cpu.h"
#include "data/source.h"

/* Path of a file in the test's folder; the string is reused after eight calls. */
static const char *path_of(const char *name)
{
    static char paths[8][512];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *write_bytes(const char *name, const void *bytes, size_t len)
{
    const char *path = path_of(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
    return path;
}

static const char *write_text(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text));
}

typedef struct text {
    char *data;
    size_t len, capacity;
} text;

static void add(text *t, const char *bytes, size_t len)
{
    if (t->len + len + 1 > t->capacity) {
        t->capacity = 2 * (t->len + len + 1);
        t->data = realloc(t->data, t->capacity);
    }
    memcpy(t->data + t->len, bytes, len);
    t->data[t->len += len] = '\0';
}

/* Printable, so that spans with any bytes can be compared and read. */
static inline void add_span(text *t, vl_span s)
{
    if (!s.ptr) add(t, "-", 1);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char hex[8];
        if (c >= ' ' && c < 127 && c != '\\' && c != '|') add(t, s.ptr + i, 1);
        else add(t, hex, (size_t)snprintf(hex, sizeof hex, "\\%02x", c));
    }
}

/* "row@line:byte|label|id|text" and the columns, or "bad@line:byte". */
static inline void add_record(text *t, vl_status status, const vl_record *r, const valence_error *e)
{
    char head[96];
    if (status != VALENCE_OK) {
        add(t, head,
            (size_t)snprintf(head, sizeof head, "bad@%d:%d\n", (int)e->line, (int)e->byte));
        return;
    }
    add(t, head,
        (size_t)snprintf(head, sizeof head, "%d@%d:%d|", (int)r->row, (int)r->line, (int)r->byte));
    add_span(t, r->label);
    add(t, "|", 1);
    add_span(t, r->id);
    add(t, "|", 1);
    add_span(t, r->text);
    for (int i = 0; i < r->column_count; i++) {
        add(t, "|", 1);
        if (r->column_json && r->column_json[i]) add(t, "json:", 5);
        add_span(t, r->columns[i]);
    }
    add(t, "\n", 1);
}

/* Everything a source gives; the last line is the error that ended it, if any. */
static inline text read_source(vl_source *s)
{
    text t = {0};
    valence_error e = {0};
    vl_cursor *c = NULL;
    vl_chunk chunk = {0};
    vl_record r;
    bool more = true;
    add(&t, "", 0);
    vl_status status = vl_cursor_open(&c, s, &e);
    while (status == VALENCE_OK) {
        status = vl_source_next(s, &chunk, &more, &e);
        if (status != VALENCE_OK || !more) break;
        vl_cursor_start(c, &chunk);
        uint64_t rows = 0;
        for (;;) {
            status = vl_cursor_next(c, &r, &more, &e);
            if (status == VALENCE_OK && !more) break;
            if (status != VALENCE_OK && status != VALENCE_FORMAT) break;
            rows++;
            add_record(&t, status, &r, &e);
        }
        if (status == VALENCE_FORMAT) status = VALENCE_OK;
        if (status == VALENCE_OK && rows > chunk.rows) add(&t, "too many rows\n", 14);
        vl_source_return(s, &chunk);
    }
    if (status != VALENCE_OK) {
        add(&t, valence_status_name(status), strlen(valence_status_name(status)));
        add(&t, ": ", 2);
        add(&t, e.message, strlen(e.message));
        add(&t, "\n", 1);
    }
    vl_cursor_close(c);
    vl_chunk_release(&chunk);
    return t;
}

static inline text read_path(const char *path, const vl_source_options *o)
{
    valence_error e = {0};
    vl_source *s;
    vl_status status = vl_source_open(&s, path, o, &e);
    if (status == VALENCE_OK) {
        text t = read_source(s);
        vl_source_close(s);
        return t;
    }
    text t = {0};
    add(&t, valence_status_name(status), strlen(valence_status_name(status)));
    add(&t, ": ", 2);
    add(&t, e.message, strlen(e.message));
    add(&t, "\n", 1);
    return t;
}

/* The file reads as `expected`, whatever the size of the chunks. */
static inline void expect_read(const char *path, vl_source_options o, const char *expected)
{
    static const size_t sizes[] = {1, 2, 7, 16, 64, 100, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        o.chunk_bytes = sizes[i];
        text t = read_path(path, &o);
        assert_string_equal(t.data, expected);
        free(t.data);
    }
}

/* The outcome contains that sentence. */
static inline void expect_error(const char *path, vl_source_options o, const char *part)
{
    text t = read_path(path, &o);
    if (!strstr(t.data, part)) fail_msg("'%s' is not in '%s'", part, t.data);
    free(t.data);
}

#endif
