/* server.c: threads, listeners, signals. Models are the keeper's (model_keeper.c).
 *
 * Each loop has its own TCP listener on the same address (SO_REUSEPORT: the kernel deals clients out);
 * a Unix socket, which cannot be shared that way, belongs to the first loop. SIGTERM: ready says no,
 * all else goes on for grace_seconds, so that balancers notice; then no new clients, idle ones are
 * closed, each answer is a connection's last, and after drain_seconds the rest is cut. A second
 * SIGTERM ends it now. */
#include "serve/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "serve/connection.h"
#include "serve/publish.h"
#include "serve/service.h"

enum { LOOPS_MAX = 256, BACKLOG = 4096, TICK_MS = 100 };

typedef enum phase { STARTING, SERVING, LEAVING, DRAINING, STOPPED } phase;

struct vl_server {
    vl_server_options options;
    vl_model_keeper *keeper;
    vl_loop *loops; /* (count) */
    pthread_t threads[LOOPS_MAX];
    int count, started;
    int port;
    _Atomic int phase, connections, refused;
    vl_front front;
    double since; /* when the phase began; first loop only */
    uv_signal_t term, interrupt, hangup;
};

vl_server_options vl_server_defaults(void)
{
    return (vl_server_options){.host = "127.0.0.1", .port = 8080, .limits = vl_limits_defaults(),
                               .front = {.cache = vl_cache_defaults()},
                               .queue = vl_queue_defaults(), .predictor = &vl_predictor_usual,
                               .grace_seconds = 5, .drain_seconds = 20};
}

const vl_predictor *vl_server_predictor(const vl_server *s)
{
    return s->options.predictor;
}

vl_model_keeper *vl_server_keeper(const vl_server *s)
{
    return s->keeper;
}

bool vl_server_admin(const vl_server *s)
{
    return s->options.admin;
}

bool vl_server_ready(const vl_server *s)
{
    return atomic_load(&s->phase) == SERVING;
}

/* ---- A loop ---------------------------------------------------------------------------------- */

static void renew_date(vl_loop *l)
{
    struct tm utc;
    time_t now = time(NULL);
    strftime(l->date, sizeof l->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&now, &utc));
}

static void close_handle(uv_handle_t *h, void *unused)
{
    (void)unused;
    if (!uv_is_closing(h)) uv_close(h, NULL);
}

static void stop_listening(vl_loop *l)
{
    if (l->has_tcp && !uv_is_closing((uv_handle_t *)&l->tcp)) uv_close((uv_handle_t *)&l->tcp, NULL);
    if (l->has_local && !uv_is_closing((uv_handle_t *)&l->local)) uv_close((uv_handle_t *)&l->local, NULL);
}

/* The first loop moves the server on from phase to phase. */
static void advance(vl_server *s, double now)
{
    int at = atomic_load(&s->phase);
    if (at == LEAVING && now - s->since >= s->options.grace_seconds) {
        atomic_store(&s->phase, DRAINING);
        s->since = now;
    } else if (at == DRAINING) {
        bool idle = atomic_load(&s->connections) == 0;
        for (int i = 0; i < s->count; i++) idle = idle && s->loops[i].draining;
        if (idle || now - s->since >= s->options.drain_seconds) atomic_store(&s->phase, STOPPED);
    }
}

static void tick(uv_timer_t *timer)
{
    vl_loop *l = timer->data;
    vl_server *s = l->server;
    l->now = vl_clock_seconds();
    renew_date(l);
    if (l == s->loops) advance(s, l->now);
    int at = atomic_load(&s->phase);
    if (at >= DRAINING && !l->draining) {
        stop_listening(l);
        vl_connections_drain(l);
    }
    vl_connections_sweep(l);
    vl_loop_run_later(l);
    if (at != STOPPED) return;
    vl_connections_close_all(l);
    vl_loop_end_posts(l);
    uv_walk(&l->uv, close_handle, NULL);
}

static void woken(uv_async_t *handle)
{
    tick(&((vl_loop *)handle->data)->timer);
}

static void on_client(uv_stream_t *listener, int status)
{
    vl_loop *l = listener->data;
    if (status < 0) return;
    l->now = vl_clock_seconds();
    vl_connection_accept(l, listener);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static vl_status fail_uv(int code, const char *what, const char *which, valence_error *error)
{
    return vl_fail(error, VALENCE_IO, "cannot %s '%.200s': %s", what, which, uv_strerror(code));
}

static int share_port(vl_loop *l)
{
    uv_os_fd_t fd;
    int yes = 1, code = uv_fileno((uv_handle_t *)&l->tcp, &fd);
    if (code == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) code = UV_EINVAL;
    return code;
}

static int port_of(const vl_loop *l)
{
    struct sockaddr_storage a;
    int len = sizeof a;
    if (uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&a, &len) != 0) return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&a)->sin6_port
                                         : ((struct sockaddr_in *)(void *)&a)->sin_port);
}

