/* resume.h: OUT.state, the file that says how far an interrupted run has come and what it was making.
 * A state is a promise: the first `mark.bytes` bytes of OUT.part are on the disk and hold exactly the
 * input up to `mark.progress.at`. When it is written is checkpoint.h's business.
 *
 * Beside the mark it holds facts: everything that decides the output, as name and value. Whoever goes
 * on must have the same ones, else the file would be half of one thing and half of another. */
#ifndef VL_RESUME_H
#define VL_RESUME_H

#include "data/writer.h"

typedef struct cli_state {
    vl_writer_mark mark;
    bool complete; /* header, rows and footer: only the renaming is left */
} cli_state;

typedef struct cli_resume cli_resume;

/* Of the output of that name; no fact is known yet. */
vl_status cli_resume_open(cli_resume **out, const char *output, valence_error *error);
void cli_resume_close(cli_resume *r); /* leaves the file. NULL is fine */

/* Adds a fact; its name is what a message calls it: "the model", "--format". */
vl_status cli_resume_fact(cli_resume *r, const char *name, const char *value, valence_error *error);

/* Facts about a file or folder by content, whatever its path: "NAME's size", .. */
vl_status cli_resume_fact_file(cli_resume *r, const char *name, const vl_source_identity *identity,
                               valence_error *error);

/* *found false: there is none. VALENCE_FORMAT: it is damaged. VALENCE_ARGUMENT: a fact differs, and
 * the message says which. */
vl_status cli_resume_read(const cli_resume *r, cli_state *state, bool *found, valence_error *error);

/* Replaces it at once: whoever reads it finds the old or the new one. */
vl_status cli_resume_write(const cli_resume *r, const cli_state *state, valence_error *error);

/* Removes it, and what a killed cli_resume_write left. */
void cli_resume_forget(const cli_resume *r);

/* For a run that writes output, but keeps no state: opens the writer, then removes the state of another
 * run, which would promise these bytes as its own. output NULL: stdout. */
vl_status cli_open_writer(vl_writer **out, const char *output, valence_error *error);

#endif
