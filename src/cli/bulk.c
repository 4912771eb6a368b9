/* bulk.c: predictions of a file's records as rows of output. */
#include "cli/bulk.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/options.h"
#include "cli/pipeline.h"

enum { KEEP_MAX = 1024 };

typedef struct bulk {
    const valence_model *model;
    const cli_bulk_options *options;
    cli_row_style style;
    vl_span keep_names[KEEP_MAX];
    int keep_index[KEEP_MAX];
    vl_buffer renamed; /* names that the output's own columns have already */
    vl_source *source;
    vl_writer *writer;
    uint64_t rows;
    bool any_row; /* JSON only, which runs on one thread */
} bulk;

static vl_status open_thread(void *user, void **state, valence_error *error)
{
    bulk *b = user;
    cli_answerer *a;
    VL_TRY(cli_answerer_open(&a, b->model, &b->style, error));
    *state = a;
    return VALENCE_OK;
}

static vl_status close_thread(void *user, void *state, valence_error *error)
{
    (void)error;
    bulk *b = user;
    b->rows += cli_answerer_rows(state);
    cli_answerer_close(state);
    return VALENCE_OK;
}

static vl_status answer_record(void *user, void *state, const vl_record *record, vl_buffer *out,
                               valence_error *error)
{
    bulk *b = user;
    vl_status status = VALENCE_OK;
    if (b->style.format == CLI_JSON) {
        if (b->any_row) status = vl_buffer_append_text(out, ",\n");
        b->any_row = true;
    }
    if (status != VALENCE_OK) return vl_fail(error, status, "out of memory for the output");
    return cli_answer(state, record, out, error);
}

/* ---- Columns to keep ------------------------------------------------------------------------- */

static bool is_own_column(const bulk *b, vl_span name)
{
    static const char *const own[] = {"label", "score", "probabilities", "empty"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (vl_span_is(name, own[i])) return true;
    for (int k = 0; k < b->style.label_count; k++)
        if (vl_span_is(name, b->style.labels[k])) return true;
    return false;
}

static const char prefix[] = "input_";

/* So that the names do not move: each column is kept once at most. */
static vl_status reserve_names(bulk *b, const vl_span *columns, int count, valence_error *error)
{
    size_t bytes = 1;
    for (int i = 0; i < count; i++) bytes += columns[i].len + sizeof prefix;
    vl_buffer_init(&b->renamed, VL_MEM_IO, SIZE_MAX / 2);
    vl_status status = vl_buffer_reserve(&b->renamed, bytes);
    return status == VALENCE_OK ? status : vl_fail(error, status, "out of memory for column names");
}

/* A kept `label` is called input_label: two columns of one name would hide each other. */
static vl_status output_name(bulk *b, vl_span *name, valence_error *error)
{
    if (!is_own_column(b, *name)) return VALENCE_OK;
    char *at = b->renamed.data + b->renamed.len;
    vl_status status = vl_buffer_append_text(&b->renamed, prefix);
    if (status == VALENCE_OK) status = vl_buffer_append(&b->renamed, name->ptr, name->len);
    if (status != VALENCE_OK) return vl_fail(error, status, "out of memory for column names");
    *name = (vl_span){at, name->len + sizeof prefix - 1};
    return VALENCE_OK;
}

static bool is_kept(const bulk *b, int index)
{
    for (int i = 0; i < b->style.keep_count; i++)
        if (b->keep_index[i] == index) return true;
    return false;
}

/* The id is there anyway. */
static vl_status keep_column(bulk *b, vl_span name, int index, valence_error *error)
{
    if (vl_span_is(name, "id") || is_kept(b, index)) return VALENCE_OK;
    if (b->style.keep_count == KEEP_MAX)
        return vl_fail(error, VALENCE_LIMIT, "--keep takes at most %d columns", KEEP_MAX);
    VL_TRY(output_name(b, &name, error));
    b->keep_names[b->style.keep_count] = name;
    b->keep_index[b->style.keep_count++] = index;
    return VALENCE_OK;
}

/* By name, else by number from 1, as --text. */
static vl_status keep_one(bulk *b, const vl_span *columns, int count, vl_span name,
                          valence_error *error)
{
    int number = 0;
    for (int i = 0; i < count; i++)
        if (vl_span_equal(columns[i], name)) return keep_column(b, name, i, error);
    for (size_t i = 0; i < name.len && number <= count; i++)
        number = name.ptr[i] >= '0' && name.ptr[i] <= '9' ? 10 * number + name.ptr[i] - '0' : count + 1;
    if (number >= 1 && number <= count) return keep_column(b, columns[number - 1], number - 1, error);
    return vl_fail(error, VALENCE_NOT_FOUND, "--keep: '%.200s' has no column '%.*s'",
                   b->options->input, (int)name.len, name.ptr);
}

static vl_status choose_columns(bulk *b, valence_error *error)
{
    const char *keep = b->options->keep;
    const vl_span *columns;
    if (!keep) return VALENCE_OK;
    int count = vl_source_columns(b->source, &columns);
    VL_TRY(reserve_names(b, columns, count, error));
    b->style.keep_names = b->keep_names;
    b->style.keep_index = b->keep_index;
    if (strcmp(keep, "all") == 0) {
        for (int i = 0; i < count; i++) VL_TRY(keep_one(b, columns, count, columns[i], error));
        return VALENCE_OK;
    }
    for (const char *p = keep; *p;) {
        size_t len = strcspn(p, ",");
        VL_TRY(keep_one(b, columns, count, (vl_span){p, len}, error));
        p += len + (p[len] == ',');
    }
    return VALENCE_OK;
}

/* The output's ending decides, then the input's, then whether a person is looking. */
static cli_format choose_format(const cli_bulk_options *o, const vl_source *source)
{
    if (o->style.format != CLI_FORMAT_AUTO) return o->style.format;
    cli_format f = o->output ? cli_format_of_path(o->output) : CLI_FORMAT_AUTO;
    if (f != CLI_FORMAT_AUTO) return f;
    if (!o->output && isatty(STDOUT_FILENO)) return CLI_PRETTY;
    switch (vl_source_format(source)) {
    case VL_DATA_CSV: return CLI_CSV;
    case VL_DATA_TSV: return CLI_TSV;
    default: return CLI_JSONL;
    }
}

static vl_status write_frame(bulk *b, uint64_t sequence, bool header, valence_error *error)
{
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_IO, 64 << 20);
    vl_status status = header ? cli_write_header(&text, &b->style)
                              : cli_write_footer(&text, &b->style, b->any_row);
    if (status == VALENCE_OK)
        status = vl_writer_submit(b->writer, sequence, vl_buffer_span(&text), error);
    else
        vl_fail(error, status, "out of memory for the output");
    vl_buffer_release(&text);
    return status;
}