/* The first loop binds alone, so that a port another server has is an error; the others join it. */
static int bind_shared(vl_loop *l, const struct sockaddr *address)
{
    bool first = l == l->server->loops;
    int code = uv_tcp_init_ex(&l->uv, &l->tcp, address->sa_family);
    l->has_tcp = code == 0;
    l->tcp.data = l;
    if (code == 0 && !first) code = share_port(l);
    if (code == 0) code = uv_tcp_bind(&l->tcp, address, 0);
    if (code == 0 && first) code = share_port(l);
    return code;
}

/* "127.0.0.1:8080", "[::1]:8080" */
static void write_address(char *out, size_t size, const char *host, int port)
{
    bool v6 = strchr(host, ':') != NULL;
    snprintf(out, size, "%s%.100s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static vl_status listen_tcp(vl_loop *l, valence_error *error)
{
    vl_server *s = l->server;
    struct sockaddr_storage address;
    int port = s->port ? s->port : s->options.port;
    const char *host = s->options.host;
    int code = uv_ip4_addr(host, port, (struct sockaddr_in *)(void *)&address);
    if (code != 0) code = uv_ip6_addr(host, port, (struct sockaddr_in6 *)(void *)&address);
    if (code != 0) return vl_fail(error, VALENCE_ARGUMENT, "'%.100s' is no IP address", host);
    code = bind_shared(l, (const struct sockaddr *)&address);
    if (code == 0) code = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_client);
    char where[160];
    write_address(where, sizeof where, host, port);
    if (code != 0) return fail_uv(code, "listen on", where, error);
    s->port = port_of(l);
    return VALENCE_OK;
}

/* Removes a socket that a killed server left: one that nobody answers at. Any other file stays, and
 * makes binding fail. */
static void remove_stale(const char *path, const struct sockaddr_un *address)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode)) return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED) unlink(path);
    close(fd);
}

static vl_status listen_local(vl_loop *l, const char *path, valence_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return vl_fail(error, VALENCE_ARGUMENT, "cannot listen on '%.200s': longer than %zu bytes", path,
                       sizeof address.sun_path - 1);
    strcpy(address.sun_path, path);
    remove_stale(path, &address);
    uv_pipe_init(&l->uv, &l->local, 0);
    l->has_local = true;
    l->local.data = l;
    int code = uv_pipe_bind(&l->local, path);
    if (code == 0) code = uv_listen((uv_stream_t *)&l->local, BACKLOG, on_client);
    return code == 0 ? VALENCE_OK : fail_uv(code, "listen on", path, error);
}

/* Ids of requests need not be secret, but those of two servers should differ. */
static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) return seed;
    return (uint64_t)time(NULL) << 32 ^ (uint64_t)getpid();
}

static vl_status open_service(vl_server *s, vl_loop *l, valence_error *error)
{
    vl_view *view;
    vl_service *service;
    VL_TRY(vl_view_open(&view, vl_keeper_set(s->keeper), error));
    vl_status status = vl_service_open(&service, s, view, l->limits, &s->front, (int)(l - s->loops), error);
    if (status == VALENCE_OK) l->routes = service;
    else vl_view_release(view);
    return status;
}

static vl_status open_loop(vl_server *s, vl_loop *l, valence_error *error)
{
    l->server = s;
    l->limits = &s->options.limits;
    l->connection_count = &s->connections;
    l->refused_count = &s->refused;
    l->now = vl_clock_seconds();
    l->spare_head = l->spare_body = l->spare_answer = l->spare_out =
        (vl_buffer){.category = VL_MEM_REQUEST, .max = SIZE_MAX / 4};
    renew_date(l);
    l->read_buffer = vl_alloc(VL_MEM_REQUEST, VL_READ_BYTES);
    if (!l->read_buffer || uv_loop_init(&l->uv) != 0) {
        vl_free(l->read_buffer);
        return vl_fail_memory(error, VL_READ_BYTES, "a loop");
    }
    s->count++;
    uv_timer_init(&l->uv, &l->timer);
    uv_async_init(&l->uv, &l->wake, woken);
    vl_loop_open_posts(l);
    l->id_seed = random_seed();
    l->timer.data = l->wake.data = l;
    uv_timer_start(&l->timer, tick, TICK_MS, TICK_MS);
    VL_TRY(open_service(s, l, error));
    VL_TRY(listen_tcp(l, error));
    if (l == s->loops && s->options.local) return listen_local(l, s->options.local, error);
    return VALENCE_OK;
}

