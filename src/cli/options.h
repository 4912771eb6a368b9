/* options.h: command-line options as a table, from which parsing, --help, the man page (manual.h) and
 * shell completion (completion.h) follow. */
#ifndef VL_OPTIONS_H
#define VL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit codes of every command. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

typedef enum cli_kind {
    CLI_FLAG,    /* bool *: set to true */
    CLI_TEXT,    /* const char ** */
    CLI_INTEGER, /* int64_t * */
    CLI_REAL,    /* double * */
    CLI_LIST,    /* cli_list *: may be given often */
    CLI_HEADING  /* a line in the help */
} cli_kind;

enum { CLI_LIST_MAX = 256 };

typedef struct cli_list {
    const char *items[CLI_LIST_MAX];
    int count;
} cli_list;

typedef struct cli_option {
    cli_kind kind;
    const char *name;  /* long name without dashes */
    char letter;       /* short name or 0 */
    const char *value; /* what the help calls its argument */
    const char *help;
    void *target;
} cli_option;

/* A table ends with a NULL name of kind CLI_FLAG. */
static inline bool cli_options_end(const cli_option *o)
{
    return !o->name && o->kind == CLI_FLAG;
}

/* Parses argv (argv[0] is the command). Returns the index of the first argument that is no option, or
 * -1 after an error (told on stderr), or -2 after --help (printed: usage, about, table). "-" is an
 * argument; "--" ends the options. --help=man and --help=completion, not told to people, print the
 * command's part of the man page and of the completion scripts. */
int cli_parse(int argc, char **argv, const char *usage, const char *about,
              const cli_option *options);

/* "valence COMMAND: MESSAGE" on stderr, in red on a terminal. Returns CLI_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for usage errors, with a pointer to --help. Returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True if colours may be used on the descriptor: a terminal, NO_COLOR not set, TERM not dumb. */
bool cli_colour(int fd);

#endif
