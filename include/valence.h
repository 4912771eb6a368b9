/* valence.h: the public interface of valence, a sentiment-analysis engine.
 *
 * Ownership in one sentence: what a function hands out through a pointer-to-pointer belongs to the
 * caller until the matching _close; everything a result points at belongs to the model.
 *
 *     valence_error error;
 *     valence_model *model;
 *     if (valence_model_open(&model, "general", NULL, &error) != VALENCE_OK) {
 *         fprintf(stderr, "%s\n", error.message);
 *         return 1;
 *     }
 *     valence_prediction p;
 *     valence_predict(model, "I loved it", 10, &p, &error);
 *     printf("%s %.2f\n", p.label, p.score);
 *     valence_model_close(model);
 *
 * Strings are UTF-8. Every function may be called from any thread; a model is constant once open
 * and may be shared by all threads, a context belongs to one thread at a time. */
#ifndef VALENCE_H
#define VALENCE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VALENCE_VERSION "0.1.0"

/* ---- Errors ---------------------------------------------------------------------------------- */

/* code, number, what it means */
#define VALENCE_STATUS_LIST(X)                                                                     \
    X(OK, 0, "no error")                                                                           \
    X(NO_MEMORY, 1, "out of memory")                                                               \
    X(IO, 2, "the system refused a read, a write or an open")                                      \
    X(FORMAT, 3, "bytes that break their format")                                                  \
    X(ARGUMENT, 4, "an argument that cannot be used")                                              \
    X(LIMIT, 5, "a stated maximum was passed")                                                     \
    X(UNSUPPORTED, 6, "valid, but not supported")                                                  \
    X(NOT_FOUND, 7, "no such model, column, file or label")                                        \
    X(CANCELLED, 8, "stopped on request")

typedef enum valence_status {
#define VALENCE_STATUS_ENUM(name, number, text) VALENCE_##name = number,
    VALENCE_STATUS_LIST(VALENCE_STATUS_ENUM)
#undef VALENCE_STATUS_ENUM
} valence_status;

/* Where and why something failed. line and byte count from 1; 0 means "does not apply". */
typedef struct valence_error {
    valence_status code;
    uint64_t line;
    uint64_t byte;
    char message[400];
} valence_error;

/* The status' name ("FORMAT") and its sentence. Never NULL. */
const char *valence_status_name(valence_status status);
const char *valence_status_text(valence_status status);

#ifdef __cplusplus
}
#endif
#endif
