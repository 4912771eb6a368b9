/* fuzz_http.c: asserts that any bytes of a client, in any pieces, end in no crash; that every complete
 * request is answered exactly once and in order; that behind a refusal nothing is parsed; and that
 * the pieces do not matter. No sockets: what connection.c and routes.c do is done by stand-ins here.
 * The first byte chooses the pieces. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "fuzz_file.h"
#include "serve/connection_state.h"

enum { INPUT_MAX = 4096 }; /* below this the limit on chunk headers cannot depend on the pieces */

typedef struct conversation {
    vl_loop loop;
    vl_limits limits;
    _Atomic int connections;
    vl_connection connection;
    int asked, answered;   /* by the routes below */
    bool refused;          /* the last answer was not theirs */
    size_t good;           /* bytes of answers before it */
    uint64_t streamed;     /* hash of a streaming request's body */
} conversation;

static conversation *now;

/* ---- Stand-ins ------------------------------------------------------------------------------- */

void vl_connection_close(vl_connection *c)
{
    (void)c;
    REQUIRE(!"closed by the parser");
}

void vl_connection_break(vl_connection *c)
{
    (void)c;
    REQUIRE(!"out of memory");
}

void vl_connection_flush(vl_connection *c)
{
    REQUIRE(!c->parsing);
}

void vl_connection_go_on(vl_connection *c)
{
    REQUIRE(!c->parsing);
}

/* Says what was asked, so that any difference is one in the answers. */
static void echo(vl_exchange *x, uint64_t body)
{
    const vl_request *r = &x->request;
    vl_span types[] = {r->path, r->query, r->content_type, r->authorization, r->accept, r->timeout};
    uint64_t h = body + (uint64_t)r->method;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) h = vl_hash64(types[i].ptr, types[i].len, h);
    vl_buffer_printf(x->out, "%d %016llx", now->asked, (unsigned long long)h);
}

static void answer_whole(vl_exchange *x)
{
    static const char padding[VL_JSON_PADDING];
    vl_span b = x->request.body;
    REQUIRE(b.len <= now->limits.body_bytes && memcmp(b.ptr + b.len, padding, sizeof padding) == 0);
    echo(x, vl_hash64(b.ptr, b.len, 0));
    vl_exchange_answer(x, 200, "text/plain");
}

static void gone(vl_exchange *x)
{
    REQUIRE(x->user == now);
}

static void defer(vl_exchange *x)
{
    x->user = now;
    vl_exchange_defer(x, gone);
}

static void begin_stream(vl_exchange *x)
{
    now->streamed = 0;
    vl_exchange_stream(x, 200, "text/plain");
}

static void add_stream(vl_exchange *x, vl_span bytes)
{
    (void)x;
    for (size_t i = 0; i < bytes.len; i++) now->streamed = now->streamed * 31 + (unsigned char)bytes.ptr[i];
}

static void end_stream(vl_exchange *x)
{
    echo(x, now->streamed);
    vl_exchange_write(x, vl_buffer_span(x->out));
    vl_exchange_end(x);
}

static const vl_route whole = {.run = answer_whole}, deferred = {.run = defer},
                      streaming = {.begin = begin_stream, .data = add_stream, .end = end_stream};

const vl_route *vl_route_of(vl_exchange *x)
{
    REQUIRE(now->asked == now->answered && !now->refused);
    vl_span path = x->request.path;
    REQUIRE(path.len > 0 && path.ptr[0] == '/' && !memchr(path.ptr, 0, path.len));
    now->asked++;
    x->route = "any";
    switch (path.len > 1 ? path.ptr[1] : 0) {
    case 'n': vl_exchange_error(x, 404, "NotFound", 0, "no such route"); return NULL;
    case 'd': return &deferred;
    case 's': return &streaming;
    default: return &whole;
    }
}

void vl_route_finished(vl_exchange *x, size_t bytes)
{
    (void)bytes;
    REQUIRE(!now->refused);
    now->refused = x->status != 200 && x->status != 404;
    if (now->refused) return;
    now->answered++;
    now->good = now->connection.out.len;
}

/* ---- One conversation ------------------------------------------------------------------------ */

static void start(conversation *t)
{
    vl_connection *c = &t->connection;
    memset(t, 0, sizeof *t);
    t->limits = vl_limits_defaults();
    t->limits.head_bytes = 512;
    t->limits.path_bytes = 64;
    t->limits.body_bytes = 1000;
    t->loop.limits = &t->limits;
    c->loop = &t->loop;
    vl_buffer_init(&c->head, VL_MEM_REQUEST, t->limits.head_bytes * 2);
    vl_buffer_init(&c->body, VL_MEM_REQUEST, t->limits.body_bytes + VL_JSON_PADDING);
    vl_buffer_init(&c->out, VL_MEM_REQUEST, 1 << 24);
    vl_buffer_init(&c->answer, VL_MEM_REQUEST, 1 << 20);
    vl_buffer_init(&c->extra, VL_MEM_REQUEST, 16 << 10);
    vl_connection_reset_parser(c);
    now = t;
}

static void end(conversation *t)
{
    vl_connection *c = &t->connection;
    vl_buffer_release(&c->head);
    vl_buffer_release(&c->body);
    vl_buffer_release(&c->out);
    vl_buffer_release(&c->answer);
    vl_buffer_release(&c->extra);
}

static void say(conversation *t, const char *bytes, size_t len)
{
    vl_connection *c = &t->connection;
    for (size_t at = 0; at < len && !c->close_after;) {
        size_t used = vl_connection_parse(c, bytes + at, len - at);
        REQUIRE(used > 0 && used <= len - at);
        at += used;
        REQUIRE(c->state == VL_ANSWERING || c->close_after || at == len);
        if (c->state == VL_ANSWERING) answer_whole(&c->exchange);
    }
}

/* An exact-size copy of each piece: a read past its end is seen. */
static void converse(conversation *t, const uint8_t *data, size_t size, size_t piece)
{
    start(t);
    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        char *copy = malloc(len);
        REQUIRE(copy);
        memcpy(copy, data + at, len);
        say(t, copy, len);
        free(copy);
    }
    vl_connection *c = &t->connection;
    bool open_stream = c->answer_begun && !c->answered;
    REQUIRE(t->asked == t->answered || t->refused || open_stream || c->state == VL_RECEIVING);
    if (open_stream && c->close_after) t->refused = true;
    REQUIRE(!t->refused || (c->close_after && c->state == VL_IDLE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static conversation one, many;
    if (size == 0 || size > INPUT_MAX) return 0;
    converse(&one, data + 1, size - 1, INPUT_MAX);
    converse(&many, data + 1, size - 1, (size_t)data[0] % 40 + 1);
    REQUIRE(one.answered == many.answered && one.refused == many.refused && one.good == many.good);
    REQUIRE(one.good == 0 || memcmp(one.connection.out.data, many.connection.out.data, one.good) == 0);
    REQUIRE(one.connection.close_after == many.connection.close_after);
    end(&one);
    end(&many);
    return 0;
}
