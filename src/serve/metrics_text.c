/* metrics_text.c: all series as text. One family after the other: HELP, TYPE, samples. Rules of the
 * format: prometheus.io/docs/instrumenting/exposition_formats. */
#include <stdio.h>

#include "base/cpu.h"
#include "base/decimal.h"
#include "base/mem.h"
#include "serve/metrics_state.h"
#include "serve/process_stats.h"

/* ---- Pieces: failures show in out->failed ---------------------------------------------------- */

static void text(vl_buffer *out, const char *s)
{
    vl_buffer_append_text(out, s);
}

static void family(vl_buffer *out, const char *name, const char *type, const char *help)
{
    vl_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* key="value", with what the format wants escaped. */
static void label(vl_buffer *out, const char *key, const char *value)
{
    text(out, key);
    text(out, "=\"");
    for (; *value; value++) {
        if (*value == '\n') text(out, "\\n");
        else if (*value == '"' || *value == '\\') vl_buffer_printf(out, "\\%c", *value);
        else vl_buffer_append_byte(out, *value);
    }
    vl_buffer_append_byte(out, '"');
}

static void number(vl_buffer *out, uint64_t value)
{
    vl_buffer_append_byte(out, ' ');
    vl_write_integer(out, (int64_t)value);
    vl_buffer_append_byte(out, '\n');
}

static void real(vl_buffer *out, double value)
{
    vl_buffer_append_byte(out, ' ');
    vl_write_decimal(out, value, 9);
    vl_buffer_append_byte(out, '\n');
}

/* A family of one sample without labels. */
static void single(vl_buffer *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    family(out, name, type, help);
    text(out, name);
    number(out, value);
}

static void single_real(vl_buffer *out, const char *name, const char *type, const char *help,
                        double value)
{
    family(out, name, type, help);
    text(out, name);
    real(out, value);
}

/* name or name{key="value"}; key NULL: no label. */
static void sample(vl_buffer *out, const char *name, const char *part, const char *key,
                   const char *value)
{
    vl_buffer_printf(out, "%s%s", name, part);
    if (key) text(out, "{"), label(out, key, value), text(out, "}");
}

static void bucket(vl_buffer *out, const char *name, const char *key, const char *value,
                   const char *bound, uint64_t count)
{
    vl_buffer_printf(out, "%s_bucket{", name);
    if (key) label(out, key, value), text(out, ",");
    label(out, "le", bound);
    text(out, "}");
    number(out, count);
}

/* The samples of one histogram; key NULL: without labels. */
static void histogram(vl_buffer *out, const char *name, const char *key, const char *value,
                      const vl_histogram_sum *h)
{
    uint64_t count = 0;
    for (int i = 0; i <= VL_DURATIONS; i++) {
        count += h->buckets[i];
        bucket(out, name, key, value, i < VL_DURATIONS ? vl_duration_texts[i] : "+Inf", count);
    }
    sample(out, name, "_sum", key, value);
    real(out, 1e-9 * (double)h->nanoseconds);
    sample(out, name, "_count", key, value);
    number(out, count);
}

/* Bounds up to 2^last. */
static void sizes(vl_buffer *out, const char *name, const char *model, const vl_size_histogram *h,
                  int last)
{
    uint64_t count = 0;
    for (int i = 0; i <= VL_SIZES; i++) {
        char bound[16];
        count += vl_counter_value(&h->buckets[i]);
        snprintf(bound, sizeof bound, "%d", 1 << i);
        if (i <= last && i < VL_SIZES) bucket(out, name, "model", model, bound, count);
    }
    bucket(out, name, "model", model, "+Inf", count);
    sample(out, name, "_sum", "model", model);
    number(out, vl_counter_value(&h->sum));
    sample(out, name, "_count", "model", model);
    number(out, count);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static const char *const codes[VL_CODES] = {
#define VL_CODE_TEXT(code) #code,
    VL_CODE_LIST(VL_CODE_TEXT)
#undef VL_CODE_TEXT
    "other"};

static uint64_t requests(const vl_metrics *m, int route, int code)
{
    uint64_t n = 0;
    for (int i = 0; i < m->threads; i++) n += vl_counter_value(&m->meters[i]->requests[route][code]);
    return n;
}

static void write_requests(const vl_metrics *m, vl_buffer *out)
{
    static const char name[] = "valence_requests_total", time[] = "valence_request_duration_seconds";
    family(out, name, "counter", "Requests answered, by route and status.");
    for (int r = 0; r < m->route_count; r++)
        for (int c = 0; c < VL_CODES; c++) {
            text(out, name), text(out, "{"), label(out, "route", m->routes[r]);
            text(out, ","), label(out, "code", codes[c]), text(out, "}");
            number(out, requests(m, r, c));
        }
    family(out, time, "histogram", "From a request's first byte to its answer, by route.");
    for (int r = 0; r < m->route_count; r++) {
        vl_histogram_sum sum = {0};
        for (int i = 0; i < m->threads; i++) vl_histogram_collect(&sum, &m->meters[i]->durations[r]);
        histogram(out, time, "route", m->routes[r], &sum);
    }
}

static void write_rejected(const vl_metrics *m, const vl_metrics_now *now, vl_buffer *out)
{
    static const struct {
        const char *reason;
        int codes[5]; /* ended by 200 */
    } reasons[] = {
        {"unauthorized", {VL_CODE_401, VL_CODE_403, VL_CODE_200}},
        {"timeout", {VL_CODE_408, VL_CODE_200}},
        {"too_large", {VL_CODE_413, VL_CODE_414, VL_CODE_431, VL_CODE_200}},
    };
    static const char name[] = "valence_rejected_total";
    family(out, name, "counter", "Requests and connections turned away, by reason.");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        uint64_t n = 0;
        for (const int *c = reasons[i].codes; *c != VL_CODE_200; c++)
            for (int r = 0; r < m->route_count; r++) n += requests(m, r, *c);
        sample(out, name, "", "reason", reasons[i].reason);
        number(out, n);
    }
    static const char *const told[VL_REJECTIONS] = {
        [VL_REJECTED_OVERLOADED] = "overloaded", [VL_REJECTED_DEADLINE] = "deadline"};
    for (int why = 0; why < VL_REJECTIONS; why++) {
        uint64_t n = 0;
        for (int i = 0; i < m->threads; i++) n += vl_counter_value(&m->meters[i]->rejected[why]);
        sample(out, name, "", "reason", told[why]);
        number(out, n);
    }
    sample(out, name, "", "reason", "connections");
    number(out, (uint64_t)now->connections_refused);
}

static void write_now(const vl_metrics *m, const vl_metrics_now *now, vl_buffer *out)
{
    int64_t inflight = 0;
    for (int i = 0; i < m->threads; i++) { /* ended first: never below zero */
        inflight -= (int64_t)vl_counter_value(&m->meters[i]->ended);
        inflight += (int64_t)vl_counter_value(&m->meters[i]->begun);
    }
    single(out, "valence_inflight", "gauge", "Requests begun and not yet answered.",
           inflight > 0 ? (uint64_t)inflight : 0);
    single(out, "valence_connections", "gauge", "Open connections.", (uint64_t)now->connections);
}

/* ---- Predictions, models --------------------------------------------------------------------- */

static void prediction(const vl_metrics *m, const vl_model_series *s, const vl_label_series *l,
                       vl_buffer *out)
{
    uint64_t n = 0;
    for (int i = 0; i < m->threads; i++) n += vl_counter_value(&l->counts[i].n);
    text(out, "predictions_total{"), label(out, "model", s->name);
    text(out, ","), label(out, "label", l->label), text(out, "}");
    number(out, n);
}

static void write_predictions(const vl_metrics *m, vl_buffer *out)
{
    static const char time[] = "prediction_duration_seconds";
    family(out, "predictions_total", "counter", "Texts answered, from the cache too, by model and label.");
    for (const vl_model_series *s = m->models; s; s = s->next)
        for (const vl_label_series *l = s->labels; l; l = l->next) prediction(m, s, l, out);
    vl_histogram_sum sum = {0};
    for (int i = 0; i < m->threads; i++) vl_histogram_collect(&sum, &m->meters[i]->predicting);
    family(out, time, "histogram", "Time in the model for one text, or for the batch it was in; answers from the cache have none.");
    histogram(out, time, NULL, NULL, &sum);
}

/* ---- Queues ---------------------------------------------------------------------------------- */

/* part: where in the queue's meter the histogram stands. */
static void queue_times(const vl_metrics *m, vl_buffer *out, const char *name, const char *help,
                        size_t part)
{
    family(out, name, "histogram", help);
    for (const vl_model_series *s = m->models; s; s = s->next) {
        vl_histogram_sum sum = {0};
        vl_histogram_collect(&sum, (const vl_histogram *)(const void *)((const char *)&s->queue + part));
        histogram(out, name, "model", s->name, &sum);
    }
}

static void dropped(vl_buffer *out, const vl_model_series *s, const char *reason, uint64_t n)
{
    text(out, "valence_queue_dropped_total{"), label(out, "model", s->name);
    text(out, ","), label(out, "reason", reason), text(out, "}");
    number(out, n);
}

/* Classic models are answered where they are asked for: theirs stay at 0. */
static void write_queues(const vl_metrics *m, const vl_metrics_now *now, vl_buffer *out)
{
    static const char items[] = "valence_batch_items", tokens[] = "valence_batch_tokens",
                      waiting[] = "valence_queue_items";
    queue_times(m, out, "valence_queue_duration_seconds", "Time a text waited for a worker.",
                offsetof(vl_queue_meter, waited));
    queue_times(m, out, "valence_tokenize_duration_seconds", "Time to make tokens of a text.",
                offsetof(vl_queue_meter, tokenized));
    queue_times(m, out, "valence_infer_duration_seconds", "Time in the model for one batch.",
                offsetof(vl_queue_meter, inferred));
    family(out, items, "histogram", "Texts answered together.");
    for (const vl_model_series *s = m->models; s; s = s->next)
        sizes(out, items, s->name, &s->queue.batch_items, 12);
    family(out, tokens, "histogram", "Their tokens.");
    for (const vl_model_series *s = m->models; s; s = s->next)
        sizes(out, tokens, s->name, &s->queue.batch_tokens, 20);
    family(out, "valence_queue_dropped_total", "counter",
           "Texts dropped before they were computed: the client had gone, or the deadline passed.");
    for (const vl_model_series *s = m->models; s; s = s->next) {
        dropped(out, s, "gone", vl_counter_value(&s->queue.gone));
        dropped(out, s, "deadline", vl_counter_value(&s->queue.late));
    }
    family(out, waiting, "gauge", "Texts that wait for a worker.");
    for (int i = 0; i < now->model_count; i++) {
        sample(out, waiting, "", "model", now->models[i].name);
        number(out, (uint64_t)now->models[i].waiting);
    }
}

/* ---- Models ---------------------------------------------------------------------------------- */

static void write_models(const vl_metrics *m, const vl_metrics_now *now, vl_buffer *out)
{
    static const char loads[] = "valence_model_loads_total";
    family(out, "valence_model_info", "gauge", "Models that are served.");
    for (int i = 0; i < now->model_count; i++) {
        const vl_model_now *s = &now->models[i];
        char version[24];
        snprintf(version, sizeof version, "%llu", (unsigned long long)s->version);
        text(out, "valence_model_info{"), label(out, "model", s->name);
        text(out, ","), label(out, "version", version);
        text(out, ","), label(out, "family", s->info->family);
        text(out, ","), label(out, "checksum", s->info->checksum), text(out, "} 1\n");
    }
    family(out, loads, "counter", "Models loaded, at the start and later.");
    for (int fine = 1; fine >= 0; fine--) {
        sample(out, loads, "", "result", fine ? "ok" : "failed");
        number(out, vl_counter_value(&m->loads[fine]));
    }
    family(out, "valence_build_info", "gauge", "The program: version, instruction set in use.");
    text(out, "valence_build_info{"), label(out, "version", VALENCE_VERSION);
    text(out, ","), label(out, "isa", vl_isa_name(vl_isa_active())), text(out, "} 1\n");
}

/* ---- Cache, memory, process ------------------------------------------------------------------ */

static void write_cache(const vl_cache_counts *c, vl_buffer *out)
{
    single(out, "valence_cache_hits_total", "counter", "Requests answered from the cache.", c->hits);
    single(out, "valence_cache_misses_total", "counter", "Requests looked for and not found.", c->misses);
    single(out, "valence_cache_evictions_total", "counter", "Answers dropped for want of room.", c->evictions);
    single(out, "valence_cache_expired_total", "counter", "Answers dropped for their age.", c->expired);
    single(out, "valence_cache_entries", "gauge", "Answers kept.", c->entries);
    single(out, "valence_cache_bytes", "gauge", "Bytes of the answers kept and their requests.", c->bytes);
}

static void write_memory(vl_buffer *out)
{
    family(out, "valence_memory_bytes", "gauge", "Bytes allocated, by what they are for.");
    for (int i = 0; i < VL_MEM_CATEGORIES; i++) {
        text(out, "valence_memory_bytes{"), label(out, "category", vl_mem_name((vl_mem_category)i));
        text(out, "}");
        number(out, (uint64_t)vl_mem_usage_of((vl_mem_category)i).current);
    }
}

static void write_process(vl_buffer *out)
{
    vl_process_stats s = vl_process_stats_now();
    single_real(out, "process_cpu_seconds_total", "counter", "CPU time, user and system.", s.cpu_seconds);
    single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", (uint64_t)s.resident_bytes);
    single(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", (uint64_t)s.virtual_bytes);
    single(out, "process_open_fds", "gauge", "Open file descriptors.", (uint64_t)s.open_fds);
    single(out, "process_max_fds", "gauge", "Most file descriptors allowed.", (uint64_t)s.max_fds);
    single_real(out, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.", s.start_time);
}

vl_status vl_metrics_write(vl_metrics *m, const vl_metrics_now *now, vl_buffer *out)
{
    out->failed = false;
    pthread_mutex_lock(&m->lock);
    write_predictions(m, out);
    write_queues(m, now, out);
    write_models(m, now, out);
    pthread_mutex_unlock(&m->lock);
    write_requests(m, out);
    write_now(m, now, out);
    write_rejected(m, now, out);
    write_cache(&now->cache, out);
    write_memory(out);
    write_process(out);
    return out->failed ? VALENCE_NO_MEMORY : VALENCE_OK;
}
