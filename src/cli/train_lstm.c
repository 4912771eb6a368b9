/* train_lstm.c: `valence train lstm`, `language-model` and `transformer`. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mapped_file.h"
#include "cli/interrupt.h"
#include "cli/memory_report.h"
#include "cli/train_curve.h"
#include "cli/train_neural.h"
#include "formats/safetensors.h"
#include "train/card.h"
#include "train/neural.h"

typedef struct neural_options {
    cli_list data;
    const char *dev, *output, *embeddings, *continued, *schedule, *optimizer, *pooling, *precision,
        *checkpoint, *curve;
    int64_t size, units, samples, heads, wide, layers, vocabulary, longest, tokens, texts, measures,
        patience, holdout, threads, seed;
    double word_dropout, input_dropout, dropout, rate, warmup, smoothing, clip, decay, balance,
        every, epochs;
    bool balance_sets, resume, finish, skip_bad, json, memory;
    vl_corpus_options corpus;
    double told;
    bool terminal;
} neural_options;

static const char usage[] =
    "valence train lstm|language-model|transformer --data FILE[@MAP]... -o MODEL";
static const char about[] = "Trains a bidirectional LSTM, or a small transformer, on labelled "
                            "texts. Either is best begun with word\n"
                            "vectors of many unlabelled texts of the kind: `valence train "
                            "embeddings --data TEXTS -o words.safetensors`, then --embeddings.\n"
                            "In between, `valence train language-model` teaches an LSTM to guess "
                            "the next word of such texts (labels are not looked at);\n"
                            "its file goes to --embeddings, too. "
                            "What does best on the dev data is kept. Interrupted or killed, the "
                            "same command with --resume goes on.\n"
                            "Example: valence train lstm --data reviews.csv --embeddings "
                            "words.safetensors -o my.safetensors";

static int parse(neural_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_LIST, "data", 'd', "FILE[@MAP]",
         "labelled texts (language-model: any); may be given often", &o->data},
        {CLI_TEXT, "output", 'o', "MODEL", "the model file to write (.safetensors)", &o->output},
        {CLI_TEXT, "dev", 0, "FILE[@MAP]", "texts to measure on (else a tenth is held out)",
         &o->dev},
        {CLI_TEXT, "embeddings", 0, "FILE", "vocabulary and vectors to begin with", &o->embeddings},
        {CLI_TEXT, "continue", 0, "MODEL", "a model of the same kind and shape to go on from",
         &o->continued},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &o->corpus.source.text},
        {CLI_TEXT, "label", 0, "COLUMN", "column of the label (label)", &o->corpus.source.label},
        {CLI_FLAG, "balance", 0, NULL, "data sets, and labels within a set, weigh the same",
         &o->balance_sets},
        {CLI_REAL, "balance-power", 0, "X", "how far to balance, 0 to 1 (1)", &o->balance},
        {CLI_HEADING, NULL, 0, NULL, "Network:", NULL},
        {CLI_INTEGER, "vocabulary", 0, "N", "words and parts, without --embeddings (30000)",
         &o->vocabulary},
        {CLI_INTEGER, "size", 0, "N", "numbers of a word vector, without --embeddings (128)",
         &o->size},
        {CLI_INTEGER, "units", 0, "N",
         "lstm: units of each direction (128, or those of --embeddings)", &o->units},
        {CLI_INTEGER, "samples", 0, "N",
         "language-model: words that the next one is told from, at most (512)", &o->samples},
        {CLI_TEXT, "pooling", 0, "KIND", "lstm: max+mean, max, mean or attention (max+mean)",
         &o->pooling},
        {CLI_INTEGER, "heads", 0, "N", "transformer: heads of attention (4)", &o->heads},
        {CLI_INTEGER, "feed-forward", 0, "N", "transformer: width of the feed-forward (512)",
         &o->wide},
        {CLI_INTEGER, "layers", 0, "N", "layers (lstm 1, transformer 3)", &o->layers},
        {CLI_INTEGER, "max-length", 0, "N",
         "tokens of a text that are learnt from (lstm 512, language-model 400, transformer 256)",
         &o->longest},
        {CLI_REAL, "word-dropout", 0, "P", "share of words that are hidden (0.1; language-model 0)",
         &o->word_dropout},
        {CLI_REAL, "input-dropout", 0, "P", "lstm: of the words' numbers (0.2; language-model 0.1)",
         &o->input_dropout},
        {CLI_REAL, "dropout", 0, "P", "between layers and before the last (lstm 0.4, others 0.1)",
         &o->dropout},
        {CLI_HEADING, NULL, 0, NULL, "Learning:", NULL},
        {CLI_REAL, "epochs", 0, "X", "times through the texts, may be 0.5 (6)", &o->epochs},
        {CLI_REAL, "rate", 0, "X", "largest learning rate (lstm 0.001, transformer 0.0005)",
         &o->rate},
        {CLI_REAL, "warmup", 0, "X",
         "share of the steps in which it rises (lstm 0.05, transformer 0.1)", &o->warmup},
        {CLI_TEXT, "schedule", 0, "KIND", "how it falls: cosine or linear (cosine)", &o->schedule},
        {CLI_TEXT, "optimizer", 0, "KIND", "adamw or sgd (adamw)", &o->optimizer},
        {CLI_REAL, "decay", 0, "X", "weight decay of matrices (0.01)", &o->decay},
        {CLI_REAL, "clip", 0, "X", "largest norm of a gradient; 0: any (1)", &o->clip},
        {CLI_REAL, "smoothing", 0, "X", "of the labels (0.05)", &o->smoothing},
        {CLI_INTEGER, "batch-tokens", 0, "N", "tokens of a batch (8192; language-model 16384)",
         &o->tokens},
        {CLI_INTEGER, "batch-texts", 0, "N", "texts of a batch, at most (128; language-model 2048)",
         &o->texts},
        {CLI_INTEGER, "measures", 0, "N", "times an epoch to measure (1)", &o->measures},
        {CLI_INTEGER, "patience", 0, "N", "stop after so many without a gain; 0: never (0)",
         &o->patience},
        {CLI_INTEGER, "holdout", 0, "N", "texts to hold out without --dev (a tenth, <= 5000)",
         &o->holdout},
        {CLI_HEADING, NULL, 0, NULL, "General:", NULL},
        {CLI_TEXT, "checkpoint", 0, "FILE", "where to keep what --resume needs (MODEL.checkpoint)",
         &o->checkpoint},
        {CLI_REAL, "checkpoint-every", 0, "SECONDS", "how often (60)", &o->every},
        {CLI_FLAG, "resume", 0, NULL, "go on from the checkpoint, if there is one", &o->resume},
        {CLI_FLAG, "finish", 0, NULL, "with --resume: learn no more, write what did best so far",
         &o->finish},
        {CLI_TEXT, "curve", 0, "FILE", "write the course as FILE.csv and FILE.svg", &o->curve},
        {CLI_TEXT, "precision", 0, "TYPE",
         "lstm: of products, f32 or bf16 (bf16, on processors that have it)", &o->precision},
        {CLI_INTEGER, "seed", 0, "N", "of all that is random (1)", &o->seed},
        {CLI_INTEGER, "threads", 't', "N",
         "threads (all processors); the result does not depend on it", &o->threads},
        {CLI_FLAG, "skip-bad", 0, NULL, "skip malformed rows instead of stopping", &o->skip_bad},
        {CLI_FLAG, "json", 0, NULL, "print the result as JSON", &o->json},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &o->memory},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

/* ---- Options --------------------------------------------------------------------------------- */

