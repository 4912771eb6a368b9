/* cmd_serve.c: `valence serve`. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/quantities.h"
#include "serve/server.h"

static const char usage[] = "valence serve [-m MODEL]... [--port N]";
static const char about[] =
    "Answers over HTTP: POST /predict {\"text\":\"I loved it\"}. Ends on SIGTERM when all is answered.\n"
    "SIGHUP, or a model file replaced by rename, loads models again without a pause.";

enum { CONNECTIONS_MAX = 1000000, CACHE_ENTRIES_MAX = 100000000, WORKERS_MAX = 256, QUEUE_MAX = 1000000 };

static vl_status take_body(vl_limits *limits, const char *text, valence_error *error)
{
    double bytes;
    VL_TRY(cli_parse_bytes(&bytes, text, error));
    if (bytes > 1 << 30) return vl_fail(error, VALENCE_ARGUMENT, "needs 1GiB or less");
    limits->body_bytes = (size_t)bytes;
    return VALENCE_OK;
}

/* What of the front the command line gives as text or integers. */
typedef struct front_words {
    int64_t entries;
    const char *bytes;
    cli_list origins;
} front_words;

static vl_status take_front(vl_front_options *o, const front_words *w, valence_error *error)
{
    double bytes = (double)o->cache.bytes;
    if (w->entries < 0 || w->entries > CACHE_ENTRIES_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "--cache-size needs 0 to %d", CACHE_ENTRIES_MAX);
    if (!(o->cache.seconds >= 0)) return vl_fail(error, VALENCE_ARGUMENT, "--cache-ttl needs 0 or more");
    if (w->bytes && cli_parse_bytes(&bytes, w->bytes, error) != VALENCE_OK)
        return vl_fail(error, VALENCE_ARGUMENT, "--cache-bytes needs an amount of memory: 16MB");
    if (bytes > (double)((uint64_t)1 << 40)) return vl_fail(error, VALENCE_ARGUMENT, "--cache-bytes needs 1024GiB or less");
    o->cache.entries = (size_t)w->entries;
    o->cache.bytes = (size_t)bytes;
    o->cors = (vl_cors){w->origins.items, w->origins.count};
    return VALENCE_OK;
}

/* And of the queue of slow models. */
typedef struct queue_words {
    int64_t workers, tokens, texts, size;
    const char *wait;
} queue_words;

static queue_words queue_words_of(const vl_queue_options *o)
{
    return (queue_words){.workers = o->workers, .tokens = o->batch_tokens, .texts = o->batch_texts, .size = o->size};
}

static vl_status take_queue(vl_queue_options *o, const queue_words *w, valence_error *error)
{
    if (w->workers < 0 || w->workers > WORKERS_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "--workers needs 0 to %d", WORKERS_MAX);
    if (w->tokens < 1 || w->tokens > INT32_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "--batch-tokens needs 1 to %d", INT32_MAX);
    if (w->texts < 1 || w->texts > QUEUE_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "--batch-texts needs 1 to %d", QUEUE_MAX);
    if (w->size < 1 || w->size > QUEUE_MAX)
        return vl_fail(error, VALENCE_ARGUMENT, "--queue-size needs 1 to %d", QUEUE_MAX);
    if (w->wait && strcmp(w->wait, "0") != 0 && cli_parse_duration(&o->wait_seconds, w->wait, error) != VALENCE_OK)
        return vl_fail(error, VALENCE_ARGUMENT, "--batch-wait needs a duration: 2ms");
    if (o->wait_seconds > 60) return vl_fail(error, VALENCE_ARGUMENT, "--batch-wait needs 60s or less");
    o->workers = (int)w->workers;
    o->batch_tokens = w->tokens;
    o->batch_texts = (int)w->texts;
    o->size = (int)w->size;
    return VALENCE_OK;
}

static void say(void *user, vl_log_level level, const char *message)
{
    (void)user;
    if (level == VL_LOG_WARNING) fprintf(stderr, "valence: warning: %s\n", message);
    if (level == VL_LOG_INFO) fprintf(stderr, "valence: %s\n", message);
}

static void tell(void *user, const char *where)
{
    (void)user;
    fprintf(stderr, "valence: listening on %s\n", where);
}

int cmd_serve(int argc, char **argv)
{
    return cli_serve(argc, argv, &vl_predictor_usual);
}

