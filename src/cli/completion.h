/* completion.h: what the shells need to complete a command's options, taken from the option table.
 * The scripts around it are completion.bash and completion.zsh; pages.h puts them together. */
#ifndef VL_COMPLETION_H
#define VL_COMPLETION_H

#include "cli/options.h"

/* Prints a line for each option: name, letter, value's name ("." where it has none), what the value
 * is, help; and one line of name "*" for the arguments that are no options. What a value is:
 *   @file, @model (a shipped model's name, or a file), @none (nothing to offer),
 *   a|b (one of these), a,b (several of these, with commas). */
void cli_completion_table(const char *usage, const cli_option *options);

#endif
