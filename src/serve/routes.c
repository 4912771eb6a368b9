/* routes.c: the table of routes, and what comes before each: CORS, keys, 404 and 405. */
#include "serve/routes.h"

#include <string.h>

#include "serve/front.h"
#include "serve/route_list.h"

static const vl_route routes[] = {
    {.method = VL_POST, .pattern = "/predict", .name = "predict", .run = vl_route_predict},
    {.method = VL_GET, .pattern = "/", .name = "page", .run = vl_route_page, .open = true},
    {.method = VL_POST, .pattern = "/", .name = "predict", .run = vl_route_predict},
    {.method = VL_POST, .pattern = "/predict/batch", .name = "batch", .begin = vl_route_batch_begin,
     .data = vl_route_batch_data, .end = vl_route_batch_end},
    {.method = VL_POST, .pattern = "/hf/+", .name = "hf", .run = vl_route_hf},
    {.method = VL_POST, .pattern = "/v2/models/+/infer", .name = "infer", .run = vl_route_v2_infer},
    {.method = VL_POST, .pattern = "/v2/models/+/versions/+/infer", .name = "infer", .run = vl_route_v2_infer},
    {.method = VL_GET, .pattern = "/v2", .name = "v2", .run = vl_route_v2_server},
    {.method = VL_GET, .pattern = "/v2/", .name = "v2", .run = vl_route_v2_server},
    {.method = VL_GET, .pattern = "/v2/models/+", .name = "v2", .run = vl_route_v2_model},
    {.method = VL_GET, .pattern = "/v2/models/+/ready", .name = "v2", .run = vl_route_v2_model_ready},
    {.method = VL_GET, .pattern = "/v2/models/+/versions/+", .name = "v2", .run = vl_route_v2_model},
    {.method = VL_GET, .pattern = "/v2/models/+/versions/+/ready", .name = "v2", .run = vl_route_v2_model_ready},
    {.method = VL_GET, .pattern = "/v2/health/live", .name = "health", .run = vl_route_live, .open = true},
    {.method = VL_GET, .pattern = "/v2/health/ready", .name = "health", .run = vl_route_v2_ready, .open = true},
    {.method = VL_POST, .pattern = "/v2/repository/index", .name = "repository", .run = vl_route_v2_index},
    {.method = VL_POST, .pattern = "/v2/repository/models/+/load", .name = "repository", .run = vl_route_v2_load},
    {.method = VL_POST, .pattern = "/v2/repository/models/+/unload", .name = "repository", .run = vl_route_v2_unload},
    {.method = VL_POST, .pattern = "/models/+/load", .name = "load", .run = vl_route_load},
    {.method = VL_POST, .pattern = "/models/+/unload", .name = "unload", .run = vl_route_unload},
    {.method = VL_GET, .pattern = "/models", .name = "models", .run = vl_route_models},
    {.method = VL_GET, .pattern = "/info", .name = "info", .run = vl_route_info},
    {.method = VL_GET, .pattern = "/openapi.json", .name = "openapi", .run = vl_route_openapi, .open = true},
    {.method = VL_GET, .pattern = "/health/live", .name = "health", .run = vl_route_live, .open = true},
    {.method = VL_GET, .pattern = "/health/ready", .name = "health", .run = vl_route_ready, .open = true},
    {.method = VL_GET, .pattern = "/health", .name = "health", .run = vl_route_ready, .open = true},
    {.method = VL_GET, .pattern = "/metrics", .name = "metrics", .run = vl_route_metrics},
};

const char *vl_route_name(int i)
{
    return (size_t)i < sizeof routes / sizeof *routes ? routes[i].name : NULL;
}

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

/* Below /v2 errors have that protocol's shape. */
static void refuse(vl_exchange *x, bool known)
{
    bool v2 = vl_span_is(vl_path_segment(x->request.path, 0), "v2");
    if (known) vl_exchange_error(x, 405, v2 ? NULL : "Validation", 0, "this route does not take that method");
    else vl_exchange_error(x, 404, v2 ? NULL : "NotFound", 0, "no such route; GET /openapi.json lists them");
}

const vl_route *vl_route_of(vl_exchange *x)
{
    bool known = false;
    vl_front_enter(x);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(routes[i].pattern, x->request.path)) continue;
        known = true;
        if (!takes(&routes[i], x->request.method)) continue;
        x->route = routes[i].name;
        if (!vl_front_admit(x, routes[i].open)) return NULL;
        vl_front_began(x);
        return &routes[i];
    }
    x->route = "other";
    if (!vl_front_admit(x, false)) return NULL;
    if (known) allow(x);
    if (known && x->request.method == VL_OPTIONS) vl_exchange_answer(x, 204, NULL);
    else refuse(x, known);
    return NULL;
}

void vl_route_finished(vl_exchange *x, size_t bytes)
{
    vl_front_left(x, bytes);
}
