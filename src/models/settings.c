/* settings.c: see settings.h. */
#include "models/settings.h"

#include <stdlib.h>
#include <string.h>

vl_status vl_setting_bad(const char *key, const char *value, valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "the model's %s is '%.40s'", key,
                   value ? value : "missing");
}

vl_status vl_setting_integer(int32_t *out, const vl_store *s, const char *key, int32_t least,
                             int32_t most, int32_t fallback, valence_error *error)
{
    const char *text = vl_store_get(s, key);
    char *end;
    *out = fallback;
    if (!text) return fallback >= least ? VALENCE_OK : vl_setting_bad(key, text, error);
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < least || n > most) return vl_setting_bad(key, text, error);
    *out = (int32_t)n;
    return VALENCE_OK;
}

vl_status vl_setting_real(double *out, const vl_store *s, const char *key, double most,
                          valence_error *error)
{
    const char *text = vl_store_get(s, key);
    char *end;
    double x = text ? strtod(text, &end) : -1;
    if (!text || end == text || *end || !(x > 0 && x <= most))
        return vl_setting_bad(key, text, error);
    *out = x;
    return VALENCE_OK;
}

vl_status vl_setting_word(int *out, const vl_store *s, const char *key, const char *const *words,
                          valence_error *error)
{
    const char *text = vl_store_get(s, key);
    *out = 0;
    if (!text) return VALENCE_OK;
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return VALENCE_OK;
        }
    return vl_setting_bad(key, text, error);
}

vl_status vl_setting_flag(bool *out, const vl_store *s, const char *key, const char *no,
                          const char *yes, valence_error *error)
{
    int i;
    VL_TRY(vl_setting_word(&i, s, key, (const char *const[]){no, yes, NULL}, error));
    *out = i == 1;
    return VALENCE_OK;
}