static vl_status run(bulk *b, valence_error *error)
{
    const cli_bulk_options *o = b->options;
    const cli_job job = {.name = o->input, .what = "predicting", .user = b, .open = open_thread,
                         .record = answer_record, .close = close_thread};
    uint64_t sequence = 1;
    VL_TRY(vl_writer_open(&b->writer, o->output ? o->output : "-", 0, error));
    VL_TRY(write_frame(b, 0, true, error));
    VL_TRY(cli_pipeline_run(b->source, b->writer, &sequence, &job,
                            b->style.format == CLI_JSON ? 1 : o->threads, error));
    VL_TRY(write_frame(b, sequence, false, error));
    return vl_writer_finish(b->writer, error);
}

static void set_style(bulk *b)
{
    valence_model_info info;
    valence_model_describe(b->model, &info);
    b->style = b->options->style;
    b->style.label_count = info.label_count;
    b->style.labels = info.labels;
    b->style.format = choose_format(b->options, b->source);
    b->style.colour = !b->options->output && cli_colour(STDOUT_FILENO);
}

vl_status cli_bulk_predict(const valence_model *model, const cli_bulk_options *options,
                           cli_bulk_result *result, valence_error *error)
{
    double start = vl_clock_seconds();
    bulk *b = vl_alloc_zero(VL_MEM_IO, sizeof *b);
    if (!b) return vl_fail_memory(error, sizeof *b, "a prediction run");
    b->model = model;
    b->options = options;
    vl_source_options source_options = options->source;
    source_options.keep_columns = options->keep != NULL;
    vl_status status = vl_source_open(&b->source, options->input, &source_options, error);
    if (status == VALENCE_OK) {
        set_style(b);
        status = choose_columns(b, error);
    }
    if (status == VALENCE_OK) status = run(b, error);
    vl_source_counts counts = {0};
    if (b->source) counts = vl_source_counted(b->source);
    *result = (cli_bulk_result){.rows = b->rows, .bad_rows = counts.bad_rows,
                                .repaired = counts.repaired,
                                .seconds = vl_clock_seconds() - start};
    vl_writer_close(b->writer);
    vl_source_close(b->source);
    vl_buffer_release(&b->renamed);
    vl_free(b);
    return status;
}
