/* hello.c: one prediction, with what can go wrong.
 *
 *     cc hello.c $(pkg-config --cflags --libs valence) -o hello
 *     ./hello "I loved it" [MODEL] */
#include <stdio.h>
#include <string.h>

#include <valence.h>

static int fail(const valence_error *error)
{
    fprintf(stderr, "hello: %s (%s)\n", error->message, valence_status_text(error->code));
    return 1;
}

int main(int argc, char **argv)
{
    valence_error error;
    valence_model *model;
    valence_prediction p;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: hello TEXT [MODEL]\n");
        return 2;
    }
    if (valence_model_open(&model, argc > 2 ? argv[2] : "general", NULL, &error) != VALENCE_OK)
        return fail(&error);
    valence_status status = valence_predict(model, argv[1], strlen(argv[1]), &p, &error);
    if (status == VALENCE_OK && p.empty) puts("no words");
    else if (status == VALENCE_OK) printf("%s %.2f\n", p.label, p.score);
    valence_model_close(model);
    return status == VALENCE_OK ? 0 : fail(&error);
}
