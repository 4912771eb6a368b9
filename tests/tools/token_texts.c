/* token_texts.c: `token_texts TOKENIZER.JSON [offsets]`: tokens of texts, for the tests that
 * compare with Hugging Face. stdin: each text as its length (uint32) and bytes; stdout: for each
 * its number of tokens (int32), the ids (int32), with offsets also their starts and ends (uint32).
 */
#include <stdio.h>
#include <stdlib.h>

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

static void write_all(const void *bytes, size_t size, int64_t count)
{
    if (count) fwrite(bytes, size, (size_t)count, stdout);
}

int main(int argc, char **argv)
{
    vl_tokenizer *t;
    vl_token_scratch *s;
    valence_error error = {0};
    size_t len;
    if (argc < 2) return 2;
    char *json = read_file(argv[1], &len);
    if (vl_tokenizer_open(&t, (vl_span){json, len}, &error) != VALENCE_OK ||
        vl_token_scratch_open(&s, t, &error) != VALENCE_OK) {
        fprintf(stderr, "token_texts: %s\n", error.message);
        return 1;
    }
    free(json);
    char *text = NULL;
    for (uint32_t n; fread(&n, sizeof n, 1, stdin) == 1;) {
        text = realloc(text, n ? n : 1);
        if (!text || fread(text, 1, n, stdin) != n) return 1;
        vl_tokens tokens;
        if (vl_tokenizer_encode(t, s, (vl_span){text, n}, argc > 2, &tokens) != VALENCE_OK)
            return 1;
        int32_t count = (int32_t)tokens.count;
        write_all(&count, sizeof count, 1);
        write_all(tokens.ids, sizeof *tokens.ids, count);
        if (argc > 2) write_all(tokens.start, sizeof *tokens.start, count);
        if (argc > 2) write_all(tokens.end, sizeof *tokens.end, count);
    }
    free(text);
    vl_token_scratch_close(s);
    vl_tokenizer_close(t);
    return 0;
}
