/* cmd_loadtest.c: `valence loadtest`: load on a running server, and what it makes of it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/load_report.h"
#include "cli/options.h"
#include "cli/progress.h"

static const char usage[] = "valence loadtest URL [-c CONNECTIONS] [--duration S] [--rate R]";
static const char about[] =
    "Sends texts to a running server and measures throughput, latency and errors. First comes one\n"
    "request to see that it is there. Without --rate each connection sends as soon as it has its\n"
    "answer; with it requests are due at fixed times, and latency counts from when they were due.\n"
    "Exit code 1 if an objective (--slo) is missed or nothing was answered.";

static const double default_seconds = 10, default_warmup = 1, longest = 86400;

typedef struct loadtest {
    const char *path, *texts, *column, *slo, *socket;
    int64_t requests, concurrency, threads;
    double duration, rate, warmup, timeout; /* duration, warmup below 0: not given */
    bool json, insecure, http2;
    char url[2048];
    cli_load_slos slos;
    cli_load_curl curl;
    cli_load_texts bodies;
    cli_load_plan plan;
    cli_progress progress;
} loadtest;

/* ---- Options --------------------------------------------------------------------------------- */

/* The path is appended to an URL that has none, or if it is asked for. */
static int make_url(loadtest *t, const char *url)
{
    const char *scheme = strstr(url, "://");
    if (scheme && strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return cli_usage("loadtest", "'%.100s' is no http:// or https:// address", url);
    const char *slash = strchr(scheme ? scheme + 3 : url, '/');
    bool append = t->path || !slash || !slash[1];
    const char *path = !append ? "" : t->path ? t->path : "/predict";
    size_t len = strlen(url);
    if (append)
        while (len > 0 && url[len - 1] == '/') len--;
    if (append && *path != '/')
        return cli_usage("loadtest", "--path must begin with '/', not '%.100s'", path);
    int needed = snprintf(t->url, sizeof t->url, "%s%.*s%s", scheme ? "" : "http://",
                          (int)(len < 4096 ? len : 4096), url, path);
    return (size_t)needed < sizeof t->url
               ? 0
               : cli_usage("loadtest", "the address is longer than 2047 bytes");
}

static int check(loadtest *t)
{
    valence_error error = {0};
    if (t->requests < 0) return cli_usage("loadtest", "--requests needs 1 or more");
    if (t->concurrency < 1 || t->concurrency > 50000)
        return cli_usage("loadtest", "--concurrency needs 1 to 50000");
    if (t->threads < 1 || t->threads > 256 || t->threads > t->concurrency)
        return cli_usage("loadtest", "--threads needs 1 to 256, and no more than connections");
    if (t->duration > longest || t->warmup > longest)
        return cli_usage("loadtest", "--duration and --warmup are at most a day");
    if (t->rate < 0 || t->rate > 1e7) return cli_usage("loadtest", "--rate needs 0 to 10000000");
    if (t->timeout <= 0 || t->timeout > longest)
        return cli_usage("loadtest", "--timeout needs more than 0 s");
    if (t->requests && t->duration >= 0)
        return cli_usage("loadtest", "--requests and --duration exclude each other");
    if (t->slo && cli_load_slos_parse(&t->slos, t->slo, &error) != VALENCE_OK)
        return cli_usage("loadtest", "--slo %s", error.message);
    return 0;
}

static void make_plan(loadtest *t)
{
    double warmup = t->requests ? 0 : default_warmup;
    t->plan = (cli_load_plan){.curl = &t->curl,
                              .texts = &t->bodies,
                              .url = t->url,
                              .socket = t->socket,
                              .threads = (int)t->threads,
                              .concurrency = (int)t->concurrency,
                              .rate = t->rate,
                              .requests = t->requests,
                              .duration = t->duration >= 0 ? t->duration : default_seconds,
                              .warmup = t->warmup >= 0 ? t->warmup : warmup,
                              .timeout = t->timeout,
                              .insecure = t->insecure,
                              .http2 = t->http2,
                              .stop = cli_interrupt_flag()};
}

/* ---- The run --------------------------------------------------------------------------------- */

static void show(void *user, int64_t finished, double seconds)
{
    loadtest *t = user;
    const cli_load_plan *p = &t->plan;
    double done = p->requests ? (double)finished : seconds;
    double total = p->requests ? (double)p->requests : p->warmup + p->duration;
    cli_progress_update(&t->progress, "loading", done, total, (uint64_t)finished, "requests");
}

/* Each connection is an open file. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static vl_status run(loadtest *t, cli_load_result *result, valence_error *error)
{
    VL_TRY(cli_load_texts_open(&t->bodies, t->texts, t->column, error));
    VL_TRY(cli_load_curl_open(&t->curl, error));
    VL_TRY(cli_load_probe(&t->plan, error));
    cli_interrupt_catch();
    cli_progress_start(&t->progress);
    vl_status status = cli_load_run(&t->plan, result, show, t, error);
    cli_progress_end(&t->progress);
    if (status == VALENCE_OK && t->json)
        status = cli_load_print_json(&t->plan, result, &t->slos, cli_interrupted());
    else if (status == VALENCE_OK) cli_load_print(&t->plan, result, &t->slos, cli_interrupted());
    return status;
}

/* What was missed is told on stderr too: scripts keep stdout for the figures. */
static int judge(const loadtest *t, const cli_load_result *r)
{
    int code = CLI_OK;
    if (r->latency.count == 0) code = cli_fail("no request was answered with 2xx");
    for (int i = 0; i < t->slos.count; i++) {
        const cli_load_slo *s = &t->slos.items[i];
        if (!cli_load_slo_met(s, r))
            code = cli_fail("objective missed: %.*s", (int)s->text.len, s->text.ptr);
    }
    return code;
}

static int load(loadtest *t)
{
    static cli_load_result result; /* 40 KB */
    valence_error error = {0};
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    make_plan(t);
    vl_status status = run(t, &result, &error);
    cli_load_texts_release(&t->bodies);
    cli_load_curl_close(&t->curl);
    if (status != VALENCE_OK) return cli_fail("%s", error.message);
    if (cli_interrupted()) {
        fflush(stdout);
        cli_interrupt_end();
    }
    return judge(t, &result);
}

int cmd_loadtest(int argc, char **argv)
{
    loadtest t = {.concurrency = 64, .threads = 1, .duration = -1, .warmup = -1, .timeout = 10};
    const cli_option table[] = {
        {CLI_INTEGER, "concurrency", 'c', "N", "connections (64)", &t.concurrency},
        {CLI_REAL, "duration", 'd', "SECONDS", "how long to measure (10)", &t.duration},
        {CLI_INTEGER, "requests", 'n', "N", "measure that many requests instead", &t.requests},
        {CLI_REAL, "rate", 'r', "R",
         "requests per second, due at fixed times whatever the server does", &t.rate},
        {CLI_REAL, "warmup", 0, "SECONDS",
         "load before, not measured: connections open then (1; with --requests 0)", &t.warmup},
        {CLI_INTEGER, "threads", 't', "N", "client threads that share the connections (1)",
         &t.threads},
        {CLI_REAL, "timeout", 0, "SECONDS", "per request (10)", &t.timeout},
        {CLI_TEXT, "texts", 'i', "FILE",
         "texts to send: CSV, TSV, JSONL or lines (some of our own)", &t.texts},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &t.column},
        {CLI_TEXT, "path", 0, "PATH",
         "path to POST {\"text\":\"..\"} to, if URL has none (/predict)", &t.path},
        {CLI_TEXT, "unix-socket", 0, "PATH", "connect through this Unix socket", &t.socket},
        {CLI_FLAG, "http2", 0, NULL,
         "HTTP/2 where an https server offers it; requests share connections", &t.http2},
        {CLI_FLAG, "insecure", 'k', NULL, "take any certificate", &t.insecure},
        {CLI_TEXT, "slo", 0, "LIST", "objectives: p99=10ms,max=1s,errors=0,rps=5000", &t.slo},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object", &t.json},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    int first = cli_parse(argc, argv, usage, about, table);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first + 1 != argc)
        return cli_usage("loadtest", "needs one URL, such as http://127.0.0.1:8080");
    int code = check(&t);
    if (code == 0) code = make_url(&t, argv[first]);
    return code ? code : load(&t);
}
