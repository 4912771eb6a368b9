/* options.c: getopt_long behind a table. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/completion.h"
#include "cli/manual.h"

enum { MAX_OPTIONS = 64, HELP_CODE = 1000 };

static void print_help(const char *usage, const char *about, const cli_option *options)
{
    printf("Usage: %s\n\n%s\n", usage, about);
    for (const cli_option *o = options; !cli_options_end(o); o++) {
        if (o->kind == CLI_HEADING) {
            printf("\n%s\n", o->help);
            continue;
        }
        char left[64];
        char letter[8] = "    ";
        if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-30s %s\n", left, o->help);
    }
    printf("      --help                     show this\n");
}

/* -2, as cli_parse after --help; -1 for a form that is none. */
static int print_form(const char *form, const char *command, const char *usage, const char *about,
                      const cli_option *options)
{
    if (!form) print_help(usage, about, options);
    else if (strcmp(form, "man") == 0) cli_manual_section(usage, about, options);
    else if (strcmp(form, "completion") == 0) cli_completion_table(usage, options);
    else {
        cli_usage(command, "--help has no form '%s'", form);
        return -1;
    }
    return -2;
}

static int bad_value(const char *command, const cli_option *o, const char *text)
{
    return cli_usage(command, "--%s needs a number, not '%s'", o->name, text);
}

static int store_value(const char *command, const cli_option *o, const char *text)
{
    char *end;
    errno = 0;
    switch (o->kind) {
    case CLI_FLAG: *(bool *)o->target = true; return 0;
    case CLI_TEXT: *(const char **)o->target = text; return 0;
    case CLI_INTEGER:
        *(int64_t *)o->target = strtoll(text, &end, 10);
        return *end || end == text || errno ? bad_value(command, o, text) : 0;
    case CLI_REAL:
        *(double *)o->target = strtod(text, &end);
        return *end || end == text || !isfinite(*(double *)o->target) ? bad_value(command, o, text) : 0;
    case CLI_LIST: {
        cli_list *list = o->target;
        if (list->count == CLI_LIST_MAX)
            return cli_usage(command, "--%s is given more than %d times", o->name, CLI_LIST_MAX);
        list->items[list->count++] = text;
        return 0;
    }
    default: return 0;
    }
}

static int describe(const cli_option *options, struct option *longs, char *shorts)
{
    int n = 0;
    *shorts++ = ':';
    for (int i = 0; !cli_options_end(&options[i]); i++) {
        if (options[i].kind == CLI_HEADING) continue;
        int takes = options[i].kind == CLI_FLAG ? no_argument : required_argument;
        longs[n++] = (struct option){options[i].name, takes, NULL, HELP_CODE + 1 + i};
        if (options[i].letter) *shorts++ = options[i].letter;
        if (options[i].letter && takes == required_argument) *shorts++ = ':';
    }
    longs[n++] = (struct option){"help", optional_argument, NULL, HELP_CODE};
    longs[n] = (struct option){0};
    *shorts = '\0';
    return n;
}

static const cli_option *option_of(const cli_option *options, int code)
{
    if (code > HELP_CODE) return &options[code - HELP_CODE - 1];
    for (const cli_option *o = options; !cli_options_end(o); o++)
        if (o->letter == code) return o;
    return NULL;
}

int cli_parse(int argc, char **argv, const char *usage, const char *about,
              const cli_option *options)
{
    struct option longs[MAX_OPTIONS + 2];
    char shorts[2 * MAX_OPTIONS + 2];
    const char *command = argv[0];
    describe(options, longs, shorts);
    opterr = 0;
    optind = 0; /* from the start, also if an earlier command line was parsed */
    for (int code; (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        if (code == HELP_CODE) return print_form(optarg, command, usage, about, options);
        if (code == ':') {
            cli_usage(command, "%s needs a value", argv[optind - 1]);
            return -1;
        }
        const cli_option *o = code == '?' ? NULL : option_of(options, code);
        if (!o) {
            cli_usage(command, "unknown option '%s'", argv[optind - 1]);
            return -1;
        }
        if (store_value(command, o, optarg) != 0) return -1;
    }
    return optind;
}

bool cli_colour(int fd)
{
    const char *term = getenv("TERM"), *none = getenv("NO_COLOR");
    return isatty(fd) && !(none && *none) && term && strcmp(term, "dumb") != 0;
}

static void print_error(const char *format, va_list arguments)
{
    fputs(cli_colour(STDERR_FILENO) ? "\033[31mvalence:\033[0m " : "valence: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int cli_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_error(format, arguments);
    va_end(arguments);
    return CLI_FAILED;
}

int cli_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_error(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'valence %s --help'.\n", command);
    return CLI_USAGE;
}
