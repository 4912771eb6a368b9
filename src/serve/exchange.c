/* exchange.c: answers as bytes of HTTP. */
#include "serve/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json.h"
#include "serve/connection_state.h"

static vl_connection *of(vl_exchange *x)
{
    return (vl_connection *)(void *)((char *)x - offsetof(vl_connection, exchange));
}

void vl_exchange_peer(const vl_exchange *x, char peer[VL_PEER_BYTES])
{
    const vl_connection *c = (const vl_connection *)(const void *)((const char *)x - offsetof(vl_connection, exchange));
    struct sockaddr_storage a;
    int len = sizeof a;
    snprintf(peer, VL_PEER_BYTES, "unix");
    if (c->handle.stream.type != UV_TCP) return;
    if (uv_tcp_getpeername(&c->handle.tcp, (struct sockaddr *)&a, &len) != 0 ||
        uv_ip_name((struct sockaddr *)&a, peer, VL_PEER_BYTES) != 0)
        snprintf(peer, VL_PEER_BYTES, "-");
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 424: return "Failed Dependency";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
    }
}

static bool is_header_byte(char c)
{
    return (unsigned char)c >= ' ' && c != 127;
}

static vl_status append_header(vl_buffer *out, const char *name, vl_span value)
{
    VL_TRY(vl_buffer_append_text(out, name));
    VL_TRY(vl_buffer_append(out, ": ", 2));
    for (size_t i = 0; i < value.len; i++)
        if (is_header_byte(value.ptr[i])) VL_TRY(vl_buffer_append_byte(out, value.ptr[i]));
    return vl_buffer_append(out, "\r\n", 2);
}

void vl_exchange_header(vl_exchange *x, const char *name, vl_span value)
{
    vl_buffer *extra = &of(x)->extra;
    size_t before = extra->len;
    if (append_header(extra, name, value) != VALENCE_OK) extra->len = before; /* never half a line */
}

/* ---- Heads ----------------------------------------------------------------------------------- */

static vl_status write_status_line(vl_buffer *out, int status)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\n";
    if (status == 200) return vl_buffer_append(out, ok, sizeof ok - 1);
    return vl_buffer_printf(out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
}

/* Whether the client may not send another request behind this one. */
static bool is_last(const vl_connection *c)
{
    return c->close_after || !c->keep_alive || c->loop->draining;
}

/* One of ours needs no look. */
static vl_status write_id(vl_connection *c)
{
    vl_span id = c->exchange.request.request_id;
    if (id.ptr != c->id) return id.ptr ? append_header(&c->out, "X-Request-Id", id) : VALENCE_OK;
    VL_TRY(vl_buffer_append(&c->out, "X-Request-Id: ", 14));
    VL_TRY(vl_buffer_append(&c->out, c->id, sizeof c->id));
    return vl_buffer_append(&c->out, "\r\n", 2);
}

/* length < 0: not known. */
static vl_status write_head(vl_connection *c, int status, const char *content_type, int64_t length)
{
    vl_buffer *out = &c->out;
    VL_TRY(write_status_line(out, status));
    VL_TRY(vl_buffer_append_text(out, c->loop->date));
    if (content_type) {
        VL_TRY(vl_buffer_append(out, "Content-Type: ", 14));
        VL_TRY(vl_buffer_append_text(out, content_type));
        VL_TRY(vl_buffer_append(out, "\r\n", 2));
    }
    if (length >= 0 && status != 204) { /* a 204 has no body (RFC 9110, 8.6) */
        VL_TRY(vl_buffer_append(out, "Content-Length: ", 16));
        VL_TRY(vl_write_integer(out, length));
        VL_TRY(vl_buffer_append(out, "\r\n", 2));
    } else if (c->chunked) {
        VL_TRY(vl_buffer_append_text(out, "Transfer-Encoding: chunked\r\n"));
    }
    if (is_last(c)) VL_TRY(vl_buffer_append_text(out, "Connection: close\r\n"));
    else if (c->parser.http_minor == 0) VL_TRY(vl_buffer_append_text(out, "Connection: keep-alive\r\n"));
    VL_TRY(write_id(c));
    VL_TRY(vl_buffer_append(out, c->extra.data, c->extra.len));
    return vl_buffer_append(out, "\r\n", 2);
}

void vl_connection_answered(vl_connection *c)
{
    if (is_last(c)) c->close_after = true;
    c->state = VL_IDLE;
    c->last_byte = c->loop->now;
}

/* The answer is in out. If the request is still coming its rest is read over, or the connection
 * closed. Answers given while bytes are parsed are sent by whoever reads, late ones from here. */
