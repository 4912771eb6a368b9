/* bulk_resume.h: what a bulk run has to do with OUT.state: which facts decide its output, and where it
 * begins. The file itself is resume.h. */
#ifndef VL_BULK_RESUME_H
#define VL_BULK_RESUME_H

#include "cli/bulk.h"
#include "cli/resume.h"

/* Opens the state of options->output and gathers the facts. VALENCE_UNSUPPORTED, with a message, if a
 * run of this kind cannot be resumed; *out is then there all the same, to forget an old state. */
vl_status cli_bulk_facts(cli_resume **out, const valence_model *model, const vl_source *source,
                         const cli_bulk_options *options, cli_format format, valence_error *error);

/* Where to go on with size bytes in OUT.part; a zero state: from the start. A state that is complete
 * with *finished says that OUT itself is there already. */
vl_status cli_bulk_begin(const cli_resume *r, const char *output, uint64_t size, cli_state *state,
                         bool *finished, valence_error *error);

#endif
