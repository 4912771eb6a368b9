/* layout.c: names, header rows and the choice of columns. A column is named exactly; failing that,
 * without regard to case if only one fits; failing that, by its number from 1. */
#include "data/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { MAX_NAME_BYTES = 16 << 20, LIST_BYTES = 200 };

static vl_status copy_name(char **out, const char *given, const char *usual, valence_error *error)
{
    const char *name = given ? given : usual;
    *out = NULL;
    if (*name == '\0') return VALENCE_OK;
    *out = vl_copy_string(VL_MEM_IO, name, strlen(name));
    return *out ? VALENCE_OK : vl_fail_memory(error, strlen(name) + 1, "a column name");
}

vl_status vl_layout_init(vl_layout *l, const char *path, const vl_source_options *options,
                         valence_error *error)
{
    *l = (vl_layout){.keep = options->keep_columns,
                     .text_named = options->text && *options->text,
                     .label_named = options->label && *options->label,
                     .id_named = options->id && *options->id,
                     .text_column = VL_NO_COLUMN,
                     .label_column = VL_NO_COLUMN,
                     .id_column = VL_NO_COLUMN,
                     .max_record = options->max_record};
    vl_buffer_init(&l->name_bytes, VL_MEM_IO, MAX_NAME_BYTES);
    l->path = vl_copy_string(VL_MEM_IO, path, strlen(path));
    if (!l->path) return vl_fail_memory(error, strlen(path) + 1, "a path");
    VL_TRY(copy_name(&l->text, l->text_named ? options->text : NULL, "text", error));
    VL_TRY(copy_name(&l->label, options->label, "label", error));
    return copy_name(&l->id, options->id, "id", error);
}

void vl_layout_release(vl_layout *l)
{
    vl_free(l->path);
    vl_free(l->text);
    vl_free(l->label);
    vl_free(l->id);
    vl_free(l->names);
    vl_buffer_release(&l->name_bytes);
}

void vl_layout_set_format(vl_layout *l, vl_data_format format)
{
    l->format = format;
    l->rules = (vl_csv_rules){.delimiter = format == VL_DATA_CSV   ? ','
                                           : format == VL_DATA_TSV ? '\t'
                                                                   : '\n',
                              .quoting = format == VL_DATA_CSV};
    l->skip_blank = format != VL_DATA_LINES;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* Room for one more name; the array doubles. */
static vl_status reserve_name(vl_layout *l, valence_error *error)
{
    int n = l->column_count;
    if (n >= VL_MAX_COLUMNS)
        return vl_fail(error, VALENCE_LIMIT, "'%.250s' has more than %d columns", l->path,
                       VL_MAX_COLUMNS);
    if (n > 0 && (n < 8 || (n & (n - 1)) != 0)) return VALENCE_OK;
    size_t bytes = (n < 8 ? 8 : 2 * (size_t)n) * sizeof *l->names;
    vl_span *names = vl_realloc(VL_MEM_IO, l->names, bytes);
    if (!names) return vl_fail_memory(error, bytes, "column names");
    l->names = names;
    return VALENCE_OK;
}

/* name_bytes may move while it grows: names are offsets until the last is added. */
static void point_names(vl_layout *l)
{
    size_t at = 0;
    for (int i = 0; i < l->column_count; i++) {
        l->names[i].ptr = l->name_bytes.data + at;
        at += l->names[i].len + 1;
    }
}

vl_status vl_layout_add_name(vl_layout *l, vl_span name, valence_error *error)
{
    VL_TRY(reserve_name(l, error));
    vl_span value;
    vl_csv_quotes quotes = VL_CSV_PLAIN;
    size_t before = l->name_bytes.len;
    if (l->rules.quoting) quotes = vl_csv_unquote(name, &value);
    else value = name;
    if (quotes == VL_CSV_UNCLOSED || quotes == VL_CSV_BEHIND_END)
        return vl_fail_at(error, VALENCE_FORMAT, 1, 1,
                          "cannot read the header of '%.250s': column %d is badly quoted", l->path,
                          l->column_count + 1);
    vl_status status = quotes == VL_CSV_DOUBLED
                           ? vl_csv_undouble(&l->name_bytes, value)
                           : vl_buffer_append(&l->name_bytes, value.ptr, value.len);
    size_t len = l->name_bytes.len - before;
    if (status == VALENCE_OK) status = vl_buffer_append_byte(&l->name_bytes, '\0');
    if (status != VALENCE_OK)
        return vl_fail(error, status, "cannot keep the header of '%.250s': %s", l->path,
                       valence_status_text(status));
    l->names[l->column_count++] = (vl_span){NULL, len};
    point_names(l);
    return VALENCE_OK;
}

/* "a, b, c", cut at LIST_BYTES. */
static void list_names(const vl_layout *l, char *out)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < l->column_count && at < LIST_BYTES - 8; i++) {
        int room = (int)(LIST_BYTES - 8 - at), len = (int)l->names[i].len;
        int wrote = snprintf(out + at, (size_t)LIST_BYTES - at, "%s%.*s", i ? ", " : "",
                             len < room ? len : room, l->names[i].ptr);
        at += wrote > 0 ? (size_t)wrote : 0;
        if (i + 1 < l->column_count && at >= LIST_BYTES - 8) memcpy(out + LIST_BYTES - 8, "...", 4);
    }
}

