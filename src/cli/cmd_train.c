/* cmd_train.c: `valence train`. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/workers.h"
#include "cli/commands.h"
#include "cli/memory_report.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/threshold_report.h"
#include "cli/train_neural.h"
#include "formats/safetensors.h"
#include "train/card.h"
#include "train/classic.h"
#include "train/continue.h"
#include "train/linear_writer.h"
#include "train/partial.h"
#include "train/search.h"

typedef struct train_options {
    cli_list data;
    const char *dev, *output, *continued;
    const char *words, *clean, *features, *choice, *weighting, *norm, *type;
    int64_t ngrams, capacity, iterations, holdout, threads, seed;
    double min_count, smoothing, alpha, cost, tolerance, balance, search, min_precision;
    bool balance_sets, partial, skip_bad, json, memory;
    vl_corpus_options corpus;
    cli_progress progress;
} train_options;

static const char usage[] = "valence train naive-bayes|logistic --data FILE[@MAP]... -o MODEL";
static const char about[] =
    "Trains a model on labelled texts (csv, tsv, jsonl, folders of texts; also .gz and .zst).\n"
    "MAP renames labels and weights a set: reviews.tsv@0=negative,1=positive:weight=0.5\n"
    "Example: valence train logistic --data reviews.csv --text review --label stars -o my.safetensors";

static void train_defaults(train_options *o)
{
    *o = (train_options){.ngrams = -1, .capacity = -1, .iterations = -1, .holdout = -1, .seed = 1,
                         .min_count = -1, .smoothing = -1, .alpha = -1, .cost = -1,
                         .tolerance = -1, .balance = 1, .min_precision = -1};
    o->corpus = vl_corpus_options_defaults();
}

static int parse(train_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_LIST, "data", 'd', "FILE[@MAP]", "labelled texts; may be given often", &o->data},
        {CLI_TEXT, "output", 'o', "MODEL", "the model file to write (.safetensors)", &o->output},
        {CLI_TEXT, "dev", 0, "FILE[@MAP]", "texts to calibrate on (else a tenth is held out)", &o->dev},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &o->corpus.source.text},
        {CLI_TEXT, "label", 0, "COLUMN", "column of the label (label)", &o->corpus.source.label},
        {CLI_TEXT, "continue", 0, "MODEL", "go on from a logistic model with new data", &o->continued},
        {CLI_FLAG, "partial", 0, NULL, "naive Bayes: write counts for 'valence merge'", &o->partial},
        {CLI_REAL, "min-precision", 0, "P", "call texts 'uncertain' so that P of the others are right", &o->min_precision},
        {CLI_REAL, "search", 0, "SECONDS", "look for better settings on held-out texts first", &o->search},
        {CLI_FLAG, "balance", 0, NULL, "data sets, and labels within a set, weigh the same", &o->balance_sets},
        {CLI_REAL, "balance-power", 0, "X", "how far to balance, 0 to 1 (1)", &o->balance},
        {CLI_HEADING, NULL, 0, NULL, "Text:", NULL},
        {CLI_TEXT, "clean", 0, "PASSES", "cleaning passes, e.g. html,urls,names (none)", &o->clean},
        {CLI_TEXT, "words", 0, "KIND", "words or words+marks (words+marks)", &o->words},
        {CLI_INTEGER, "ngrams", 0, "N", "longest n-grams, 1 to 3 (3)", &o->ngrams},
        {CLI_TEXT, "features", 0, "KIND", "presence or counts (presence)", &o->features},
        {CLI_INTEGER, "capacity", 0, "N", "most n-grams in the model (100000)", &o->capacity},
        {CLI_TEXT, "choose", 0, "RULE", "n-grams by strength, evidence or frequency (by family)", &o->choice},
        {CLI_REAL, "min-count", 0, "N", "ignore n-grams in fewer texts (3)", &o->min_count},
        {CLI_REAL, "smoothing", 0, "X", "smoothing when n-grams are rated (3; logistic 6)", &o->smoothing},
        {CLI_HEADING, NULL, 0, NULL, "Naive Bayes:", NULL},
        {CLI_REAL, "alpha", 0, "X", "added to every count (3)", &o->alpha},
        {CLI_HEADING, NULL, 0, NULL, "Logistic regression:", NULL},
        {CLI_TEXT, "weighting", 0, "KIND", "presence, tfidf, nb or tfidf-nb (tfidf-nb)", &o->weighting},
        {CLI_TEXT, "norm", 0, "KIND", "none, count or l2 (count)", &o->norm},
        {CLI_REAL, "cost", 0, "C", "weight of the loss against the regulariser (0.5)", &o->cost},
        {CLI_INTEGER, "iterations", 0, "N", "most iterations (100)", &o->iterations},
        {CLI_REAL, "tolerance", 0, "X", "gradient's share at which to stop (0.005)", &o->tolerance},
        {CLI_HEADING, NULL, 0, NULL, "General:", NULL},
        {CLI_TEXT, "type", 0, "TYPE", "i8, f16 or f32 weights (i8)", &o->type},
        {CLI_INTEGER, "holdout", 0, "N", "texts to hold out for calibration (a tenth, <= 5000)", &o->holdout},
        {CLI_INTEGER, "seed", 0, "N", "of the search (1)", &o->seed},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &o->threads},
        {CLI_FLAG, "skip-bad", 0, NULL, "skip malformed rows instead of stopping", &o->skip_bad},
        {CLI_FLAG, "json", 0, NULL, "print the result as JSON", &o->json},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &o->memory},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

static void show_progress(void *user, const char *stage, double share)
{
    train_options *o = user;
    cli_progress_update(&o->progress, stage, share, 1, 0, "");
}

static bool one_of(const char *value, const char *a, const char *b, bool *second)
{
    *second = strcmp(value, b) == 0;
    return *second || strcmp(value, a) == 0;
}

static vl_status take_text_options(vl_classic_options *c, const train_options *o,
                                   valence_error *error)
{
    bool second;
    if (o->clean) VL_TRY(vl_clean_parse(&c->pipeline.passes, vl_span_of(o->clean), error));
    if (o->words) {
        if (!one_of(o->words, "words", "words+marks", &second))
            return vl_fail(error, VALENCE_ARGUMENT, "--words is words or words+marks");
        c->pipeline.word_flags = second ? VL_WORDS_MARKS : 0;
    }
    if (o->features && !one_of(o->features, "presence", "counts", &c->pipeline.counts))
        return vl_fail(error, VALENCE_ARGUMENT, "--features is presence or counts");
    if (o->ngrams >= 0) c->pipeline.max_n = (int)o->ngrams;
    if (c->pipeline.max_n < 1 || c->pipeline.max_n > VL_NGRAM_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "--ngrams must be 1, 2 or 3");
    if (o->capacity >= 0) c->vocabulary.capacity = o->capacity;
    if (c->vocabulary.capacity < 1 || c->vocabulary.capacity > 100000000)
        return vl_fail(error, VALENCE_ARGUMENT, "--capacity must be 1 to 100000000");
    if (o->choice) VL_TRY(vl_choice_parse(&c->vocabulary.choice, o->choice, error));
    if (o->min_count >= 0) c->vocabulary.min_count = (float)o->min_count;
    if (o->smoothing >= 0) c->vocabulary.smoothing = (float)o->smoothing;
    if (c->vocabulary.smoothing <= 0)
        return vl_fail(error, VALENCE_ARGUMENT, "--smoothing must be above 0");
    return VALENCE_OK;
}

static vl_status take_options(vl_classic_options *c, const train_options *o, valence_error *error)
{
    VL_TRY(take_text_options(c, o, error));
    if (o->weighting) VL_TRY(vl_weighting_parse(&c->weighting, o->weighting, error));
    if (o->norm) VL_TRY(vl_linear_norm_parse(&c->norm, o->norm, error));
    if (o->type) VL_TRY(vl_linear_type_parse(&c->dtype, o->type, error));
    if (o->alpha >= 0) c->alpha = o->alpha;
    if (o->cost >= 0) c->cost = o->cost;
    if (o->tolerance >= 0) c->tolerance = o->tolerance;
    if (o->iterations >= 0) c->max_iterations = (int)o->iterations;
    if (!(c->alpha > 0) || !(c->cost > 0))
        return vl_fail(error, VALENCE_ARGUMENT, "--alpha and --cost must be above 0");
    if (o->min_precision != -1 && !(o->min_precision > 0.5 && o->min_precision <= 1))
        return vl_fail(error, VALENCE_ARGUMENT, "--min-precision must be above 0.5 and at most 1");
    if (o->min_precision > 0) c->min_precision = o->min_precision;
    c->holdout = o->holdout;
    return VALENCE_OK;
}

/* The command as typed, words joined by blanks and quoted where they need it; of the output only the
 * file's name, for where it lies says nothing about the model. */
