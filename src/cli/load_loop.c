/* load_loop.c: a connection is a slot: an easy handle that is used again and again. Free slots are
 * on a stack; start_due() sends with them what is due; libcurl says on which sockets to wait and
 * until when; take_finished() counts and puts slots back. */
#include "cli/load_loop.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* After a refused connection a closed loop would try again at once, thousands of times a second. */
static const double after_refusal = 0.01;
static const double longest_wait = 0.1; /* so that *stop is seen */

enum { EVENTS = 256 };

typedef struct slot {
    CURL *easy;
    double since; /* from when its latency counts */
    size_t bytes; /* of the body on its way */
    bool measured;
    struct slot *next; /* on a stack */
} slot;

struct cli_load_loop {
    const cli_load_plan *plan;
    const cli_load_curl *curl;
    int index;
    CURLM *multi;
    int epoll;
    struct curl_slist *headers;
    slot *slots, *free, *held; /* (slot_count); held: refused a moment ago */
    int slot_count, in_flight;
    double rate;       /* of this thread; 0: closed loop */
    int64_t quota;     /* measured requests still to start; INT64_MAX: no such limit */
    int64_t scheduled; /* open loop: how many were due so far */
    size_t next_text;
    double start, warm, end;     /* end: INFINITY if requests are counted */
    double timer_at, release_at; /* libcurl's timer; when held slots are free. INFINITY: none */
    double busy_at_warm;         /* below zero: still warming up */
    int64_t received;
    bool failed;
    atomic_llong finished;
    cli_load_result result;
};

/* ---- Requests -------------------------------------------------------------------------------- */

static size_t count_bytes(char *bytes, size_t one, size_t count, void *received)
{
    (void)bytes;
    *(int64_t *)received += (int64_t)(one * count);
    return one * count;
}

void cli_load_prepare(const cli_load_plan *plan, CURL *easy, struct curl_slist *headers,
                      int64_t *received)
{
    const cli_load_curl *c = plan->curl;
    c->setopt(easy, CURLOPT_URL, plan->url);
    c->setopt(easy, CURLOPT_POST, 1L);
    c->setopt(easy, CURLOPT_HTTPHEADER, headers);
    c->setopt(easy, CURLOPT_NOSIGNAL, 1L);
    c->setopt(easy, CURLOPT_TIMEOUT_MS, (long)ceil(plan->timeout * 1e3));
    c->setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes);
    c->setopt(easy, CURLOPT_WRITEDATA, received);
    c->setopt(easy, CURLOPT_HTTP_VERSION,
              plan->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    c->setopt(easy, CURLOPT_PROXY, ""); /* what a proxy costs is another question */
    if (plan->http2) c->setopt(easy, CURLOPT_PIPEWAIT, 1L);
    if (plan->socket) c->setopt(easy, CURLOPT_UNIX_SOCKET_PATH, plan->socket);
    if (plan->insecure) {
        c->setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        c->setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

void cli_load_body(const cli_load_plan *plan, CURL *easy, vl_span body)
{
    plan->curl->setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
    plan->curl->setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
}

static void push(slot **stack, slot *s)
{
    s->next = *stack;
    *stack = s;
}

static slot *pop(slot **stack)
{
    slot *s = *stack;
    *stack = s->next;
    return s;
}

static void send_next(cli_load_loop *l, double since)
{
    slot *s = pop(&l->free);
    size_t count = cli_load_texts_count(l->plan->texts);
    vl_span body = cli_load_texts_body(l->plan->texts, l->next_text);
    l->next_text = (l->next_text + (size_t)l->plan->threads) % count;
    s->since = since;
    s->bytes = body.len;
    s->measured = since >= l->warm;
    if (s->measured && l->quota != INT64_MAX) l->quota--;
    cli_load_body(l->plan, s->easy, body);
    if (l->curl->multi_add(l->multi, s->easy) == CURLM_OK) l->in_flight++;
    else l->failed = true;
}

/* When the next request of an open loop is due: the threads take turns. */
static double next_due(const cli_load_loop *l)
{
    double turn = l->index / (l->rate * l->plan->threads);
    return l->start + turn + (double)l->scheduled / l->rate;
}

static bool is_due(const cli_load_loop *l, double at)
{
    return at < l->end && l->quota > 0;
}

static void start_due(cli_load_loop *l, double now)
{
    while (now >= l->release_at && l->held) push(&l->free, pop(&l->held));
    if (!l->held) l->release_at = INFINITY;
    while (l->free && !l->failed) {
        double at = l->rate > 0 ? next_due(l) : now;
        if (at > now || !is_due(l, at)) return;
        l->scheduled++;
        send_next(l, at);
        if (l->rate == 0) now = vl_clock_seconds();
    }
}

/* ---- Answers --------------------------------------------------------------------------------- */

static cli_load_error kind_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return CLI_LOAD_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return CLI_LOAD_CONNECT;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return CLI_LOAD_BROKEN;
    default:
        return CLI_LOAD_OTHER;
    }
}

