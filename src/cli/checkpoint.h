/* checkpoint.h: a thread of its own that, now and then, brings what is written to the disk and then
 * says so in OUT.state (resume.h). Nobody who predicts or writes waits for it. */
#ifndef VL_CHECKPOINT_H
#define VL_CHECKPOINT_H

#include "cli/resume.h"

typedef struct cli_checkpoints cli_checkpoints;

/* seconds: from the start to the first one, and from the end of each to the next; more where the disk
 * is slow. resume and writer must outlive it. begun: the state that resume's file holds already, or
 * NULL. */
vl_status cli_checkpoints_start(cli_checkpoints **out, const cli_resume *resume, vl_writer *writer,
                                double seconds, const cli_state *begun, valence_error *error);

/* No more of them are made. NULL is fine, here and below. */
void cli_checkpoints_stop(cli_checkpoints *c);

/* After _stop: one more, of what the writer has by now. last: the output is complete; then only if the
 * file is there already. Failure is told on stderr, and an older state then stands. */
void cli_checkpoints_now(cli_checkpoints *c, bool last);

/* After _stop: the row from 1 at which the state in the file goes on; 0: there is none. */
uint64_t cli_checkpoints_row(const cli_checkpoints *c);

void cli_checkpoints_close(cli_checkpoints *c);

#endif