static void set_defaults(neural_options *o, const vl_neural_options *n)
{
    *o = (neural_options){.size = n->lstm.E,
                          .samples = n->lstm.samples,
                          .layers = n->lstm.layers,
                          .vocabulary = n->pieces.size,
                          .longest = n->longest,
                          .epochs = n->fit.epochs,
                          .tokens = n->fit.batch.tokens,
                          .texts = n->fit.batch.texts,
                          .measures = n->fit.measures,
                          .patience = n->fit.patience,
                          .holdout = -1,
                          .seed = 1,
                          .balance = 1,
                          .every = n->fit.checkpoint_seconds,
                          .corpus = vl_corpus_options_defaults(),
                          .terminal = isatty(STDERR_FILENO)};
    o->heads = n->encoder.heads;
    o->wide = n->encoder.I;
    if (n->kind == VL_NEURAL_TRANSFORMER) o->layers = n->encoder.layers;
    o->word_dropout = (double)n->lstm.word_dropout;
    o->input_dropout = (double)n->lstm.input_dropout;
    o->dropout = (double)(n->kind == VL_NEURAL_TRANSFORMER ? n->encoder.dropout : n->lstm.dropout);
    o->rate = (double)n->fit.rate;
    o->warmup = n->fit.warmup;
    o->smoothing = (double)n->fit.smoothing;
    o->clip = (double)n->fit.optimizer.clip;
    o->decay = (double)n->fit.optimizer.decay;
}