static void count_answer(cli_load_loop *l, const slot *s, CURLcode code, double now)
{
    cli_load_result *r = &l->result;
    long status = 0;
    r->finished++;
    r->seconds = now - l->warm;
    r->sent += (int64_t)s->bytes;
    if (code != CURLE_OK) {
        r->errors[kind_of(code)]++;
        if (!*r->example) snprintf(r->example, sizeof r->example, "%s", l->curl->sentence(code));
        return;
    }
    l->curl->getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status[status >= 0 && status < CLI_LOAD_STATUS_MAX ? status : 0]++;
    if (status >= 200 && status < 300)
        cli_load_histogram_record(&r->latency, (uint64_t)((now - s->since) * 1e9));
}

/* A request that meets a connection which the server has just closed is sent again by libcurl on a
 * new one: no error, but one more connection opened. */
static void finish(cli_load_loop *l, CURL *easy, CURLcode code)
{
    slot *s;
    long opened = 0;
    l->curl->getinfo(easy, CURLINFO_PRIVATE, (char **)(void *)&s);
    l->curl->getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
    if (code == CURLE_OK) l->result.connections += opened;
    if (s->measured) count_answer(l, s, code, vl_clock_seconds());
    atomic_fetch_add_explicit(&l->finished, 1, memory_order_relaxed);
    l->curl->multi_remove(l->multi, easy);
    l->in_flight--;
    if (code != CURLE_OK && l->rate == 0 && kind_of(code) == CLI_LOAD_CONNECT) {
        if (!l->held) l->release_at = vl_clock_seconds() + after_refusal;
        push(&l->held, s);
        return;
    }
    push(&l->free, s);
}

static void take_finished(cli_load_loop *l)
{
    int left;
    for (CURLMsg *m; (m = l->curl->info_read(l->multi, &left)) != NULL;)
        if (m->msg == CURLMSG_DONE) finish(l, m->easy_handle, m->data.result); /* m dies in there */
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* libcurl asks us to watch a socket. known: we set it to l when we first saw it. */
static int watch(CURL *easy, curl_socket_t socket, int what, void *user, void *known)
{
    (void)easy;
    cli_load_loop *l = user;
    struct epoll_event e = {.data.fd = socket};
    if (what & CURL_POLL_IN) e.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) e.events |= EPOLLOUT;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, socket, &e);
        return 0;
    }
    int first = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
        second = known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(l->epoll, first, socket, &e) != 0 && epoll_ctl(l->epoll, second, socket, &e) != 0)
        l->failed = true;
    if (!known) l->curl->multi_assign(l->multi, socket, l);
    return 0;
}

static int set_timer(CURLM *multi, long ms, void *user)
{
    (void)multi;
    cli_load_loop *l = user;
    l->timer_at = ms < 0 ? INFINITY : vl_clock_seconds() + (double)ms * 1e-3;
    return 0;
}

