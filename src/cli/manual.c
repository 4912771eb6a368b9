/* manual.c: roff with the man macros, as man(7) describes them. Text is escaped so that it comes out
 * as it was written: '-' as a hyphen-minus that can be copied, quotes as ASCII. */
#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

static const char *escape_of(char c)
{
    switch (c) {
    case '\\': return "\\e";
    case '-': return "\\-";
    case '\'': return "\\(aq";
    case '`': return "\\(ga";
    case '^': return "\\(ha";
    case '~': return "\\(ti";
    default: return NULL;
    }
}

static void put_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *escaped = escape_of(text[i]);
        if (escaped) fputs(escaped, stdout);
        else putchar(text[i]);
    }
}

/* A line of running text. A dot at its start would be a request to roff; what people see on a line of
 * its own (a list, an example) stays on one. */
static void put_line(const char *text, size_t len)
{
    static const char example[] = "Example:";
    bool apart = len && (*text == ' ' || strncmp(text, example, sizeof example - 1) == 0);
    if (apart) puts(".br");
    for (; len && *text == ' '; text++, len--) fputs("\\ ", stdout);
    if (len && *text == '.') fputs("\\&", stdout);
    put_text(text, len);
    putchar('\n');
}

static void put_lines(const char *text)
{
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (len) put_line(text, len);
    }
}

/* "valence COMMAND" in bold, what follows as it is. */
static void put_usage(const char *usage)
{
    const char *end = strchr(usage, ' ');
    end = end ? strchr(end + 1, ' ') : NULL;
    size_t len = end ? (size_t)(end - usage) : strlen(usage);
    fputs(".PP\n\\fB", stdout);
    put_text(usage, len);
    fputs("\\fR", stdout);
    put_text(usage + len, strlen(usage + len));
    fputs("\n.PP\n", stdout);
}

static void put_option(const cli_option *o)
{
    puts(".TP");
    if (o->letter) printf("\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", stdout);
    put_text(o->name, strlen(o->name));
    fputs("\\fR", stdout);
    if (o->value) {
        fputs(" \\fI", stdout);
        put_text(o->value, strlen(o->value));
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put_lines(o->help);
}

void cli_manual_section(const char *usage, const char *about, const cli_option *options)
{
    put_usage(usage);
    put_lines(about);
    for (const cli_option *o = options; !cli_options_end(o); o++) {
        if (o->kind != CLI_HEADING) {
            put_option(o);
            continue;
        }
        fputs(".PP\n\\fI", stdout);
        put_text(o->help, strlen(o->help));
        fputs("\\fR\n", stdout);
    }
}
