/* main.c: finds the command and hands over. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "valence.h"

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} command;

static const command commands[] = {
    {"predict", cmd_predict, "say whether texts are negative, neutral or positive"},
    {"train", cmd_train, "train a model on your own labelled texts"},
    {"merge", cmd_merge, "add up partial counts and make a naive Bayes model of them"},
    {"eval", cmd_eval, "measure a model on labelled texts"},
    {"info", cmd_info, "describe a model, or this machine as valence sees it"},
    {"clean", cmd_clean, "lower-case texts and remove punctuation and extra white space"},
    {"bench", cmd_bench, "time the parts of a prediction"},
};

static void print_help(FILE *to)
{
    fprintf(to, "valence " VALENCE_VERSION ": sentiment analysis, fast and honest\n\n"
                "Usage: valence COMMAND [OPTION]... [ARGUMENT]...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].about);
    fprintf(to, "\nStart with:  valence predict \"I loved it\"\n"
                "Options of a command:  valence COMMAND --help\n");
}

static const command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

/* What was printed must have arrived. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    return code == CLI_OK ? cli_fail("cannot write the result") : code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return finish(CLI_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("valence " VALENCE_VERSION);
        return finish(CLI_OK);
    }
    const command *c = find(argv[1]);
    if (c) return finish(c->run(argc - 1, argv + 1));
    fprintf(stderr, "valence: unknown command '%s'\nTry 'valence --help'.\n", argv[1]);
    return CLI_USAGE;
}
