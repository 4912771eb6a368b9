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

static vl_meter *make_meter(const vl_metrics *m, int thread)
{
    size_t size = sizeof(vl_meter);
    vl_meter *t = vl_alloc_zero(VL_MEM_REQUEST, (size + 63) / 64 * 64); /* no line shared */
    if (!t) return NULL;
    t->metrics = m;
    t->thread = thread;
    t->last_name = other;
    t->last_route = m->route_count - 1;
    return t;
}

vl_status vl_metrics_open(vl_metrics **out, const char *const *routes, int route_count, int threads,
                          valence_error *error)
{
    *out = NULL;
    vl_metrics *m = vl_alloc_zero(VL_MEM_REQUEST, sizeof *m + (size_t)threads * sizeof m->meters[0]);
    if (!m) return vl_fail_memory(error, sizeof *m, "metrics");
    pthread_mutex_init(&m->lock, NULL);
    m->threads = threads;
    add_routes(m, routes, route_count);
    for (int i = 0; i < threads; i++) {
        m->meters[i] = make_meter(m, i);
        if (m->meters[i]) continue;
        vl_metrics_close(m);
        return vl_fail_memory(error, sizeof(vl_meter), "metrics");
    }
    *out = m;
    return VALENCE_OK;
}

static void close_label(vl_label_series *l)
{
    if (l) vl_free(l->label);
    vl_free(l);
}

static void close_series(vl_model_series *s)
{
    for (vl_label_series *l = s->labels, *next; l; l = next) {
        next = l->next;
        close_label(l);
    }
    close_label(s->others);
    vl_free(s->name);
    vl_free(s);
}

void vl_metrics_close(vl_metrics *m)
{
    if (!m) return;
    for (int i = 0; i < m->threads; i++) vl_free(m->meters[i]);
    for (vl_model_series *s = m->models, *next; s; s = next) {
        next = s->next;
        close_series(s);
    }
    pthread_mutex_destroy(&m->lock);
    vl_free(m);
}

vl_meter *vl_metrics_meter(vl_metrics *m, int thread)
{
    return m->meters[thread];
}

/* ---- Models ---------------------------------------------------------------------------------- */

static vl_label_series *make_label(const vl_metrics *m, const char *text)
{
    size_t size = sizeof(vl_label_series) + (size_t)m->threads * sizeof(vl_lone_counter);
    vl_label_series *l = vl_alloc_zero(VL_MEM_REQUEST, size);
    if (!l) return NULL;
    l->label = vl_copy_string(VL_MEM_REQUEST, text, strlen(text));
    if (l->label) return l;
    vl_free(l);
    return NULL;
}

static vl_model_series *make_series(const vl_metrics *m, const char *name)
{
    vl_model_series *s = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    if (!s) return NULL;
    s->name = vl_copy_string(VL_MEM_REQUEST, name, strlen(name));
    s->others = make_label(m, "");
    if (s->name && s->others) return s;
    close_series(s);
    return NULL;
}

/* The series of a name, at the end of the list if it is new. */
static vl_model_series *series_of(vl_metrics *m, const char *name)
{
    vl_model_series **at = &m->models;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    if (!*at) *at = make_series(m, name);
    return *at;
}

static vl_label_series *add_label(vl_metrics *m, vl_model_series *s, const char *text)
{
    vl_label_series *l = make_label(m, text);
    if (!l) return NULL;
    *(s->last ? &s->last->next : &s->labels) = l;
    s->last = l;
    s->label_count++;
    return l;
}

static bool is_label(const vl_label_series *l, const char *text)
{
    return l && strcmp(l->label, text) == 0;
}

/* before: the label found last; a model that is loaded again mostly has them in the same order. known:
 * how many there were when the model came, for its own labels differ. */
static vl_label_series *label_of(vl_metrics *m, vl_model_series *s, const vl_label_series *before,
                                 int known, const char *text)
{
    vl_label_series *l = before ? before->next : s->labels;
    if (is_label(l, text)) return l;
    l = s->labels;
    for (int i = 0; i < known; i++, l = l->next)
        if (is_label(l, text)) return l;
    return add_label(m, s, text);
}

/* "uncertain" has a series of its own where the model abstains and has no class of that name. */
static vl_label_series *uncertain_of(vl_metrics *m, vl_model_series *s, const valence_model_info *info)
{
    for (int k = 0; k < info->label_count; k++)
        if (strcmp(info->labels[k], "uncertain") == 0) return s->others;
    return info->min_confidence > 0 ? label_of(m, s, NULL, s->label_count, "uncertain") : s->others;
}

static bool find_labels(vl_model_meter *out, vl_metrics *m, const valence_model_info *info)
{
    vl_model_series *s = out->series;
    int count = info->label_count, known = s->label_count;
    for (int k = 0; k < count; k++) {
        out->labels[k] = label_of(m, s, k ? out->labels[k - 1] : NULL, known, info->labels[k]);
        if (!out->labels[k]) return false;
    }
    return (out->labels[count] = uncertain_of(m, s, info)) != NULL;
}

vl_status vl_model_meter_init(vl_model_meter *out, vl_metrics *m, const char *name,
                              const valence_model_info *info, valence_error *error)
{
    size_t count = (size_t)info->label_count + 1;
    *out = (vl_model_meter){.labels = vl_alloc_array(VL_MEM_REQUEST, count, sizeof *out->labels)};
    pthread_mutex_lock(&m->lock);
    if (out->labels) out->series = series_of(m, name);
    bool found = out->series && find_labels(out, m, info);
    pthread_mutex_unlock(&m->lock);
    if (found) return VALENCE_OK;
    vl_model_meter_release(out);
    return vl_fail_memory(error, count * sizeof *out->labels, "metrics");
}

void vl_model_meter_release(vl_model_meter *m)
{
    vl_free(m->labels);
    *m = (vl_model_meter){0};
}

vl_queue_meter *vl_model_meter_queue(const vl_model_meter *m)
{
    return &m->series->queue;
}

void vl_metrics_loaded(vl_metrics *m, bool fine)
{
    vl_counter_add_shared(&m->loads[fine], 1);
}

/* ---- Counting -------------------------------------------------------------------------------- */

int vl_meter_label(const valence_model_info *info, const valence_prediction *p)
{
    if (p->label == info->labels[p->label_index]) return p->label_index;
    int k = 0;
    while (k < info->label_count && strcmp(info->labels[k], p->label) != 0) k++;
    return k;
}

void vl_meter_prediction(vl_meter *m, const vl_model_meter *model, int label)
{
    vl_counter_add(&model->labels[label]->counts[m->thread].n, 1);
}

void vl_meter_rejected(vl_meter *m, vl_rejection why)
{
    vl_counter_add(&m->rejected[why], 1);
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
