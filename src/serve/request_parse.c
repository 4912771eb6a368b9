/* request_parse.c: from bytes to a request. llhttp parses; head_guard.c goes before it through the
 * head, so that head and body are fed apart. Header values are kept only if somebody asks for them. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "serve/connection_state.h"

static vl_connection *of(llhttp_t *p)
{
    return p->data;
}

/* ---- Head ------------------------------------------------------------------------------------ */

static const char *const header_names[VL_HEADERS] = {
#define VL_HEADER_TEXT(name, text) text,
    VL_HEADER_LIST(VL_HEADER_TEXT)
#undef VL_HEADER_TEXT
};

static int append_piece(vl_connection *c, vl_piece *piece, const char *at, size_t len)
{
    if (!piece->seen) *piece = (vl_piece){.at = (uint32_t)c->head.len, .seen = true};
    if (vl_buffer_append(&c->head, at, len) != VALENCE_OK) return -1;
    piece->len += (uint32_t)len;
    return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t len)
{
    return append_piece(of(p), &of(p)->path, at, len);
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
    for (int i = 0; i < VL_HEADERS; i++)
        if (strlen(header_names[i]) == c->name_len && memcmp(header_names[i], c->name, c->name_len) == 0)
            return i;
    return -1;
}

/* A known header that comes twice: nobody can tell which one is meant. */
static int on_field_complete(llhttp_t *p)
{
    vl_connection *c = of(p);
    c->current = known(c);
    c->name_len = 0;
    if (c->in_body) return -1; /* trailers: nobody needs them, and they are a way to smuggle */
    return c->current >= 0 && c->values[c->current].seen ? -1 : 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
    vl_connection *c = of(p);
    return c->current < 0 ? 0 : append_piece(c, &c->values[c->current], at, len);
}

static vl_span value_of(const vl_connection *c, vl_piece v)
{
    return v.seen ? (vl_span){c->head.data + v.at, v.len} : (vl_span){NULL, 0};
}

static vl_span header_of(const vl_connection *c, vl_header h)
{
    return value_of(c, c->values[h]);
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

/* Cuts the query off and decodes %XX in place. False: not a path. */
static bool take_path(vl_connection *c, vl_request *r)
{
    char *p = c->head.data + c->path.at, *end = p + c->path.len, *to = p;
    char *question = c->path.len ? memchr(p, '?', c->path.len) : NULL;
    r->query = question ? (vl_span){question + 1, (size_t)(end - question - 1)} : (vl_span){"", 0};
    if (question) end = question;
    r->path.ptr = p;
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
                    .request_id = header_of(c, VL_HEADER_REQUEST_ID),
                    .timeout = header_of(c, VL_HEADER_TIMEOUT),
                    .inference_header = header_of(c, VL_HEADER_INFERENCE),
                    .begun = c->begun_at}};
    vl_buffer_reset(&c->answer);
    vl_buffer_reset(&c->extra);
}

/* Refuses and tells llhttp to stop. */
static int refuse(vl_connection *c, int status, const char *why)
{
    vl_connection_refuse(c, status, why);
    return -1;
}

static int check_head(vl_connection *c, llhttp_t *p)
{
    vl_span transfer = header_of(c, VL_HEADER_TRANSFER), expect = header_of(c, VL_HEADER_EXPECT);
    bool old = p->http_major == 1 && p->http_minor == 0;
    if (p->http_major != 1 || p->http_minor > 1) return refuse(c, 505, "only HTTP/1.0 and 1.1 are spoken here");
    if (!old && !c->values[VL_HEADER_HOST].seen) return refuse(c, 400, "the Host header is missing");
    if (transfer.ptr && (old || !same_word(transfer, "chunked")))
        return refuse(c, 400, "Transfer-Encoding must be chunked alone, in HTTP/1.1");
    if (!transfer.ptr && (p->flags & F_CONTENT_LENGTH) && p->content_length > c->loop->limits->body_bytes)
        return refuse(c, 413, "the body is too large");
    if (expect.ptr && !same_word(expect, "100-continue")) return refuse(c, 417, "only 100-continue can be expected");
    return 0;
}

static bool expects_body(const vl_connection *c, const llhttp_t *p)
{
    return c->values[VL_HEADER_TRANSFER].seen || ((p->flags & F_CONTENT_LENGTH) && p->content_length > 0);
}

static int on_head(llhttp_t *p)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    vl_connection *c = of(p);
    p->upgrade = 0; /* nobody here speaks anything else: the request is taken as it is */
    make_request(c);
    if (check_head(c, p) != 0) return -1;
    if (!take_path(c, &c->exchange.request)) return refuse(c, 400, "the path is malformed");
    c->state = VL_ANSWERING; /* the look-up may answer */
    c->route = vl_route_of(&c->exchange);
    if (c->closing) return -1;
    if (!c->route) { /* answered; a body that follows is not worth reading */
        if (expects_body(c, p)) c->close_after = true;
        return c->close_after ? -1 : 0;
    }
    c->state = VL_RECEIVING;
    if (c->values[VL_HEADER_EXPECT].seen && expects_body(c, p) && p->http_minor > 0)
        if (vl_buffer_append(&c->out, go_on, sizeof go_on - 1) != VALENCE_OK) return -1;
    c->streaming = c->route->begin != NULL;
    if (c->streaming) c->route->begin(&c->exchange);
    return c->closing ? -1 : 0;
}

