/* cmd_eval.c: `valence eval`. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/memory_report.h"
#include "cli/options.h"
#include "cli/pipeline.h"
#include "cli/plots.h"
#include "data/dataset.h"
#include "engine/evaluation.h"
#include "engine/ranking.h"

typedef struct eval_options {
    const char *model, *plots;
    int64_t threads;
    valence_model_options decide;
    bool json, skip_bad, memory;
    vl_source_options source;
} eval_options;

typedef struct evaluating {
    const eval_options *o;
    const valence_model *model;
    valence_model_info info;
    vl_dataset_spec spec;
    vl_evaluation sum;
    _Atomic int64_t room; /* for kept scores, all threads' */
    uint64_t unlabelled, bad_rows, rows;
    cli_plot_file plots[CLI_PLOT_FILES];
} evaluating;

static const char usage[] = "valence eval -m MODEL DATA[@MAP]...";
static const char about[] =
    "Measures a model on labelled texts: accuracy, macro-F1, calibration, speed, memory. Where the model\n"
    "abstains, accuracy is still that of its best guess for every text.\n"
    "MAP renames the data's labels: test.tsv@0=negative,1=positive. Rows without a label are counted\n"
    "and left out.";

static int parse(eval_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_TEXT, "model", 'm', "MODEL", "a model file, or a shipped model's name (general)", &o->model},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &o->source.text},
        {CLI_TEXT, "label", 0, "COLUMN", "column of the label (label)", &o->source.label},
        {CLI_REAL, "min-confidence", 0, "X", "abstain below this probability (as the model says)", &o->decide.min_confidence},
        {CLI_TEXT, "plots", 0, "DIR", "draw calibration, confusion, precision-recall, coverage (SVG)", &o->plots},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object", &o->json},
        {CLI_FLAG, "skip-bad", 0, NULL, "malformed rows are no failure", &o->skip_bad},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &o->threads},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &o->memory},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

static vl_status find_label(const evaluating *e, vl_span label, int32_t *k, valence_error *error)
{
    for (*k = 0; *k < e->info.label_count; ++*k)
        if (vl_span_is(label, e->info.labels[*k])) return VALENCE_OK;
    return vl_fail(error, VALENCE_NOT_FOUND,
                   "'%.150s': label '%.*s' is not the model's ('%s', '%s'%s): map it, as in "
                   "FILE@%.*s=%s", e->spec.path, (int)(label.len < 40 ? label.len : 40), label.ptr,
                   e->info.labels[0], e->info.labels[1], e->info.label_count > 2 ? ", .." : "",
                   (int)(label.len < 40 ? label.len : 40), label.ptr, e->info.labels[0]);
}

typedef struct eval_thread {
    valence_context *context;
    vl_evaluation sum;
    uint64_t unlabelled;
    vl_span last_label; /* points into last_text */
    char last_text[64];
    int32_t last_k;
} eval_thread;

/* With three classes and more the scores are always kept: the data may hold only two of them. */
static vl_status init_sum(evaluating *e, vl_evaluation *sum, valence_error *error)
{
    int32_t K = e->info.label_count;
    bool keep = e->o->json || e->o->plots || (K > 2 && K <= VL_EVAL_CONFUSION_MAX);
    VL_TRY(vl_evaluation_init(sum, K, keep ? &e->room : NULL, error));
    sum->min_confidence = (float)e->info.min_confidence;
    return VALENCE_OK;
}

static vl_status add_record(void *user, void *state, const vl_record *r, vl_buffer *out,
                            valence_error *error)
{
    (void)out;
    evaluating *e = user;
    eval_thread *t = state;
    vl_span label = r->label;
    valence_prediction p;
    if (!label.ptr || !label.len) {
        t->unlabelled++;
        return VALENCE_OK;
    }
    if (!vl_span_equal(label, t->last_label)) {
        vl_span name;
        VL_TRY(vl_dataset_label(&e->spec, label, &name, error));
        if (!name.ptr) return VALENCE_OK; /* dropped by the map */
        VL_TRY(find_label(e, name, &t->last_k, error));
        t->last_label = (vl_span){t->last_text, label.len <= sizeof t->last_text ? label.len : 0};
        memcpy(t->last_text, label.ptr, t->last_label.len);
    }
    VL_TRY(valence_context_predict(t->context, r->text.ptr, r->text.len, &p, error));
    vl_status status = vl_evaluation_add(&t->sum, p.probabilities, t->last_k);
    return status == VALENCE_OK ? status : vl_fail(error, status, "out of memory for the evaluation");
}

