/* cmd_predict.c: `valence predict`. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/bulk.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/length_options.h"
#include "cli/memory_report.h"
#include "cli/options.h"
#include "cli/resume.h"

typedef struct predict_options {
    const char *model, *format, *shard;
    int64_t threads, top;
    bool skip_bad, memory, trace;
    cli_length_options length;
    valence_model_options decide;
    cli_bulk_options bulk;
} predict_options;

static const char usage[] = "valence predict [-m MODEL] TEXT... | - | -i FILE [-o FILE]";
static const char about[] =
    "Says of each text whether it is negative, neutral or positive, with a calibrated probability.\n"
    "Texts are arguments; or lines of standard input (-); or rows of a file (-i): csv, tsv, jsonl,\n"
    "txt, or a folder of texts, plain, .gz or .zst.\n"
    "Example: valence predict -i reviews.csv --text review -o scored.csv";

static int parse(predict_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_TEXT, "model", 'm', "MODEL", "a model file, or a shipped model's name (general)", &o->model},
        {CLI_TEXT, "input", 'i', "FILE", "predict the rows of a file; - is standard input", &o->bulk.input},
        {CLI_TEXT, "output", 'o', "FILE", "where the rows go (standard output)", &o->bulk.output},
        {CLI_TEXT, "format", 0, "FORMAT", "pretty, json, jsonl, csv, tsv or html", &o->format},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text, by name or number (text)", &o->bulk.source.text},
        {CLI_TEXT, "keep", 0, "COL,..|all", "columns of the input to repeat in the output", &o->bulk.keep},
        {CLI_REAL, "neutral-band", 0, "X", "two classes: call |p - 0.5| < X neutral", &o->decide.neutral_band},
        {CLI_REAL, "min-confidence", 0, "X", "call predictions below this 'uncertain' (as the model says)", &o->decide.min_confidence},
        {CLI_FLAG, "explain", 0, NULL, "what each word adds to the answer, with places in the text", &o->bulk.style.explain},
        {CLI_FLAG, "sentences", 0, NULL, "a label for each sentence, and for all of them together", &o->bulk.style.sentences},
        {CLI_INTEGER, "top", 0, "K", "give only the K most probable classes", &o->top},
        CLI_LENGTH_OPTIONS(&o->length),
        {CLI_FLAG, "skip-bad", 0, NULL, "malformed rows are no failure", &o->skip_bad},
        {CLI_TEXT, "shard", 0, "I/N", "only the I-th of N parts of the file (1/N .. N/N)", &o->shard},
        {CLI_FLAG, "resume", 0, NULL, "go on where an interrupted run of this command stopped", &o->bulk.resume},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &o->threads},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &o->memory},
        {CLI_FLAG, "trace", 0, NULL, "print where a neural model's time goes at the end", &o->trace},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

static int parse_shard(predict_options *o)
{
    unsigned long long i, n;
    char rest;
    if (!o->shard) return 0;
    if (sscanf(o->shard, "%llu/%llu%c", &i, &n, &rest) != 2 || i < 1 || i > n)
        return cli_usage("predict", "--shard needs I/N with 1 <= I <= N, not '%s'", o->shard);
    o->bulk.source.shard = i - 1;
    o->bulk.source.shards = n;
    return 0;
}

/* Only what is in a file can be found again, and only a file can be cut and continued. */
static int check_resume(const predict_options *o)
{
    const char *in = o->bulk.input, *out = o->bulk.output;
    if (!o->bulk.resume) return 0;
    if (!in || strcmp(in, "-") == 0)
        return cli_usage("predict", "--resume needs a file to read (-i FILE), not standard input");
    if (!out || strcmp(out, "-") == 0)
        return cli_usage("predict", "--resume needs a file to write (-o FILE), not standard output");
    cli_format f = o->bulk.style.format;
    if (f == CLI_HTML || (f == CLI_FORMAT_AUTO && cli_format_of_path(out) == CLI_HTML))
        return cli_usage("predict", "--resume cannot go on with HTML, which is written in one piece");
    return 0;
}

/* What would be silently without effect on texts given as arguments. */
static int check_texts(const predict_options *o)
{
    const char *option = o->shard ? "shard" : o->bulk.keep ? "keep" : o->bulk.source.text ? "text" : NULL;
    if (o->bulk.input || !option) return 0;
    return cli_usage("predict", "--%s needs a file to read (-i FILE)", option);
}

static vl_status answer_texts(cli_answerer *a, const cli_row_style *style, char **texts, int count,
                              vl_buffer *out, valence_error *error)
{
    vl_status status = cli_write_header(out, style);
    for (int i = 0; i < count && status == VALENCE_OK; i++) {
        vl_record r = {.text = vl_span_of(texts[i]), .row = (uint64_t)i + 1};
        if (i > 0 && style->format == CLI_JSON) status = vl_buffer_append_text(out, ",\n");
        if (status == VALENCE_OK) VL_TRY(cli_answer(a, &r, out, error));
    }
    return status == VALENCE_OK ? status : vl_fail(error, status, "out of memory for the output");
}

static cli_format format_of_texts(const predict_options *o)
{
    cli_format f = o->bulk.style.format;
    if (f == CLI_FORMAT_AUTO && o->bulk.output) f = cli_format_of_path(o->bulk.output);
    if (f != CLI_FORMAT_AUTO) return f;
    return !o->bulk.output && isatty(STDOUT_FILENO) ? CLI_PRETTY : CLI_JSONL;
}

