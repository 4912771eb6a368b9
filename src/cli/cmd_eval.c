/* cmd_eval.c: `valence eval`. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/evaluate.h"
#include "cli/length_options.h"
#include "cli/memory_report.h"
#include "cli/options.h"
#include "cli/plots.h"
#include "engine/ranking.h"

typedef struct eval_options {
    const char *model, *plots;
    int64_t threads;
    valence_model_options decide;
    bool json, skip_bad, memory;
    cli_length_options length;
    vl_source_options source;
} eval_options;

/* What is shown: of which run, and the plots drawn of it. */
typedef struct report {
    const char *folder; /* of plots, or NULL */
    const cli_evaluated *of;
    vl_figures figures;
    cli_plot_file plots[CLI_PLOT_FILES];
} report;

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
        CLI_LENGTH_OPTIONS(&o->length),
        {CLI_TEXT, "plots", 0, "DIR", "draw calibration, confusion, precision-recall, coverage (SVG)", &o->plots},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object", &o->json},
        {CLI_FLAG, "skip-bad", 0, NULL, "malformed rows are no failure", &o->skip_bad},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &o->threads},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &o->memory},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

/* ---- Showing --------------------------------------------------------------------------------- */

/* -1 where it cannot be told. */
static double average_precision(const cli_evaluated *e, int32_t k, vl_buffer *b)
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

static void print_json_classes(const cli_evaluated *e, vl_buffer *b)
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

static void print_json_reliability(const cli_evaluated *e, vl_buffer *b)
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

static void print_json_plots(const report *r, vl_buffer *b)
{
    const char *separator = "";
    if (!r->folder) return;
    vl_buffer_append_text(b, ",\"plots\":[");
    for (int i = 0; i < CLI_PLOT_FILES; i++) {
        char path[4096];
        if (r->plots[i].left_out) continue;
        snprintf(path, sizeof path, "%s/%s", r->folder, r->plots[i].name);
        vl_buffer_append_text(b, separator);
        vl_json_write_string(b, vl_span_of(path));
        separator = ",";
    }
    vl_buffer_append_text(b, "]");
}

static void print_json_confusion(const cli_evaluated *e, vl_buffer *b)
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

static vl_status print_json(const report *r, valence_error *error)
{
    const cli_evaluated *e = r->of;
    const vl_figures *f = &r->figures;
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_REQUEST, 64 << 20);
    vl_buffer_append_text(&b, "{\"model\":");
    vl_json_write_string(&b, vl_span_of(e->info.name));
    vl_buffer_printf(&b, ",\"examples\":%lld,\"accuracy\":%.6f,\"macro_f1\":%.6f,\"ece\":%.6f,"
                         "\"log_loss\":%.6f,\"seconds\":%.6f,\"documents_per_second\":%.1f,"
                         "\"peak_rss_bytes\":%lld,\"unlabelled\":%llu,\"bad_rows\":%llu",
                     (long long)e->sum.examples, f->accuracy, f->macro_f1, f->ece, f->log_loss,
                     e->seconds, (double)e->sum.examples / e->seconds, (long long)vl_peak_rss_bytes(),
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
    print_json_plots(r, &b);
    vl_buffer_append_text(&b, "}\n");
    bool failed = b.failed;
    if (!failed) fwrite(b.data, 1, b.len, stdout);
    vl_buffer_release(&b);
    return failed ? vl_fail(error, VALENCE_NO_MEMORY, "out of memory for the report") : VALENCE_OK;
}

static void print_text_plots(const report *r)
{
    for (int i = 0; r->folder && i < CLI_PLOT_FILES; i++)
        if (!r->plots[i].left_out) printf("%s/%s\n", r->folder, r->plots[i].name);
}

static void print_text(const cli_evaluated *e, const vl_figures *f)
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
    printf("  %.2f s, %.0f texts/s, %lld MB peak\n\n", e->seconds, (double)e->sum.examples / e->seconds,
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

static vl_status draw_plots(report *r, valence_error *error)
{
    cli_plotted p = {.e = &r->of->sum, .f = &r->figures, .labels = r->of->info.labels};
    VL_TRY(cli_plots_write(r->plots, r->folder, &p, error));
    for (int i = 0; i < CLI_PLOT_FILES; i++)
        if (r->plots[i].left_out)
            fprintf(stderr, "valence: %s is left out: %s\n", r->plots[i].name,
                    r->plots[i].left_out);
    return VALENCE_OK;
}

static vl_status evaluate(cli_evaluated *e, const eval_options *o, char **data, int count,
                          valence_error *error)
{
    report r = {.folder = o->plots, .of = e};
    if (o->plots) VL_TRY(cli_plots_folder(o->plots, error));
    VL_TRY(cli_evaluate(e, data, count, error));
    r.figures = vl_evaluation_figures(&e->sum);
    if (o->plots) VL_TRY(draw_plots(&r, error));
    if (o->json) return print_json(&r, error);
    print_text(e, &r.figures);
    print_text_plots(&r);
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
    if (cli_length_apply(&o.length, "eval", &o.decide)) return CLI_USAGE;
    if (valence_model_open(&model, o.model ? o.model : "general", &o.decide, &error) != VALENCE_OK)
        return cli_fail("%s", error.message);
    cli_evaluated e = {.model = model, .source = o.source, .threads = (int)o.threads,
                       .keep_scores = o.json || o.plots};
    vl_status status = evaluate(&e, &o, argv + first, argc - first, &error);
    vl_evaluation_release(&e.sum);
    valence_model_close(model);
    if (o.memory) cli_memory_report((uint64_t)e.rows);
    if (status != VALENCE_OK) return cli_fail("%s", error.message);
    if (e.bad_rows)
        fprintf(stderr, "valence: %llu malformed rows were skipped\n", (unsigned long long)e.bad_rows);
    return e.bad_rows && !o.skip_bad ? CLI_FAILED : CLI_OK;
}