int cli_serve(int argc, char **argv, const vl_predictor *predictor)
{
    vl_server_options o = vl_server_defaults();
    cli_list models = {0};
    int64_t port = o.port, threads = 0, connections = o.limits.connections;
    const char *body = NULL;
    front_words front = {.entries = (int64_t)o.front.cache.entries};
    queue_words queue = queue_words_of(&o.queue);
    const cli_option table[] = {
        {CLI_LIST, "model", 'm', "MODEL", "a model file or a shipped model's name; may be given often (general)", &models},
        {CLI_TEXT, "host", 0, "IP", "address to listen on (127.0.0.1)", &o.host},
        {CLI_INTEGER, "port", 'p', "N", "port to listen on; 0: any free one (8080)", &port},
        {CLI_TEXT, "socket", 0, "PATH", "a Unix socket to listen on besides", &o.local},
        {CLI_INTEGER, "threads", 't', "N", "event loops (one per processor)", &threads},
        {CLI_REAL, "grace", 0, "SECONDS", "after SIGTERM: not ready, but serving (5)", &o.grace_seconds},
        {CLI_REAL, "drain", 0, "SECONDS", "then: longest wait for answers still owed (20)", &o.drain_seconds},
        {CLI_TEXT, "max-body", 0, "SIZE", "largest body of a request: 413 past it (10MiB)", &body},
        {CLI_INTEGER, "max-connections", 0, "N", "clients at a time; more are closed at once (20000)", &connections},
        {CLI_REAL, "request-timeout", 0, "SECONDS", "from a request's first byte to its last (30)", &o.limits.request_seconds},
        {CLI_REAL, "idle-timeout", 0, "SECONDS", "between requests on a connection (75)", &o.limits.idle_seconds},
        {CLI_INTEGER, "cache-size", 0, "N", "answers kept for requests that come again; 0: none (1000)", &front.entries},
        {CLI_REAL, "cache-ttl", 0, "SECONDS", "how long an answer is kept; 0: as long as there is room (300)", &o.front.cache.seconds},
        {CLI_TEXT, "cache-bytes", 0, "SIZE", "most memory for them (16MiB)", &front.bytes},
        {CLI_TEXT, "api-key-file", 0, "FILE", "one key per line; requests need one: Authorization: Bearer KEY", &o.front.key_file},
        {CLI_FLAG, "metrics-open", 0, NULL, "GET /metrics needs no key", &o.front.metrics_open},
        {CLI_LIST, "cors-origin", 0, "ORIGIN", "a site whose pages may ask, or *; may be given often", &front.origins},
        {CLI_TEXT, "access-log", 0, "json|text", "one line per request, without its text", &o.front.access_log},
        {CLI_TEXT, "access-log-file", 0, "FILE", "where they go (stderr)", &o.front.access_file},
        {CLI_INTEGER, "workers", 0, "N", "threads that answer for each slow model (one per processor, at most 8)", &queue.workers},
        {CLI_INTEGER, "batch-tokens", 0, "N", "most tokens of the texts that a worker answers together (2048)", &queue.tokens},
        {CLI_INTEGER, "batch-texts", 0, "N", "most texts that it answers together (64)", &queue.texts},
        {CLI_TEXT, "batch-wait", 0, "DURATION", "how long a text waits for others while a worker is idle: 2ms (0)", &queue.wait},
        {CLI_INTEGER, "queue-size", 0, "N", "texts that may wait for a slow model: 429 past it (1024)", &queue.size},
        {CLI_FLAG, "admin", 0, NULL, "clients may POST /models/NAME/load and /unload (see --api-key-file)", &o.admin},
        {CLI_TEXT, "model-dir", 0, "DIR", "where models are that they may load, by name", &o.folder},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    valence_error error = {0};
    int first = cli_parse(argc, argv, usage, about, table);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first < argc) return cli_usage("serve", "unexpected argument '%s'", argv[first]);
    if (port < 0 || port > 65535) return cli_usage("serve", "--port needs 0 to 65535");
    if (threads < 0 || threads > 256) return cli_usage("serve", "--threads needs 0 to 256");
    if (connections < 1 || connections > CONNECTIONS_MAX)
        return cli_usage("serve", "--max-connections needs 1 to %d", CONNECTIONS_MAX);
    if (!(o.grace_seconds >= 0 && o.drain_seconds >= 0)) return cli_usage("serve", "--grace and --drain need 0 or more");
    if (!(o.limits.request_seconds > 0 && o.limits.idle_seconds > 0))
        return cli_usage("serve", "--request-timeout and --idle-timeout need more than 0");
    if (body && take_body(&o.limits, body, &error) != VALENCE_OK) return cli_usage("serve", "--max-body %s", error.message);
    o.limits.connections = (int)connections;
    if (take_front(&o.front, &front, &error) != VALENCE_OK) return cli_usage("serve", "%s", error.message);
    if (take_queue(&o.queue, &queue, &error) != VALENCE_OK) return cli_usage("serve", "%s", error.message);
    if (o.admin != (o.folder != NULL)) return cli_usage("serve", "--admin and --model-dir go together");
    static const char *const usual[] = {"general"};
    o.port = (int)port;
    o.threads = (int)threads;
    o.models = models.count ? models.items : usual;
    o.model_count = models.count ? models.count : 1;
    o.predictor = predictor;
    o.listening = tell;
    vl_log_listen(say, NULL);
    if (o.admin && !o.front.key_file)
        vl_log(VL_LOG_WARNING, "--admin without --api-key-file: whoever can connect may load and unload models");
    return vl_server_run(&o, &error) == VALENCE_OK ? CLI_OK : cli_fail("%s", error.message);
}
