/* cmd_bench.c: `valence bench`: times the parts of a prediction inside the process, on the texts of a
 * file, one thread. Whole processes and peers are compared by bench/bench.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "data/source.h"
#include "text/clean.h"
#include "valence.h"

enum { TEXTS_MAX = 100000, ROUNDS = 7 };

typedef struct texts {
    vl_buffer bytes;
    size_t *begin; /* (count + 1) */
    int64_t count;
} texts;

static vl_status take_chunk(texts *t, vl_cursor *cursor, valence_error *error)
{
    vl_record record;
    for (bool more = true; t->count < TEXTS_MAX;) {
        vl_status status = vl_cursor_next(cursor, &record, &more, error);
        if (status == VALENCE_FORMAT) continue;
        VL_TRY(status);
        if (!more) return VALENCE_OK;
        t->begin[t->count++] = t->bytes.len;
        VL_TRY(vl_buffer_append(&t->bytes, record.text.ptr, record.text.len));
        t->begin[t->count] = t->bytes.len;
    }
    return VALENCE_OK;
}

static vl_status read_texts(texts *t, const char *path, const vl_source_options *options,
                            valence_error *error)
{
    vl_source *source;
    vl_cursor *cursor = NULL;
    vl_chunk chunk = {0};
    bool more = true;
    vl_buffer_init(&t->bytes, VL_MEM_BATCH, (size_t)1 << 31);
    t->begin = vl_alloc_zero(VL_MEM_BATCH, (TEXTS_MAX + 1) * sizeof *t->begin);
    if (!t->begin) return vl_fail_memory(error, TEXTS_MAX * sizeof *t->begin, "texts");
    VL_TRY(vl_source_open(&source, path, options, error));
    vl_status status = vl_cursor_open(&cursor, source, error);
    while (status == VALENCE_OK && t->count < TEXTS_MAX) {
        status = vl_source_next(source, &chunk, &more, error);
        if (status != VALENCE_OK || !more) break;
        vl_cursor_start(cursor, &chunk);
        status = take_chunk(t, cursor, error);
        vl_source_return(source, &chunk);
    }
    vl_cursor_close(cursor);
    vl_chunk_release(&chunk);
    vl_source_close(source);
    return status;
}

