/* status.h: how a function says that it failed. Codes and sentences come from valence.h's list.
 * A function that can fail returns vl_status and fills the caller's error; error may be NULL. */
#ifndef VL_STATUS_H
#define VL_STATUS_H

#include "valence.h"

typedef valence_status vl_status;

/* Fills error (if any) with a printf-formatted message, line and byte 0; returns code.
 * Message style: lower case, no full stop, what failed first: "cannot open 'm': no such file". */
vl_status vl_fail(valence_error *error, vl_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with a position: line and byte from 1, or 0. */
vl_status vl_fail_at(valence_error *error, vl_status code, uint64_t line, uint64_t byte,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* "verb 'path': <errno's sentence>", code VALENCE_IO (NO_MEMORY for ENOMEM, NOT_FOUND for ENOENT). */
vl_status vl_fail_errno(valence_error *error, const char *verb, const char *path);

/* "out of memory (N bytes for PURPOSE)". */
vl_status vl_fail_memory(valence_error *error, size_t bytes, const char *purpose);

/* Returns from the enclosing function when expr fails. */
#define VL_TRY(expr)                                                                               \
    do {                                                                                           \
        vl_status vl_try_status_ = (expr);                                                         \
        if (vl_try_status_ != VALENCE_OK) return vl_try_status_;                                   \
    } while (0)

/* Jumps to the function's `done:` label, with its variable `status` set, when expr fails. */
#define VL_TRY_DONE(expr)                                                                          \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != VALENCE_OK) goto done;                                                       \
    } while (0)

#endif