static double time_to_wait(const cli_load_loop *l, double now)
{
    double until = fmin(fmin(l->timer_at, l->release_at), now + longest_wait);
    if (l->rate > 0 && l->free) until = fmin(until, next_due(l));
    return fmax(until - now, 0);
}

/* epoll_wait knows milliseconds only; an open loop at 5000 a second needs finer ones. */
static int wait_events(cli_load_loop *l, struct epoll_event *events)
{
    double seconds = time_to_wait(l, vl_clock_seconds());
    if (seconds > 0) {
        struct pollfd p = {.fd = l->epoll, .events = POLLIN};
        struct timespec t = {.tv_nsec = (long)(fmin(seconds, longest_wait) * 1e9)};
        ppoll(&p, 1, &t, NULL);
    }
    return epoll_wait(l->epoll, events, EVENTS, 0);
}

static void step(cli_load_loop *l)
{
    struct epoll_event events[EVENTS];
    int running, count = wait_events(l, events);
    for (int i = 0; i < count; i++) {
        int what = 0;
        if (events[i].events & EPOLLIN) what |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT) what |= CURL_CSELECT_OUT;
        if (events[i].events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
        l->curl->socket_action(l->multi, events[i].data.fd, what, &running);
    }
    if (vl_clock_seconds() < l->timer_at) return;
    l->timer_at = INFINITY;
    l->curl->socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* ---- The run --------------------------------------------------------------------------------- */

static double cpu_seconds(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_THREAD, &u) != 0) return 0;
    double micros = (double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec;
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec + micros * 1e-6;
}

/* For which this thread computed or could have, had a processor been free (proc(5), schedstat). */
static double busy_seconds(void)
{
    double computed, queued;
    FILE *f = fopen("/proc/thread-self/schedstat", "re");
    int found = f ? fscanf(f, "%lf %lf", &computed, &queued) : 0;
    if (f) fclose(f);
    return found == 2 ? (computed + queued) * 1e-9 : cpu_seconds();
}

static void end_warmup(cli_load_loop *l)
{
    l->busy_at_warm = busy_seconds();
    l->received = 0;
}

static bool has_more(const cli_load_loop *l, double now)
{
    return l->in_flight > 0 || is_due(l, l->rate > 0 ? next_due(l) : now);
}

/* Of an open loop that ends while it is behind: what should have been sent by now. With a
 * connection free it is not behind. */
static int64_t count_unsent(const cli_load_loop *l, double now)
{
    if (l->rate == 0 || l->free) return 0;
    double until = fmin(now, l->end), from = fmax(next_due(l), l->warm);
    return until > from ? (int64_t)ceil((until - from) * l->rate) : 0;
}

/* Throughput is of the whole time, not only up to the last answer, unless requests were counted. */
static void finish_run(cli_load_loop *l, int64_t unsent)
{
    cli_load_result *r = &l->result;
    double now = vl_clock_seconds(), whole = fmin(now, l->end) - l->warm;
    bool counted = isinf(l->end) && l->quota == 0;
    if (!counted) r->seconds = fmax(r->seconds, whole);
    r->errors[CLI_LOAD_UNSENT] = unsent;
    r->received = l->received;
    if (l->busy_at_warm >= 0 && now > l->warm)
        r->busy = (busy_seconds() - l->busy_at_warm) / (now - l->warm);
}

