/* cmd_quantize.c: `valence quantize`: a smaller model of another, measured beside it before it is
 * kept. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/evaluate.h"
#include "cli/options.h"
#include "cli/sample_texts.h"
#include "engine/engine_model.h"
#include "engine/model_config.h"
#include "formats/safetensors.h"
#include "models/quantize_store.h"

typedef struct quantize_options {
    const char *model, *type, *output;
    cli_list data;
    double max_drop;
    int64_t threads;
    bool json;
    vl_source_options source;
} quantize_options;

/* What is told of one of the two models. */
typedef struct figures {
    uint64_t bytes;
    double p50; /* seconds for a text */
    double accuracy, macro_f1;
    int64_t examples;
} figures;

typedef struct comparison {
    figures before, after;
    double logit_change; /* the largest, on the sample texts */
    int same_labels;     /* of CLI_SAMPLE_TEXTS */
} comparison;

static const char usage[] =
    "valence quantize -m MODEL --type i8|bf16|f32 -o FILE [--data FILE[@MAP]]...";
static const char about[] =
    "Writes a neural model with smaller weights, embeddings included, and prints what that does to "
    "size,\n"
    "speed and answers; with --data also to accuracy. A model that loses more than --max-drop is "
    "not\n"
    "written. MODEL may be a Hugging Face folder.\n"
    "Example: valence quantize -m my-bert/ --type i8 -o my-bert.safetensors --data dev.tsv";

static int parse(quantize_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_TEXT, "model", 'm', "MODEL",
         "a model file, a shipped model's name, or a Hugging Face folder", &o->model},
        {CLI_TEXT, "type", 0, "TYPE", "i8, bf16 or f32", &o->type},
        {CLI_TEXT, "output", 'o', "FILE", "the model file to write (.safetensors)", &o->output},
        {CLI_LIST, "data", 0, "FILE[@MAP]", "labelled texts to compare accuracy on", &o->data},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &o->source.text},
        {CLI_TEXT, "label", 0, "COLUMN", "column of the label (label)", &o->source.label},
        {CLI_REAL, "max-drop", 0, "X", "accuracy that may be lost, as a share (0.01)",
         &o->max_drop},
        {CLI_INTEGER, "threads", 't', "N", "threads for --data (all processors)", &o->threads},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object", &o->json},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

static int parse_type(vl_dtype *out, const char *name)
{
    static const char *const names[] = {"i8", "bf16", "f32"};
    static const vl_dtype types[] = {VL_I8, VL_BF16, VL_F32};
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], name) == 0) {
            *out = types[i];
            return 0;
        }
    return cli_usage("quantize", "--type is i8, bf16 or f32, not '%s'", name);
}

/* ---- Measuring ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* logits (CLI_SAMPLE_TEXTS,K); the median time of a text in a second round. */
static vl_status ask(const valence_model *m, float *logits, double *p50, valence_error *error)
{
    valence_context *c;
    valence_prediction p;
    double seconds[CLI_SAMPLE_TEXTS];
    size_t K = (size_t)m->model->K;
    VL_TRY(valence_context_open(&c, m, error));
    vl_status status = VALENCE_OK;
    for (int i = 0; i < 2 * CLI_SAMPLE_TEXTS && status == VALENCE_OK; i++) {
        int k = i % CLI_SAMPLE_TEXTS;
        double start = vl_clock_seconds();
        status =
            valence_context_predict(c, cli_sample_texts[k], strlen(cli_sample_texts[k]), &p, error);
        seconds[k] = vl_clock_seconds() - start;
        if (status == VALENCE_OK) memcpy(logits + (size_t)k * K, p.logits, K * sizeof *logits);
    }
    valence_context_close(c);
    qsort(seconds, CLI_SAMPLE_TEXTS, sizeof *seconds, by_value);
    *p50 = seconds[CLI_SAMPLE_TEXTS / 2];
    return status;
}

static int best_of(const float *logits, size_t K)
{
    int best = 0;
    for (size_t k = 1; k < K; k++)
        if (logits[k] > logits[best]) best = (int)k;
    return best;
}

