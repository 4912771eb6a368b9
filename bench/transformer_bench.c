/* transformer_bench.c: valence on the texts of transformer_models.py, through valence.h alone; the
 * counterpart of peer_transformers.py, with the same report (one JSON object).
 *
 *     transformer_bench single FOLDER MODEL THREADS REPORT     a text at a time: p50 and least by
 * length transformer_bench mixed  FOLDER MODEL THREADS REPORT     the reviews, tokenisation
 * included transformer_bench logits FOLDER MODEL THREADS REPORT     of the first reviews
 *
 * Long texts are cut to the model's length, as the peer's are. Not a test: what is right, the
 * logits say, which parts_transformer.py compares with the peer's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "valence.h"

enum { MAX_TEXTS = 4096, MAX_RUNS = 100000, LEAST_RUNS = 5, BATCH_TOKENS = 4096, FEW = 32 };
static const double timed_seconds = 2;

typedef struct texts {
    char *line[MAX_TEXTS];
    int count;
} texts;

typedef struct bench {
    valence_model *model;
    valence_context *context;
    int labels;
    double opened_ms, opened_mb;
} bench;

static void stop(const char *what)
{
    fprintf(stderr, "transformer_bench: %s\n", what);
    exit(1);
}

static void check(valence_status status, const valence_error *error)
{
    if (status != VALENCE_OK) stop(error->message);
}

static double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static double resident_mb(void)
{
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmRSS:", 6) == 0) kib = atof(line + 6);
    if (f) fclose(f);
    return kib * 1024 / 1e6;
}

static void read_texts(texts *t, const char *folder, const char *name)
{
    char path[4096];
    size_t capacity = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f) stop(path);
    for (t->count = 0; t->count < MAX_TEXTS; t->count++) {
        char **line = &t->line[t->count];
        *line = NULL;
        capacity = 0;
        if (getline(line, &capacity, f) < 0) break;
        (*line)[strcspn(*line, "\n")] = '\0';
    }
    fclose(f);
}

static bench open_bench(const char *path, int threads)
{
    bench b = {0};
    valence_error error;
    valence_model_info info;
    valence_model_options o = valence_model_defaults();
    o.truncation = VALENCE_TRUNCATE_RIGHT;
    o.threads = threads;
    double start = now_ms(), before = resident_mb();
    check(valence_model_open(&b.model, path, &o, &error), &error);
    check(valence_context_open(&b.context, b.model, &error), &error);
    b.opened_ms = now_ms() - start;
    b.opened_mb = resident_mb() - before;
    valence_model_describe(b.model, &info);
    b.labels = info.label_count;
    return b;
}

/* ---- One at a time --------------------------------------------------------------------------- */

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_text(bench *b, const char *text, int tokens)
{
    static double took[MAX_RUNS], cpu[MAX_RUNS];
    valence_error error;
    valence_prediction p;
    int runs = -2; /* two to warm up */
    for (double end = now_ms() + timed_seconds * 1e3;
         runs < LEAST_RUNS || (runs < MAX_RUNS && now_ms() < end); runs++) {
        double start = now_ms(), cpu_start = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        check(valence_context_predict(b->context, text, strlen(text), &p, &error), &error);
        if (p.tokens != tokens) stop("a text has another number of tokens than the peer's");
        if (runs < 0) continue;
        cpu[runs] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
        took[runs] = now_ms() - start;
    }
    qsort(took, (size_t)runs, sizeof *took, rising);
    qsort(cpu, (size_t)runs, sizeof *cpu, rising);
    printf(", \"p50_ms_%d\": %.4f, \"least_ms_%d\": %.4f, \"cpu_ms_%d\": %.4f", tokens,
           took[runs / 2], tokens, took[0], tokens, cpu[runs / 2]);
}

static void single(bench *b, const char *folder)
{
    static texts t;
    read_texts(&t, folder, "singles.tsv");
    for (int i = 0; i < t.count; i++) {
        char *tab = strchr(t.line[i], '\t');
        if (!tab) stop("singles.tsv: no tab");
        time_text(b, tab + 1, atoi(t.line[i]));
    }
}

/* ---- All of them ----------------------------------------------------------------------------- */

/* Texts [from, ..) that together have about BATCH_TOKENS tokens; gives the end. */
static int answer_some(bench *b, const texts *t, int from, long long *tokens, float *logits)
{
    static valence_encoding *encodings[MAX_TEXTS];
    static valence_prediction predictions[MAX_TEXTS];
    valence_error error;
    size_t count = 0;
    long long sum = 0;
    for (int i = from; i < t->count && (count == 0 || sum < BATCH_TOKENS); i++, count++) {
        check(valence_context_encode(b->context, t->line[i], strlen(t->line[i]), VALENCE_AS_MODEL,
                                     &encodings[count], &error),
              &error);
        sum += valence_encoding_tokens(encodings[count]);
    }
    check(valence_context_predict_encodings(b->context, (const valence_encoding *const *)encodings,
                                            count, predictions, &error),
          &error);
    for (size_t k = 0; k < count; k++) {
        size_t bytes = (size_t)b->labels * sizeof *logits;
        if (logits)
            memcpy(logits + ((size_t)from + k) * (size_t)b->labels, predictions[k].logits, bytes);
        valence_encoding_close(encodings[k]);
    }
    *tokens += sum;
    return from + (int)count;
}

static long long answer_all(bench *b, const texts *t, float *logits)
{
    long long tokens = 0;
    for (int i = 0; i < t->count;) i = answer_some(b, t, i, &tokens, logits);
    return tokens;
}

static void mixed(bench *b, const char *folder)
{
    static texts t;
    read_texts(&t, folder, "reviews.txt");
    texts few = t;
    few.count = t.count < 16 ? t.count : 16;
    answer_all(b, &few, NULL); /* warm */
    double start = now_ms();
    long long tokens = answer_all(b, &t, NULL);
    printf(", \"mixed_s\": %.6f, \"tokens\": %lld", (now_ms() - start) / 1e3, tokens);
}

static void print_logits(bench *b, const char *folder)
{
    static texts t;
    read_texts(&t, folder, "reviews.txt");
    if (t.count > FEW) t.count = FEW;
    float *logits = calloc((size_t)t.count * (size_t)b->labels + 1, sizeof *logits);
    if (!logits) stop("out of memory");
    answer_all(b, &t, logits);
    printf(", \"logits\": [");
    for (int i = 0; i < t.count; i++)
        for (int k = 0; k < b->labels; k++)
            printf("%s%.9g%s",
                   k   ? ", "
                   : i ? ", ["
                       : "[",
                   (double)logits[i * b->labels + k], k + 1 == b->labels ? "]" : "");
    printf("]");
    free(logits);
}

int main(int argc, char **argv)
{
    if (argc != 6) stop("usage: transformer_bench single|mixed|logits FOLDER MODEL THREADS REPORT");
    if (!freopen(argv[5], "w", stdout)) stop(argv[5]);
    bench b = open_bench(argv[3], atoi(argv[4]));
    printf("{\"session_ms\": %.3f, \"session_mb\": %.3f", b.opened_ms, b.opened_mb);
    if (strcmp(argv[1], "single") == 0) single(&b, argv[2]);
    else if (strcmp(argv[1], "mixed") == 0) mixed(&b, argv[2]);
    else print_logits(&b, argv[2]);
    printf(", \"resident_mb\": %.3f}\n", resident_mb());
    valence_context_close(b.context);
    valence_model_close(b.model);
    return 0;
}
