/* clean_lines.c: cleans each line of stdin by the passes named in the first argument, for the tests
 * that compare with Python. Not `valence clean`: it needs the library's base and text only. */
#include <stdio.h>
#include <stdlib.h>

#include "text/clean.h"

static int fail(vl_status status)
{
    fprintf(stderr, "clean_lines: %s\n", valence_status_text(status));
    return 1;
}

int main(int argc, char **argv)
{
    uint32_t passes = VL_CLEAN_DEFAULT;
    vl_clean_scratch scratch = {0};
    char *line = NULL;
    size_t capacity = 0;
    vl_status status = VALENCE_OK;
    if (argc > 1) status = vl_clean_parse(&passes, vl_span_of(argv[1]), NULL);
    if (status != VALENCE_OK) return fail(status);
    for (ssize_t n; (n = getdelim(&line, &capacity, '\n', stdin)) > 0;) {
        if (line[n - 1] == '\n') n--;
        vl_span out;
        status = vl_clean(passes, (vl_span){line, (size_t)n}, &scratch, &out);
        if (status != VALENCE_OK) return fail(status);
        fwrite(out.ptr, 1, out.len, stdout);
        putchar('\n');
    }
    free(line);
    vl_clean_scratch_release(&scratch);
    return 0;
}
