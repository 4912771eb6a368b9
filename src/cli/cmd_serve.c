/* cmd_serve.c: `valence serve`. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "serve/server.h"

static const char usage[] = "valence serve [-m MODEL]... [--port N]";
static const char about[] =
    "Answers over HTTP: POST /predict {\"text\":\"I loved it\"}. Ends on SIGTERM when all is answered.";

static void tell(void *user, const char *where)
{
    (void)user;
    fprintf(stderr, "valence: listening on %s\n", where);
}

int cmd_serve(int argc, char **argv)
{
    vl_server_options o = vl_server_defaults();
    cli_list models = {0};
    int64_t port = o.port, threads = 0;
    const cli_option table[] = {
        {CLI_LIST, "model", 'm', "MODEL", "a model file or a shipped model's name; may be given often (general)", &models},
        {CLI_TEXT, "host", 0, "IP", "address to listen on (127.0.0.1)", &o.host},
        {CLI_INTEGER, "port", 'p', "N", "port to listen on; 0: any free one (8080)", &port},
        {CLI_TEXT, "socket", 0, "PATH", "a Unix socket to listen on besides", &o.local},
        {CLI_INTEGER, "threads", 't', "N", "event loops (one per processor)", &threads},
        {CLI_REAL, "grace", 0, "SECONDS", "after SIGTERM: not ready, but serving (5)", &o.grace_seconds},
        {CLI_REAL, "drain", 0, "SECONDS", "then: longest wait for answers still owed (20)", &o.drain_seconds},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    valence_error error = {0};
    int first = cli_parse(argc, argv, usage, about, table);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first < argc) return cli_usage("serve", "unexpected argument '%s'", argv[first]);
    if (port < 0 || port > 65535) return cli_usage("serve", "--port needs 0 to 65535");
    if (threads < 0 || threads > 256) return cli_usage("serve", "--threads needs 0 to 256");
    static const char *const usual[] = {"general"};
    o.port = (int)port;
    o.threads = (int)threads;
    o.models = models.count ? models.items : usual;
    o.model_count = models.count ? models.count : 1;
    o.listening = tell;
    return vl_server_run(&o, &error) == VALENCE_OK ? CLI_OK : cli_fail("%s", error.message);
}
