/* metrics_state.h: the inside of the metrics, for the files that count (metrics.c) and write
 * (metrics_text.c). */
#ifndef VL_METRICS_STATE_H
#define VL_METRICS_STATE_H

#include <pthread.h>

#include "serve/histogram.h"
#include "serve/metrics.h"

/* Statuses that are told apart; all others are "other". */
#define VL_CODE_LIST(X)                                                                            \
    X(200) X(204) X(400) X(401) X(403) X(404) X(405) X(408) X(413) X(414) X(415) X(417) X(422)     \
    X(424) X(429) X(431) X(500) X(501) X(503) X(504) X(505)

enum {
#define VL_CODE_ENUM(code) VL_CODE_##code,
    VL_CODE_LIST(VL_CODE_ENUM)
#undef VL_CODE_ENUM
        VL_CODE_OTHER,
    VL_CODES
};

struct vl_meter {
    vl_counter requests[VL_METRIC_ROUTES_MAX][VL_CODES];
    vl_histogram durations[VL_METRIC_ROUTES_MAX];
    vl_histogram predicting;
    vl_counter begun, ended, rejected[VL_REJECTIONS];
    const vl_metrics *metrics;
    int thread;
    const char *last_name; /* the route of the request before, and its number */
    int last_route;
};

/* One thread's counter, on a cache line of its own. */
typedef struct vl_lone_counter {
    _Alignas(64) vl_counter n;
} vl_lone_counter;

typedef struct vl_label_series {
    struct vl_label_series *next;
    char *label;
    vl_lone_counter counts[]; /* (threads) */
} vl_label_series;

/* Made once for a name, kept to the end. */
struct vl_model_series {
    struct vl_model_series *next;
    char *name;
    vl_label_series *labels, *last; /* list, in the order they came; "uncertain" where it abstains */
    int label_count;
    vl_label_series *others; /* what a model that never abstains counts as its label_count-th: nothing */
    vl_queue_meter queue;
};

struct vl_metrics {
    const char *routes[VL_METRIC_ROUTES_MAX];
    int route_count; /* the last one is "other" */
    pthread_mutex_t lock;    /* of the lists of models and labels; counting needs none */
    vl_model_series *models; /* list */
    vl_counter loads[2];     /* failed, fine */
    int threads;
    vl_meter *meters[]; /* (threads) */
};

#endif
