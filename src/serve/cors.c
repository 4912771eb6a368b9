/* cors.c: a few headers. An answer that differs by origin says so (Vary), also to those refused. */
#include "serve/cors.h"

#include <string.h>

#include "base/status.h"

static bool is_origin(const char *s)
{
    const char *host = strstr(s, "://");
    return strcmp(s, "*") == 0 || strcmp(s, "null") == 0 ||
           (host && host > s && host[3] && !strpbrk(host + 3, "/?#@ \t*") && !strpbrk(s, "\r\n,"));
}

vl_status vl_cors_check(const vl_cors *c, valence_error *error)
{
    for (int i = 0; i < c->count; i++)
        if (!is_origin(c->origins[i]))
            return vl_fail(error, VALENCE_ARGUMENT, "'%.100s' is no origin: give scheme://host[:port] or *",
                           c->origins[i]);
    return VALENCE_OK;
}

static bool allows_all(const vl_cors *c)
{
    for (int i = 0; i < c->count; i++)
        if (strcmp(c->origins[i], "*") == 0) return true;
    return false;
}

bool vl_cors_allows(const vl_cors *c, vl_span origin)
{
    if (!origin.ptr) return false;
    for (int i = 0; i < c->count; i++)
        if (vl_span_is(origin, c->origins[i])) return true;
    return allows_all(c);
}

static void header(vl_exchange *x, const char *name, const char *value)
{
    vl_exchange_header(x, name, vl_span_of(value));
}

void vl_cors_headers(const vl_cors *c, vl_exchange *x, bool preflight)
{
    if (c->count == 0) return;
    bool all = allows_all(c);
    if (!all) header(x, "Vary", "Origin");
    if (!vl_cors_allows(c, x->request.origin)) return;
    vl_exchange_header(x, "Access-Control-Allow-Origin", all ? vl_span_of("*") : x->request.origin);
    if (!preflight) {
        header(x, "Access-Control-Expose-Headers", "*");
        return;
    }
    header(x, "Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS");
    header(x, "Access-Control-Allow-Headers",
           "Authorization, Content-Type, X-Request-Id, X-Request-Timeout, Inference-Header-Content-Length");
    header(x, "Access-Control-Max-Age", "600");
}
