/* settings.h: what a model's metadata says of its shape, read with bounds. Errors name the key:
 * VALENCE_FORMAT. */
#ifndef VL_SETTINGS_H
#define VL_SETTINGS_H

#include <stdbool.h>

#include "base/store.h"

/* An integer in [least, most]; absent: fallback, or an error if that is below least. */
vl_status vl_setting_integer(int32_t *out, const vl_store *s, const char *key, int32_t least,
                             int32_t most, int32_t fallback, valence_error *error);

/* A number in (0, most]; it must be there. */
vl_status vl_setting_real(double *out, const vl_store *s, const char *key, double most,
                          valence_error *error);

/* One of several words, NULL behind the last; absent: the first. */
vl_status vl_setting_word(int *out, const vl_store *s, const char *key, const char *const *words,
                          valence_error *error);

/* One of two words; absent: no. */
vl_status vl_setting_flag(bool *out, const vl_store *s, const char *key, const char *no,
                          const char *yes, valence_error *error);

/* The error that a value is out of place. */
vl_status vl_setting_bad(const char *key, const char *value, valence_error *error);

#endif
