/* request_parse.c: from bytes to a request. llhttp parses; head_guard.c goes before it through the
 * head, so that head and body are fed apart. Header values are kept only if somebody asks for them. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "serve/connection_state.h"

enum {
    DROPPED_MAX = 64 << 10, /* of a body that comes behind its answer */
    CHUNK_SHARE = 8         /* bytes on the wire for one of the body */
};

static const char other_version[] = "only HTTP/1.0 and 1.1 are spoken here";

static vl_connection *of(llhttp_t *p)
{
    return p->data;
}

/* ---- Head ------------------------------------------------------------------------------------ */

static const vl_span header_names[VL_HEADERS] = {
#define VL_HEADER_TEXT(name, text) {text, sizeof text - 1},
    VL_HEADER_LIST(VL_HEADER_TEXT)
#undef VL_HEADER_TEXT
};

/* Refuses and tells llhttp to stop. */
static int refuse(vl_connection *c, int status, const char *why)
{
    vl_connection_refuse(c, status, why);
    return -1;
}

static int append_piece(vl_connection *c, vl_piece *piece, const char *at, size_t len)
{
    if (vl_buffer_append(&c->head, at, len) != VALENCE_OK) return refuse(c, 431, "the head is too large");
    piece->len += (uint32_t)len;
    return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
    vl_connection *c = of(p);
    if (c->path.len + len > c->loop->limits->path_bytes) return refuse(c, 414, "the path is too long");
    return append_piece(c, &c->path, at, len);
}

static int on_field(llhttp_t *p, const char *at, size_t len)
{
    vl_connection *c = of(p);
    for (size_t i = 0; i < len; i++) {
        char low = at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] | 0x20) : at[i];
        if (c->name_len < sizeof c->name) c->name[c->name_len] = low;
        c->name_len++;
    }
    return 0;
}

static int known(const vl_connection *c)
{
    vl_span name = {c->name, c->name_len};
    for (int i = 0; i < VL_HEADERS; i++)
        if (vl_span_equal(header_names[i], name)) return i;
    return -1;
}

/* A known header that comes twice: nobody can tell which one is meant. */
static int on_field_complete(llhttp_t *p)
{
    vl_connection *c = of(p);
    c->current = known(c);
    c->name_len = 0;
    if (c->in_body) return refuse(c, 400, "trailers are not taken"); /* a way to smuggle */
    if (c->current < 0) return 0;
    if (c->values[c->current].seen) return refuse(c, 400, "a header that may come once comes twice");
    c->values[c->current] = (vl_piece){.at = (uint32_t)c->head.len, .seen = true};
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
    vl_connection *c = of(p);
    return c->current < 0 ? 0 : append_piece(c, &c->values[c->current], at, len);
}

