/* bulk.c: each thread takes the next chunk, predicts its records, formats the rows into a buffer of its
 * own and hands the buffer to the writer, which puts the chunks in order. */
#include "cli/bulk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/workers.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "data/writer.h"

enum { TOLD_MOST = 10, ROW_MAX = 1 << 30, KEEP_MAX = 1024 };

typedef struct bulk {
    const valence_model *model;
    const cli_bulk_options *options;
    cli_row_style style;
    vl_span keep_names[KEEP_MAX];
    int keep_index[KEEP_MAX];
    vl_source *source;
    vl_writer *writer;
    cli_progress progress;
    _Atomic uint64_t told, rows;
    _Atomic uint64_t chunks; /* the largest sequence number + 1 */
    bool any_row;            /* JSON only, which runs on one thread */
    pthread_mutex_t lock;
    vl_status status;
    valence_error *error;
} bulk;

static void fail(bulk *b, vl_status status, const valence_error *error)
{
    pthread_mutex_lock(&b->lock);
    if (b->status == VALENCE_OK) {
        b->status = status;
        *b->error = *error;
    }
    pthread_mutex_unlock(&b->lock);
    vl_writer_abort(b->writer);
}

static void tell_bad_row(bulk *b, const valence_error *error)
{
    uint64_t n = atomic_fetch_add(&b->told, 1);
    if (n < TOLD_MOST)
        fprintf(stderr, "valence: %s: line %llu, byte %llu: %s\n", b->options->input,
                (unsigned long long)error->line, (unsigned long long)error->byte, error->message);
    else if (n == TOLD_MOST)
        fputs("valence: more malformed rows follow and are only counted\n", stderr);
}

static vl_status predict_record(bulk *b, valence_context *context, const vl_record *record,
                                vl_buffer *out, valence_error *error)
{
    valence_prediction p;
    VL_TRY(valence_context_predict(context, record->text.ptr, record->text.len, &p, error));
    vl_status status = VALENCE_OK;
    if (b->style.format == CLI_JSON && b->any_row) status = vl_buffer_append_text(out, ",\n");
    b->any_row = true;
    if (status == VALENCE_OK) status = cli_write_row(out, &b->style, record, &p);
    return status == VALENCE_OK ? status : vl_fail(error, status, "out of memory for the output");
}

static vl_status predict_chunk(bulk *b, vl_cursor *cursor, const vl_chunk *chunk,
                               valence_context *context, vl_buffer *out, valence_error *error)
{
    vl_record record;
    uint64_t rows = 0;
    bool more = true;
    vl_buffer_reset(out);
    vl_cursor_start(cursor, chunk);
    while (more) {
        vl_status status = vl_cursor_next(cursor, &record, &more, error);
        if (status == VALENCE_FORMAT) {
            tell_bad_row(b, error);
            continue;
        }
        VL_TRY(status);
        if (!more) break;
        VL_TRY(predict_record(b, context, &record, out, error));
        rows++;
    }
    atomic_fetch_add_explicit(&b->rows, rows, memory_order_relaxed);
    return VALENCE_OK;
}

static void show(bulk *b)
{
    vl_source_counts c = vl_source_counted(b->source);
    cli_progress_update(&b->progress, "predicting", (double)c.bytes_read, (double)c.bytes_total,
                        atomic_load(&b->rows), "texts");
}

static vl_status predict_chunks(bulk *b, vl_cursor *cursor, vl_chunk *chunk,
                                valence_context *context, vl_buffer *out, int thread,
                                valence_error *error)
{
    for (;;) {
        bool more;
        VL_TRY(vl_source_next(b->source, chunk, &more, error));
        if (!more) return VALENCE_OK;
        vl_status status = predict_chunk(b, cursor, chunk, context, out, error);
        uint64_t sequence = chunk->sequence, seen = atomic_load(&b->chunks);
        while (seen < sequence + 1 && !atomic_compare_exchange_weak(&b->chunks, &seen, sequence + 1)) {
        }
        vl_source_return(b->source, chunk);
        VL_TRY(status);
        VL_TRY(vl_writer_submit(b->writer, sequence + 1, vl_buffer_span(out), error));
        if (thread == 0) show(b);
    }
}