static vl_span text_at(const texts *t, int64_t i)
{
    return (vl_span){t->bytes.data + t->begin[i], t->begin[i + 1] - t->begin[i]};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

/* Seconds per round over all texts: the median of ROUNDS. */
static double time_clean(const texts *t)
{
    double seconds[ROUNDS];
    vl_clean_scratch scratch = {0};
    vl_span out;
    for (int r = 0; r < ROUNDS; r++) {
        double start = vl_clock_seconds();
        for (int64_t i = 0; i < t->count; i++) vl_clean(VL_CLEAN_DEFAULT, text_at(t, i), &scratch, &out);
        seconds[r] = vl_clock_seconds() - start;
    }
    vl_clean_scratch_release(&scratch);
    return median(seconds, ROUNDS);
}

/* What is timed: one text, answered in one way. */
typedef void ask_fn(valence_context *context, vl_span text);

static void ask_plainly(valence_context *context, vl_span text)
{
    valence_prediction p;
    valence_context_predict(context, text.ptr, text.len, &p, NULL);
}

static void ask_why(valence_context *context, vl_span text)
{
    valence_prediction p;
    valence_explanation e;
    valence_context_explain(context, text.ptr, text.len, -1, &p, &e, NULL);
}

typedef struct timing {
    double seconds;      /* of one round over all texts: the median of ROUNDS */
    double p50, p99;     /* of one text */
    int64_t allocations; /* in all rounds */
} timing;

/* Scratch memory grows to the longest text once; that is no cost of a prediction: the first round is
 * not timed. The last one is timed text by text. */
static timing time_ask(const texts *t, valence_context *context, ask_fn *ask, double *latency)
{
    double seconds[ROUNDS];
    for (int64_t i = 0; i < t->count; i++) ask(context, text_at(t, i));
    int64_t allocated = vl_mem_usage_total().allocations;
    for (int r = 0; r < ROUNDS; r++) {
        double start = vl_clock_seconds();
        for (int64_t i = 0; i < t->count; i++) ask(context, text_at(t, i));
        seconds[r] = vl_clock_seconds() - start;
    }
    for (int64_t i = 0; i < t->count; i++) {
        double start = vl_clock_seconds();
        ask(context, text_at(t, i));
        latency[i] = vl_clock_seconds() - start;
    }
    size_t n = (size_t)t->count;
    return (timing){.seconds = median(seconds, ROUNDS),
                    .p50 = median(latency, n),
                    .p99 = latency[n * 99 / 100],
                    .allocations = vl_mem_usage_total().allocations - allocated};
}

static void print_results(const texts *t, const valence_model_info *info, double clean,
                          const timing *predict, const timing *explain, bool json)
{
    double n = (double)t->count, length = (double)t->bytes.len / n;
    double gigabytes = (double)t->bytes.len / 1e9;
    if (json) {
        printf("{\"isa\":\"%s\",\"threads\":1,\"texts\":%.0f,\"mean_bytes\":%.1f,\"model\":\"%s\","
               "\"load_ms\":%.3f,\"clean_gb_per_s\":%.3f,\"texts_per_s\":%.0f,\"p50_us\":%.2f,"
               "\"p99_us\":%.2f,\"allocations_per_prediction\":%.6f,\"explain_texts_per_s\":%.0f,"
               "\"explain_p50_us\":%.2f,\"explain_ratio\":%.3f}\n",
               vl_isa_name(vl_isa_active()), n, length, info->name, info->load_seconds * 1e3,
               gigabytes / clean, n / predict->seconds, predict->p50 * 1e6, predict->p99 * 1e6,
               (double)predict->allocations / (n * ROUNDS), n / explain->seconds, explain->p50 * 1e6,
               explain->seconds / predict->seconds);
        return;
    }
    printf("%s, 1 thread, %.0f texts of %.0f bytes, model %s\n", vl_isa_name(vl_isa_active()), n,
           length, info->name);
    printf("  load       %.2f ms\n  clean      %.2f GB/s\n", info->load_seconds * 1e3, gigabytes / clean);
    printf("  predict    %.0f texts/s, p50 %.2f us, p99 %.2f us, %lld allocations\n",
           n / predict->seconds, predict->p50 * 1e6, predict->p99 * 1e6,
           (long long)predict->allocations);
    printf("  explain    %.0f texts/s, p50 %.2f us, p99 %.2f us: %.2f times a prediction\n",
           n / explain->seconds, explain->p50 * 1e6, explain->p99 * 1e6,
           explain->seconds / predict->seconds);
}

static vl_status run(const char *model_name, const char *path, const vl_source_options *options,
                     bool json, valence_error *error)
{
    texts t = {0};
    valence_model *model;
    valence_context *context = NULL;
    valence_model_info info;
    VL_TRY(valence_model_open(&model, model_name, NULL, error));
    vl_status status = read_texts(&t, path, options, error);
    if (status == VALENCE_OK && t.count == 0)
        status = vl_fail(error, VALENCE_ARGUMENT, "'%.200s' holds no text", path);
    if (status == VALENCE_OK) status = valence_context_open(&context, model, error);
    double *latency = vl_alloc_array(VL_MEM_BATCH, (size_t)t.count + 1, sizeof *latency);
    if (status == VALENCE_OK && latency) {
        valence_model_describe(model, &info);
        double clean = time_clean(&t);
        timing predict = time_ask(&t, context, ask_plainly, latency);
        timing explain = time_ask(&t, context, ask_why, latency);
        print_results(&t, &info, clean, &predict, &explain, json);
    }
    vl_free(latency);
    vl_buffer_release(&t.bytes);
    vl_free(t.begin);
    valence_context_close(context);
    valence_model_close(model);
    return status;
}

int cmd_bench(int argc, char **argv)
{
    const char *model = "general", *input = NULL;
    bool json = false;
    vl_source_options source = vl_source_options_defaults();
    const cli_option table[] = {
        {CLI_TEXT, "model", 'm', "MODEL", "a model file, or a shipped model's name (general)", &model},
        {CLI_TEXT, "input", 'i', "FILE", "texts to run on (at most 100000)", &input},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &source.text},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object", &json},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    valence_error error;
    int first = cli_parse(argc, argv, "valence bench -m MODEL -i FILE",
                          "Times cleaning, predictions and explanations in one thread on the texts of a file.", table);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (!input) return cli_usage("bench", "-i FILE is missing");
    source.label = "";
    if (run(model, input, &source, json, &error) != VALENCE_OK) return cli_fail("%s", error.message);
    return CLI_OK;
}
