/* front.c: opens the parts, and says in which order they come. */
#include "serve/front.h"

#include "base/clock.h"
#include "serve/routes.h"
#include "serve/service.h"

/* ---- Opening --------------------------------------------------------------------------------- */

vl_status vl_front_init(vl_front *f, const vl_front_options *options, int threads,
                        valence_error *error)
{
    const char *names[VL_METRIC_ROUTES_MAX * 4];
    int count = 0;
    for (const char *name; count < VL_METRIC_ROUTES_MAX * 4 && (name = vl_route_name(count));)
        names[count++] = name;
    *f = (vl_front){.metrics_open = options->metrics_open, .cors = options->cors};
    VL_TRY(vl_cors_check(&f->cors, error));
    VL_TRY(vl_api_keys_open(&f->keys, options->key_file, error));
    VL_TRY(vl_cache_open(&f->cache, &options->cache, error));
    VL_TRY(vl_access_log_open(&f->log, options->access_log, options->access_file, error));
    return vl_metrics_open(&f->metrics, names, count, threads, error);
}

void vl_front_release(vl_front *f)
{
    vl_api_keys_close(f->keys);
    vl_cache_close(f->cache);
    vl_access_log_close(f->log);
    vl_metrics_close(f->metrics);
    *f = (vl_front){0};
}

/* ---- A request's way ------------------------------------------------------------------------- */

void vl_front_enter(vl_exchange *x)
{
    const vl_front *f = vl_service_of(x)->front;
    vl_cors_headers(&f->cors, x, x->request.method == VL_OPTIONS);
}

/* Browsers send no key with a preflight (OPTIONS), so it needs none. */
bool vl_front_admit(vl_exchange *x, bool open)
{
    const vl_front *f = vl_service_of(x)->front;
    if (f->metrics_open && strcmp(x->route, "metrics") == 0) open = true;
    if (open || x->request.method == VL_OPTIONS || vl_api_keys_admit(f->keys, x->request.authorization))
        return true;
    vl_exchange_header(x, "WWW-Authenticate", vl_span_of("Bearer"));
    vl_exchange_error(x, 401, "Unauthorized", 0, "%s", x->request.authorization.ptr
                      ? "this API key is not known" : "an API key is needed: Authorization: Bearer KEY");
    return false;
}

void vl_front_began(vl_exchange *x)
{
    x->counted = true;
    vl_meter_begun(vl_service_of(x)->meter);
}

static void log_line(vl_exchange *x, size_t bytes, double seconds)
{
    static const char *const methods[] = {
        [VL_GET] = "GET", [VL_HEAD] = "HEAD", [VL_POST] = "POST", [VL_OPTIONS] = "OPTIONS",
        [VL_OTHER_METHOD] = "OTHER"};
    vl_service *s = vl_service_of(x);
    char peer[VL_PEER_BYTES];
    vl_exchange_peer(x, peer);
    vl_access a = {.peer = peer, .method = x->request.path.ptr ? methods[x->request.method] : "-",
                   .path = x->request.path, .request_id = x->request.request_id, .route = x->route,
                   .status = x->status, .bytes = bytes, .seconds = seconds};
    vl_access_log_write(s->front->log, &s->log_line, &a);
}

void vl_front_left(vl_exchange *x, size_t bytes)
{
    vl_service *s = vl_service_of(x);
    double begun = x->request.begun > 0 ? x->request.begun : x->loop->now;
    double seconds = vl_clock_seconds() - begun;
    if (x->status == 0) vl_meter_gone(s->meter);
    else vl_meter_done(s->meter, x->route, x->status, seconds, x->counted);
    x->counted = false;
    if (s->front->log) log_line(x, bytes, seconds);
}