static vl_status in_range(const char *name, double value, double least, double most,
                          valence_error *error)
{
    if (value >= least && value <= most) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "--%s must be %g to %g", name, least, most);
}

static vl_status check_numbers(const neural_options *o, valence_error *error)
{
    VL_TRY(in_range("vocabulary", (double)o->vocabulary, VL_WORDPIECES_LEAST, VL_WORDPIECES_MOST,
                    error));
    VL_TRY(in_range("size", (double)o->size, 4, 1024, error));
    if (o->units) VL_TRY(in_range("units", (double)o->units, 4, 1024, error));
    VL_TRY(in_range("samples", (double)o->samples, 1, 65536, error));
    VL_TRY(in_range("layers", (double)o->layers, 1, VL_LSTM_LAYERS_MAX, error));
    VL_TRY(in_range("heads", (double)o->heads, 1, 64, error));
    VL_TRY(in_range("feed-forward", (double)o->wide, 4, 8192, error));
    VL_TRY(in_range("max-length", (double)o->longest, 8, 65536, error));
    VL_TRY(in_range("word-dropout", o->word_dropout, 0, 0.9, error));
    VL_TRY(in_range("input-dropout", o->input_dropout, 0, 0.9, error));
    VL_TRY(in_range("dropout", o->dropout, 0, 0.9, error));
    VL_TRY(in_range("epochs", o->epochs, 0.001, 10000, error));
    VL_TRY(in_range("rate", o->rate, 1e-9, 100, error));
    VL_TRY(in_range("warmup", o->warmup, 0, 0.9, error));
    VL_TRY(in_range("decay", o->decay, 0, 10, error));
    VL_TRY(in_range("clip", o->clip, 0, 1e9, error));
    VL_TRY(in_range("smoothing", o->smoothing, 0, 0.9, error));
    VL_TRY(in_range("batch-tokens", (double)o->tokens, 1, 1 << 24, error));
    VL_TRY(in_range("batch-texts", (double)o->texts, 1, 1 << 16, error));
    VL_TRY(in_range("measures", (double)o->measures, 1, 1000, error));
    VL_TRY(in_range("patience", (double)o->patience, 0, 1e6, error));
    VL_TRY(in_range("checkpoint-every", o->every, 0, 1e9, error));
    return in_range("holdout", (double)o->holdout, -1, 1e9, error);
}

static vl_status check_precision(const neural_options *o, vl_neural_options *n,
                                 valence_error *error)
{
    if (!o->precision) return VALENCE_OK;
    if (strcmp(o->precision, "f32") != 0 && strcmp(o->precision, "bf16") != 0)
        return vl_fail(error, VALENCE_ARGUMENT, "--precision is f32 or bf16");
    n->lstm.bf16 = strcmp(o->precision, "bf16") == 0;
    if (!n->lstm.bf16 || vl_cpu_has_bf16()) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "this processor has no bfloat16 products");
}

static vl_status check_words(const neural_options *o, vl_neural_options *n, valence_error *error)
{
    if (o->schedule && strcmp(o->schedule, "linear") == 0) n->fit.schedule = VL_LINEAR;
    else if (o->schedule && strcmp(o->schedule, "cosine") != 0)
        return vl_fail(error, VALENCE_ARGUMENT, "--schedule is cosine or linear");
    if (o->optimizer && strcmp(o->optimizer, "sgd") == 0) n->fit.optimizer.kind = VL_SGD;
    else if (o->optimizer && strcmp(o->optimizer, "adamw") != 0)
        return vl_fail(error, VALENCE_ARGUMENT, "--optimizer is adamw or sgd");
    if (o->pooling) VL_TRY(vl_pooling_parse(&n->lstm.pooling, o->pooling, error));
    return check_precision(o, n, error);
}

