/* pages.h: the man page and the completion scripts: a frame kept as a file beside this one, and in
 * it what each command says of itself. */
#ifndef VL_PAGES_H
#define VL_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/commands.h"

/* Prints the page called form: "man", "bash" or "zsh". False: there is no such page. */
bool cli_print_page(const char *form, const cli_command *commands, size_t count);

#endif