/* ---- Which column ---------------------------------------------------------------------------- */

static bool equal_fold(vl_span name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

static int column_named(const vl_layout *l, const char *wanted)
{
    int found = VL_NO_COLUMN, fits = 0;
    for (int i = 0; i < l->column_count; i++)
        if (vl_span_is(l->names[i], wanted)) return i;
    for (int i = 0; i < l->column_count; i++)
        if (equal_fold(l->names[i], wanted)) {
            found = i;
            fits++;
        }
    return fits == 1 ? found : VL_NO_COLUMN;
}

static int column_numbered(const char *wanted, int columns)
{
    char *end;
    long number = strtol(wanted, &end, 10);
    bool digits = *wanted >= '0' && *wanted <= '9' && *end == '\0';
    return digits && number >= 1 && number <= columns ? (int)number - 1 : VL_NO_COLUMN;
}

static vl_status missing(const vl_layout *l, const char *role, const char *wanted, int columns,
                         valence_error *error)
{
    char names[LIST_BYTES];
    list_names(l, names);
    if (l->column_count == 0)
        return vl_fail(error, VALENCE_NOT_FOUND,
                       "no column '%.60s' in '%.100s', which has no header: name the %s column by "
                       "number (1 to %d) with --%s",
                       wanted, l->path, role, columns, role);
    return vl_fail(error, VALENCE_NOT_FOUND,
                   "no column '%.60s' in '%.100s' (columns: %s): use --%s NAME", wanted, l->path,
                   names, role);
}

/* required: a missing column is an error. */
static vl_status find_column(const vl_layout *l, const char *role, const char *wanted,
                             bool required, int columns, int *out, valence_error *error)
{
    *out = VL_NO_COLUMN;
    if (!wanted) return VALENCE_OK;
    *out = column_named(l, wanted);
    if (*out == VL_NO_COLUMN) *out = column_numbered(wanted, columns);
    if (*out == VL_NO_COLUMN && required) return missing(l, role, wanted, columns, error);
    return VALENCE_OK;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

static vl_status find_columns(vl_layout *l, int columns, valence_error *error)
{
    bool only_one = !l->text_named && columns == 1;
    VL_TRY(find_column(l, "text", l->text, !only_one, columns, &l->text_column, error));
    if (l->text_column == VL_NO_COLUMN) l->text_column = 0;
    VL_TRY(find_column(l, "label", l->label, l->label_named, columns, &l->label_column, error));
    VL_TRY(find_column(l, "id", l->id, l->id_named, columns, &l->id_column, error));
    l->used_columns = 1 + most(l->text_column, most(l->label_column, l->id_column));
    if (l->keep) l->used_columns = columns;
    return VALENCE_OK;
}

/* ---- The first row --------------------------------------------------------------------------- */

/* Goes over the first record that is not blank; adds its fields as names if `keep`. */
static vl_status read_row(vl_layout *l, vl_csv_walk *w, bool keep, int *columns, bool *closed,
                          valence_error *error)
{
    vl_csv_end end = VL_CSV_FIELD_ENDS;
    *columns = 0;
    while (*columns == 0 || end == VL_CSV_FIELD_ENDS) {
        vl_span field;
        end = vl_csv_walk_field(w, &field);
        if (*columns == 0 && end == VL_CSV_RECORD_ENDS && field.len == 0) continue;
        if (*columns == 0 && end == VL_CSV_BYTES_END && field.len == 0) break;
        if (keep) VL_TRY(vl_layout_add_name(l, field, error));
        ++*columns;
    }
    *closed = end == VL_CSV_RECORD_ENDS;
    return VALENCE_OK;
}

vl_status vl_layout_read_header(vl_layout *l, vl_span bytes, bool header, bool *whole, size_t *used,
                                valence_error *error)
{
    bool all = *whole;
    vl_csv_walk *w = vl_alloc(VL_MEM_IO, sizeof *w);
    if (!w) return vl_fail_memory(error, sizeof *w, "a header");
    int columns;
    vl_csv_walk_start(w, bytes, l->rules);
    vl_status status = read_row(l, w, false, &columns, whole, error);
    *whole = *whole || all;
    *used = header ? w->at : 0;
    if (status == VALENCE_OK && *whole && columns > 0) {
        bool closed;
        vl_csv_walk_start(w, bytes, l->rules);
        if (header) status = read_row(l, w, true, &columns, &closed, error);
        if (status == VALENCE_OK) status = find_columns(l, columns, error);
    }
    vl_free(w);
    return status;
}