static void take_options(vl_neural_options *n, const neural_options *o)
{
    n->pieces.size = (int32_t)o->vocabulary;
    n->longest = (int32_t)o->longest;
    n->holdout = o->holdout;
    n->lstm.E = (int32_t)o->size;
    n->lstm.H = (int32_t)o->units;
    n->lstm.samples = (int32_t)o->samples;
    n->lstm.layers = (int)o->layers;
    n->encoder.C = (int32_t)o->size;
    n->encoder.I = (int32_t)o->wide;
    n->encoder.heads = (int32_t)o->heads;
    n->encoder.layers = (int)o->layers;
    n->encoder.word_dropout = (float)o->word_dropout;
    n->encoder.dropout = (float)o->dropout;
    n->lstm.word_dropout = (float)o->word_dropout;
    n->lstm.input_dropout = (float)o->input_dropout;
    n->lstm.dropout = (float)o->dropout;
    n->fit.epochs = o->epochs;
    n->continues = o->continued != NULL;
    n->fit.batch = (vl_batch_limits){o->tokens, (int32_t)o->texts};
    n->fit.rate = (float)o->rate;
    n->fit.warmup = o->warmup;
    n->fit.smoothing = (float)o->smoothing;
    n->fit.measures = (int)o->measures;
    n->fit.patience = (int)o->patience;
    n->fit.seed = (uint64_t)o->seed;
    n->fit.optimizer.decay = (float)o->decay;
    n->fit.optimizer.clip = (float)o->clip;
    n->fit.checkpoint = o->checkpoint;
    n->fit.checkpoint_seconds = o->every;
    n->fit.resume = o->resume;
    n->fit.finish = o->resume && o->finish;
}

/* ---- Progress -------------------------------------------------------------------------------- */

static void print_point(const vl_fit_point *p, const char *end)
{
    fprintf(stderr, "epoch %.2f  step %.0f  loss %.4f  dev loss %.4f  dev accuracy %.4f  %.0f s%s",
            p->epoch, p->step, p->loss, p->dev_loss, p->dev_accuracy, p->seconds, end);
}

/* One line that is overwritten on a terminal; elsewhere a line now and then, and one for each
 * measure. */
static int tell(void *user, const vl_fit_progress *p)
{
    neural_options *o = user;
    double now = vl_clock_seconds();
    if (p->point) {
        if (o->terminal) fputs("\r\033[K", stderr);
        print_point(p->point, "\n");
    } else if (now - o->told >= (o->terminal ? 0.2 : 30)) {
        o->told = now;
        fprintf(stderr, "%sepoch %.2f  step %lld  loss %.4f  %.0f tokens/s  %.0f s left",
                o->terminal ? "\r" : "", p->epoch, (long long)p->step, p->loss,
                p->tokens_per_second, p->seconds_left);
        if (p->best_accuracy >= 0) fprintf(stderr, "  best dev accuracy %.4f", p->best_accuracy);
        fputs(o->terminal ? "\033[K" : "\n", stderr);
    }
    return cli_interrupted();
}

/* ---- The run --------------------------------------------------------------------------------- */

typedef struct neural_run {
    neural_options *o;
    vl_neural_options n;
    const char *command;
    vl_workers *workers;
    vl_corpus corpus, dev;
    vl_mapped_file words_file;
    vl_store *words, *store;
    vl_neural_report report;
    char checkpoint[4096];
    valence_error *error;
} neural_run;

/* The word vectors, or the model to go on from. */
static vl_status read_words(neural_run *r)
{
    const char *path = r->o->continued ? r->o->continued : r->o->embeddings;
    if (!path) return VALENCE_OK;
    vl_status status = vl_mapped_file_open(&r->words_file, path, r->error);
    if (status == VALENCE_UNSUPPORTED)
        return vl_fail(r->error, status, "cannot use '%.250s': not a regular file", path);
    VL_TRY(status);
    vl_span bytes = {r->words_file.data, r->words_file.size};
    return vl_safetensors_read(&r->words, bytes, path, r->error);
}

