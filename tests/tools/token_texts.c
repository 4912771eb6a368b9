/* token_texts.c: `token_texts TOKENIZER.JSON [offsets]`: tokens of texts, for the tests that
 * compare with Hugging Face. stdin: each text as its length (uint32) and bytes; stdout: for each
 * its number of tokens (int32), the ids (int32), with offsets also their starts and ends (uint32).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/tokenizer.h"

static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) exit(1);
    *len = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*len + 1);
    if (!text || fread(text, 1, *len, f) != *len) exit(1);
    fclose(f);
    return text;
}

static char *texts;
static size_t texts_len;

static void read_texts(void)
{
    size_t room = 1 << 20;
    texts = malloc(room);
    for (size_t n; texts && (n = fread(texts + texts_len, 1, room - texts_len, stdin)) > 0;) {
        texts_len += n;
        if (texts_len == room) texts = realloc(texts, room *= 2);
    }
    if (!texts) exit(1);
}

/* The text at *at, which moves on; false at the end. */
static bool next_text(size_t *at, vl_span *text)
{
    uint32_t n;
    if (texts_len - *at < sizeof n) return false;
    memcpy(&n, texts + *at, sizeof n);
    if (n > texts_len - *at - sizeof n) exit(1);
    *text = (vl_span){texts + *at + sizeof n, n};
    *at += sizeof n + n;
    return true;
}

static void write_all(const void *bytes, size_t size, int64_t count)
{
    if (count) fwrite(bytes, size, (size_t)count, stdout);
}

static vl_tokens encode(const vl_tokenizer *t, vl_token_scratch *s, vl_span text, bool offsets)
{
    vl_tokens tokens;
    if (vl_tokenizer_encode(t, s, text, offsets, &tokens) != VALENCE_OK) exit(1);
    return tokens;
}

static void print_tokens(const vl_tokenizer *t, vl_token_scratch *s, bool offsets)
{
    vl_span text;
    for (size_t at = 0; next_text(&at, &text);) {
        char *alone = malloc(text.len ? text.len : 1); /* a read past the end is seen */
        memcpy(alone, text.ptr, text.len);
        vl_tokens tokens = encode(t, s, (vl_span){alone, text.len}, offsets);
        free(alone);
        int32_t count = (int32_t)tokens.count;
        write_all(&count, sizeof count, 1);
        write_all(tokens.ids, sizeof *tokens.ids, count);
        if (offsets) write_all(tokens.start, sizeof *tokens.start, count);
        if (offsets) write_all(tokens.end, sizeof *tokens.end, count);
    }
}

/* Of this process only: the machine may have other work. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void print_speed(const vl_tokenizer *t, vl_token_scratch *s, bool offsets)
{
    vl_span text;
    double best = 1e9;
    int64_t bytes = 0, tokens = 0;
    for (int round = 0; round < 5; round++) {
        double start = cpu_seconds();
        bytes = tokens = 0;
        for (size_t at = 0; next_text(&at, &text);) {
            tokens += encode(t, s, text, offsets).count;
            bytes += (int64_t)text.len;
        }
        double took = cpu_seconds() - start;
        if (took < best) best = took;
    }
    printf("%lld bytes, %lld tokens, %.6f s, %.1f MB/s\n", (long long)bytes, (long long)tokens,
           best, (double)bytes / best * 1e-6);
}

int main(int argc, char **argv)
{
    vl_tokenizer *t;
    vl_token_scratch *s;
    valence_error error = {0};
    size_t len;
    if (argc < 3) return 2;
    char *json = read_file(argv[2], &len);
    bool offsets = argc > 3;
    if (vl_tokenizer_open(&t, (vl_span){json, len}, &error) != VALENCE_OK ||
        vl_token_scratch_open(&s, t, &error) != VALENCE_OK) {
        fprintf(stderr, "token_texts: %s\n", error.message);
        return 1;
    }
    free(json);
    read_texts();
    if (strcmp(argv[1], "time") == 0) print_speed(t, s, offsets);
    else print_tokens(t, s, offsets);
    free(texts);
    vl_token_scratch_close(s);
    vl_tokenizer_close(t);
    return 0;
}