static void compare_logits(comparison *c, const float *before, const float *after, size_t K)
{
    for (size_t i = 0; i < CLI_SAMPLE_TEXTS; i++)
        c->same_labels += best_of(before + i * K, K) == best_of(after + i * K, K);
    for (size_t i = 0; i < CLI_SAMPLE_TEXTS * K; i++)
        c->logit_change = fmax(c->logit_change, fabs((double)before[i] - (double)after[i]));
}

static vl_status compare_answers(comparison *c, const valence_model *before,
                                 const valence_model *after, valence_error *error)
{
    size_t K = (size_t)before->model->K, count = CLI_SAMPLE_TEXTS * K;
    float *logits = vl_alloc_array(VL_MEM_REQUEST, 2 * count, sizeof *logits);
    if (!logits) return vl_fail_memory(error, 2 * count * sizeof *logits, "answers");
    vl_status status = ask(before, logits, &c->before.p50, error);
    if (status == VALENCE_OK) status = ask(after, logits + count, &c->after.p50, error);
    if (status == VALENCE_OK) compare_logits(c, logits, logits + count, K);
    vl_free(logits);
    return status;
}

static vl_status evaluate(figures *f, const valence_model *m, const quantize_options *o,
                          valence_error *error)
{
    char *sets[CLI_LIST_MAX];
    cli_evaluated e = {.model = m, .source = o->source, .threads = (int)o->threads};
    for (int i = 0; i < o->data.count; i++) memcpy(&sets[i], &o->data.items[i], sizeof *sets);
    vl_status status = cli_evaluate(&e, sets, o->data.count, error);
    if (status == VALENCE_OK) {
        vl_figures found = vl_evaluation_figures(&e.sum);
        f->accuracy = found.accuracy;
        f->macro_f1 = found.macro_f1;
        f->examples = e.sum.examples;
    }
    vl_evaluation_release(&e.sum);
    return status;
}

static vl_status compare(comparison *c, const valence_model *before, const valence_model *after,
                         const quantize_options *o, valence_error *error)
{
    c->before.bytes = before->bytes.len;
    c->after.bytes = after->bytes.len;
    VL_TRY(compare_answers(c, before, after, error));
    if (!o->data.count) return VALENCE_OK;
    VL_TRY(evaluate(&c->before, before, o, error));
    return evaluate(&c->after, after, o, error);
}

