/* load_report.c: what a load test found. */
#include "cli/load_report.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/quantities.h"

enum { BAR = 40, BUSY_PERCENT = 80 };

static const struct {
    double q;
    const char *name;
} quantiles[] = {{0.5, "p50"}, {0.95, "p95"}, {0.99, "p99"}, {0.999, "p99.9"}};

enum { QUANTILES = sizeof quantiles / sizeof *quantiles };

static const struct {
    const char *key, *text;
} kinds[] = {
#define KIND(name, key, text) {key, text},
    CLI_LOAD_ERRORS(KIND)
#undef KIND
};

static double seconds_of(uint64_t ns)
{
    return (double)ns * 1e-9;
}

/* ---- For people ------------------------------------------------------------------------------ */

static void print_time(const char *name, double seconds)
{
    char text[CLI_QUANTITY];
    cli_write_duration(text, seconds, 3);
    printf("  %-8s %s\n", name, text);
}

/* 1, 1.5, 2, 3, 5, 7, 10, ..: rows of about the same height on a logarithmic axis. */
static uint64_t next_edge(uint64_t edge)
{
    uint64_t power = 1;
    while (power <= edge / 10) power *= 10;
    static const uint64_t tenths[] = {10, 15, 20, 30, 50, 70, 100};
    for (size_t i = 0; i < sizeof tenths / sizeof *tenths; i++)
        if (power * tenths[i] > edge * 10) return power * tenths[i] / 10;
    return edge * 2;
}

static void print_bar(uint64_t from, uint64_t count, uint64_t most, uint64_t all)
{
    char text[CLI_QUANTITY], bar[BAR + 1];
    size_t length = (size_t)((double)count / (double)most * BAR + 0.5);
    memset(bar, '#', length);
    bar[length] = '\0';
    cli_write_duration(text, seconds_of(from), 2);
    printf("  %8s |%-*s %llu (%.2f %%)\n", text, BAR, bar, (unsigned long long)count,
           100 * (double)count / (double)all);
}

/* The edge of the first row: the last one that is not above any value. */
static uint64_t first_edge(const cli_load_histogram *h)
{
    uint64_t first = 1000; /* 1 us */
    while (next_edge(first) <= h->min) first = next_edge(first);
    return first;
}

static void print_histogram(const cli_load_histogram *h)
{
    uint64_t most = 1, first = first_edge(h);
    for (uint64_t from = first; from <= h->max; from = next_edge(from)) {
        uint64_t count = cli_load_histogram_between(h, from, next_edge(from));
        if (count > most) most = count;
    }
    printf("answers by latency, from:\n");
    for (uint64_t from = first; from <= h->max; from = next_edge(from))
        print_bar(from, cli_load_histogram_between(h, from, next_edge(from)), most, h->count);
}

static void print_latency(const cli_load_result *r)
{
    const cli_load_histogram *h = &r->latency;
    if (h->count == 0) return;
    printf("latency of 2xx answers\n");
    print_time("mean", cli_load_histogram_mean(h) * 1e-9);
    for (int i = 0; i < QUANTILES; i++)
        print_time(quantiles[i].name, seconds_of(cli_load_histogram_quantile(h, quantiles[i].q)));
    print_time("max", seconds_of(h->max));
    print_histogram(h);
}

static void print_errors(const cli_load_result *r)
{
    int64_t errors = cli_load_errors(r);
    printf("errors     %lld\n", (long long)errors);
    for (int i = 0; i < CLI_LOAD_ERROR_KINDS; i++)
        if (r->errors[i]) printf("  %s: %lld\n", kinds[i].text, (long long)r->errors[i]);
    for (int i = 0; i < CLI_LOAD_STATUS_MAX; i++)
        if (i / 100 != 2 && r->status[i]) printf("  status %d: %lld\n", i, (long long)r->status[i]);
    if (*r->example) printf("  the first: %s\n", r->example);
}

static void print_way(const cli_load_plan *p)
{
    if (p->rate > 0)
        printf("open loop, %g requests/s, at most %d connections, %d thread%s: latency counts from "
               "when a request\n"
               "was due, also if it had to wait for a connection (no coordinated omission)\n",
               p->rate, p->concurrency, p->threads, p->threads > 1 ? "s" : "");
    else
        printf("closed loop, %d connections, %d thread%s: latency counts from the sending; what a "
               "stall keeps from\n"
               "being sent is not seen (--rate shows it)\n",
               p->concurrency, p->threads, p->threads > 1 ? "s" : "");
}

