/* load_slo.c: "p99=10ms,errors=0": parsed and judged. */
#include "cli/load_slo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/quantities.h"

static const double hundred = 100;
static const double rounding =
    1e-9; /* 90 ms is met by 90 ms, in whatever steps they were computed */

static vl_status fail_slo(vl_span text, valence_error *error)
{
    return vl_fail(
        error, VALENCE_ARGUMENT,
        "needs a list such as p99=10ms,max=1s,mean=2ms,errors=0,errors=0.1%%,rps=5000, not '%.*s'",
        (int)(text.len < 80 ? text.len : 80), text.ptr);
}

static bool take_quantile(cli_load_slo *s, const char *name)
{
    char *end;
    if (strcmp(name, "max") == 0) s->quantile = 1;
    else if (name[0] == 'p' && name[1] >= '0' && name[1] <= '9') {
        s->quantile = strtod(name + 1, &end) / hundred;
        if (*end) return false;
    } else return false;
    s->kind = CLI_LOAD_LATENCY;
    return s->quantile > 0 && s->quantile <= 1;
}

/* A plain number, or with % a share. */
static bool take_count(double *value, bool *percent, const char *text)
{
    size_t len = strspn(text, "0123456789.");
    char *end;
    *value = strtod(text, &end);
    *percent = text[len] == '%';
    return len > 0 && end == text + len && text[len + *percent] == '\0';
}

static bool take_value(cli_load_slo *s, const char *name, const char *value)
{
    bool percent;
    if (take_quantile(s, name)) return cli_parse_duration(&s->limit, value, NULL) == VALENCE_OK;
    if (strcmp(name, "mean") == 0) {
        s->kind = CLI_LOAD_MEAN;
        return cli_parse_duration(&s->limit, value, NULL) == VALENCE_OK;
    }
    if (!take_count(&s->limit, &percent, value)) return false;
    if (strcmp(name, "errors") == 0) {
        s->kind = percent ? CLI_LOAD_ERROR_SHARE : CLI_LOAD_ERROR_COUNT;
        if (percent) s->limit /= hundred;
        return true;
    }
    s->kind = CLI_LOAD_RPS;
    return strcmp(name, "rps") == 0 && !percent;
}

static bool take_item(cli_load_slo *s, vl_span text)
{
    char copy[64];
    s->text = text;
    if (text.len >= sizeof copy) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *equals = strchr(copy, '=');
    if (!equals) return false;
    *equals = '\0';
    return take_value(s, copy, equals + 1);
}

vl_status cli_load_slos_parse(cli_load_slos *s, const char *text, valence_error *error)
{
    for (;; text++) {
        vl_span item = {text, strcspn(text, ",")};
        if (s->count == CLI_LOAD_SLO_MAX || !take_item(&s->items[s->count], item))
            return fail_slo(item, error);
        s->count++;
        text += item.len;
        if (!*text) return VALENCE_OK;
    }
}

int64_t cli_load_errors(const cli_load_result *r)
{
    int64_t count = 0;
    for (int i = 0; i < CLI_LOAD_ERROR_KINDS; i++) count += r->errors[i];
    for (int i = 0; i < CLI_LOAD_STATUS_MAX; i++) count += i / 100 == 2 ? 0 : r->status[i];
    return count;
}

double cli_load_throughput(const cli_load_result *r)
{
    return r->seconds > 0 ? (double)r->latency.count / r->seconds : 0;
}

double cli_load_slo_value(const cli_load_slo *s, const cli_load_result *r)
{
    int64_t all = r->finished + r->errors[CLI_LOAD_UNSENT];
    switch (s->kind) {
    case CLI_LOAD_LATENCY:
        return (double)cli_load_histogram_quantile(&r->latency, s->quantile) * 1e-9;
    case CLI_LOAD_MEAN:
        return cli_load_histogram_mean(&r->latency) * 1e-9;
    case CLI_LOAD_ERROR_COUNT:
        return (double)cli_load_errors(r);
    case CLI_LOAD_ERROR_SHARE:
        return all ? (double)cli_load_errors(r) / (double)all : 0;
    case CLI_LOAD_RPS:
        return cli_load_throughput(r);
    }
    return NAN;
}

bool cli_load_slo_met(const cli_load_slo *s, const cli_load_result *r)
{
    double value = cli_load_slo_value(s, r);
    if (s->kind == CLI_LOAD_RPS) return value >= s->limit * (1 - rounding);
    if ((s->kind == CLI_LOAD_LATENCY || s->kind == CLI_LOAD_MEAN) && r->latency.count == 0)
        return false;
    return value <= s->limit * (1 + rounding);
}