static void command_line(char *out, size_t size, int argc, char **argv)
{
    size_t n = (size_t)snprintf(out, size, "valence");
    for (int i = 0; i < argc && n < size; i++) {
        bool output = i > 0 && (strcmp(argv[i - 1], "-o") == 0 || strcmp(argv[i - 1], "--output") == 0);
        const char *slash = output ? strrchr(argv[i], '/') : NULL, *word = slash ? slash + 1 : argv[i];
        bool plain = *word && !strpbrk(word, " \t\n'\"\\$&|;<>()*?#~`");
        n += (size_t)snprintf(out + n, size - n, plain ? " %s" : " '%s'", word);
    }
}

static void print_json_text(const char *text)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1 << 20);
    if (vl_json_write_string(&b, vl_span_of(text)) == VALENCE_OK) fwrite(b.data, 1, b.len, stdout);
    else fputs("null", stdout);
    vl_buffer_release(&b);
}

static void print_report(const vl_classic_report *r, const vl_corpus *corpus, const char *output,
                         double seconds, bool json)
{
    if (json) {
        fputs("{\"model\":", stdout);
        print_json_text(output);
        printf(",\"examples\":%lld,\"classes\":%d,\"features\":%lld,"
               "\"held_out\":%lld,\"held_out_accuracy\":%.4f,\"held_out_macro_f1\":%.4f,"
               "\"temperature\":%.4f,\"iterations\":%d,\"skipped_empty\":%llu,"
               "\"bad_rows\":%llu,\"count_seconds\":%.3f,\"fit_seconds\":%.3f,\"seconds\":%.3f",
               (long long)r->examples, corpus->K, (long long)r->features, (long long)r->held_out, r->held_out_accuracy, r->held_out_macro_f1, r->temperature,
               r->iterations, (unsigned long long)corpus->skipped_empty,
               (unsigned long long)corpus->bad_rows, r->count_seconds, r->fit_seconds, seconds);
        cli_threshold_json(&r->threshold);
        puts("}");
        return;
    }
    printf("%s: %lld texts, %d classes, %lld n-grams, %.2f s\n", output, (long long)r->examples,
           corpus->K, (long long)r->features, seconds);
    if (r->held_out)
        printf("accuracy %.4f, macro-F1 %.4f on %lld texts not trained on\n", r->held_out_accuracy,
               r->held_out_macro_f1, (long long)r->held_out);
    cli_threshold_text(&r->threshold);
    if (corpus->skipped_empty)
        printf("%llu rows without a label were skipped\n", (unsigned long long)corpus->skipped_empty);
    if (corpus->bad_rows)
        printf("%llu malformed rows were skipped\n", (unsigned long long)corpus->bad_rows);
}

