/* pages.c: takes the frames in with the assembler's .incbin and fills them. */
#include "cli/pages.h"

#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "valence.h"

#define TAKE_IN(symbol, file)                                                                      \
    __asm__(".section .rodata,\"a\"\n"                                                             \
            ".hidden " symbol "\n"                                                                 \
            ".global " symbol "\n" symbol ":\n"                                                    \
            ".incbin \"" file "\"\n"                                                               \
            ".byte 0\n"                                                                            \
            ".previous\n")

TAKE_IN("cli_page_man", "src/cli/manual.roff");
TAKE_IN("cli_page_bash", "src/cli/completion.bash");
TAKE_IN("cli_page_zsh", "src/cli/completion.zsh");

extern const char cli_page_man[], cli_page_bash[], cli_page_zsh[];

static const char place[] = "@COMMANDS@\n"; /* the frame's line where the commands go */

static void say(const cli_command *c, const char *form)
{
    char name[32], option[32];
    snprintf(name, sizeof name, "%s", c->name);
    snprintf(option, sizeof option, "--help=%s", form);
    c->run(2, (char *[]){name, option, NULL});
}

static void print_sections(const cli_command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf(".SS %s\n", commands[i].name);
        say(&commands[i], "man");
    }
}

/* Branches of a shell's `case`: the list of commands for "", then each command's table. */
static void print_tables(const cli_command *commands, size_t count)
{
    puts("    '') cat <<'END'");
    for (size_t i = 0; i < count; i++) printf("%s %s\n", commands[i].name, commands[i].about);
    puts("END\n    ;;");
    for (size_t i = 0; i < count; i++) {
        printf("    %s) cat <<'END'\n", commands[i].name);
        say(&commands[i], "completion");
        puts("END\n    ;;");
    }
}

bool cli_print_page(const char *form, const cli_command *commands, size_t count)
{
    bool man = strcmp(form, "man") == 0, bash = strcmp(form, "bash") == 0;
    if (!man && !bash && strcmp(form, "zsh") != 0) return false;
    const char *frame = man ? cli_page_man : bash ? cli_page_bash : cli_page_zsh;
    const char *at = strstr(frame, place);
    if (!at) return false;
    if (man) puts(".TH VALENCE 1 \"\" \"valence " VALENCE_VERSION "\" \"User Commands\"");
    fwrite(frame, 1, (size_t)(at - frame), stdout);
    if (man) print_sections(commands, count);
    else print_tables(commands, count);
    fputs(at + sizeof place - 1, stdout);
    return true;
}
