/* slow_server.c: `valence serve` whose models called slow* are slow: a batch takes a time of its
 * own, and they say so. Their answers are those of the model file, so that they can be compared.
 * Not part of valence: tests/e2e/slow.py starts it.
 *
 *     SLOW_BATCH_MS=N   what a batch takes at least (default 20)
 *     SLOW_TOKEN_US=N   and for each of its tokens (0)
 *     SLOW_LENGTH=N     a text of more words is too long, if the request wants no truncation (none)
 * A text with the word "unreadable" cannot be encoded; a batch that has one with the word
 * "unspeakable" fails. */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/status.h"
#include "cli/commands.h"
#include "serve/predictor.h"

static double batch_seconds, token_seconds;
static long most_words;

static double from_environment(const char *name, double usual)
{
    const char *text = getenv(name);
    return text ? atof(text) : usual;
}

static void pass_time(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    while (nanosleep(&t, &t) != 0) continue;
}

static int slow(const valence_model_info *info)
{
    const char *slash = strrchr(info->name, '/');
    return strncmp(slash ? slash + 1 : info->name, "slow", 4) == 0;
}

static long count_words(const char *text, size_t len)
{
    long words = 0;
    for (size_t i = 0; i < len; i++) words += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
    return words;
}

/* Encodings of texts that the model fails at: an encoding says nothing of its words. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const valence_encoding *marked[1024];

static void mark(const valence_encoding *e, bool bad)
{
    static size_t next;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < 1024; i++)
        if (marked[i] == e) marked[i] = NULL; /* an earlier one that lay here */
    if (bad) marked[next++ % 1024] = e;
    pthread_mutex_unlock(&lock);
}

static bool is_marked(const valence_encoding *e)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < 1024; i++) found = found || marked[i] == e;
    pthread_mutex_unlock(&lock);
    return found;
}

static valence_status encode(valence_context *context, const char *text, size_t len,
                             valence_truncation truncation, valence_encoding **encoding,
                             valence_error *error)
{
    long words = count_words(text, len);
    if (memmem(text, len, "unreadable", 10))
        return vl_fail(error, VALENCE_FORMAT, "cannot encode the text");
    if (most_words && words > most_words && truncation == VALENCE_TRUNCATE_NEVER)
        return vl_fail(error, VALENCE_LIMIT, "`inputs` must have less than %ld tokens. Given: %ld",
                       most_words, words);
    if (most_words && words > most_words && truncation == VALENCE_TRUNCATE_LEFT) {
        text += len / 2; /* enough to tell the sides apart */
        len -= len / 2;
    } else if (most_words && words > most_words && truncation == VALENCE_TRUNCATE_RIGHT) {
        len /= 2;
    }
    valence_status status = valence_context_encode(context, text, len, truncation, encoding, error);
    if (status == VALENCE_OK) mark(*encoding, memmem(text, len, "unspeakable", 11) != NULL);
    return status;
}

static valence_status predict(valence_context *context, const valence_encoding *const *encodings,
                              size_t count, valence_prediction *predictions, valence_error *error)
{
    int64_t tokens = 0;
    for (size_t i = 0; i < count; i++) tokens += valence_encoding_tokens(encodings[i]);
    pass_time(batch_seconds + token_seconds * (double)tokens);
    for (size_t i = 0; i < count; i++)
        if (is_marked(encodings[i]))
            return vl_fail(error, VALENCE_IO, "the model has no words for this");
    valence_status status =
        valence_context_predict_encodings(context, encodings, count, predictions, error);
    for (size_t i = 0; i < count && status == VALENCE_OK; i++)
        predictions[i].tokens = (int)valence_encoding_tokens(encodings[i]);
    return status;
}

static valence_status explain(valence_context *context, const char *text, size_t len,
                              int label_index, valence_prediction *prediction,
                              valence_explanation *explanation, valence_error *error)
{
    pass_time(batch_seconds);
    return valence_context_explain(context, text, len, label_index, prediction, explanation, error);
}

int main(int argc, char **argv)
{
    static const vl_predictor predictor = {slow, encode, predict, explain};
    batch_seconds = from_environment("SLOW_BATCH_MS", 20) / 1e3;
    token_seconds = from_environment("SLOW_TOKEN_US", 0) / 1e6;
    most_words = (long)from_environment("SLOW_LENGTH", 0);
    return cli_serve(argc, argv, &predictor);
}