static vl_status open_thread(void *user, void **state, valence_error *error)
{
    evaluating *e = user;
    eval_thread *t = vl_alloc_zero(VL_MEM_REQUEST, sizeof *t);
    if (!t) return vl_fail_memory(error, sizeof *t, "a thread");
    vl_status status = init_sum(e, &t->sum, error);
    if (status == VALENCE_OK) status = valence_context_open(&t->context, e->model, error);
    if (status != VALENCE_OK) {
        vl_evaluation_release(&t->sum);
        vl_free(t);
    }
    *state = t;
    return status;
}

static vl_status close_thread(void *user, void *state, valence_error *error)
{
    evaluating *e = user;
    eval_thread *t = state;
    vl_status status = vl_evaluation_merge(&e->sum, &t->sum);
    if (status != VALENCE_OK) vl_fail(error, status, "out of memory for the evaluation");
    e->unlabelled += t->unlabelled;
    vl_evaluation_release(&t->sum);
    valence_context_close(t->context);
    vl_free(t);
    return status;
}

static vl_status evaluate_set(evaluating *e, const char *data, valence_error *error)
{
    vl_source *source = NULL;
    uint64_t sequence = 0;
    VL_TRY(vl_dataset_parse(&e->spec, data, error));
    vl_status status = vl_source_open(&source, e->spec.path, &e->o->source, error);
    if (status == VALENCE_OK) {
        const cli_job job = {.name = e->spec.path, .what = "evaluating", .user = e,
                             .open = open_thread, .record = add_record, .close = close_thread};
        status = cli_pipeline_run(source, NULL, &sequence, &job, (int)e->o->threads, error);
        vl_source_counts c = vl_source_counted(source);
        e->bad_rows += c.bad_rows;
        e->rows += c.rows;
        vl_source_close(source);
    }
    vl_dataset_release(&e->spec);
    return status;
}

/* ---- Showing --------------------------------------------------------------------------------- */

/* -1 where it cannot be told. */
static double average_precision(const evaluating *e, int32_t k, vl_buffer *b)
{
    uint32_t *keys;
    bool kept = e->sum.K <= VL_EVAL_CONFUSION_MAX && vl_evaluation_kept(&e->sum);
    if (!kept || !e->sum.is[k]) return -1;
    if (vl_evaluation_rank_class(&keys, &e->sum, k, NULL) != VALENCE_OK) {
        b->failed = true; /* out of memory */
        return -1;
    }
    double ap = vl_rank_average_precision(keys, e->sum.examples);
    vl_free(keys);
    return ap;
}

static void print_json_classes(const evaluating *e, vl_buffer *b)
{
    for (int32_t k = 0; k < e->sum.K; k++) {
        double precision, recall, f1;
        vl_evaluation_class(&e->sum, k, &precision, &recall, &f1);
        vl_buffer_append_text(b, k ? "," : "");
        vl_json_write_string(b, vl_span_of(e->info.labels[k]));
        vl_buffer_printf(b, ":{\"examples\":%lld,\"precision\":%.4f,\"recall\":%.4f,\"f1\":%.4f",
                         (long long)e->sum.is[k], precision, recall, f1);
        double ap = average_precision(e, k, b);
        if (ap >= 0) vl_buffer_printf(b, ",\"average_precision\":%.6f", ap);
        vl_buffer_append_text(b, "}");
    }
}

static void print_json_reliability(const evaluating *e, vl_buffer *b)
{
    vl_buffer_append_text(b, ",\"reliability\":[");
    for (int i = 0; i < VL_EVAL_BINS; i++) {
        double texts = (double)e->sum.bin_count[i];
        vl_buffer_printf(b, "%s{\"from\":%.4f,\"to\":%.4f,\"texts\":%lld", i ? "," : "",
                         (double)i / VL_EVAL_BINS, (double)(i + 1) / VL_EVAL_BINS,
                         (long long)e->sum.bin_count[i]);
        if (texts > 0)
            vl_buffer_printf(b, ",\"confidence\":%.6f,\"accuracy\":%.6f}",
                             e->sum.bin_score[i] / texts, (double)e->sum.bin_right[i] / texts);
        else vl_buffer_append_text(b, ",\"confidence\":null,\"accuracy\":null}");
    }
    vl_buffer_append_text(b, "]");
}