/* Opened beyond those asked for and those that failed. */
static void print_reopened(const cli_load_plan *p, const cli_load_result *r)
{
    int64_t more = r->connections - p->concurrency - r->errors[CLI_LOAD_TIMEOUT] -
                   r->errors[CLI_LOAD_BROKEN] - r->errors[CLI_LOAD_OTHER];
    if (more > 0)
        printf("note: the server closed %lld kept connections; a request that met one was sent "
               "again, no error\n",
               (long long)more);
}

static void write_value(char out[CLI_QUANTITY], const cli_load_slo *s, double value)
{
    if (s->kind == CLI_LOAD_LATENCY || s->kind == CLI_LOAD_MEAN) cli_write_duration(out, value, 3);
    else if (s->kind == CLI_LOAD_ERROR_SHARE) snprintf(out, CLI_QUANTITY, "%.3g%%", value * 100);
    else snprintf(out, CLI_QUANTITY, "%.0f", value);
}

static void print_slo(const cli_load_slo *s, const cli_load_result *r)
{
    char value[CLI_QUANTITY];
    write_value(value, s, cli_load_slo_value(s, r));
    printf("objective  %.*s: %s, it is %s\n", (int)s->text.len, s->text.ptr,
           cli_load_slo_met(s, r) ? "met" : "MISSED", value);
}