typedef struct train_run {
    train_options *o;
    vl_classic_options classic;
    vl_workers *workers;
    vl_corpus corpus, dev;
    vl_store *store;
    const char *command;
    valence_error *error;
} train_run;

static vl_status read_data(train_run *t)
{
    train_options *o = t->o;
    o->corpus.skip_bad = o->skip_bad;
    o->corpus.one_label = o->partial;
    o->corpus.balance_sets = o->balance_sets;
    o->corpus.balance = o->balance;
    cli_progress_update(&o->progress, "reading", 0, 1, 0, "");
    VL_TRY(vl_corpus_read(&t->corpus, o->data.items, o->data.count, &o->corpus, t->workers, t->error));
    if (!o->dev) return VALENCE_OK;
    vl_corpus_options dev = o->corpus;
    dev.balance_sets = false;
    if (o->continued) dev.one_label = true; /* it may have labels that only the old model knows */
    else dev.labels = t->corpus.labels, dev.K = t->corpus.K;
    return vl_corpus_read(&t->dev, &o->dev, 1, &dev, t->workers, t->error);
}

static vl_status write_partial(train_run *t, double start)
{
    train_options *o = t->o;
    vl_classic_report report = {.examples = t->corpus.count};
    VL_TRY(vl_partial_write(o->output, &t->corpus, &t->classic, t->workers, t->error));
    cli_progress_end(&o->progress);
    double seconds = vl_clock_seconds() - start;
    if (o->json) print_report(&report, &t->corpus, o->output, seconds, true);
    else printf("%s: counts of %lld texts, %d classes, %.2f s\n", o->output,
                (long long)report.examples, t->corpus.K, seconds);
    return VALENCE_OK;
}

