/* metrics.h: what the server counts, and its text for Prometheus (exposition format 0.0.4). Each loop
 * writes a meter of its own; a scrape adds them up, so that counting costs no lock and no shared
 * cache line. Every series is there from the start, at 0; none is named by a client.
 * Ownership: the metrics own their meters and series. */
#ifndef VL_METRICS_H
#define VL_METRICS_H

#include "base/buffer.h"
#include "serve/cache.h"
#include "serve/queue_meter.h"

typedef struct vl_metrics vl_metrics;
typedef struct vl_meter vl_meter;
typedef struct vl_model_series vl_model_series;

enum { VL_METRIC_ROUTES_MAX = 32 };

/* routes: (route_count) names, may repeat; constant strings. Past the maximum, and for names that are
 * not among them, requests count as "other". */
vl_status vl_metrics_open(vl_metrics **out, const char *const *routes, int route_count,
                          int threads, valence_error *error);
void vl_metrics_close(vl_metrics *m); /* NULL is fine */

vl_meter *vl_metrics_meter(vl_metrics *m, int thread);

/* ---- Models ---------------------------------------------------------------------------------- */

/* Where a model counts: the series of its name. A model that is loaded again goes on with those it
 * had, and gets new ones for labels it has not had. */
typedef struct vl_model_meter {
    vl_model_series *series;
    struct vl_label_series **labels; /* (label_count + 1); the last: "uncertain", or any other */
} vl_model_meter;

/* name and info are copied. Any thread. To be released by vl_model_meter_release, which leaves the
 * series where they are. */
vl_status vl_model_meter_init(vl_model_meter *out, vl_metrics *m, const char *name,
                              const valence_model_info *info, valence_error *error);
void vl_model_meter_release(vl_model_meter *m);

vl_queue_meter *vl_model_meter_queue(const vl_model_meter *m);

/* A model was loaded, or could not be. Any thread. */
void vl_metrics_loaded(vl_metrics *m, bool fine);

/* ---- Counting: by the meter's thread alone --------------------------------------------------- */

/* The number of a label under which predictions count: one of the model's, or label_count for one
 * that is not ("uncertain"). */
int vl_meter_label(const valence_model_info *info, const valence_prediction *p);
void vl_meter_prediction(vl_meter *m, const vl_model_meter *model, int label);
void vl_meter_predicted_in(vl_meter *m, double seconds);

/* Each request that began is either done or gone (its client went away first). */
void vl_meter_begun(vl_meter *m);
void vl_meter_gone(vl_meter *m);
/* began: false for one that was answered before it became a request. */
void vl_meter_done(vl_meter *m, const char *route, int status, double seconds, bool began);

/* Why a request was turned away, where its status does not tell. */
typedef enum vl_rejection { VL_REJECTED_OVERLOADED, VL_REJECTED_DEADLINE, VL_REJECTIONS } vl_rejection;
void vl_meter_rejected(vl_meter *m, vl_rejection why);

/* ---- Reading: any thread --------------------------------------------------------------------- */

typedef struct vl_model_now { /* a model that is served */
    const char *name;
    uint64_t version;
    const valence_model_info *info;
    int waiting; /* texts in its queue */
} vl_model_now;

typedef struct vl_metrics_now { /* what others count */
    int connections, connections_refused;
    vl_cache_counts cache;
    const vl_model_now *models; /* (model_count) */
    int model_count;
} vl_metrics_now;

/* Appends all series. VALENCE_NO_MEMORY or VALENCE_LIMIT: out is incomplete. */
vl_status vl_metrics_write(vl_metrics *m, const vl_metrics_now *now, vl_buffer *out);

#endif
