/* routes.c: the table of routes, and what comes before each: CORS, keys, 404 and 405. */
#include "serve/routes.h"

#include <string.h>

#include "serve/route_list.h"

static const vl_route routes[] = {
    {.method = VL_POST, .pattern = "/predict", .name = "predict", .run = vl_route_predict},
    {.method = VL_POST, .pattern = "/", .name = "predict", .run = vl_route_predict},
    {.method = VL_GET, .pattern = "/health/live", .name = "health", .run = vl_route_live, .open = true},
    {.method = VL_GET, .pattern = "/health/ready", .name = "health", .run = vl_route_ready, .open = true},
    {.method = VL_GET, .pattern = "/health", .name = "health", .run = vl_route_ready, .open = true},
};

vl_span vl_path_segment(vl_span path, int i)
{
    size_t at = 1;
    for (; i > 0 && at < path.len; i--) {
        const char *slash = memchr(path.ptr + at, '/', path.len - at);
        at = slash ? (size_t)(slash - path.ptr) + 1 : path.len;
    }
    if (at >= path.len) return (vl_span){"", 0};
    const char *slash = memchr(path.ptr + at, '/', path.len - at);
    return (vl_span){path.ptr + at, (slash ? (size_t)(slash - path.ptr) : path.len) - at};
}

static bool matches(const char *pattern, vl_span path)
{
    size_t at = 0;
    for (; *pattern; pattern++) {
        if (*pattern == '+') {
            size_t from = at;
            while (at < path.len && path.ptr[at] != '/') at++;
            if (at == from) return false;
        } else if (at >= path.len || path.ptr[at++] != *pattern) {
            return false;
        }
    }
    return at == path.len;
}

static bool takes(const vl_route *r, vl_method method)
{
    return r->method == method || (method == VL_HEAD && r->method == VL_GET);
}

static void allow(vl_exchange *x)
{
    bool get = false, post = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(routes[i].pattern, x->request.path)) continue;
        get = get || routes[i].method == VL_GET;
        post = post || routes[i].method == VL_POST;
    }
    const char *methods = get && post ? "GET, HEAD, POST, OPTIONS" : get ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
    vl_exchange_header(x, "Allow", vl_span_of(methods));
}

const vl_route *vl_route_of(vl_exchange *x)
{
    bool known = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(routes[i].pattern, x->request.path)) continue;
        known = true;
        if (!takes(&routes[i], x->request.method)) continue;
        x->route = routes[i].name;
        return &routes[i];
    }
    x->route = "other";
    if (known) allow(x);
    if (known && x->request.method == VL_OPTIONS) vl_exchange_answer(x, 204, NULL);
    else if (known) vl_exchange_error(x, 405, "Validation", 0, "this route does not take that method");
    else vl_exchange_error(x, 404, "NotFound", 0, "no such route");
    return NULL;
}

void vl_route_finished(vl_exchange *x, size_t bytes)
{
    (void)x, (void)bytes;
}