static vl_status search_settings(train_run *t, const vl_corpus *dev)
{
    char settings[VL_SETTINGS_TEXT];
    VL_TRY(vl_search(&t->classic, &t->corpus, dev, t->o->search, (uint64_t)t->o->seed, t->workers,
                     t->error));
    vl_search_describe(settings, &t->classic);
    cli_progress_end(&t->o->progress);
    fprintf(stderr, "best settings: %s\n", settings);
    return VALENCE_OK;
}

static vl_status train_and_write(train_run *t)
{
    train_options *o = t->o;
    double start = vl_clock_seconds();
    vl_classic_report report = {0};
    VL_TRY(read_data(t));
    if (o->partial) return write_partial(t, start);
    const vl_corpus *dev = o->dev ? &t->dev : NULL;
    if (o->search > 0) VL_TRY(search_settings(t, dev));
    VL_TRY(vl_store_open(&t->store, t->error));
    if (o->continued)
        VL_TRY(vl_continue_train(t->store, &report, &t->corpus, dev, o->continued, &t->classic,
                                 t->workers, t->error));
    else
        VL_TRY(vl_classic_train(t->store, &report, &t->corpus, dev, &t->classic, t->workers, t->error));
    vl_card_origin from = {o->data.items, o->data.count, t->command, NULL};
    VL_TRY(vl_card_write(t->store, &report, &t->corpus, &from, t->error));
    VL_TRY(vl_safetensors_write(t->store, o->output, t->error));
    cli_progress_end(&o->progress);
    print_report(&report, &t->corpus, o->output, vl_clock_seconds() - start, o->json);
    return VALENCE_OK;
}

static int run(train_options *o, vl_classic_options *classic, const char *command)
{
    valence_error error = {0};
    train_run t = {.o = o, .command = command, .error = &error};
    cli_progress_start(&o->progress);
    classic->progress = show_progress;
    classic->user = o;
    t.classic = *classic;
    vl_status status = vl_workers_open(&t.workers, (int)o->threads, &error);
    if (status == VALENCE_OK) status = train_and_write(&t);
    cli_progress_end(&o->progress);
    vl_store_close(t.store);
    vl_corpus_release(&t.dev);
    vl_corpus_release(&t.corpus);
    vl_workers_close(t.workers);
    if (o->memory) cli_memory_report(0);
    if (status == VALENCE_OK) return CLI_OK;
    if (error.line) return cli_fail("%s (line %llu)", error.message, (unsigned long long)error.line);
    return cli_fail("%s", error.message);
}

int cmd_train(int argc, char **argv)
{
    static char command[8192];
    train_options o;
    valence_error error;
    command_line(command, sizeof command, argc, argv);
    if (argc > 1 && strcmp(argv[1], "embeddings") == 0) return cli_train_embeddings(argc - 1, argv + 1, command);
    if (argc > 1 && (strcmp(argv[1], "lstm") == 0 || strcmp(argv[1], "transformer") == 0 ||
                     strcmp(argv[1], "language-model") == 0))
        return cli_train_neural(argc - 1, argv + 1, command);
    train_defaults(&o);
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (argc - first != 1) return cli_usage("train", "name one family: naive-bayes or logistic");
    bool logistic;
    if (!one_of(argv[first], "naive-bayes", "logistic", &logistic))
        return cli_usage("train", "unknown family '%s' (naive-bayes, logistic)", argv[first]);
    if (o.data.count == 0) return cli_usage("train", "--data FILE is missing");
    if (!o.output) return cli_usage("train", "-o MODEL is missing");
    if (o.partial && logistic) return cli_usage("train", "--partial is for naive-bayes only");
    if (o.partial && (o.balance_sets || o.dev || o.search > 0))
        return cli_usage("train", "--partial goes without --balance, --dev and --search: those need "
                                  "all of the data");
    if (o.partial && o.min_precision != -1)
        return cli_usage("train", "--partial goes without --min-precision: give it to 'valence merge'");
    if (o.continued && !logistic)
        return cli_usage("train", "--continue is for logistic; use --partial and merge for naive-bayes");
    vl_classic_options classic = vl_classic_defaults(logistic);
    if (take_options(&classic, &o, &error) != VALENCE_OK) return cli_usage("train", "%s", error.message);
    return run(&o, &classic, command);
}
