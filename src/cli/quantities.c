/* quantities.c: numbers with units, there and back. */
#include "cli/quantities.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct unit {
    const char *name;
    double factor;
} unit;

static const unit durations[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {NULL, 0}};
static const unit sizes[] = {{"B", 1},      {"KB", 1e3},      {"MB", 1e6},      {"GB", 1e9},
                             {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};

/* A number like 12, 0.5 or .5 at the start of text; NULL if there is none, else what stands behind
 * it and blanks. strtod alone would take hexadecimal, "inf" and "1e3". */
static const char *take_number(double *value, const char *text)
{
    size_t len = strspn(text, "0123456789"), digits = len;
    if (text[len] == '.') {
        size_t more = strspn(text + len + 1, "0123456789");
        digits += more;
        len += more + 1;
    }
    if (digits == 0) return NULL;
    *value = strtod(text, NULL);
    if (text[len] == 'e' || text[len] == 'E' || text[len] == 'x' || !isfinite(*value)) return NULL;
    return text + len + strspn(text + len, " ");
}

static bool parse(double *value, const char *text, const unit *units)
{
    double number;
    const char *rest = take_number(&number, text);
    for (; rest && units->name; units++) {
        if (strcasecmp(rest, units->name) != 0) continue;
        *value = number * units->factor;
        return *value > 0 && isfinite(*value);
    }
    return false;
}

vl_status cli_parse_duration(double *seconds, const char *text, valence_error *error)
{
    if (parse(seconds, text, durations)) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT,
                   "needs a time above zero with its unit (us, ms or s), such as 20ms, not '%.80s'",
                   text);
}

vl_status cli_parse_bytes(double *bytes, const char *text, valence_error *error)
{
    if (parse(bytes, text, sizes)) return VALENCE_OK;
    return vl_fail(
        error, VALENCE_ARGUMENT,
        "needs a size above zero with its unit (B, KB, MB, GB, KiB, MiB or GiB), such as "
        "100MB, not '%.80s'",
        text);
}

vl_status cli_parse_share(double *share, const char *text, valence_error *error)
{
    double number;
    const char *rest = take_number(&number, text);
    bool percent = rest && strcmp(rest, "%") == 0;
    if (rest && (percent || !*rest)) {
        *share = percent ? number / 100 : number;
        if (*share <= 1) return VALENCE_OK;
    }
    return vl_fail(error, VALENCE_ARGUMENT,
                   "needs a share from 0 to 1, such as 0.9 or 90%%, not '%.80s'", text);
}

/* In the largest unit of the first `count` that the value reaches. */
static void write_in(char out[CLI_QUANTITY], double value, const unit *units, int count, int digits)
{
    int i = count - 1;
    while (i > 0 && value < units[i].factor) i--;
    snprintf(out, CLI_QUANTITY, "%.*g %s", digits, value / units[i].factor, units[i].name);
    if (!strchr(out, 'e') || digits >= 9) return;
    write_in(out, value, units, count, digits + 1); /* 999.9 us, not 1e+03 us */
}

void cli_write_duration(char out[CLI_QUANTITY], double seconds, int digits)
{
    write_in(out, seconds, durations, 3, digits);
}

void cli_write_bytes(char out[CLI_QUANTITY], double bytes, int digits)
{
    write_in(out, bytes, sizes, 4, digits);
}