static void thread_job(void *argument, int64_t index, int thread)
{
    (void)index;
    bulk *b = argument;
    valence_error error = {0};
    vl_cursor *cursor = NULL;
    valence_context *context = NULL;
    vl_chunk chunk = {0};
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, ROW_MAX);
    vl_status status = vl_cursor_open(&cursor, b->source, &error);
    if (status == VALENCE_OK) status = valence_context_open(&context, b->model, &error);
    if (status == VALENCE_OK)
        status = predict_chunks(b, cursor, &chunk, context, &out, thread, &error);
    if (status != VALENCE_OK) fail(b, status, &error);
    valence_context_close(context);
    vl_cursor_close(cursor);
    vl_chunk_release(&chunk);
    vl_buffer_release(&out);
}

/* ---- Columns to keep ------------------------------------------------------------------------- */

static vl_status keep_one(bulk *b, const vl_span *columns, int count, vl_span name,
                          valence_error *error)
{
    if (b->style.keep_count == KEEP_MAX)
        return vl_fail(error, VALENCE_LIMIT, "--keep takes at most %d columns", KEEP_MAX);
    for (int i = 0; i < count; i++)
        if (vl_span_equal(columns[i], name)) {
            b->keep_names[b->style.keep_count] = columns[i];
            b->keep_index[b->style.keep_count++] = i;
            return VALENCE_OK;
        }
    return vl_fail(error, VALENCE_NOT_FOUND, "--keep: '%.200s' has no column '%.*s'",
                   b->options->input, (int)name.len, name.ptr);
}

static vl_status choose_columns(bulk *b, valence_error *error)
{
    const char *keep = b->options->keep;
    const vl_span *columns;
    if (!keep) return VALENCE_OK;
    int count = vl_source_columns(b->source, &columns);
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
    if (o->format != CLI_FORMAT_AUTO) return o->format;
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
    vl_status status = VALENCE_OK;
    if (header) status = cli_write_header(&text, &b->style);
    else if (b->style.format == CLI_JSON)
        status = vl_buffer_append_text(&text, b->any_row ? "\n]\n" : "]\n");
    if (status == VALENCE_OK)
        status = vl_writer_submit(b->writer, sequence, vl_buffer_span(&text), error);
    else
        vl_fail(error, status, "out of memory for the output");
    vl_buffer_release(&text);
    return status;
}

static vl_status run(bulk *b, vl_workers *workers, valence_error *error)
{
    VL_TRY(vl_writer_open(&b->writer, b->options->output ? b->options->output : "-", 0, error));
    VL_TRY(write_frame(b, 0, true, error));
    vl_workers_run(workers, thread_job, b, b->style.format == CLI_JSON ? 1 : vl_workers_threads(workers));
    VL_TRY(b->status);
    VL_TRY(write_frame(b, atomic_load(&b->chunks) + 1, false, error));
    return vl_writer_finish(b->writer, error);
}

vl_status cli_bulk_predict(const valence_model *model, const cli_bulk_options *options,
                           cli_bulk_result *result, valence_error *error)
{
    static bulk b; /* large, and there is one per process */
    vl_workers *workers = NULL;
    valence_model_info info;
    double start = vl_clock_seconds();
    valence_model_describe(model, &info);
    memset(&b, 0, sizeof b);
    b.model = model;
    b.options = options;
    b.error = error;
    b.style.label_count = info.label_count;
    b.style.labels = info.labels;
    pthread_mutex_init(&b.lock, NULL);
    vl_source_options source_options = options->source;
    source_options.keep_columns = options->keep != NULL;
    cli_progress_start(&b.progress);
    vl_status status = vl_source_open(&b.source, options->input, &source_options, error);
    if (status == VALENCE_OK) status = choose_columns(&b, error);
    if (status == VALENCE_OK) {
        b.style.format = choose_format(options, b.source);
        b.style.colour = !options->output && cli_colour(STDOUT_FILENO);
        status = vl_workers_open(&workers, options->threads, error);
    }
    if (status == VALENCE_OK) status = run(&b, workers, error);
    cli_progress_end(&b.progress);
    vl_source_counts counts = {0};
    if (b.source) counts = vl_source_counted(b.source);
    *result = (cli_bulk_result){.rows = atomic_load(&b.rows), .bad_rows = counts.bad_rows,
                                .repaired = counts.repaired,
                                .seconds = vl_clock_seconds() - start};
    vl_workers_close(workers);
    vl_writer_close(b.writer);
    vl_source_close(b.source);
    pthread_mutex_destroy(&b.lock);
    return status;
}
