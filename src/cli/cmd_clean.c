/* cmd_clean.c: `valence clean`: texts in, cleaned texts out, one per line. */
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/text_job.h"
#include "text/clean.h"

typedef struct clean_options {
    const char *passes;
    uint32_t bits;
    cli_text_job texts;
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
    cli_text_job *t = &o->texts;
    const cli_option table[] = {
        {CLI_TEXT, "passes", 'p', "NAMES", "comma-separated (lower,punctuation,spaces)", &o->passes},
        {CLI_TEXT, "input", 'i', "FILE", "clean the texts of a file; - is standard input", &t->input},
        {CLI_TEXT, "output", 'o', "FILE", "where they go (standard output)", &t->output},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &t->source.text},
        {CLI_FLAG, "skip-bad", 0, NULL, "malformed rows are no failure", &t->skip_bad},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &t->threads},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &t->memory},
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

int cmd_clean(int argc, char **argv)
{
    clean_options o = {.bits = VL_CLEAN_DEFAULT,
                       .texts = {.command = "clean", .source = vl_source_options_defaults()}};
    valence_error error;
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (o.passes && vl_clean_parse(&o.bits, vl_span_of(o.passes), &error) != VALENCE_OK)
        return cli_usage("clean", "%s", error.message);
    if (cli_text_job_input(&o.texts, argv + first, argc - first)) return CLI_USAGE;
    o.texts.job = (cli_job){.what = "cleaning", .user = &o, .open = open_scratch,
                            .record = clean_record, .close = close_scratch};
    return cli_text_job_run(&o.texts, argv + first, argc - first);
}