void cli_load_loop_run(cli_load_loop *l, double start)
{
    const cli_load_plan *p = l->plan;
    int64_t unsent = 0;
    bool ended = false;
    prctl(PR_SET_TIMERSLACK, 1000UL); /* 1 us instead of 50 */
    l->start = start;
    l->warm = start + p->warmup;
    l->end = p->requests ? INFINITY : l->warm + p->duration;
    for (double now = start; !l->failed && !atomic_load_explicit(p->stop, memory_order_relaxed);) {
        if (l->busy_at_warm < 0 && now >= l->warm) end_warmup(l);
        start_due(l, now);
        if (!ended && now >= l->end) {
            unsent = count_unsent(l, now);
            ended = true;
            l->quota = 0;
        }
        if (!has_more(l, now)) break;
        step(l);
        take_finished(l);
        now = vl_clock_seconds();
    }
    if (!ended) unsent = count_unsent(l, vl_clock_seconds());
    finish_run(l, unsent);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* The index-th part of total, the first ones larger by one. */
static int64_t part_of(int64_t total, int index, int parts)
{
    return total / parts + (index < total % parts);
}

static vl_status open_slots(cli_load_loop *l, valence_error *error)
{
    int count = (int)part_of(l->plan->concurrency, l->index, l->plan->threads);
    l->slots = vl_alloc_zero(VL_MEM_BATCH, (size_t)count * sizeof *l->slots);
    if (!l->slots) return vl_fail_memory(error, (size_t)count * sizeof *l->slots, "connections");
    for (; l->slot_count < count; l->slot_count++) {
        slot *s = &l->slots[l->slot_count];
        s->easy = l->curl->easy_init();
        if (!s->easy) return vl_fail_memory(error, sizeof *s, "a connection");
        cli_load_prepare(l->plan, s->easy, l->headers, &l->received);
        l->curl->setopt(s->easy, CURLOPT_PRIVATE, s);
        push(&l->free, s);
    }
    return VALENCE_OK;
}

static vl_status open_multi(cli_load_loop *l, valence_error *error)
{
    const cli_load_curl *c = l->curl;
    l->multi = c->multi_init();
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->headers = c->slist_append(NULL, "Content-Type: application/json");
    if (l->headers) l->headers = c->slist_append(l->headers, "Expect:"); /* no waiting for 100 */
    if (!l->multi || !l->headers) return vl_fail_memory(error, sizeof *l, "libcurl");
    if (l->epoll < 0) return vl_fail(error, VALENCE_IO, "cannot wait for connections");
    c->multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, watch);
    c->multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
    c->multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    c->multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
    c->multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)l->plan->concurrency);
    return open_slots(l, error);
}

vl_status cli_load_loop_open(cli_load_loop **out, const cli_load_plan *plan, int index,
                             valence_error *error)
{
    cli_load_loop *l = vl_alloc_zero(VL_MEM_BATCH, sizeof *l);
    if (!l) return vl_fail_memory(error, sizeof *l, "a thread's load");
    l->plan = plan;
    l->curl = plan->curl;
    l->index = index;
    l->epoll = -1;
    l->rate = plan->rate / plan->threads;
    l->quota = plan->requests ? part_of(plan->requests, index, plan->threads) : INT64_MAX;
    l->next_text = (size_t)index % cli_load_texts_count(plan->texts);
    l->timer_at = l->release_at = INFINITY;
    l->busy_at_warm = -1;
    vl_status status = open_multi(l, error);
    if (status == VALENCE_OK) *out = l;
    else cli_load_loop_close(l);
    return status;
}

void cli_load_loop_close(cli_load_loop *l)
{
    if (!l) return;
    for (int i = 0; i < l->slot_count; i++) {
        l->curl->multi_remove(l->multi,
                              l->slots[i].easy); /* one that is on its way is broken off */
        l->curl->easy_cleanup(l->slots[i].easy);
    }
    if (l->multi) l->curl->multi_cleanup(l->multi);
    l->curl->slist_free(l->headers);
    if (l->epoll >= 0) close(l->epoll);
    vl_free(l->slots);
    vl_free(l);
}

int64_t cli_load_loop_finished(const cli_load_loop *l)
{
    return atomic_load_explicit(&l->finished, memory_order_relaxed);
}

vl_status cli_load_loop_result(const cli_load_loop *l, const cli_load_result **out,
                               valence_error *error)
{
    *out = &l->result;
    if (!l->failed) return VALENCE_OK;
    return vl_fail(error, VALENCE_IO,
                   "cannot add a connection to %d: use less or raise 'ulimit -n'",
                   l->plan->concurrency);
}