static void finish(vl_connection *c, int status, size_t bytes)
{
    c->exchange.status = status;
    if (c->exchange.route) vl_route_finished(&c->exchange, bytes);
    c->exchange.gone = c->exchange.late = NULL;
    c->paused = false;
    c->answered = true;
    if (c->complete || c->close_after) vl_connection_answered(c);
    if (c->parsing) return;
    vl_connection_flush(c);
    if (!c->closing) vl_connection_go_on(c);
}

void vl_exchange_answer(vl_exchange *x, int status, const char *content_type)
{
    vl_connection *c = of(x);
    bool head_only = x->request.method == VL_HEAD;
    if (c->streaming && !c->complete) c->close_after = true; /* how much is still to come? */
    vl_status written = write_head(c, status, content_type, (int64_t)c->answer.len);
    if (written == VALENCE_OK && !head_only)
        written = vl_buffer_append(&c->out, c->answer.data, c->answer.len);
    if (written != VALENCE_OK) vl_connection_break(c);
    finish(c, status, c->answer.len);
}

static void write_error(vl_buffer *out, const char *type, uint64_t byte, const char *message)
{
    vl_buffer_append_text(out, "{\"error\":");
    vl_json_write_string(out, vl_span_of(message));
    if (type) vl_buffer_printf(out, ",\"error_type\":\"%s\"", type);
    if (type && byte) vl_buffer_printf(out, ",\"byte\":%llu", (unsigned long long)byte);
    vl_buffer_append_byte(out, '}');
}

void vl_exchange_error(vl_exchange *x, int status, const char *type, uint64_t byte,
                       const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    vl_buffer_reset(x->out);
    write_error(x->out, type, byte, message);
    vl_exchange_answer(x, status, "application/json");
}

void vl_connection_refuse(vl_connection *c, int status, const char *why)
{
    if (c->close_after || c->closing) return;
    if (c->exchange.gone) c->exchange.gone(&c->exchange);
    c->exchange.gone = c->exchange.late = NULL;
    c->close_after = true;
    if (c->answer_begun || c->answered) { /* nothing more can be said */
        c->state = VL_IDLE;
        if (!c->parsing) vl_connection_flush(c);
        return;
    }
    if (!c->exchange.route) c->exchange.route = "refused";
    c->exchange.request.method = VL_GET;
    c->exchange.request.request_id = (vl_span){NULL, 0};
    vl_buffer_reset(&c->extra);
    vl_exchange_error(&c->exchange, status, "Validation", 0, "%s", why);
}

/* ---- Late and streaming answers -------------------------------------------------------------- */

static void nothing(vl_exchange *x)
{
    (void)x;
}

void vl_exchange_defer(vl_exchange *x, void (*gone)(vl_exchange *x))
{
    x->gone = gone ? gone : nothing;
}

void vl_exchange_stream(vl_exchange *x, int status, const char *content_type)
{
    vl_connection *c = of(x);
    c->chunked = c->parser.http_minor > 0;
    c->answer_begun = true;
    if (!c->chunked) c->keep_alive = false; /* closing ends the answer */
    x->status = status;
    if (write_head(c, status, content_type, -1) != VALENCE_OK) vl_connection_break(c);
}

void vl_exchange_write(vl_exchange *x, vl_span bytes)
{
    vl_connection *c = of(x);
    vl_status status = VALENCE_OK;
    if (bytes.len == 0 || c->broken) return;
    if (c->chunked) status = vl_buffer_printf(&c->out, "%zx\r\n", bytes.len);
    if (status == VALENCE_OK) status = vl_buffer_append(&c->out, bytes.ptr, bytes.len);
    if (status == VALENCE_OK && c->chunked) status = vl_buffer_append(&c->out, "\r\n", 2);
    if (status != VALENCE_OK) vl_connection_break(c);
    else if (!c->parsing) vl_connection_flush(c);
}

void vl_exchange_end(vl_exchange *x)
{
    vl_connection *c = of(x);
    if (!c->complete) c->close_after = true; /* how much is still to come? */
    if (c->chunked && vl_buffer_append(&c->out, "0\r\n\r\n", 5) != VALENCE_OK) vl_connection_break(c);
    finish(c, x->status, 0);
}

void vl_exchange_pause(vl_exchange *x, bool paused)
{
    vl_connection *c = of(x);
    if (c->paused == paused) return;
    c->paused = paused;
    c->last_byte = c->loop->now; /* the client is not slow: it was told to wait */
    if (!c->parsing) vl_connection_go_on(c);
}