static vl_status read_data(neural_run *r)
{
    neural_options *o = r->o;
    o->corpus.skip_bad = o->skip_bad;
    o->corpus.unlabelled = r->n.kind == VL_NEURAL_LANGUAGE;
    o->corpus.balance_sets = o->balance_sets;
    o->corpus.balance = o->balance;
    VL_TRY(
        vl_corpus_read(&r->corpus, o->data.items, o->data.count, &o->corpus, r->workers, r->error));
    if (o->dev) {
        vl_corpus_options dev = o->corpus;
        dev.balance_sets = false;
        dev.labels = r->corpus.labels;
        dev.K = r->corpus.K;
        VL_TRY(vl_corpus_read(&r->dev, &o->dev, 1, &dev, r->workers, r->error));
    }
    return read_words(r);
}

static void print_guesses_json(const neural_run *r)
{
    const vl_neural_report *p = &r->report;
    printf("{\"examples\":%lld,\"parameters\":%lld,\"vocabulary\":%lld,\"held_out\":%lld,"
           "\"held_out_loss\":%.4f,\"held_out_guessed\":%.4f,\"steps\":%lld,\"best_epoch\":%.3f,"
           "\"seconds\":%.3f,\"tokens_per_second\":%.0f}\n",
           (long long)p->classic.examples, (long long)p->parameters, (long long)p->classic.features,
           (long long)p->classic.held_out, p->fit.best.dev_loss, p->fit.best.dev_accuracy,
           (long long)p->fit.steps, p->fit.best.epoch, p->fit.seconds,
           p->fit.tokens / (p->fit.seconds + 1e-9));
}

static void print_json(const neural_run *r)
{
    const vl_neural_report *p = &r->report;
    printf(
        "{\"examples\":%lld,\"classes\":%d,\"parameters\":%lld,\"vocabulary\":%lld,\"held_out\":%"
        "lld,"
        "\"held_out_accuracy\":%.4f,\"held_out_macro_f1\":%.4f,\"temperature\":%.4f,\"steps\":%lld,"
        "\"best_epoch\":%.3f,\"stopped_early\":%s,\"empty\":%lld,\"bad_rows\":%llu,\"seconds\":%."
        "3f,"
        "\"tokens_per_second\":%.0f}\n",
        (long long)p->classic.examples, r->corpus.K, (long long)p->parameters,
        (long long)p->classic.features, (long long)p->classic.held_out,
        p->classic.held_out_accuracy, p->classic.held_out_macro_f1, p->classic.temperature,
        (long long)p->fit.steps, p->fit.best.epoch, p->fit.stopped_early ? "true" : "false",
        (long long)p->empty, (unsigned long long)r->corpus.bad_rows, p->fit.seconds,
        p->fit.tokens / (p->fit.seconds + 1e-9));
}

static void print_report(const neural_run *r)
{
    const vl_neural_report *p = &r->report;
    printf("%s: %lld texts, ", r->o->output, (long long)p->classic.examples);
    if (r->n.kind != VL_NEURAL_LANGUAGE) printf("%d classes, ", r->corpus.K);
    printf("%lld parameters, %lld steps, %.0f s\n", (long long)p->parameters,
           (long long)p->fit.steps, p->fit.seconds);
    if (r->n.kind == VL_NEURAL_LANGUAGE)
        printf(
            "loss %.4f a token, %.4f of the tokens told from up to %lld others, in %lld texts not "
            "trained on (best of %lld measures, epoch %.2f)\n",
            p->fit.best.dev_loss, p->fit.best.dev_accuracy, (long long)r->o->samples,
            (long long)p->classic.held_out, (long long)p->fit.points, p->fit.best.epoch);
    else
        printf("accuracy %.4f, macro-F1 %.4f on %lld texts not trained on (best of %lld measures, "
               "epoch %.2f)\n",
               p->classic.held_out_accuracy, p->classic.held_out_macro_f1,
               (long long)p->classic.held_out, (long long)p->fit.points, p->fit.best.epoch);
    if (p->empty) printf("%lld texts without a token were left out\n", (long long)p->empty);
    if (r->corpus.skipped_empty)
        printf("%llu rows without a label were skipped\n",
               (unsigned long long)r->corpus.skipped_empty);
    if (r->corpus.bad_rows)
        printf("%llu malformed rows were skipped\n", (unsigned long long)r->corpus.bad_rows);
}

