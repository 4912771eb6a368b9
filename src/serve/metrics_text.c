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

/* The samples of one histogram; route NULL: without labels. */
static void histogram(vl_buffer *out, const char *name, const char *route,
                      const vl_histogram_sum *h)
{
    uint64_t count = 0;
    for (int i = 0; i <= VL_DURATIONS; i++) {
        count += h->buckets[i];
        vl_buffer_printf(out, "%s_bucket{", name);
        if (route) label(out, "route", route), text(out, ",");
        label(out, "le", i < VL_DURATIONS ? vl_duration_texts[i] : "+Inf");
        text(out, "}");
        number(out, count);
    }
    const char *const parts[] = {"_sum", "_count"};
    for (int i = 0; i < 2; i++) {
        vl_buffer_printf(out, "%s%s", name, parts[i]);
        if (route) text(out, "{"), label(out, "route", route), text(out, "}");
        if (i == 0) real(out, 1e-9 * (double)h->nanoseconds);
        else number(out, count);
    }
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
        histogram(out, time, m->routes[r], &sum);
    }
}

static void write_rejected(const vl_metrics *m, const vl_metrics_now *now, vl_buffer *out)
{
    static const struct {
        const char *reason;
        int codes[5]; /* ended by 200 */
    } reasons[] = {
        {"unauthorized", {VL_CODE_401, VL_CODE_403, VL_CODE_200}},
        {"timeout", {VL_CODE_408, VL_CODE_504, VL_CODE_200}},
        {"too_large", {VL_CODE_413, VL_CODE_414, VL_CODE_431, VL_CODE_200}},
        {"overloaded", {VL_CODE_429, VL_CODE_200}},
    };
    static const char name[] = "valence_rejected_total";
    family(out, name, "counter", "Requests and connections turned away, by reason.");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        uint64_t n = 0;
        for (const int *c = reasons[i].codes; *c != VL_CODE_200; c++)
            for (int r = 0; r < m->route_count; r++) n += requests(m, r, *c);
        text(out, name), text(out, "{"), label(out, "reason", reasons[i].reason), text(out, "}");
        number(out, n);
    }
    text(out, name), text(out, "{"), label(out, "reason", "connections"), text(out, "}");
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

static void prediction(const vl_metrics *m, int model, const char *name, int k, vl_buffer *out)
{
    uint64_t n = 0;
    for (int i = 0; i < m->threads; i++)
        n += vl_counter_value(&m->meters[i]->predictions[m->first_label[model] + k]);
    text(out, "predictions_total{"), label(out, "model", m->set->models[model].name);
    text(out, ","), label(out, "label", name), text(out, "}");
    number(out, n);
}

/* "uncertain" is only there where a model abstains and has no class of that name. */
static bool abstains(const valence_model_info *info)
{
    for (int k = 0; k < info->label_count; k++)
        if (strcmp(info->labels[k], "uncertain") == 0) return false;
    return info->min_confidence > 0;
}

static void write_predictions(const vl_metrics *m, vl_buffer *out)
{
    static const char time[] = "prediction_duration_seconds";
    family(out, "predictions_total", "counter", "Texts answered, from the cache too, by model and label.");
    for (int i = 0; i < m->set->count; i++) {
        const valence_model_info *info = &m->set->models[i].info;
        for (int k = 0; k < info->label_count; k++) prediction(m, i, info->labels[k], k, out);
        if (abstains(info)) prediction(m, i, "uncertain", info->label_count, out);
    }
    vl_histogram_sum sum = {0};
    for (int i = 0; i < m->threads; i++) vl_histogram_collect(&sum, &m->meters[i]->predicting);
    family(out, time, "histogram", "Time in the model for one text; answers from the cache have none.");
    histogram(out, time, NULL, &sum);
}

static void write_models(const vl_metrics *m, vl_buffer *out)
{
    family(out, "valence_model_info", "gauge", "Models that are served.");
    for (int i = 0; i < m->set->count; i++) {
        const vl_served_model *s = &m->set->models[i];
        char version[24];
        snprintf(version, sizeof version, "%llu", (unsigned long long)s->version);
        text(out, "valence_model_info{"), label(out, "model", s->name);
        text(out, ","), label(out, "version", version);
        text(out, ","), label(out, "family", s->info.family);
        text(out, ","), label(out, "checksum", s->info.checksum), text(out, "} 1\n");
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

vl_status vl_metrics_write(const vl_metrics *m, const vl_metrics_now *now, vl_buffer *out)
{
    out->failed = false;
    write_predictions(m, out);
    write_requests(m, out);
    write_now(m, now, out);
    write_rejected(m, now, out);
    write_cache(&now->cache, out);
    write_models(m, out);
    write_memory(out);
    write_process(out);
    return out->failed ? VALENCE_NO_MEMORY : VALENCE_OK;
}