static vl_status check_drop(const comparison *c, const quantize_options *o, valence_error *error)
{
    double drop = c->before.accuracy - c->after.accuracy;
    if (!o->data.count || drop <= o->max_drop) return VALENCE_OK;
    return vl_fail(error, VALENCE_LIMIT,
                   "not written: accuracy falls from %.4f to %.4f, and --max-drop is %g",
                   c->before.accuracy, c->after.accuracy, o->max_drop);
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void print_json(const comparison *c, const quantize_options *o)
{
    const figures *f[] = {&c->before, &c->after};
    printf("{");
    for (int i = 0; i < 2; i++) {
        printf("%s\"%s\":{\"bytes\":%llu,\"p50_ms\":%.3f", i ? "," : "", i ? "after" : "before",
               (unsigned long long)f[i]->bytes, f[i]->p50 * 1e3);
        if (o->data.count)
            printf(",\"accuracy\":%.6f,\"macro_f1\":%.6f,\"examples\":%lld", f[i]->accuracy,
                   f[i]->macro_f1, (long long)f[i]->examples);
        printf("}");
    }
    printf(",\"sample_texts\":%d,\"same_labels\":%d,\"logit_change\":%.6f}\n", CLI_SAMPLE_TEXTS,
           c->same_labels, c->logit_change);
}

static void print_text(const comparison *c, const quantize_options *o)
{
    const figures *b = &c->before, *a = &c->after;
    printf("%-10s %12s %12s\n", "", "before", "after");
    printf("%-10s %9.2f MB %9.2f MB  (%.2f times smaller)\n", "size", (double)b->bytes / 1e6,
           (double)a->bytes / 1e6, (double)b->bytes / (double)a->bytes);
    printf("%-10s %9.3f ms %9.3f ms  (%.2f times faster)\n", "a text", b->p50 * 1e3, a->p50 * 1e3,
           b->p50 / a->p50);
    if (o->data.count) {
        printf("%-10s %12.4f %12.4f  (%+.4f on %lld texts)\n", "accuracy", b->accuracy, a->accuracy,
               a->accuracy - b->accuracy, (long long)a->examples);
        printf("%-10s %12.4f %12.4f\n", "macro-F1", b->macro_f1, a->macro_f1);
    }
    printf("%d of %d sample texts get the same label; logits change by %.3f at most\n",
           c->same_labels, CLI_SAMPLE_TEXTS, c->logit_change);
    if (!o->data.count)
        printf("What it does to accuracy is not known: give labelled texts with --data.\n");
}

/* ---- Doing ----------------------------------------------------------------------------------- */

/* What the card says was measured on the model before; so the file says what was done since. */
static vl_status write_note(vl_store *store, const comparison *c, const quantize_options *o,
                            valence_error *error)
{
    char note[400];
    int len = snprintf(note, sizeof note,
                       "{\"type\":\"%s\",\"same_labels\":%d,\"of\":%d,\"logit_change\":%.6f",
                       o->type, c->same_labels, CLI_SAMPLE_TEXTS, c->logit_change);
    if (o->data.count)
        len += snprintf(note + len, sizeof note - (size_t)len,
                        ",\"accuracy_before\":%.6f,\"accuracy_after\":%.6f,\"examples\":%lld",
                        c->before.accuracy, c->after.accuracy, (long long)c->after.examples);
    snprintf(note + len, sizeof note - (size_t)len, "}");
    return vl_store_set(store, "quantized", vl_span_of(note), error);
}

static vl_status write_model(vl_store *store, const char *path, valence_error *error)
{
    VL_TRY(vl_store_set(store, "format", vl_span_of(VL_MODEL_FORMAT), error));
    VL_TRY(vl_model_config_write_checksum(store, error));
    return vl_safetensors_write(store, path, error);
}

/* The new model is tried under another name; only then it gets its own. */
static vl_status try_and_keep(vl_store *store, const valence_model *before,
                              const quantize_options *o, comparison *c, valence_error *error)
{
    char trial[4096];
    valence_model *after = NULL;
    if ((size_t)snprintf(trial, sizeof trial, "%s.trial", o->output) >= sizeof trial)
        return vl_fail(error, VALENCE_ARGUMENT, "'%.80s..' is too long a path", o->output);
    VL_TRY(write_model(store, trial, error));
    vl_status status = valence_model_open(&after, trial, NULL, error);
    if (status == VALENCE_OK) status = compare(c, before, after, o, error);
    valence_model_close(after);
    unlink(trial);
    VL_TRY(status);
    VL_TRY(check_drop(c, o, error));
    VL_TRY(write_note(store, c, o, error));
    return write_model(store, o->output, error);
}

static vl_status quantize(const quantize_options *o, vl_dtype type, comparison *c,
                          valence_error *error)
{
    valence_model *before;
    vl_store *store = NULL;
    VL_TRY(valence_model_open(&before, o->model, NULL, error));
    vl_status status =
        before->tokenizer
            ? vl_quantize_store(&store, before->store, type, error)
            : vl_fail(error, VALENCE_UNSUPPORTED,
                      "'%.200s' is a linear model: 'valence train' writes those with i8 weights",
                      o->model);
    if (status == VALENCE_OK) status = try_and_keep(store, before, o, c, error);
    vl_store_close(store);
    valence_model_close(before);
    return status;
}

int cmd_quantize(int argc, char **argv)
{
    quantize_options o = {.max_drop = 0.01, .source = vl_source_options_defaults()};
    comparison c = {0};
    valence_error error = {0};
    vl_dtype type = VL_I8;
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first < argc)
        return cli_usage("quantize", "'%s' is not expected: data goes with --data", argv[first]);
    if (!o.model || !o.type || !o.output)
        return cli_usage("quantize", "-m MODEL, --type TYPE and -o FILE are needed");
    if (parse_type(&type, o.type)) return CLI_USAGE;
    if (quantize(&o, type, &c, &error) != VALENCE_OK) {
        if (error.code == VALENCE_LIMIT && c.after.bytes) print_text(&c, &o);
        return cli_fail("%s", error.message);
    }
    if (o.json) print_json(&c, &o);
    else print_text(&c, &o);
    return CLI_OK;
}
