/* logits.c: opens the model of the first argument and answers each line of stdin on stdout: number
 * of tokens, windows, truncated, then the logits with nine digits. A second argument "right" (as
 * `predict --truncate right`) cuts long texts instead of reading them in windows; a third is the
 * number of threads. Through the public interface only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "valence.h"

static int fail(const valence_error *error)
{
    fprintf(stderr, "logits: %s\n", error->message);
    return 1;
}

static int answer_lines(valence_context *context, int labels, valence_error *error)
{
    char *line = NULL;
    size_t capacity = 0;
    int failed = 0;
    for (ssize_t n; !failed && (n = getdelim(&line, &capacity, '\n', stdin)) > 0;) {
        valence_prediction p;
        if (line[n - 1] == '\n') n--;
        failed = valence_context_predict(context, line, (size_t)n, &p, error) != VALENCE_OK;
        if (failed) break;
        printf("%d %d %d", p.tokens, p.windows, p.truncated);
        for (int k = 0; k < labels; k++) printf(" %.9g", (double)p.logits[k]);
        putchar('\n');
    }
    free(line);
    return failed;
}

int main(int argc, char **argv)
{
    valence_error error = {0};
    valence_model *model = NULL;
    valence_context *context = NULL;
    valence_model_info info;
    valence_model_options o = valence_model_defaults();
    if (argc < 2) return fprintf(stderr, "usage: logits MODEL [right|windows] [THREADS]\n"), 2;
    if (argc > 2 && strcmp(argv[2], "right") == 0) o.truncation = VALENCE_TRUNCATE_RIGHT;
    if (argc > 3) o.threads = atoi(argv[3]);
    if (valence_model_open(&model, argv[1], &o, &error) != VALENCE_OK) return fail(&error);
    valence_model_describe(model, &info);
    int failed = valence_context_open(&context, model, &error) != VALENCE_OK ||
                 answer_lines(context, info.label_count, &error);
    valence_context_close(context);
    valence_model_close(model);
    return failed ? fail(&error) : 0;
}
