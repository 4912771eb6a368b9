/* train_embeddings.c: `valence train embeddings`: a vocabulary and word vectors from unlabelled
 * texts. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/train_neural.h"
#include "engine/model_config.h"
#include "formats/safetensors.h"
#include "train/card.h"
#include "train/word_vectors.h"

typedef struct embeddings_options {
    cli_list data;
    const char *output, *command, *checkpoint;
    int64_t size, vocabulary, window, epochs, buckets, threads, seed;
    double every;
    bool skip_bad, resume;
    vl_corpus_options corpus;
    double start, told;
} embeddings_options;

static const char usage[] = "valence train embeddings --data FILE... -o WORDS.safetensors";
static const char about[] =
    "Makes a vocabulary and word vectors from texts, labelled or not (labels are not looked at), "
    "for\n"
    "`valence train lstm --embeddings` and `valence train transformer --embeddings` to begin "
    "with.\n"
    "Example: valence train embeddings --data reviews.csv --data more.txt.zst -o words.safetensors";

static int parse(embeddings_options *o, int argc, char **argv)
{
    const cli_option table[] = {
        {CLI_LIST, "data", 'd', "FILE",
         "texts (csv, tsv, jsonl, lines, folders); may be given often", &o->data},
        {CLI_TEXT, "output", 'o', "FILE", "the file to write (.safetensors)", &o->output},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &o->corpus.source.text},
        {CLI_INTEGER, "vocabulary", 0, "N", "words and parts of words (30000)", &o->vocabulary},
        {CLI_INTEGER, "size", 0, "N", "numbers of a vector (128)", &o->size},
        {CLI_INTEGER, "window", 0, "N", "neighbours to each side (5)", &o->window},
        {CLI_INTEGER, "buckets", 0, "N", "rows for character n-grams; 0: none (131072)",
         &o->buckets},
        {CLI_INTEGER, "epochs", 0, "N", "times through the texts (5)", &o->epochs},
        {CLI_TEXT, "checkpoint", 0, "FILE", "where to keep what --resume needs (FILE.checkpoint)",
         &o->checkpoint},
        {CLI_REAL, "checkpoint-every", 0, "SECONDS", "how often (60)", &o->every},
        {CLI_FLAG, "resume", 0, NULL, "go on from the checkpoint, if there is one", &o->resume},
        {CLI_INTEGER, "seed", 0, "N", "of all that is random (1)", &o->seed},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &o->threads},
        {CLI_FLAG, "skip-bad", 0, NULL, "skip malformed rows instead of stopping", &o->skip_bad},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

static int tell(void *user, double share, double loss, int64_t tokens)
{
    embeddings_options *o = user;
    double now = vl_clock_seconds(), gone = now - o->start;
    bool terminal = isatty(STDERR_FILENO);
    if (now - o->told < (terminal ? 0.2 : 10)) return cli_interrupted();
    o->told = now;
    fprintf(stderr, "%svectors %5.1f %%  loss %.4f  %.0f tokens/s  %.0f s left%s",
            terminal ? "\r" : "", 100 * share, loss, (double)tokens / gone,
            gone / (share + 1e-9) * (1 - share), terminal ? "   " : "\n");
    return cli_interrupted();
}

static vl_status check(const embeddings_options *o, valence_error *error)
{
    if (o->size < 4 || o->size > 1024)
        return vl_fail(error, VALENCE_ARGUMENT, "--size must be 4 to 1024");
    if (o->vocabulary < VL_WORDPIECES_LEAST || o->vocabulary > VL_WORDPIECES_MOST)
        return vl_fail(error, VALENCE_ARGUMENT, "--vocabulary must be %d to %d",
                       VL_WORDPIECES_LEAST, VL_WORDPIECES_MOST);
    if (o->window < 1 || o->window > 32)
        return vl_fail(error, VALENCE_ARGUMENT, "--window must be 1 to 32");
    if (o->epochs < 1 || o->epochs > 1000)
        return vl_fail(error, VALENCE_ARGUMENT, "--epochs must be 1 to 1000");
    if (!(o->every >= 0))
        return vl_fail(error, VALENCE_ARGUMENT, "--checkpoint-every must not be negative");
    if (o->buckets < 0 || o->buckets > 1 << 24)
        return vl_fail(error, VALENCE_ARGUMENT, "--buckets must be 0 to %d", 1 << 24);
    return VALENCE_OK;
}

static vl_status make(embeddings_options *o, vl_store *store, vl_workers *workers,
                      valence_error *error)
{
    vl_corpus corpus;
    vl_word_vectors_report report;
    vl_wordpieces_options pieces = vl_wordpieces_defaults();
    vl_skipgram_options skipgram = vl_skipgram_defaults();
    pieces.size = (int32_t)o->vocabulary;
    skipgram.E = (int32_t)o->size;
    skipgram.window = (int32_t)o->window;
    skipgram.epochs = (int)o->epochs;
    skipgram.buckets = (int32_t)o->buckets;
    skipgram.seed = (uint64_t)o->seed;
    skipgram.checkpoint = o->checkpoint;
    skipgram.checkpoint_seconds = o->every;
    skipgram.resume = o->resume;
    skipgram.progress = tell;
    skipgram.user = o;
    o->corpus.unlabelled = true;
    o->corpus.skip_bad = o->skip_bad;
    VL_TRY(vl_corpus_read(&corpus, o->data.items, o->data.count, &o->corpus, workers, error));
    o->start = vl_clock_seconds();
    vl_status status =
        vl_word_vectors_make(store, &report, &corpus, &pieces, &skipgram, workers, error);
    vl_classic_report counts = {.examples = report.texts, .features = report.vocabulary};
    vl_card_origin from = {o->data.items, o->data.count, o->command, NULL};
    if (status == VALENCE_OK) status = vl_card_write(store, &counts, &corpus, &from, error);
    vl_corpus_release(&corpus);
    if (status == VALENCE_OK) status = vl_safetensors_write(store, o->output, error);
    if (isatty(STDERR_FILENO)) fputc('\n', stderr);
    if (status == VALENCE_OK)
        printf("%s: %lld texts, %lld tokens (%.2f %% unknown), %d words and parts, %.0f s\n",
               o->output, (long long)report.texts, (long long)report.tokens,
               100.0 * (double)report.unknown / ((double)report.tokens + 1e-9), report.vocabulary,
               report.vocabulary_seconds + report.vector_seconds);
    return status;
}

int cli_train_failed(const valence_error *error)
{
    if (error->line)
        return cli_fail("%s (line %llu)", error->message, (unsigned long long)error->line);
    return cli_fail("%s", error->message);
}

int cli_train_embeddings(int argc, char **argv, const char *command)
{
    embeddings_options o = {.command = command,
                            .size = 128,
                            .vocabulary = 30000,
                            .window = 5,
                            .epochs = 5,
                            .buckets = 1 << 17,
                            .seed = 1,
                            .every = 60,
                            .corpus = vl_corpus_options_defaults()};
    valence_error error = {0};
    vl_workers *workers = NULL;
    vl_store *store = NULL;
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first < argc) return cli_usage("train", "unexpected argument '%s'", argv[first]);
    if (o.data.count == 0) return cli_usage("train", "--data FILE is missing");
    if (!o.output) return cli_usage("train", "-o FILE is missing");
    if (check(&o, &error) != VALENCE_OK) return cli_usage("train", "%s", error.message);
    char checkpoint[4096];
    snprintf(checkpoint, sizeof checkpoint, "%s.checkpoint", o.output);
    if (!o.checkpoint) o.checkpoint = checkpoint;
    cli_interrupt_catch();
    vl_status status = vl_workers_open(&workers, (int)o.threads, &error);
    if (status == VALENCE_OK) status = vl_store_open(&store, &error);
    if (status == VALENCE_OK) status = make(&o, store, workers, &error);
    vl_store_close(store);
    vl_workers_close(workers);
    if (status == VALENCE_OK) unlink(o.checkpoint);
    if (status == VALENCE_CANCELLED) {
        fprintf(stderr, "stopped; the same command with --resume goes on from '%s'\n",
                o.checkpoint);
        cli_interrupt_end();
    }
    return status == VALENCE_OK ? CLI_OK : cli_train_failed(&error);
}