/* Without the blanks that may stand behind it; ptr is NULL only where the header is absent. */
static vl_span header_of(const vl_connection *c, vl_header h)
{
    vl_piece v = c->values[h];
    if (!v.seen) return (vl_span){NULL, 0};
    vl_span value = {c->head.data + v.at, v.len};
    while (value.len && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t')) value.len--;
    return value;
}

static bool same_word(vl_span a, const char *b)
{
    if (a.len != strlen(b)) return false;
    for (size_t i = 0; i < a.len; i++)
        if ((a.ptr[i] | 0x20) != b[i]) return false;
    return true;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "http://host:port/path", as proxies get it (RFC 9112, 3.2.2): how long what stands before the path
 * is. A path may be missing. */
static size_t origin_length(vl_span target)
{
    static const char scheme[] = "http://";
    size_t at = sizeof scheme - 1;
    if (target.len < at || !same_word((vl_span){target.ptr, at}, scheme)) return 0;
    while (at < target.len && target.ptr[at] != '/' && target.ptr[at] != '?') at++;
    return at;
}

/* Cuts origin and query off and decodes %XX in place. False: not a path. */
static bool take_path(vl_connection *c, vl_request *r)
{
    size_t skipped = origin_length((vl_span){c->head.data + c->path.at, c->path.len});
    size_t len = c->path.len - skipped;
    char *p = c->head.data + c->path.at + skipped, *end = p + len, *to = p;
    char *question = len ? memchr(p, '?', len) : NULL;
    r->query = question ? (vl_span){question + 1, (size_t)(end - question - 1)} : (vl_span){"", 0};
    if (question) end = question;
    r->path.ptr = p;
    if (skipped && p == end) {
        r->path = vl_span_of("/");
        return true;
    }
    for (; p < end; p++) {
        int high = *p == '%' && end - p >= 3 ? hex(p[1]) : -1, low = high >= 0 ? hex(p[2]) : -1;
        if (*p == '%' && low < 0) return false;
        char byte = *p;
        if (low >= 0) byte = (char)(high << 4 | low);
        if (low >= 0) p += 2;
        if ((unsigned char)byte < ' ' || byte == 127) return false;
        *to++ = byte;
    }
    r->path.len = (size_t)(to - r->path.ptr);
    return r->path.len > 0 && r->path.ptr[0] == '/';
}

static vl_method method_of(const llhttp_t *p)
{
    switch (p->method) {
    case HTTP_GET: return VL_GET;
    case HTTP_HEAD: return VL_HEAD;
    case HTTP_POST: return VL_POST;
    case HTTP_OPTIONS: return VL_OPTIONS;
    default: return VL_OTHER_METHOD;
    }
}

/* An id for the answer and the log, where the client brought none. */
static vl_span request_id_of(vl_connection *c)
{
    static const char digits[] = "0123456789abcdef";
    vl_span given = header_of(c, VL_HEADER_REQUEST_ID);
    if (given.len) return given;
    uint64_t id = vl_random_at(c->loop->id_seed, c->loop->id_count++);
    for (size_t i = 0; i < sizeof c->id; i++, id >>= 4) c->id[i] = digits[id & 15];
    return (vl_span){c->id, sizeof c->id};
}

static void make_request(vl_connection *c)
{
    c->exchange = (vl_exchange){
        .loop = c->loop,
        .out = &c->answer,
        .request = {.method = method_of(&c->parser),
                    .content_type = header_of(c, VL_HEADER_CONTENT_TYPE),
                    .authorization = header_of(c, VL_HEADER_AUTHORIZATION),
                    .origin = header_of(c, VL_HEADER_ORIGIN),
                    .accept = header_of(c, VL_HEADER_ACCEPT),
                    .request_id = request_id_of(c),
                    .timeout = header_of(c, VL_HEADER_TIMEOUT),
                    .inference_header = header_of(c, VL_HEADER_INFERENCE),
                    .begun = c->begun_at}};
    vl_buffer_reset(&c->answer);
    vl_buffer_reset(&c->extra);
}

static int check_head(vl_connection *c, llhttp_t *p)
{
    vl_span transfer = header_of(c, VL_HEADER_TRANSFER), expect = header_of(c, VL_HEADER_EXPECT);
    bool old = p->http_major == 1 && p->http_minor == 0;
    if (c->head_bytes > c->loop->limits->head_bytes) return refuse(c, 431, "the head is too large");
    if (p->http_major != 1 || p->http_minor > 1) return refuse(c, 505, other_version);
    if (!old && !c->values[VL_HEADER_HOST].seen) return refuse(c, 400, "the Host header is missing");
    if (transfer.ptr && (old || !same_word(transfer, "chunked")))
        return refuse(c, 400, "Transfer-Encoding must be chunked alone, in HTTP/1.1");
    if (expect.ptr && !old && !same_word(expect, "100-continue")) return refuse(c, 417, "only 100-continue can be expected");
    return 0;
}

static bool has_body(const vl_connection *c, const llhttp_t *p)
{
    return c->values[VL_HEADER_TRANSFER].seen || ((p->flags & F_CONTENT_LENGTH) && p->content_length > 0);
}

/* Whether a request that is answered already is read to its end, to keep the connection: not if its
 * body is long, or may never come because the client waits for leave to send it. */
static bool worth_reading(const vl_connection *c, const llhttp_t *p)
{
    if (!has_body(c, p)) return true;
    return !c->values[VL_HEADER_TRANSFER].seen && !c->values[VL_HEADER_EXPECT].seen &&
           p->content_length <= DROPPED_MAX;
}

/* Finds the route; without one the look-up answers. */
static int find_route(vl_connection *c, const llhttp_t *p)
{
    c->close_after = !worth_reading(c, p);
    c->route = vl_route_of(&c->exchange);
    if (c->route) c->close_after = false;
    return c->closing || c->close_after ? -1 : 0;
}

static int begin_body(vl_connection *c, const llhttp_t *p)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    bool length_known = !c->values[VL_HEADER_TRANSFER].seen && (p->flags & F_CONTENT_LENGTH);
    c->streaming = c->route->begin != NULL;
    if (!c->streaming && length_known && p->content_length > c->loop->limits->body_bytes)
        return refuse(c, 413, "the body is too large");
    if (c->values[VL_HEADER_EXPECT].seen && has_body(c, p) && p->http_minor > 0)
        if (vl_buffer_append(&c->out, go_on, sizeof go_on - 1) != VALENCE_OK)
            return refuse(c, 503, "out of memory for the answer");
    if (c->streaming) c->route->begin(&c->exchange);
    return c->closing || c->close_after ? -1 : 0;
}

static int on_head(llhttp_t *p)
{
    vl_connection *c = of(p);
    p->upgrade = 0; /* nobody here speaks anything else: the request is taken as it is */
    c->headed = true;
    c->keep_alive = llhttp_should_keep_alive(p) != 0;
    make_request(c);
    if (check_head(c, p) != 0) return -1;
    if (!take_path(c, &c->exchange.request)) return refuse(c, 400, "the path is malformed");
    if (find_route(c, p) != 0) return -1;
    return c->route ? begin_body(c, p) : 0;
}

/* ---- Body ------------------------------------------------------------------------------------ */

static int on_body(llhttp_t *p, const char *at, size_t len)
{
    vl_connection *c = of(p);
    c->body_bytes += len;
    if (c->answered) return 0;
    if (c->streaming) {
        c->route->data(&c->exchange, (vl_span){at, len});
        return c->closing || c->close_after ? -1 : 0;
    }
    if (c->body.len + len > c->loop->limits->body_bytes) return refuse(c, 413, "the body is too large");
    return vl_buffer_append(&c->body, at, len) == VALENCE_OK ? 0 : refuse(c, 503, "out of memory for the body");
}

static int on_complete(llhttp_t *p)
{
    of(p)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {.on_url = on_url,
                                           .on_header_field = on_field,
                                           .on_header_field_complete = on_field_complete,
                                           .on_header_value = on_value,
                                           .on_headers_complete = on_head,
                                           .on_body = on_body,
                                           .on_message_complete = on_complete};

void vl_connection_reset_parser(vl_connection *c)
{
    llhttp_init(&c->parser, HTTP_REQUEST, &settings);
    c->parser.data = c;
}

/* ---- Feeding --------------------------------------------------------------------------------- */

static void begin(vl_connection *c)
{
    c->state = VL_RECEIVING;
    c->begun_at = c->loop->now;
    c->in_body = c->headed = c->complete = c->streaming = false;
    c->answer_begun = c->answered = c->chunked = c->paused = false;
    c->exchange = (vl_exchange){.loop = c->loop, .out = &c->answer, .request.begun = c->begun_at};
    c->route = NULL;
    c->path = (vl_piece){0};
    memset(c->values, 0, sizeof c->values);
    c->name_len = c->head_bytes = c->body_bytes = c->raw_bytes = 0;
    vl_buffer_reset(&c->head);
    vl_buffer_reset(&c->body);
}

/* Whether llhttp is content; else the request has been refused, here or by a callback. */
static bool content(vl_connection *c, llhttp_errno_t e)
{
    if (e == HPE_OK || e == HPE_PAUSED) return true;
    const char *reason = llhttp_get_error_reason(&c->parser);
    if (c->close_after || c->closing) return false; /* somebody had a better word */
    if (e == HPE_INVALID_VERSION || e == HPE_PAUSED_H2_UPGRADE) vl_connection_refuse(c, 505, other_version);
    else vl_connection_refuse(c, 400, reason && *reason ? reason : "malformed request");
    return false;
}

static size_t feed_head(vl_connection *c, const char *bytes, size_t len)
{
    const vl_limits *l = c->loop->limits;
    bool ended, bad;
    size_t used = vl_head_pass(&c->guard, bytes, len, &ended, &bad);
    c->head_bytes += used;
    if (bad) vl_connection_refuse(c, 400, "a line of the head does not end in CR LF, or is folded");
    if (bad || !content(c, llhttp_execute(&c->parser, bytes, used))) return len;
    if (!ended && c->head_bytes > l->head_bytes) vl_connection_refuse(c, 431, "the head is too large");
    if (ended && !c->headed) vl_connection_refuse(c, 505, other_version); /* HTTP/2 begins like that */
    if (c->complete) llhttp_resume(&c->parser);
    else c->in_body = ended;
    return c->close_after ? len : used;
}

/* Chunk sizes, and extensions nobody reads, may not outweigh the body by much. */
static size_t feed_body(vl_connection *c, const char *bytes, size_t len)
{
    size_t used = len;
    llhttp_errno_t e = llhttp_execute(&c->parser, bytes, len);
    if (e == HPE_PAUSED) {
        used = (size_t)(llhttp_get_error_pos(&c->parser) - bytes);
        llhttp_resume(&c->parser);
    }
    c->raw_bytes += used;
    if (!content(c, e)) return len;
    if (c->raw_bytes / CHUNK_SHARE > c->body_bytes + c->loop->limits->head_bytes) {
        vl_connection_refuse(c, 400, "chunk headers outweigh the body");
        return len;
    }
    return used;
}

static void run_whole(vl_connection *c)
{
    if (vl_buffer_reserve(&c->body, VL_JSON_PADDING) != VALENCE_OK) {
        vl_connection_refuse(c, 503, "out of memory for the body");
        return;
    }
    memset(c->body.data + c->body.len, 0, VL_JSON_PADDING);
    c->exchange.request.body = vl_buffer_span(&c->body);
    c->route->run(&c->exchange);
}

/* The request is there: runs its route. */
static void run(vl_connection *c)
{
    c->state = VL_ANSWERING;
    if (c->answered) vl_connection_answered(c); /* at its head; only now is it over */
    else if (c->streaming) c->route->end(&c->exchange);
    else run_whole(c);
}

size_t vl_connection_parse(vl_connection *c, const char *bytes, size_t len)
{
    size_t at = 0;
    c->parsing = true;
    while (at < len && !c->closing && !c->close_after && c->state != VL_ANSWERING) {
        if (c->state == VL_IDLE) begin(c);
        at += c->in_body ? feed_body(c, bytes + at, len - at) : feed_head(c, bytes + at, len - at);
        if (c->complete && !c->closing && !c->close_after) run(c);
    }
    c->parsing = false;
    return at;
}
