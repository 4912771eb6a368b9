/* explain.c: which words made the answer: the n-grams of a text that add most to its label,
 * strongest first, with their places.
 *
 *     cc explain.c $(pkg-config --cflags --libs valence) -o explain
 *     ./explain "Great room, terrible breakfast" [COUNT] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valence.h>

static float size_of(float weight)
{
    return weight < 0 ? -weight : weight;
}

/* The heaviest first, whichever way they pull; ties in the order of the text. */
static int by_weight(const void *a, const void *b)
{
    const valence_reason *x = a, *y = b;
    float wx = size_of(x->weight), wy = size_of(y->weight);
    if (wx != wy) return wx < wy ? 1 : -1;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* The explanation belongs to the context and stays as it is: what is sorted is a copy. */
static int print_strongest(const char *text, const valence_explanation *e, size_t most)
{
    valence_reason *reasons = malloc((e->reason_count + 1) * sizeof *reasons);
    if (!reasons) return 1;
    if (e->reason_count) memcpy(reasons, e->reasons, e->reason_count * sizeof *reasons);
    qsort(reasons, e->reason_count, sizeof *reasons, by_weight);
    for (size_t i = 0; i < e->reason_count && i < most; i++) {
        const valence_reason *r = &reasons[i];
        printf("%+.2f %zu-%zu %.*s\n", (double)r->weight, r->start, r->end,
               (int)(r->end - r->start), text + r->start);
    }
    free(reasons);
    return 0;
}

static int explain(valence_context *context, const char *text, size_t most)
{
    valence_error error;
    valence_prediction p;
    valence_explanation e;
    if (valence_context_explain(context, text, strlen(text), -1, &p, &e, &error) != VALENCE_OK) {
        fprintf(stderr, "explain: %s\n", error.message);
        return 1;
    }
    printf("%s %.2f\n", p.label, p.score);
    return print_strongest(text, &e, most);
}

int main(int argc, char **argv)
{
    valence_error error;
    valence_model *model;
    valence_context *context = NULL;
    int code = 1, most = argc > 2 ? atoi(argv[2]) : 5;
    if (argc < 2 || argc > 3 || most < 0) {
        fprintf(stderr, "usage: explain TEXT [COUNT]\n");
        return 2;
    }
    if (valence_model_open(&model, "general", NULL, &error) != VALENCE_OK ||
        valence_context_open(&context, model, &error) != VALENCE_OK)
        fprintf(stderr, "explain: %s\n", error.message);
    else code = explain(context, argv[1], (size_t)most);
    valence_context_close(context);
    valence_model_close(model);
    return code;
}