/* ---- Body ------------------------------------------------------------------------------------ */

static int on_body(llhttp_t *p, const char *at, size_t len)
{
    vl_connection *c = of(p);
    if (!c->route) return 0; /* answered already */
    if (c->streaming) {
        c->route->data(&c->exchange, (vl_span){at, len});
        return c->closing ? -1 : 0;
    }
    if (c->body.len + len > c->loop->limits->body_bytes) return refuse(c, 413, "the body is too large");
    return vl_buffer_append(&c->body, at, len) == VALENCE_OK ? 0 : refuse(c, 503, "out of memory for the body");
}

static int on_complete(llhttp_t *p)
{
    vl_connection *c = of(p);
    c->complete = true;
    c->keep_alive = llhttp_should_keep_alive(p) != 0;
    return HPE_PAUSED;
}

static const llhttp_settings_t *settings(void)
{
    static llhttp_settings_t s;
    static bool made;
    if (!made) {
        llhttp_settings_init(&s);
        s.on_url = on_url;
        s.on_header_field = on_field;
        s.on_header_field_complete = on_field_complete;
        s.on_header_value = on_value;
        s.on_headers_complete = on_head;
        s.on_body = on_body;
        s.on_message_complete = on_complete;
        made = true;
    }
    return &s;
}

void vl_connection_reset_parser(vl_connection *c)
{
    llhttp_init(&c->parser, HTTP_REQUEST, settings());
    c->parser.data = c;
}

/* ---- Feeding --------------------------------------------------------------------------------- */

static void begin(vl_connection *c)
{
    c->state = VL_RECEIVING;
    c->begun_at = c->loop->now;
    c->in_body = c->complete = c->streaming = c->refused = c->chunked = false;
    c->route = NULL;
    c->path = (vl_piece){0};
    memset(c->values, 0, sizeof c->values);
    c->name_len = c->head_bytes = c->raw_bytes = 0;
    vl_buffer_reset(&c->head);
    vl_buffer_reset(&c->body);
}

/* Whether llhttp is content; else the request has been refused, here or by a callback. */
static bool content(vl_connection *c, llhttp_errno_t e)
{
    if (e == HPE_OK || e == HPE_PAUSED) return true;
    if (!c->refused && !c->closing && !c->close_after)
        vl_connection_refuse(c, 400, llhttp_get_error_reason(&c->parser) ? llhttp_get_error_reason(&c->parser)
                                                                         : "malformed request");
    return false;
}

static size_t feed_head(vl_connection *c, const char *bytes, size_t len)
{
    const vl_limits *l = c->loop->limits;
    bool ended, bad;
    size_t used = vl_head_pass(&c->guard, bytes, len, &ended, &bad);
    c->head_bytes += used;
    if (bad) vl_connection_refuse(c, 400, "a line of the head does not end in CR LF, or is folded");
    else if (c->head_bytes > l->head_bytes) vl_connection_refuse(c, 431, "the head is too large");
    if (c->refused || !content(c, llhttp_execute(&c->parser, bytes, used))) return len;
    if (c->path.len > l->path_bytes && !c->refused) vl_connection_refuse(c, 414, "the path is too long");
    if (c->complete) llhttp_resume(&c->parser);
    else c->in_body = ended;
    return used;
}

/* Chunk sizes, and extensions nobody reads, may not outweigh the body. */
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
    if (!c->streaming && c->raw_bytes > 2 * c->body.len + c->loop->limits->head_bytes) {
        vl_connection_refuse(c, 400, "chunk headers outweigh the body");
        return len;
    }
    return used;
}

/* The request is there: runs its route. */
static void run(vl_connection *c)
{
    if (!c->keep_alive || c->loop->draining) c->close_after = true;
    if (!c->route) { /* answered at its head */
        c->state = VL_IDLE;
        return;
    }
    c->state = VL_ANSWERING;
    if (c->streaming) {
        c->route->end(&c->exchange);
        return;
    }
    static const char padding[VL_JSON_PADDING];
    size_t len = c->body.len;
    c->body.max += VL_JSON_PADDING;
    if (vl_buffer_append(&c->body, padding, sizeof padding) != VALENCE_OK) {
        vl_connection_refuse(c, 503, "out of memory for the body");
        return;
    }
    c->body.max -= VL_JSON_PADDING;
    c->body.len = len;
    c->exchange.request.body = vl_buffer_span(&c->body);
    c->route->run(&c->exchange);
}

size_t vl_connection_parse(vl_connection *c, const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && !c->closing && !c->close_after && c->state != VL_ANSWERING) {
        if (c->state == VL_IDLE) begin(c);
        at += c->in_body ? feed_body(c, bytes + at, len - at) : feed_head(c, bytes + at, len - at);
        if (c->complete && !c->refused && !c->closing) run(c);
    }
    return at;
}
