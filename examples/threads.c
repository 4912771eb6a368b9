/* threads.c: many threads share one model. Each has a context of its own, reads lines from standard
 * input and counts their labels; the counts are added up at the end.
 *
 *     cc threads.c $(pkg-config --cflags --libs valence) -pthread -o threads
 *     ./threads 8 < texts.txt */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <valence.h>

enum { MOST_THREADS = 256, MOST_LABELS = 1000 };

static const valence_model *model;
static int label_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the two below */
static unsigned long totals[MOST_LABELS];
static int failed;

/* A line without its end. getline of several threads takes turns: FILE has a lock of its own. */
static ssize_t next_line(char **line, size_t *size)
{
    ssize_t n = getline(line, size, stdin);
    return n > 0 && (*line)[n - 1] == '\n' ? n - 1 : n;
}

static valence_status count_lines(valence_context *context, unsigned long *counts,
                                  valence_error *error)
{
    char *line = NULL;
    size_t size = 0;
    valence_status status = VALENCE_OK;
    for (ssize_t n; status == VALENCE_OK && (n = next_line(&line, &size)) >= 0;) {
        valence_prediction p;
        status = valence_context_predict(context, line, (size_t)n, &p, error);
        if (status == VALENCE_OK) counts[p.label_index]++;
    }
    free(line);
    return status;
}

static void *work(void *unused)
{
    valence_error error;
    valence_context *context;
    unsigned long counts[MOST_LABELS] = {0};
    (void)unused;
    valence_status status = valence_context_open(&context, model, &error);
    if (status == VALENCE_OK) status = count_lines(context, counts, &error);
    valence_context_close(context);
    pthread_mutex_lock(&lock);
    for (int k = 0; k < label_count; k++) totals[k] += counts[k];
    if (status != VALENCE_OK) {
        failed = 1;
        fprintf(stderr, "threads: %s\n", error.message);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void run(int count)
{
    pthread_t threads[MOST_THREADS];
    int started = 0;
    while (started < count && pthread_create(&threads[started], NULL, work, NULL) == 0) started++;
    if (started == 0) work(NULL); /* the system has no more threads: alone, then */
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    valence_error error;
    valence_model *opened;
    valence_model_info info;
    int count = argc == 2 ? atoi(argv[1]) : 0;
    if (count < 1 || count > MOST_THREADS) {
        fprintf(stderr, "usage: threads COUNT < LINES    (1 to %d threads)\n", MOST_THREADS);
        return 2;
    }
    if (valence_model_open(&opened, "general", NULL, &error) != VALENCE_OK) {
        fprintf(stderr, "threads: %s\n", error.message);
        return 1;
    }
    valence_model_describe(opened, &info);
    model = opened;
    label_count = info.label_count < MOST_LABELS ? info.label_count : MOST_LABELS;
    run(count);
    for (int k = 0; k < label_count; k++) printf("%s %lu\n", info.labels[k], totals[k]);
    valence_model_close(opened);
    return failed || ferror(stdin);
}