static void print_json_plots(const evaluating *e, vl_buffer *b)
{
    const char *separator = "";
    if (!e->o->plots) return;
    vl_buffer_append_text(b, ",\"plots\":[");
    for (int i = 0; i < CLI_PLOT_FILES; i++) {
        char path[4096];
        if (e->plots[i].left_out) continue;
        snprintf(path, sizeof path, "%s/%s", e->o->plots, e->plots[i].name);
        vl_buffer_append_text(b, separator);
        vl_json_write_string(b, vl_span_of(path));
        separator = ",";
    }
    vl_buffer_append_text(b, "]");
}

static void print_json_confusion(const evaluating *e, vl_buffer *b)
{
    if (!e->sum.confusion) return;
    vl_buffer_append_text(b, ",\"confusion\":[");
    for (int32_t i = 0; i < e->sum.K; i++) {
        for (int32_t j = 0; j < e->sum.K; j++)
            vl_buffer_printf(b, "%s%lld", j ? "," : i ? ",[" : "[",
                             (long long)e->sum.confusion[(int64_t)i * e->sum.K + j]);
        vl_buffer_append_text(b, "]");
    }
    vl_buffer_append_text(b, "]");
}

static vl_status print_json(const evaluating *e, const vl_figures *f, double seconds,
                            valence_error *error)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_REQUEST, 64 << 20);
    vl_buffer_append_text(&b, "{\"model\":");
    vl_json_write_string(&b, vl_span_of(e->info.name));
    vl_buffer_printf(&b, ",\"examples\":%lld,\"accuracy\":%.6f,\"macro_f1\":%.6f,\"ece\":%.6f,"
                         "\"log_loss\":%.6f,\"seconds\":%.6f,\"documents_per_second\":%.1f,"
                         "\"peak_rss_bytes\":%lld,\"unlabelled\":%llu,\"bad_rows\":%llu",
                     (long long)e->sum.examples, f->accuracy, f->macro_f1, f->ece, f->log_loss,
                     seconds, (double)e->sum.examples / seconds, (long long)vl_peak_rss_bytes(),
                     (unsigned long long)e->unlabelled, (unsigned long long)e->bad_rows);
    if (f->restricted)
        vl_buffer_printf(&b, ",\"restricted_accuracy\":%.6f,\"restricted_macro_f1\":%.6f",
                         f->restricted_accuracy, f->restricted_macro_f1);
    if (e->info.min_confidence > 0)
        vl_buffer_printf(&b, ",\"min_confidence\":%.9g,\"coverage\":%.6f,"
                             "\"selective_accuracy\":%.6f", e->info.min_confidence, f->coverage, f->selective_accuracy);
    vl_buffer_append_text(&b, ",\"classes\":{");
    print_json_classes(e, &b);
    vl_buffer_append_text(&b, "}");
    print_json_confusion(e, &b);
    print_json_reliability(e, &b);
    print_json_plots(e, &b);
    vl_buffer_append_text(&b, "}\n");
    bool failed = b.failed;
    if (!failed) fwrite(b.data, 1, b.len, stdout);
    vl_buffer_release(&b);
    return failed ? vl_fail(error, VALENCE_NO_MEMORY, "out of memory for the report") : VALENCE_OK;
}

static void print_text_plots(const evaluating *e)
{
    for (int i = 0; e->o->plots && i < CLI_PLOT_FILES; i++)
        if (!e->plots[i].left_out) printf("%s/%s\n", e->o->plots, e->plots[i].name);
}

