/* cmd_clean.c: `valence clean`: texts in, cleaned texts out, one per line. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/memory_report.h"
#include "cli/options.h"
#include "cli/pipeline.h"
#include "text/clean.h"

typedef struct clean_options {
    const char *input, *output, *passes;
    int64_t threads;
    bool skip_bad, memory;
    uint32_t bits;
    vl_source_options source;
} clean_options;

static const char usage[] = "valence clean [--passes NAMES] TEXT... | - | -i FILE [-o FILE]";

/* The list of passes for --help comes from the same table as the passes. */
static const char about[] =
    "Cleans texts; by default as pandas' .str.lower(), .str.replace('[^\\w\\s]', ''), one blank for\n"
    "white space, stripped; identical to Python's. One text per line of output. Passes, in their order:\n"
#define PASS_HELP(name, text, what) "  " text ": " what "\n"
    VL_CLEAN_LIST(PASS_HELP)
#undef PASS_HELP
    ;

static int parse(clean_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_TEXT, "passes", 'p', "NAMES", "comma-separated (lower,punctuation,spaces)", &o->passes},
        {CLI_TEXT, "input", 'i', "FILE", "clean the texts of a file; - is standard input", &o->input},
        {CLI_TEXT, "output", 'o', "FILE", "where they go (standard output)", &o->output},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &o->source.text},
        {CLI_FLAG, "skip-bad", 0, NULL, "malformed rows are no failure", &o->skip_bad},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &o->threads},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &o->memory},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

/* One line: line ends that a text may still hold become blanks. */
static vl_status append_line(vl_buffer *out, vl_span text)
{
    size_t from = out->len;
    VL_TRY(vl_buffer_append(out, text.ptr, text.len));
    for (char *p = out->data + from, *end = out->data + out->len; p < end;) {
        char *n = memchr(p, '\n', (size_t)(end - p));
        if (!n) break;
        *n = ' ';
        p = n + 1;
    }
    return vl_buffer_append_byte(out, '\n');
}

static vl_status open_scratch(void *user, void **state, valence_error *error)
{
    (void)user;
    *state = vl_alloc_zero(VL_MEM_REQUEST, sizeof(vl_clean_scratch));
    return *state ? VALENCE_OK : vl_fail_memory(error, sizeof(vl_clean_scratch), "a thread");
}

static vl_status close_scratch(void *user, void *state, valence_error *error)
{
    (void)user, (void)error;
    vl_clean_scratch_release(state);
    vl_free(state);
    return VALENCE_OK;
}

static vl_status clean_record(void *user, void *state, const vl_record *record, vl_buffer *out,
                              valence_error *error)
{
    const clean_options *o = user;
    vl_span cleaned;
    vl_status status = vl_clean(o->bits, record->text, state, &cleaned);
    if (status == VALENCE_OK) status = append_line(out, cleaned);
    if (status == VALENCE_OK) return status;
    return vl_fail(error, status, "out of memory for a text of %zu bytes", record->text.len);
}

static vl_status clean_file(clean_options *o, uint64_t *bad_rows, valence_error *error)
{
    const cli_job job = {.name = o->input, .what = "cleaning", .user = o, .open = open_scratch,
                         .record = clean_record, .close = close_scratch};
    vl_source *source;
    vl_writer *writer = NULL;
    uint64_t sequence = 0;
    VL_TRY(vl_source_open(&source, o->input, &o->source, error));
    vl_status status = vl_writer_open(&writer, o->output ? o->output : "-", 0, error);
    if (status == VALENCE_OK)
        status = cli_pipeline_run(source, writer, &sequence, &job, (int)o->threads, error);
    if (status == VALENCE_OK) status = vl_writer_finish(writer, error);
    *bad_rows = vl_source_counted(source).bad_rows;
    vl_writer_close(writer);
    vl_source_close(source);
    return status;
}

static vl_status clean_texts(const clean_options *o, char **texts, int count, valence_error *error)
{
    vl_clean_scratch scratch = {0};
    vl_buffer out;
    vl_status status = VALENCE_OK;
    vl_buffer_init(&out, VL_MEM_IO, (size_t)1 << 30);
    for (int i = 0; i < count && status == VALENCE_OK; i++) {
        vl_span cleaned;
        status = vl_clean(o->bits, vl_span_of(texts[i]), &scratch, &cleaned);
        if (status == VALENCE_OK) status = append_line(&out, cleaned);
    }
    if (status != VALENCE_OK) vl_fail(error, status, "out of memory");
    else if (fwrite(out.data, 1, out.len, stdout) < out.len || fflush(stdout))
        status = vl_fail(error, VALENCE_IO, "cannot write the result");
    vl_buffer_release(&out);
    vl_clean_scratch_release(&scratch);
    return status;
}

int cmd_clean(int argc, char **argv)
{
    clean_options o = {.bits = VL_CLEAN_DEFAULT, .source = vl_source_options_defaults()};
    valence_error error = {0};
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    o.source.label = "";
    if (o.passes && vl_clean_parse(&o.bits, vl_span_of(o.passes), &error) != VALENCE_OK)
        return cli_usage("clean", "%s", error.message);
    if (!o.input && argc - first == 1 && strcmp(argv[first], "-") == 0) {
        o.input = "-";
        o.source.format = VL_DATA_LINES;
    } else if (o.input && argc > first) {
        return cli_usage("clean", "give either texts or -i FILE, not both");
    } else if (!o.input && argc == first) {
        return cli_usage("clean", "no text given (texts, - for standard input, or -i FILE)");
    }
    signal(SIGPIPE, SIG_IGN);
    uint64_t bad_rows = 0;
    vl_status status = o.input ? clean_file(&o, &bad_rows, &error)
                               : clean_texts(&o, argv + first, argc - first, &error);
    if (o.memory) cli_memory_report(0);
    if (status != VALENCE_OK) return cli_fail("%s", error.message);
    return bad_rows && !o.skip_bad ? CLI_FAILED : CLI_OK;
}
