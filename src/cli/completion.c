/* completion.c: reads an option's values off its help. The tables have no field for them: what
 * people read and what the shell offers cannot differ. */
#include "cli/completion.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "text/clean.h"

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '+' || c == '-';
}

/* The "a, b or c" of a help line; empty if it has none. */
static vl_span enumeration(const char *help)
{
    const char *begin = strstr(help, " or "), *end;
    if (!begin) return (vl_span){help, 0};
    for (end = begin + 4; in_word(*end);) end++;
    for (;;) {
        while (begin > help && in_word(begin[-1])) begin--;
        if (begin - help < 2 || memcmp(begin - 2, ", ", 2) != 0) break;
        begin -= 2;
    }
    return (vl_span){begin, (size_t)(end - begin)};
}

static void print_choices(vl_span list)
{
    const char *p = list.ptr, *end = list.ptr + list.len, *bar = "";
    while (p < end) {
        size_t n = 0;
        while (p + n < end && in_word(p[n])) n++;
        if (n > 0 && !vl_span_is((vl_span){p, n}, "or")) {
            printf("%s%.*s", bar, (int)n, p);
            bar = "|";
        }
        p += n + (n == 0);
    }
}

static void print_passes(void)
{
    const char *comma = "";
#define PASS(name, text, what) printf("%s%s", comma, text), comma = ",";
    VL_CLEAN_LIST(PASS)
#undef PASS
}

static bool is_one_of(const char *value, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(value, *names) == 0) return true;
    return false;
}

static void print_what(const cli_option *o)
{
    static const char *const closed[] = {"FORMAT", "KIND", "TYPE", "RULE", "FAMILY", NULL};
    static const char *const files[] = {"FILE", "FILE[@MAP]", "DIR", NULL};
    static const char *const passes[] = {"NAMES", "PASSES", NULL};
    vl_span list = enumeration(o->help);
    bool file = strcmp(o->name, "output") == 0 || (o->value && is_one_of(o->value, files));
    if (!o->value) fputs("@none", stdout);
    else if (file) fputs("@file", stdout);
    else if (strcmp(o->value, "MODEL") == 0) fputs("@model", stdout);
    else if (is_one_of(o->value, passes)) print_passes();
    else if (is_one_of(o->value, closed) && list.len) print_choices(list);
    else fputs("@none", stdout);
}

/* "valence train naive-bayes|logistic ..": the word behind the command, if it is a choice. */
static vl_span first_argument(const char *usage)
{
    const char *p = strchr(usage, ' ');
    p = p ? strchr(p + 1, ' ') : NULL;
    if (!p) return (vl_span){usage, 0};
    size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789-|");
    bool whole = (p[n + 1] == ' ' || p[n + 1] == '\0') && memchr(p + 1, '|', n);
    return (vl_span){p + 1, whole && p[1] != '|' ? n : 0};
}

void cli_completion_table(const char *usage, const cli_option *options)
{
    for (const cli_option *o = options; !cli_options_end(o); o++) {
        if (o->kind == CLI_HEADING) continue;
        const char letter[] = {'-', o->letter, '\0'};
        printf("--%s %s %s ", o->name, o->letter ? letter : ".", o->value ? o->value : ".");
        print_what(o);
        printf(" %s\n", o->help);
    }
    vl_span first = first_argument(usage);
    if (first.len) printf("* . . %.*s\n", (int)first.len, first.ptr);
    else puts("* . . @file");
}
