/* text_job.h: what `clean` and `tokenize` share: texts as arguments, as lines of standard input or
 * as rows of a file; each through a function; lines out. */
#ifndef VL_TEXT_JOB_H
#define VL_TEXT_JOB_H

#include "cli/pipeline.h"

typedef struct cli_text_job {
    const char *command; /* for messages */
    const char *input, *output;
    int64_t threads;
    bool skip_bad, memory;
    vl_source_options source;
    cli_job job; /* all but its name */
} cli_text_job;

/* Settles where texts come from: arguments, "-" alone, or -i. 0, or CLI_USAGE after an error
 * (told). */
int cli_text_job_input(cli_text_job *t, char **texts, int count);

/* Runs it and says what there is to say. Returns the exit code. */
int cli_text_job_run(cli_text_job *t, char **texts, int count);

#endif
