/* cmd_merge.c: `valence merge`. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/memory_report.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/threshold_report.h"
#include "formats/safetensors.h"
#include "train/linear_writer.h"
#include "train/partial.h"

typedef struct merge_options {
    const char *const *files;
    int count;
    const char *output, *type;
    int64_t capacity, holdout, threads;
    double min_count, smoothing, alpha, min_precision;
    bool json, memory;
    cli_progress progress;
} merge_options;

static const char usage[] = "valence merge COUNTS... -o MODEL";
static const char about[] =
    "Adds up partial counts, made by 'valence train naive-bayes --partial' on any machine, and makes\n"
    "the naive Bayes model that training on all the data at once would have made.\n"
    "Example: valence merge monday.counts tuesday.counts -o my.safetensors";

static int parse(merge_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_TEXT, "output", 'o', "MODEL", "the model file to write (.safetensors)", &o->output},
        {CLI_INTEGER, "capacity", 0, "N", "most n-grams in the model (100000)", &o->capacity},
        {CLI_REAL, "min-count", 0, "N", "ignore n-grams in fewer texts (3)", &o->min_count},
        {CLI_REAL, "smoothing", 0, "X", "smoothing when n-grams are rated (3)", &o->smoothing},
        {CLI_REAL, "alpha", 0, "X", "added to every count (3)", &o->alpha},
        {CLI_TEXT, "type", 0, "TYPE", "i8, f16 or f32 weights (i8)", &o->type},
        {CLI_INTEGER, "holdout", 0, "N", "texts to calibrate on (a tenth, <= 5000)", &o->holdout},
        {CLI_REAL, "min-precision", 0, "P", "call texts 'uncertain' so that P of the others are right", &o->min_precision},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &o->threads},
        {CLI_FLAG, "json", 0, NULL, "print the result as JSON", &o->json},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &o->memory},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

static void show_progress(void *user, const char *stage, double share)
{
    merge_options *o = user;
    cli_progress_update(&o->progress, stage, share, 1, 0, "");
}

static vl_status take_options(vl_classic_options *c, merge_options *o, valence_error *error)
{
    if (o->type) VL_TRY(vl_linear_type_parse(&c->dtype, o->type, error));
    if (o->capacity >= 0) c->vocabulary.capacity = o->capacity;
    if (o->min_count >= 0) c->vocabulary.min_count = (float)o->min_count;
    if (o->smoothing >= 0) c->vocabulary.smoothing = (float)o->smoothing;
    if (o->alpha >= 0) c->alpha = o->alpha;
    if (c->vocabulary.capacity < 1 || c->vocabulary.capacity > 100000000)
        return vl_fail(error, VALENCE_ARGUMENT, "--capacity must be 1 to 100000000");
    if (!(c->vocabulary.smoothing > 0) || !(c->alpha > 0))
        return vl_fail(error, VALENCE_ARGUMENT, "--smoothing and --alpha must be above 0");
    if (o->min_precision != -1 && !(o->min_precision > 0.5 && o->min_precision <= 1))
        return vl_fail(error, VALENCE_ARGUMENT, "--min-precision must be above 0.5 and at most 1");
    if (o->min_precision > 0) c->min_precision = o->min_precision;
    c->holdout = o->holdout;
    c->progress = show_progress;
    c->user = o;
    return VALENCE_OK;
}

static void print_path(const char *path)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1 << 20);
    if (vl_json_write_string(&b, vl_span_of(path)) == VALENCE_OK) fwrite(b.data, 1, b.len, stdout);
    else fputs("null", stdout);
    vl_buffer_release(&b);
}

static void print_report(const vl_classic_report *r, const merge_options *o, int64_t classes,
                         double seconds)
{
    if (o->json) {
        fputs("{\"model\":", stdout);
        print_path(o->output);
        printf(",\"files\":%d,\"examples\":%lld,\"classes\":%lld,\"features\":%lld,\"held_out\":%lld,"
               "\"held_out_accuracy\":%.4f,\"held_out_macro_f1\":%.4f,\"temperature\":%.4f,"
               "\"seconds\":%.3f",
               o->count, (long long)r->examples, (long long)classes, (long long)r->features,
               (long long)r->held_out, r->held_out_accuracy, r->held_out_macro_f1, r->temperature,
               seconds);
        cli_threshold_json(&r->threshold);
        puts("}");
        return;
    }
    printf("%s: %lld texts from %d file%s, %lld classes, %lld n-grams, %.2f s\n", o->output,
           (long long)r->examples, o->count, o->count == 1 ? "" : "s", (long long)classes,
           (long long)r->features, seconds);
    if (r->held_out)
        printf("accuracy %.4f, macro-F1 %.4f on %lld texts not trained on\n", r->held_out_accuracy,
               r->held_out_macro_f1, (long long)r->held_out);
    cli_threshold_text(&r->threshold);
}

static vl_status merge(merge_options *o, const vl_classic_options *classic, vl_store *store,
                       vl_workers *workers, valence_error *error)
{
    double start = vl_clock_seconds();
    vl_classic_report report;
    VL_TRY(vl_partial_merge(store, &report, o->files, o->count, classic, workers, error));
    VL_TRY(vl_safetensors_write(store, o->output, error));
    cli_progress_end(&o->progress);
    print_report(&report, o, vl_store_find(store, "linear.bias")->shape[0],
                 vl_clock_seconds() - start);
    return VALENCE_OK;
}

static int run(merge_options *o, const vl_classic_options *classic)
{
    valence_error error = {0};
    vl_workers *workers = NULL;
    vl_store *store = NULL;
    cli_progress_start(&o->progress);
    vl_status status = vl_workers_open(&workers, (int)o->threads, &error);
    if (status == VALENCE_OK) status = vl_store_open(&store, &error);
    if (status == VALENCE_OK) status = merge(o, classic, store, workers, &error);
    cli_progress_end(&o->progress);
    vl_store_close(store);
    vl_workers_close(workers);
    if (o->memory) cli_memory_report(0);
    return status == VALENCE_OK ? CLI_OK : cli_fail("%s", error.message);
}

int cmd_merge(int argc, char **argv)
{
    merge_options o = {.capacity = -1, .holdout = -1, .min_count = -1, .smoothing = -1, .alpha = -1,
                       .min_precision = -1};
    vl_classic_options classic = vl_classic_defaults(false);
    valence_error error;
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    o.files = (const char *const *)argv + first;
    o.count = argc - first;
    if (o.count < 1) return cli_usage("merge", "name the files to merge");
    if (!o.output) return cli_usage("merge", "-o MODEL is missing");
    if (take_options(&classic, &o, &error) != VALENCE_OK)
        return cli_usage("merge", "%s", error.message);
    return run(&o, &classic);
}
