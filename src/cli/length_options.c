/* length_options.c: see length_options.h. */
#include "cli/length_options.h"

#include <string.h>

#include "cli/options.h"

int cli_length_apply(const cli_length_options *o, const char *command, valence_model_options *model)
{
    static const char *const names[] = {"windows", "right", "left", "head-tail", "never"};
    if (o->max_length < 0 || o->max_length > INT32_MAX)
        return cli_usage(command, "--max-length needs a number of tokens");
    model->max_length = (int)o->max_length;
    if (!o->truncate) return 0;
    for (int i = 0; i < 5; i++)
        if (strcmp(o->truncate, names[i]) == 0) {
            model->truncation = (valence_truncation)(VALENCE_WINDOWS + i);
            return 0;
        }
    return cli_usage(command, "--truncate is windows, right, left, head-tail or never, not '%s'",
                     o->truncate);
}
