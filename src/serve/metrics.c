/* metrics.c: counting. */
#include "serve/metrics.h"

#include "base/mem.h"
#include "serve/metrics_state.h"

static const char other[] = "other";

/* ---- Opening --------------------------------------------------------------------------------- */

static int find_route(const vl_metrics *m, const char *name)
{
    for (int i = 0; i < m->route_count; i++)
        if (strcmp(m->routes[i], name) == 0) return i;
    return -1;
}

static void add_routes(vl_metrics *m, const char *const *routes, int count)
{
    for (int i = 0; i < count && m->route_count < VL_METRIC_ROUTES_MAX - 1; i++)
        if (strcmp(routes[i], other) != 0 && find_route(m, routes[i]) < 0)
            m->routes[m->route_count++] = routes[i];
    m->routes[m->route_count++] = other;
}

static vl_meter *make_meter(const vl_metrics *m)
{
    size_t size = sizeof(vl_meter) + (size_t)m->label_total * sizeof(vl_counter);
    vl_meter *t = vl_alloc_zero(VL_MEM_REQUEST, (size + 63) / 64 * 64); /* no line shared */
    if (!t) return NULL;
    t->metrics = m;
    t->last_name = other;
    t->last_route = m->route_count - 1;
    return t;
}

vl_status vl_metrics_open(vl_metrics **out, const char *const *routes, int route_count,
                          const vl_model_set *set, int threads, valence_error *error)
{
    *out = NULL;
    vl_metrics *m = vl_alloc_zero(VL_MEM_REQUEST, sizeof *m + (size_t)threads * sizeof m->meters[0]);
    if (!m) return vl_fail_memory(error, sizeof *m, "metrics");
    m->set = set;
    m->threads = threads;
    add_routes(m, routes, route_count);
    for (int i = 0; i < set->count; i++) {
        m->first_label[i] = m->label_total;
        m->label_total += set->models[i].info.label_count + 1;
    }
    for (int i = 0; i < threads; i++) {
        m->meters[i] = make_meter(m);
        if (m->meters[i]) continue;
        vl_metrics_close(m);
        return vl_fail_memory(error, sizeof(vl_meter), "metrics");
    }
    *out = m;
    return VALENCE_OK;
}

void vl_metrics_close(vl_metrics *m)
{
    if (!m) return;
    for (int i = 0; i < m->threads; i++) vl_free(m->meters[i]);
    vl_free(m);
}

vl_meter *vl_metrics_meter(vl_metrics *m, int thread)
{
    return m->meters[thread];
}

/* ---- Counting -------------------------------------------------------------------------------- */

int vl_meter_label(const vl_served_model *model, const valence_prediction *p)
{
    const valence_model_info *info = &model->info;
    if (p->label == info->labels[p->label_index]) return p->label_index;
    int k = 0;
    while (k < info->label_count && strcmp(info->labels[k], p->label) != 0) k++;
    return k;
}

void vl_meter_prediction(vl_meter *m, int model, int label)
{
    vl_counter_add(&m->predictions[m->metrics->first_label[model] + label], 1);
}

void vl_meter_predicted_in(vl_meter *m, double seconds)
{
    vl_histogram_add(&m->predicting, seconds);
}

void vl_meter_begun(vl_meter *m)
{
    vl_counter_add(&m->begun, 1);
}

void vl_meter_gone(vl_meter *m)
{
    vl_counter_add(&m->ended, 1);
}

static int code_of(int status)
{
    switch (status) {
#define VL_CODE_CASE(code)                                                                         \
    case code: return VL_CODE_##code;
        VL_CODE_LIST(VL_CODE_CASE)
#undef VL_CODE_CASE
    default: return VL_CODE_OTHER;
    }
}

/* Names are constant strings: the pointer tells, and requests like the one before are the rule. */
static int route_of(vl_meter *m, const char *name)
{
    if (name == m->last_name) return m->last_route;
    int i = find_route(m->metrics, name);
    m->last_name = name;
    m->last_route = i >= 0 ? i : m->metrics->route_count - 1;
    return m->last_route;
}

void vl_meter_done(vl_meter *m, const char *route, int status, double seconds, bool began)
{
    int r = route_of(m, route);
    vl_counter_add(&m->requests[r][code_of(status)], 1);
    vl_histogram_add(&m->durations[r], seconds);
    if (began) vl_counter_add(&m->ended, 1);
}
