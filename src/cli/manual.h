/* manual.h: a command's part of the man page, from its option table. The rest of the page is
 * manual.roff; pages.h puts them together. */
#ifndef VL_MANUAL_H
#define VL_MANUAL_H

#include "cli/options.h"

/* Prints usage, about and options in roff. */
void cli_manual_section(const char *usage, const char *about, const cli_option *options);

#endif