static vl_status train_and_write(neural_run *r)
{
    neural_options *o = r->o;
    VL_TRY(read_data(r));
    VL_TRY(vl_store_open(&r->store, r->error));
    VL_TRY(vl_neural_train(r->store, &r->report, &r->corpus, o->dev ? &r->dev : NULL, r->words,
                           &r->n, r->workers, r->error));
    vl_card_origin from = {o->data.items, o->data.count, r->command,
                           r->words ? vl_store_get(r->words, "card") : NULL};
    vl_classic_report measured = r->report.classic;
    if (r->n.kind == VL_NEURAL_LANGUAGE) measured.held_out = 0; /* there are no labels */
    VL_TRY(vl_card_write(r->store, &measured, &r->corpus, &from, r->error));
    VL_TRY(vl_safetensors_write(r->store, o->output, r->error));
    if (o->curve)
        VL_TRY(
            cli_train_curve_write(o->curve, r->report.fit.curve, r->report.fit.points, r->error));
    if (o->terminal) fputs("\r\033[K", stderr);
    unlink(o->checkpoint);
    if (o->json && r->n.kind == VL_NEURAL_LANGUAGE) print_guesses_json(r);
    else if (o->json) print_json(r);
    else print_report(r);
    return VALENCE_OK;
}

static int run(neural_run *r)
{
    neural_options *o = r->o;
    cli_interrupt_catch();
    r->n.fit.progress = tell;
    r->n.fit.user = o;
    vl_status status = vl_workers_open(&r->workers, (int)o->threads, r->error);
    if (status == VALENCE_OK) status = train_and_write(r);
    vl_fit_result_release(&r->report.fit);
    vl_store_close(r->store);
    vl_store_close(r->words);
    vl_mapped_file_release(&r->words_file);
    vl_corpus_release(&r->dev);
    vl_corpus_release(&r->corpus);
    vl_workers_close(r->workers);
    if (o->memory) cli_memory_report(0);
    if (status == VALENCE_CANCELLED) {
        fprintf(stderr, "%sstopped; the same command with --resume goes on from '%s'\n",
                o->terminal ? "\r\033[K" : "", o->checkpoint);
        cli_interrupt_end();
    }
    return status == VALENCE_OK ? CLI_OK : cli_train_failed(r->error);
}

int cli_train_neural(int argc, char **argv, const char *command)
{
    static neural_run r;
    neural_options o;
    valence_error error = {0};
    r = (neural_run){.o = &o, .command = command, .error = &error, .words_file = {.slot = -1}};
    r.n = vl_neural_defaults(strcmp(argv[0], "transformer") == 0      ? VL_NEURAL_TRANSFORMER
                             : strcmp(argv[0], "language-model") == 0 ? VL_NEURAL_LANGUAGE
                                                                      : VL_NEURAL_LSTM);
    set_defaults(&o, &r.n);
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first < argc) return cli_usage("train", "unexpected argument '%s'", argv[first]);
    if (o.data.count == 0) return cli_usage("train", "--data FILE is missing");
    if (!o.output) return cli_usage("train", "-o MODEL is missing");
    if (o.continued && o.embeddings)
        return cli_usage("train", "--continue brings its own word vectors: leave out --embeddings");
    if (r.n.kind == VL_NEURAL_LANGUAGE && (o.layers != 1 || o.continued))
        return cli_usage("train", "a language model has one layer, and goes on by --embeddings");
    if (!o.checkpoint) {
        snprintf(r.checkpoint, sizeof r.checkpoint, "%s.checkpoint", o.output);
        o.checkpoint = r.checkpoint;
    }
    if (check_numbers(&o, &error) != VALENCE_OK || check_words(&o, &r.n, &error) != VALENCE_OK)
        return cli_usage("train", "%s", error.message);
    take_options(&r.n, &o);
    return run(&r);
}
