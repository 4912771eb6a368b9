/* metrics.h: what the server counts, and its text for Prometheus (exposition format 0.0.4). Each loop
 * writes a meter of its own; a scrape adds them up, so that counting costs no lock and no shared
 * cache line. Every series is there from the start, at 0; none is named by a client.
 * Ownership: the metrics own their meters and borrow the models. */
#ifndef VL_METRICS_H
#define VL_METRICS_H

#include "base/buffer.h"
#include "serve/cache.h"
#include "serve/model_set.h"

typedef struct vl_metrics vl_metrics;
typedef struct vl_meter vl_meter;

enum { VL_METRIC_ROUTES_MAX = 32 };

/* routes: (route_count) names, may repeat; constant strings. Past the maximum, and for names that are
 * not among them, requests count as "other". */
vl_status vl_metrics_open(vl_metrics **out, const char *const *routes, int route_count,
                          const vl_model_set *set, int threads, valence_error *error);
void vl_metrics_close(vl_metrics *m); /* NULL is fine */

vl_meter *vl_metrics_meter(vl_metrics *m, int thread);

/* ---- Counting: by the meter's thread alone --------------------------------------------------- */

/* The number of a label under which predictions count: one of the model's, or label_count for one
 * that is not ("uncertain"). */
int vl_meter_label(const vl_served_model *model, const valence_prediction *p);
void vl_meter_prediction(vl_meter *m, int model, int label);
void vl_meter_predicted_in(vl_meter *m, double seconds);

/* Each request that began is either done or gone (its client went away first). */
void vl_meter_begun(vl_meter *m);
void vl_meter_gone(vl_meter *m);
/* began: false for one that was answered before it became a request. */
void vl_meter_done(vl_meter *m, const char *route, int status, double seconds, bool began);

/* ---- Reading: any thread --------------------------------------------------------------------- */

typedef struct vl_metrics_now { /* what others count */
    int connections, connections_refused;
    vl_cache_counts cache;
} vl_metrics_now;

/* Appends all series. VALENCE_NO_MEMORY or VALENCE_LIMIT: out is incomplete. */
vl_status vl_metrics_write(const vl_metrics *m, const vl_metrics_now *now, vl_buffer *out);

#endif
