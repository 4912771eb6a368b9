/* load_texts.h: the bodies that the load test sends, made beforehand. The caller holds the struct;
 * bodies live until its release. */
#ifndef VL_LOAD_TEXTS_H
#define VL_LOAD_TEXTS_H

#include "base/buffer.h"

typedef struct cli_load_texts { /* zero it first */
    vl_buffer bytes;
    vl_buffer ends; /* size_t[]: where each body ends in bytes */
} cli_load_texts;

/* Of the texts of a file (any that `valence predict` reads), or, path NULL, of the sample texts:
 * each one's first sentence, the whole, and it with the three behind it, so that lengths vary.
 * Malformed records are left out; of a large file the first 100000 texts or 256 MiB are taken. */
vl_status cli_load_texts_open(cli_load_texts *t, const char *path, const char *column,
                              valence_error *error);
void cli_load_texts_release(cli_load_texts *t);

static inline size_t cli_load_texts_count(const cli_load_texts *t)
{
    return t->ends.len / sizeof(size_t);
}

vl_span cli_load_texts_body(const cli_load_texts *t, size_t i);

#endif