static vl_status write_result(const char *path, vl_span bytes, valence_error *error)
{
    vl_writer *writer;
    VL_TRY(cli_open_writer(&writer, path, error));
    vl_status status = vl_writer_submit(writer, 0, bytes, error);
    if (status == VALENCE_OK) status = vl_writer_finish(writer, error);
    vl_writer_close(writer);
    return status;
}

/* Texts given as arguments. */
static vl_status predict_texts(valence_model *model, const predict_options *o, char **texts, int count,
                               valence_error *error)
{
    cli_answerer *answerer;
    cli_row_style style = o->bulk.style;
    style.format = format_of_texts(o);
    style.colour = !o->bulk.output && cli_colour(STDOUT_FILENO);
    VL_TRY(cli_answerer_open(&answerer, model, &style, error));
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, (size_t)1 << 30);
    vl_status status = answer_texts(answerer, &style, texts, count, &out, error);
    cli_answerer_close(answerer); /* for the footer's totals */
    if (status == VALENCE_OK) status = cli_write_footer(&out, &style, count > 0);
    if (status == VALENCE_OK) status = write_result(o->bulk.output, vl_buffer_span(&out), error);
    vl_buffer_release(&out);
    return status;
}

static int finish_bulk(const predict_options *o, const cli_bulk_result *r)
{
    bool person = isatty(STDERR_FILENO);
    if (r->was_complete) {
        fprintf(stderr, "valence: '%s' is already complete\n", o->bulk.output);
        return CLI_OK;
    }
    if (person && o->bulk.output)
        fprintf(stderr, "%llu texts in %.2f s (%.0f/s) -> %s\n", (unsigned long long)r->rows,
                r->seconds, (double)r->rows / r->seconds, o->bulk.output);
    if (r->repaired)
        fprintf(stderr, "valence: %llu texts were not valid UTF-8; bad bytes count as U+FFFD\n",
                (unsigned long long)r->repaired);
    if (r->bad_rows)
        fprintf(stderr, "valence: %llu malformed rows were skipped\n", (unsigned long long)r->bad_rows);
    return r->bad_rows && !o->skip_bad ? CLI_FAILED : CLI_OK;
}

static int run(predict_options *o, char **texts, int count)
{
    valence_model *model;
    valence_error error = {0};
    cli_bulk_result result = {0};
    cli_totals totals = {0};
    cli_times times = {0};
    valence_model_info info;
    if (valence_model_open(&model, o->model ? o->model : "general", &o->decide, &error) != VALENCE_OK)
        return cli_fail("%s", error.message);
    valence_model_describe(model, &info);
    if (o->decide.neutral_band > 0 && info.label_count != 2) {
        int code = cli_usage("predict", "--neutral-band is for models of two classes, '%.200s' has %d",
                             info.name, info.label_count);
        valence_model_close(model);
        return code;
    }
    totals.given = vl_alloc_zero(VL_MEM_REQUEST, (size_t)info.label_count * sizeof *totals.given);
    if (!totals.given) {
        valence_model_close(model);
        return cli_fail("out of memory");
    }
    o->bulk.style.label_count = info.label_count;
    o->bulk.style.labels = info.labels;
    o->bulk.style.model = info.name;
    o->bulk.style.input = o->bulk.input;
    o->bulk.style.totals = &totals;
    o->bulk.style.times = o->trace ? &times : NULL;
    vl_status status = o->bulk.input ? cli_bulk_predict(model, &o->bulk, &result, &error)
                                     : predict_texts(model, o, texts, count, &error);
    if (o->trace && status == VALENCE_OK) cli_times_print(&times);
    if (o->memory) cli_memory_report(o->bulk.input ? result.rows : (uint64_t)count);
    vl_free(totals.given);
    valence_model_close(model);
    int code = status == VALENCE_OK ? finish_bulk(o, &result) : cli_fail("%s", error.message);
    cli_interrupt_end();
    return code;
}

int cmd_predict(int argc, char **argv)
{
    predict_options o = {.decide = valence_model_defaults(),
                         .bulk = {.source = vl_source_options_defaults()}};
    valence_error error;
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    o.bulk.threads = (int)o.threads;
    o.bulk.decide = &o.decide;
    o.bulk.source.label = ""; /* not needed, so not looked for */
    if (o.format && cli_format_parse(&o.bulk.style.format, o.format, &error) != VALENCE_OK)
        return cli_usage("predict", "%s", error.message);
    if (parse_shard(&o) || check_resume(&o)) return CLI_USAGE;
    if (o.top < 0) return cli_usage("predict", "--top needs a number of classes");
    o.bulk.style.top = o.top < INT_MAX ? (int)o.top : INT_MAX;
    if (o.bulk.style.explain && o.bulk.style.sentences)
        return cli_usage("predict", "give either --explain or --sentences");
    bool lines = argc - first == 1 && strcmp(argv[first], "-") == 0;
    if (lines && !o.bulk.input) {
        o.bulk.input = "-";
        o.bulk.source.format = VL_DATA_LINES;
    } else if (o.bulk.input && argc > first) {
        return cli_usage("predict", "give either texts or -i FILE, not both");
    } else if (!o.bulk.input && argc == first) {
        return cli_usage("predict", "no text given (texts, - for standard input, or -i FILE)");
    }
    if (check_texts(&o) || cli_length_apply(&o.length, "predict", &o.decide)) return CLI_USAGE;
    /* Rows of a file are shared out among threads; of a few texts each is. */
    o.decide.threads = o.bulk.input ? 1 : o.threads > 0 ? (int)o.threads : vl_cpu_count();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error like any other */
    return run(&o, argv + first, argc - first);
}
