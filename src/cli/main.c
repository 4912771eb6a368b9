/* main.c: finds the command and hands over. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/pages.h"
#include "valence.h"

static const cli_command commands[] = {
    {"predict", cmd_predict, "say whether texts are negative, neutral or positive"},
    {"train", cmd_train, "train a model on your own labelled texts"},
    {"merge", cmd_merge, "add up partial counts and make a naive Bayes model of them"},
    {"eval", cmd_eval, "measure a model on labelled texts"},
    {"quantize", cmd_quantize, "make a neural model smaller and faster, and say what it cost"},
    {"info", cmd_info, "describe a model, or this machine as valence sees it"},
    {"models", cmd_models, "list the models: size, latency, memory, accuracy"},
    {"select", cmd_select, "name the most accurate model within limits"},
    {"serve", cmd_serve, "answer over HTTP"},
    {"loadtest", cmd_loadtest, "load a running server and measure how it bears it"},
    {"clean", cmd_clean, "lower-case texts and remove punctuation and extra white space"},
    {"tokenize", cmd_tokenize, "show the words a model sees in a text"},
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

static const cli_command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

/* For `make install`: the man page, completion for the shells. */
static int print_page(const char *form)
{
    if (cli_print_page(form, commands, sizeof commands / sizeof *commands)) return CLI_OK;
    fprintf(stderr, "valence: --help has no form '%s' (man, bash, zsh)\nTry 'valence --help'.\n", form);
    return CLI_USAGE;
}

/* What was printed must have arrived. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    return code == CLI_OK ? cli_fail("cannot write the result") : code;
}

/* A standard descriptor that is closed would become the next file opened, and messages would be
 * written into it. In its place stands what can be neither read nor written. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0) (void)!open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
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
    static const char page[] = "--help=";
    if (strncmp(argv[1], page, sizeof page - 1) == 0)
        return finish(print_page(argv[1] + sizeof page - 1));
    const cli_command *c = find(argv[1]);
    if (c) return finish(c->run(argc - 1, argv + 1));
    fprintf(stderr, "valence: unknown command '%s'\nTry 'valence --help'.\n", argv[1]);
    return CLI_USAGE;
}
