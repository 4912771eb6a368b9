/* status.c: names and sentences of the status codes, and the functions that fill an error. */
#include "base/status.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *valence_status_name(valence_status status)
{
    switch (status) {
#define NAME_CASE(name, number, text)                                                              \
    case VALENCE_##name:                                                                           \
        return #name;
        VALENCE_STATUS_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "UNKNOWN";
}

const char *valence_status_text(valence_status status)
{
    switch (status) {
#define TEXT_CASE(name, number, text)                                                              \
    case VALENCE_##name:                                                                           \
        return text;
        VALENCE_STATUS_LIST(TEXT_CASE)
#undef TEXT_CASE
    }
    return "unknown status";
}

static void fill(valence_error *error, vl_status code, const char *format, va_list arguments)
{
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, arguments);
}

vl_status vl_fail(valence_error *error, vl_status code, const char *format, ...)
{
    if (!error) return code;
    va_list arguments;
    va_start(arguments, format);
    error->line = error->byte = 0;
    fill(error, code, format, arguments);
    va_end(arguments);
    return code;
}

vl_status vl_fail_at(valence_error *error, vl_status code, uint64_t line, uint64_t byte,
                     const char *format, ...)
{
    if (!error) return code;
    va_list arguments;
    va_start(arguments, format);
    error->line = line;
    error->byte = byte;
    fill(error, code, format, arguments);
    va_end(arguments);
    return code;
}

vl_status vl_fail_errno(valence_error *error, const char *verb, const char *path)
{
    int number = errno;
    vl_status code = number == ENOMEM   ? VALENCE_NO_MEMORY
                     : number == ENOENT ? VALENCE_NOT_FOUND
                                        : VALENCE_IO;
    char text[128];
    const char *sentence = strerror_r(number, text, sizeof text);
    int first = sentence[0], second = first ? sentence[1] : 0; /* "RPC ..." stays */
    if (!isupper(second)) first = tolower(first);
    return vl_fail(error, code, "%s '%.250s': %c%s", verb, path, first, first ? sentence + 1 : "");
}

vl_status vl_fail_memory(valence_error *error, size_t bytes, const char *purpose)
{
    return vl_fail(error, VALENCE_NO_MEMORY, "out of memory (%zu bytes for %s)", bytes, purpose);
}