static void print_text(const evaluating *e, const vl_figures *f, double seconds)
{
    printf("%s (%s, %s) on %lld texts\n", e->info.name, e->info.family, e->info.dtype,
           (long long)e->sum.examples);
    printf("  accuracy  %.4f\n  macro-F1  %.4f\n  ECE       %.4f\n  log loss  %.4f\n", f->accuracy,
           f->macro_f1, f->ece, f->log_loss);
    if (f->restricted)
        printf("  choosing among the data's %d classes only: accuracy %.4f, macro-F1 %.4f\n",
               f->classes_present, f->restricted_accuracy, f->restricted_macro_f1);
    if (e->info.min_confidence > 0)
        printf("  answered from a confidence of %.4f on: %.2f %% of the texts, accuracy %.4f\n",
               e->info.min_confidence, 100 * f->coverage, f->selective_accuracy);
    printf("  %.2f s, %.0f texts/s, %lld MB peak\n\n", seconds, (double)e->sum.examples / seconds,
           (long long)(vl_peak_rss_bytes() >> 20));
    printf("  %-16s %9s %9s %9s %9s\n", "class", "texts", "precision", "recall", "F1");
    for (int32_t k = 0; k < e->sum.K && k < VL_EVAL_CONFUSION_MAX; k++) {
        double precision, recall, f1;
        vl_evaluation_class(&e->sum, k, &precision, &recall, &f1);
        printf("  %-16.16s %9lld %9.4f %9.4f %9.4f\n", e->info.labels[k], (long long)e->sum.is[k],
               precision, recall, f1);
    }
    if (!e->sum.confusion || e->sum.K > 12) return;
    printf("\n  %-16s", "true \\ predicted");
    for (int32_t k = 0; k < e->sum.K; k++) printf(" %9.9s", e->info.labels[k]);
    for (int32_t i = 0; i < e->sum.K; i++) {
        printf("\n  %-16.16s", e->info.labels[i]);
        for (int32_t j = 0; j < e->sum.K; j++)
            printf(" %9lld", (long long)e->sum.confusion[(int64_t)i * e->sum.K + j]);
    }
    putchar('\n');
}

static vl_status draw_plots(evaluating *e, const vl_figures *f, valence_error *error)
{
    cli_plotted p = {.e = &e->sum, .f = f, .labels = e->info.labels};
    VL_TRY(cli_plots_write(e->plots, e->o->plots, &p, error));
    for (int i = 0; i < CLI_PLOT_FILES; i++)
        if (e->plots[i].left_out)
            fprintf(stderr, "valence: %s is left out: %s\n", e->plots[i].name,
                    e->plots[i].left_out);
    return VALENCE_OK;
}

static vl_status evaluate(evaluating *e, char **data, int count, valence_error *error)
{
    double start = vl_clock_seconds();
    valence_model_describe(e->model, &e->info);
    if (e->o->plots) VL_TRY(cli_plots_folder(e->o->plots, error));
    VL_TRY(init_sum(e, &e->sum, error));
    for (int i = 0; i < count; i++) VL_TRY(evaluate_set(e, data[i], error));
    if (e->sum.examples == 0)
        return vl_fail(error, VALENCE_ARGUMENT, "the data holds no labelled text (%llu rows have no "
                       "label)", (unsigned long long)e->unlabelled);
    double seconds = vl_clock_seconds() - start;
    vl_figures f = vl_evaluation_figures(&e->sum);
    if (e->o->plots) VL_TRY(draw_plots(e, &f, error));
    if (e->o->json) return print_json(e, &f, seconds, error);
    print_text(e, &f, seconds);
    print_text_plots(e);
    return VALENCE_OK;
}

int cmd_eval(int argc, char **argv)
{
    eval_options o = {.decide = valence_model_defaults(), .source = vl_source_options_defaults()};
    valence_error error = {0};
    valence_model *model;
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first == argc) return cli_usage("eval", "no data given");
    if (!o.source.label) o.source.label = "label"; /* here it must be there */
    if (valence_model_open(&model, o.model ? o.model : "general", &o.decide, &error) != VALENCE_OK)
        return cli_fail("%s", error.message);
    evaluating e = {.o = &o, .model = model, .room = VL_EVAL_ROOM};
    vl_status status = evaluate(&e, argv + first, argc - first, &error);
    vl_evaluation_release(&e.sum);
    valence_model_close(model);
    if (o.memory) cli_memory_report((uint64_t)e.rows);
    if (status != VALENCE_OK) return cli_fail("%s", error.message);
    if (e.bad_rows)
        fprintf(stderr, "valence: %llu malformed rows were skipped\n", (unsigned long long)e.bad_rows);
    return e.bad_rows && !o.skip_bad ? CLI_FAILED : CLI_OK;
}