void cli_load_print(const cli_load_plan *plan, const cli_load_result *r, const cli_load_slos *slos,
                    bool interrupted)
{
    char sent[CLI_QUANTITY], received[CLI_QUANTITY];
    cli_write_bytes(sent, (double)r->sent, 4);
    cli_write_bytes(received, (double)r->received, 4);
    printf("%s\n", plan->url);
    print_way(plan);
    if (interrupted) printf("interrupted: this is what was measured until then\n");
    printf("requests   %lld in %.2f s after %g s of warm-up\n", (long long)r->finished, r->seconds,
           plan->warmup);
    printf("throughput %.0f answers/s\n", cli_load_throughput(r));
    printf("bodies     %s sent, %s received, %lld connections opened\n", sent, received,
           (long long)r->connections);
    print_errors(r);
    print_latency(r);
    print_reopened(plan, r);
    if (r->busy * 100 >= BUSY_PERCENT)
        printf("note: a client thread computed or waited for a processor %.0f %% of the time: the "
               "figures may be\n"
               "the client's limit, not the server's; try --threads %d, or another machine\n",
               r->busy * 100, plan->threads * 2);
    for (int i = 0; i < slos->count; i++) print_slo(&slos->items[i], r);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static vl_status write_plan(vl_buffer *b, const cli_load_plan *p)
{
    VL_TRY(vl_buffer_append_text(b, "{\"url\":"));
    VL_TRY(vl_json_write_string(b, vl_span_of(p->url)));
    VL_TRY(vl_buffer_printf(b, ",\"loop\":\"%s\",\"latency_from\":\"%s\",\"rate\":",
                            p->rate > 0 ? "open" : "closed", p->rate > 0 ? "due" : "sent"));
    if (p->rate > 0) VL_TRY(vl_json_write_number(b, p->rate));
    else VL_TRY(vl_buffer_append_text(b, "null"));
    return vl_buffer_printf(b, ",\"concurrency\":%d,\"threads\":%d,\"warmup_seconds\":%.3f",
                            p->concurrency, p->threads, p->warmup);
}

static vl_status write_latency(vl_buffer *b, const cli_load_histogram *h)
{
    VL_TRY(vl_buffer_append_text(b, ",\"latency_ms\":"));
    if (h->count == 0) return vl_buffer_append_text(b, "null");
    VL_TRY(vl_buffer_printf(b, "{\"min\":%.6f,\"mean\":%.6f", (double)h->min * 1e-6,
                            cli_load_histogram_mean(h) * 1e-6));
    for (int i = 0; i < QUANTILES; i++)
        VL_TRY(vl_buffer_printf(b, ",\"%s\":%.6f", quantiles[i].name,
                                (double)cli_load_histogram_quantile(h, quantiles[i].q) * 1e-6));
    return vl_buffer_printf(b, ",\"max\":%.6f}", (double)h->max * 1e-6);
}

/* The rows that people see. */
static vl_status write_histogram(vl_buffer *b, const cli_load_histogram *h)
{
    const char *comma = "";
    VL_TRY(vl_buffer_append_text(b, ",\"histogram\":["));
    for (uint64_t from = first_edge(h), to; h->count && from <= h->max; from = to, comma = ",") {
        to = next_edge(from);
        VL_TRY(vl_buffer_printf(b, "%s{\"from_ms\":%.6g,\"to_ms\":%.6g,\"count\":%llu}", comma,
                                (double)from * 1e-6, (double)to * 1e-6,
                                (unsigned long long)cli_load_histogram_between(h, from, to)));
    }
    return vl_buffer_append_byte(b, ']');
}

static vl_status write_errors(vl_buffer *b, const cli_load_result *r)
{
    const char *comma = "";
    VL_TRY(vl_buffer_printf(b, ",\"errors\":{\"total\":%lld", (long long)cli_load_errors(r)));
    for (int i = 0; i < CLI_LOAD_ERROR_KINDS; i++)
        VL_TRY(vl_buffer_printf(b, ",\"%s\":%lld", kinds[i].key, (long long)r->errors[i]));
    VL_TRY(vl_buffer_append_text(b, "},\"status\":{"));
    for (int i = 0; i < CLI_LOAD_STATUS_MAX; i++) {
        if (!r->status[i]) continue;
        VL_TRY(vl_buffer_printf(b, "%s\"%d\":%lld", comma, i, (long long)r->status[i]));
        comma = ",";
    }
    return vl_buffer_append_byte(b, '}');
}

static vl_status write_slos(vl_buffer *b, const cli_load_result *r, const cli_load_slos *slos)
{
    VL_TRY(vl_buffer_append_text(b, ",\"objectives\":["));
    for (int i = 0; i < slos->count; i++) {
        const cli_load_slo *s = &slos->items[i];
        VL_TRY(vl_buffer_append_text(b, i ? ",{\"objective\":" : "{\"objective\":"));
        VL_TRY(vl_json_write_string(b, s->text));
        VL_TRY(vl_buffer_append_text(b, ",\"value\":")); /* in seconds, requests, a share */
        VL_TRY(vl_json_write_number(b, cli_load_slo_value(s, r)));
        VL_TRY(vl_buffer_printf(b, ",\"met\":%s}", cli_load_slo_met(s, r) ? "true" : "false"));
    }
    return vl_buffer_append_byte(b, ']');
}

static vl_status write_result(vl_buffer *b, const cli_load_plan *plan, const cli_load_result *r,
                              const cli_load_slos *slos, bool interrupted)
{
    VL_TRY(write_plan(b, plan));
    VL_TRY(vl_buffer_printf(b,
                            ",\"requests\":%lld,\"ok\":%llu,\"seconds\":%.6f,\"throughput\":%.3f",
                            (long long)r->finished, (unsigned long long)r->latency.count,
                            r->seconds, cli_load_throughput(r)));
    VL_TRY(write_latency(b, &r->latency));
    VL_TRY(write_histogram(b, &r->latency));
    VL_TRY(write_errors(b, r));
    VL_TRY(vl_buffer_printf(b,
                            ",\"body_bytes\":{\"sent\":%lld,\"received\":%lld},\"connections\":%"
                            "lld,\"client_busy\":%.3f",
                            (long long)r->sent, (long long)r->received, (long long)r->connections,
                            r->busy));
    VL_TRY(write_slos(b, r, slos));
    return vl_buffer_printf(b, ",\"interrupted\":%s}\n", interrupted ? "true" : "false");
}

vl_status cli_load_print_json(const cli_load_plan *plan, const cli_load_result *r,
                              const cli_load_slos *slos, bool interrupted)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1 << 20);
    vl_status status = write_result(&b, plan, r, slos, interrupted);
    if (status == VALENCE_OK) fwrite(b.data, 1, b.len, stdout);
    vl_buffer_release(&b);
    return status;
}
