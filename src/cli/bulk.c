/* bulk.c: predictions of a file's records as rows of output. */
#include "cli/bulk.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/bulk_resume.h"
#include "cli/checkpoint.h"
#include "cli/interrupt.h"
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
    cli_resume *resume; /* NULL: the output is no regular file */
    cli_state begun;    /* what an earlier run did; zero: nothing */
    bool resumable, finished;
    cli_checkpoints *checkpoints; /* NULL: none are made */
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

/* label_2, score_2, .. of a table with --top. */
static bool is_rank_column(const bulk *b, vl_span name)
{
    char own[32];
    int shown = b->style.top < b->style.label_count ? b->style.top : 0;
    for (int r = 2; r <= shown; r++)
        for (int score = 0; score < 2; score++) {
            int len = snprintf(own, sizeof own, "%s_%d", score ? "score" : "label", r);
            if (vl_span_equal(name, (vl_span){own, (size_t)len})) return true;
        }
    return false;
}

static bool is_own_column(const bulk *b, vl_span name)
{
    static const char *const own[] = {"label", "score", "probabilities", "empty", "explained",
                                      "logit", "bias", "explanation", "sentences"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (vl_span_is(name, own[i])) return true;
    for (int k = 0; k < b->style.label_count; k++)
        if (vl_span_is(name, b->style.labels[k])) return true;
    return is_rank_column(b, name);
}

static const char prefix[] = "input_";

static int column_of(const vl_span *columns, int count, vl_span name)
{
    for (int i = 0; i < count; i++)
        if (vl_span_equal(columns[i], name)) return i;
    return -1;
}

/* An own name, or input_NAME of an input whose NAME takes that place. */
static bool must_rename(const bulk *b, const vl_span *columns, int count, vl_span name)
{
    const size_t n = sizeof prefix - 1;
    while (!is_own_column(b, name)) {
        if (name.len <= n || memcmp(name.ptr, prefix, n) != 0) return false;
        name = (vl_span){name.ptr + n, name.len - n};
        if (column_of(columns, count, name) < 0) return false;
    }
    return true;
}

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
static vl_status output_name(bulk *b, const vl_span *columns, int count, vl_span *name,
                             valence_error *error)
{
    if (!must_rename(b, columns, count, *name)) return VALENCE_OK;
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
static vl_status keep_column(bulk *b, const vl_span *columns, int count, int index,
                             valence_error *error)
{
    vl_span name = columns[index];
    if (vl_span_is(name, "id") || is_kept(b, index)) return VALENCE_OK;
    if (b->style.keep_count == KEEP_MAX)
        return vl_fail(error, VALENCE_LIMIT, "--keep takes at most %d columns", KEEP_MAX);
    VL_TRY(output_name(b, columns, count, &name, error));
    b->keep_names[b->style.keep_count] = name;
    b->keep_index[b->style.keep_count++] = index;
    return VALENCE_OK;
}

/* By name, else by number from 1, as --text. */
static vl_status keep_one(bulk *b, const vl_span *columns, int count, vl_span name,
                          valence_error *error)
{
    int number = 0, named = column_of(columns, count, name);
    if (named >= 0) return keep_column(b, columns, count, named, error);
    for (size_t i = 0; i < name.len && number <= count; i++)
        number = name.ptr[i] >= '0' && name.ptr[i] <= '9' ? 10 * number + name.ptr[i] - '0' : count + 1;
    if (number >= 1 && number <= count) return keep_column(b, columns, count, number - 1, error);
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

/* ---- Begin, stop, go on ---------------------------------------------------------------------- */

static vl_status cannot_resume(const bulk *b, const char *why, valence_error *error)
{
    return vl_fail(error, VALENCE_ARGUMENT, "cannot resume '%.100s': %.250s",
                   b->options->output ? b->options->output : "standard output", why);
}

static vl_status open_directly(bulk *b, valence_error *error)
{
    if (b->options->resume) return cannot_resume(b, "it is not a regular file", error);
    return vl_writer_open(&b->writer, b->options->output ? b->options->output : "-", 0, error);
}

static vl_status gather_facts(bulk *b, valence_error *error)
{
    valence_error why = {.code = VALENCE_OK};
    vl_status status =
        cli_bulk_facts(&b->resume, b->model, b->source, b->options, b->style.format, &why);
    b->resumable = status == VALENCE_OK;
    if (status == VALENCE_UNSUPPORTED && b->options->resume)
        return cannot_resume(b, why.message, error);
    if (status != VALENCE_OK && status != VALENCE_UNSUPPORTED) *error = why;
    return status == VALENCE_UNSUPPORTED ? VALENCE_OK : status;
}

/* To where the earlier run was, in input and output. */
static vl_status go_on(bulk *b, valence_error *error)
{
    const vl_progress *p = &b->begun.mark.progress;
    const vl_source_counts counts = {p->rows, p->bad_rows, p->repaired, 0, 0};
    VL_TRY(vl_source_seek(b->source, &p->at, &counts, error));
    VL_TRY(vl_writer_continue(b->writer, &b->begun.mark, error));
    vl_writer_keep(b->writer);
    b->rows = p->rows - p->bad_rows;
    b->any_row = b->rows > 0;
    return VALENCE_OK;
}

/* The old state goes before the bytes that it promises, and not before OUT.part is locked: another
 * run may be writing both. */
static vl_status begin_anew(bulk *b, valence_error *error)
{
    cli_resume_forget(b->resume);
    b->begun = (cli_state){.mark.progress.at = vl_source_tell(b->source)};
    return vl_writer_continue(b->writer, &b->begun.mark, error);
}

static vl_status begin(bulk *b, valence_error *error)
{
    const cli_bulk_options *o = b->options;
    uint64_t size;
    vl_status status = o->output ? vl_writer_open_part(&b->writer, o->output, 0, &size, error)
                                 : VALENCE_UNSUPPORTED;
    if (status == VALENCE_UNSUPPORTED) return open_directly(b, error);
    VL_TRY(status);
    cli_interrupt_catch();
    VL_TRY(gather_facts(b, error));
    if (o->resume)
        VL_TRY(cli_bulk_begin(b->resume, o->output, size, &b->begun, &b->finished, error));
    if (b->finished) cli_resume_forget(b->resume);
    if (b->finished) return VALENCE_OK;
    return b->begun.mark.sequence ? go_on(b, error) : begin_anew(b, error);
}

static vl_status start_checkpoints(bulk *b, valence_error *error)
{
    double seconds = b->options->checkpoint_seconds;
    if (!b->resumable || seconds < 0) return VALENCE_OK;
    return cli_checkpoints_start(&b->checkpoints, b->resume, b->writer, seconds > 0 ? seconds : 1,
                                 b->begun.mark.sequence ? &b->begun : NULL, error);
}

static vl_status interrupted(bulk *b, valence_error *error)
{
    cli_checkpoints_now(b->checkpoints, false);
    return vl_fail(error, VALENCE_CANCELLED, "interrupted");
}

/* Adds to the message; also when going on has failed itself and OUT.part is as it was. */
static void say_how_to_go_on(const bulk *b, valence_error *error)
{
    uint64_t row = b->checkpoints           ? cli_checkpoints_row(b->checkpoints)
                   : b->begun.mark.sequence ? b->begun.mark.progress.at.row
                                            : 0;
    size_t len = strlen(error->message);
    if (row && b->resumable)
        snprintf(error->message + len, sizeof error->message - len,
                 "; the same command with --resume goes on from row %llu", (unsigned long long)row);
}

static vl_status run(bulk *b, valence_error *error)
{
    const cli_bulk_options *o = b->options;
    const cli_job job = {.name = o->input, .what = "predicting", .user = b, .open = open_thread,
                         .record = answer_record, .close = close_thread};
    uint64_t sequence = b->begun.mark.sequence;
    if (sequence == 0) VL_TRY(write_frame(b, sequence++, true, error));
    VL_TRY(start_checkpoints(b, error));
    VL_TRY(cli_pipeline_run(b->source, b->writer, &sequence, &job,
                            b->style.format == CLI_JSON ? 1 : o->threads, error));
    cli_checkpoints_stop(b->checkpoints);
    if (cli_interrupted()) return interrupted(b, error);
    VL_TRY(write_frame(b, sequence, false, error));
    VL_TRY(vl_writer_end(b->writer, error));
    cli_checkpoints_now(b->checkpoints, true);
    return vl_writer_finish(b->writer, error);
}

/* Everything between an output without a name and one that is there. */
static vl_status run_all(bulk *b, valence_error *error)
{
    VL_TRY(begin(b, error));
    if (b->finished) return VALENCE_OK;
    vl_status status =
        b->begun.complete ? vl_writer_finish(b->writer, error) : run(b, error);
    cli_checkpoints_stop(b->checkpoints);
    if (status == VALENCE_OK && b->resume) cli_resume_forget(b->resume);
    if (status != VALENCE_OK) say_how_to_go_on(b, error);
    return status;
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

/* A chunk's rows are held until they are written; with thousands of classes each is thousands of
 * numbers long. 0: the source's own choice. */
static size_t chunk_bytes(const cli_bulk_options *o)
{
    enum { USUAL = 256 << 10, FEW = 64, LEAST = 2 << 10 };
    int classes = o->style.top > 0 ? o->style.top : o->style.label_count;
    if (classes <= FEW) return 0;
    size_t bytes = (size_t)USUAL * FEW / (size_t)classes;
    return bytes > LEAST ? bytes : LEAST;
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
    source_options.stop = cli_interrupt_flag();
    source_options.chunk_bytes = chunk_bytes(options);
    vl_status status = vl_source_open(&b->source, options->input, &source_options, error);
    if (status == VALENCE_OK) {
        set_style(b);
        status = choose_columns(b, error);
    }
    if (status == VALENCE_OK) status = run_all(b, error);
    vl_source_counts counts = {0};
    if (b->source) counts = vl_source_counted(b->source);
    *result = (cli_bulk_result){.rows = b->rows, .bad_rows = counts.bad_rows,
                                .repaired = counts.repaired,
                                .was_complete = b->finished,
                                .seconds = vl_clock_seconds() - start};
    cli_checkpoints_close(b->checkpoints);
    vl_writer_close(b->writer);
    cli_resume_close(b->resume);
    vl_source_close(b->source);
    vl_buffer_release(&b->renamed);
    vl_free(b);
    return status;
}
