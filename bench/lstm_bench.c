/* lstm_bench.c: valence on the LSTM and the texts of peer_lstm.py, with the same report (one JSON
 * object): 1 and 32 texts of 256 tokens at a time, and the logits of the 32.
 *
 *     lstm_bench FOLDER f32|bf16|i8 THREADS REPORT
 *
 * Not a test: what is right, the logits say, which parts_lstm.py compares with the peer's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mapped_file.h"
#include "base/mem.h"
#include "base/workers.h"
#include "formats/safetensors.h"
#include "models/model.h"
#include "models/quantize_store.h"

enum {
    TEXTS = 32,
    LENGTH = 256,
    TOKENS = TEXTS * LENGTH,
    K_MAX = 8,
    MAX_RUNS = 100000,
    LEAST_RUNS = 5
};
static const double timed_seconds = 2;

static void stop(const char *what)
{
    fprintf(stderr, "lstm_bench: %s\n", what);
    exit(1);
}

static void check(vl_status status, const valence_error *error)
{
    if (status != VALENCE_OK) stop(error->message);
}

static double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct inference {
    vl_model *model;
    vl_workers *workers;
    vl_batch batch;
    void *scratch;
    float logits[TEXTS * K_MAX];
} inference;

static void infer_once(inference *i)
{
    const vl_run run = {.scratch = i->scratch, .workers = i->workers};
    if (i->model->class->forward(i->model, &i->batch, &run, i->logits) != VALENCE_OK)
        stop("a pass failed");
}

static void time_runs(inference *i)
{
    static double took[MAX_RUNS], cpu[MAX_RUNS];
    const int B = i->batch.B;
    int runs = -2; /* two to warm up */
    for (double end = clock_ms(CLOCK_MONOTONIC) + timed_seconds * 1e3;
         runs < LEAST_RUNS || (runs < MAX_RUNS && clock_ms(CLOCK_MONOTONIC) < end); runs++) {
        double start = clock_ms(CLOCK_MONOTONIC), cpu_start = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
        infer_once(i);
        if (runs < 0) continue;
        cpu[runs] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
        took[runs] = clock_ms(CLOCK_MONOTONIC) - start;
    }
    qsort(took, (size_t)runs, sizeof *took, rising);
    qsort(cpu, (size_t)runs, sizeof *cpu, rising);
    printf(", \"p50_ms_%d\": %.4f, \"least_ms_%d\": %.4f, \"cpu_ms_%d\": %.4f", B, took[runs / 2],
           B, took[0], B, cpu[runs / 2]);
}

static void read_ids(int32_t *ids, const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/ids", folder);
    FILE *f = fopen(path, "rb");
    if (!f || fread(ids, sizeof *ids, TOKENS, f) != TOKENS) stop(path);
    fclose(f);
}

/* The model as a file of that type would have it. */
static vl_store *open_store(const char *folder, const char *type)
{
    static vl_mapped_file file;
    valence_error error;
    vl_store *store, *quantised;
    char path[4096];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    check(vl_mapped_file_open(&file, path, &error), &error);
    check(vl_safetensors_read(&store, (vl_span){file.data, file.size}, path, &error), &error);
    if (strcmp(type, "f32") == 0) return store;
    check(vl_quantize_store(&quantised, store, strcmp(type, "i8") == 0 ? VL_I8 : VL_BF16, &error),
          &error);
    return quantised;
}

static void print_logits(const inference *i)
{
    const int32_t K = i->model->K;
    printf(", \"logits\": [");
    for (int b = 0; b < i->batch.B; b++)
        for (int k = 0; k < K; k++)
            printf("%s%.9g%s",
                   k   ? ", "
                   : b ? ", ["
                       : "[",
                   (double)i->logits[b * K + k], k + 1 == K ? "]" : "");
    printf("]");
}

static void infer(const char *folder, const char *type, int threads)
{
    static int32_t ids[TOKENS], offsets[TEXTS + 1];
    static inference i;
    valence_error error;
    vl_store *store = open_store(folder, type);
    double start = clock_ms(CLOCK_MONOTONIC);
    check(vl_model_build(&i.model, store, &error), &error);
    printf("{\"load_ms\": %.3f", clock_ms(CLOCK_MONOTONIC) - start);
    check(vl_workers_open(&i.workers, threads, &error), &error);
    read_ids(ids, folder);
    for (int b = 0; b <= TEXTS; b++) offsets[b] = b * LENGTH;
    i.scratch = vl_alloc(VL_MEM_BATCH, i.model->class->scratch(i.model, TEXTS, TOKENS, threads));
    if (!i.scratch || i.model->K > K_MAX) stop("out of memory");
    for (int B = 1; B <= TEXTS; B += TEXTS - 1) {
        i.batch = (vl_batch){ids, NULL, offsets, B};
        time_runs(&i);
    }
    print_logits(&i);
}

int main(int argc, char **argv)
{
    if (argc != 5) stop("usage: lstm_bench FOLDER f32|bf16|i8 THREADS REPORT");
    if (!freopen(argv[4], "w", stdout)) stop(argv[4]);
    infer(argv[1], argv[2], atoi(argv[3]));
    printf("}\n");
    return 0;
}