static void close_loop(vl_loop *l)
{
    vl_connections_close_all(l);
    vl_loop_end_posts(l);
    uv_walk(&l->uv, close_handle, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    vl_loop_close_posts(l);
    uv_loop_close(&l->uv);
    vl_service_close(l->routes);
    vl_buffer_release(&l->spare_head);
    vl_buffer_release(&l->spare_body);
    vl_buffer_release(&l->spare_answer);
    vl_buffer_release(&l->spare_out);
    vl_free(l->read_buffer);
}

static void *run_loop(void *loop)
{
    uv_run(&((vl_loop *)loop)->uv, UV_RUN_DEFAULT);
    return NULL;
}

/* ---- The server ------------------------------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int number)
{
    vl_server *s = handle->data;
    int at = atomic_load(&s->phase);
    s->since = vl_clock_seconds();
    if (at == SERVING && number == SIGTERM) atomic_store(&s->phase, LEAVING);
    else if (at == SERVING) atomic_store(&s->phase, DRAINING);
    else atomic_store(&s->phase, STOPPED);
    for (int i = 0; i < s->count; i++) uv_async_send(&s->loops[i].wake);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    (void)number;
    vl_keeper_reload(((vl_server *)handle->data)->keeper);
}

static void catch_signals(vl_server *s)
{
    uv_signal_init(&s->loops[0].uv, &s->term);
    uv_signal_init(&s->loops[0].uv, &s->interrupt);
    uv_signal_init(&s->loops[0].uv, &s->hangup);
    s->term.data = s->interrupt.data = s->hangup.data = s;
    uv_signal_start(&s->term, on_signal, SIGTERM);
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    uv_signal_start(&s->hangup, on_hangup, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
}

/* A connection is a descriptor, and 1024 is what shells give. What the system refuses is not an
 * error: clients past it are closed at once. */
static void raise_descriptors(const vl_server *s)
{
    struct rlimit now;
    rlim_t wanted = (rlim_t)s->options.limits.connections + 256;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= wanted) return;
    now.rlim_cur = now.rlim_max < wanted ? now.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &now);
}

static void loop_went_on(void *server)
{
    vl_keeper_switched(((vl_server *)server)->keeper);
}

static vl_status publish(void *server, vl_model_set *set, valence_error *error)
{
    vl_server *s = server;
    return vl_publish(s->loops, s->count, set, loop_went_on, s, error);
}

static vl_status open_keeper(vl_server *s, int loops, valence_error *error)
{
    const vl_server_options *o = &s->options;
    const vl_keeper_options k = {.models = o->models, .model_count = o->model_count, .folder = o->folder,
                                 .needs = {o->predictor, o->queue, s->front.metrics},
                                 .publish = publish, .loops = loops, .user = s};
    return vl_keeper_open(&s->keeper, &k, error);
}

static vl_status open_all(vl_server *s, int loops, valence_error *error)
{
    VL_TRY(vl_front_init(&s->front, &s->options.front, loops, error));
    VL_TRY(open_keeper(s, loops, error));
    s->loops = vl_alloc_zero(VL_MEM_REQUEST, (size_t)loops * sizeof *s->loops);
    if (!s->loops) return vl_fail_memory(error, (size_t)loops * sizeof *s->loops, "loops");
    for (int i = 0; i < loops; i++) VL_TRY(open_loop(s, &s->loops[i], error));
    catch_signals(s);
    return VALENCE_OK;
}

static void tell(const vl_server *s)
{
    char where[160] = "http://";
    write_address(where + 7, sizeof where - 7, s->options.host, s->port);
    if (s->options.listening) s->options.listening(s->options.user, where);
}

static vl_status serve(vl_server *s, valence_error *error)
{
    VL_TRY(vl_keeper_start(s->keeper, error));
    vl_status status = VALENCE_OK;
    atomic_store(&s->phase, SERVING);
    for (s->started = 1; s->started < s->count; s->started++)
        if (pthread_create(&s->threads[s->started], NULL, run_loop, &s->loops[s->started]) != 0) {
            status = vl_fail(error, VALENCE_IO, "cannot start thread %d", s->started + 1);
            atomic_store(&s->phase, STOPPED);
            break;
        }
    if (status == VALENCE_OK) tell(s);
    run_loop(&s->loops[0]);
    for (int i = 1; i < s->started; i++) pthread_join(s->threads[i], NULL);
    return status;
}

vl_status vl_server_run(const vl_server_options *options, valence_error *error)
{
    vl_server *s = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a server");
    s->options = *options;
    int loops = options->threads > 0 ? options->threads : vl_cpu_count();
    if (loops > LOOPS_MAX) loops = LOOPS_MAX;
    raise_descriptors(s);
    vl_status status = open_all(s, loops, error);
    if (status == VALENCE_OK) status = serve(s, error);
    vl_keeper_stop(s->keeper); /* it and the queues' workers post to loops */
    for (int i = 0; i < s->count; i++) close_loop(&s->loops[i]);
    vl_free(s->loops);
    vl_keeper_close(s->keeper);
    vl_front_release(&s->front);
    vl_free(s);
    return status;
}
