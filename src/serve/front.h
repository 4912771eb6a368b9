/* front.h: what stands around all routes: keys and CORS before them, the cache beside them, metrics
 * and access log behind them. One for the server; each loop has a meter of its own (service.h). */
#ifndef VL_FRONT_H
#define VL_FRONT_H

#include "serve/access_log.h"
#include "serve/api_keys.h"
#include "serve/cache.h"
#include "serve/cors.h"
#include "serve/metrics.h"

typedef struct vl_front_options { /* zeroed: nothing of all this but the metrics */
    vl_cache_options cache;
    const char *key_file;   /* NULL: everybody may ask */
    bool metrics_open;      /* /metrics needs no key */
    vl_cors cors;
    const char *access_log; /* "json", "text" or NULL */
    const char *access_file; /* NULL: stderr */
} vl_front_options;

typedef struct vl_front {
    vl_cache *cache;
    vl_api_keys *keys;
    bool metrics_open;
    vl_cors cors;
    vl_access_log *log;
    vl_metrics *metrics;
} vl_front;

/* Even after a failure it may be released. */
vl_status vl_front_init(vl_front *f, const vl_front_options *options, int threads,
                        valence_error *error);
void vl_front_release(vl_front *f);

/* Before the route is looked for: adds CORS headers. */
void vl_front_enter(vl_exchange *x);

/* False: answered, for want of a key. open: the route needs none. */
bool vl_front_admit(vl_exchange *x, bool open);

/* The exchange has become a request: it counts as in flight until _left. */
void vl_front_began(vl_exchange *x);

/* The exchange is answered (bytes of body), or, with status 0, its client has gone: metrics, access
 * log. */
void vl_front_left(vl_exchange *x, size_t bytes);

#endif
