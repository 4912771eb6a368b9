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

void vl_exchange_header(vl_exchange *x, const char *name, vl_span value)
{
    vl_connection *c = of(x);
    vl_status status = vl_buffer_append_text(&c->extra, name);
    if (status == VALENCE_OK) status = vl_buffer_append(&c->extra, ": ", 2);
    for (size_t i = 0; i < value.len && status == VALENCE_OK; i++)
        if (is_header_byte(value.ptr[i])) status = vl_buffer_append_byte(&c->extra, value.ptr[i]);
    if (status == VALENCE_OK) vl_buffer_append(&c->extra, "\r\n", 2);
}

/* ---- Heads ----------------------------------------------------------------------------------- */

static vl_status write_status_line(vl_buffer *out, int status)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\n";
    if (status == 200) return vl_buffer_append(out, ok, sizeof ok - 1);
    return vl_buffer_printf(out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
}

/* length < 0: chunked. */
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
    if (length >= 0) {
        VL_TRY(vl_buffer_append(out, "Content-Length: ", 16));
        VL_TRY(vl_write_integer(out, length));
        VL_TRY(vl_buffer_append(out, "\r\n", 2));
    } else if (c->chunked) {
        VL_TRY(vl_buffer_append_text(out, "Transfer-Encoding: chunked\r\n"));
    }
    if (c->close_after) VL_TRY(vl_buffer_append_text(out, "Connection: close\r\n"));
    else if (c->parser.http_minor == 0) VL_TRY(vl_buffer_append_text(out, "Connection: keep-alive\r\n"));
    VL_TRY(vl_buffer_append(out, c->extra.data, c->extra.len));
    return vl_buffer_append(out, "\r\n", 2);
}

/* The answer is in out: the next request may come. Late answers are sent from here, others by whoever
 * reads. */
static void finish(vl_connection *c, int status, size_t bytes, bool late)
{
    c->exchange.status = status;
    if (c->exchange.route) vl_route_finished(&c->exchange, bytes);
    c->exchange.gone = NULL;
    c->state = c->complete || c->close_after || c->refused ? VL_IDLE : c->state;
    c->last_byte = c->loop->now;
    if (!late) return;
    vl_connection_flush(c);
    if (!c->closing) vl_connection_go_on(c);
}

void vl_exchange_answer(vl_exchange *x, int status, const char *content_type)
{
    vl_connection *c = of(x);
    bool late = c->exchange.gone != NULL, head_only = x->request.method == VL_HEAD;
    if (x->request.request_id.ptr) vl_exchange_header(x, "X-Request-Id", x->request.request_id);
    vl_status written = write_head(c, status, content_type, (int64_t)c->answer.len);
    if (written == VALENCE_OK && !head_only)
        written = vl_buffer_append(&c->out, c->answer.data, c->answer.len);
    if (written != VALENCE_OK) {
        x->gone = NULL;
        vl_connection_close(c);
        return;
    }
    finish(c, status, c->answer.len, late);
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
    if (c->refused || c->closing) return;
    if (c->state == VL_ANSWERING && c->exchange.gone) c->exchange.gone(&c->exchange);
    c->refused = c->close_after = true;
    c->exchange.gone = NULL;
    c->exchange.loop = c->loop;
    c->exchange.out = &c->answer;
    if (!c->exchange.route) c->exchange.route = "refused";
    if (c->chunked) { /* an answer has begun: nothing more can be said */
        vl_connection_close(c);
        return;
    }
    c->exchange.request.method = VL_GET;
    c->exchange.request.request_id = (vl_span){NULL, 0};
    vl_buffer_reset(&c->extra);
    vl_exchange_error(&c->exchange, status, "Validation", 0, "%s", why);
    vl_connection_flush(c);
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
    if (!c->chunked) c->close_after = true;
    x->status = status;
    if (write_head(c, status, content_type, -1) != VALENCE_OK) vl_connection_close(c);
}

void vl_exchange_write(vl_exchange *x, vl_span bytes)
{
    vl_connection *c = of(x);
    vl_status status = VALENCE_OK;
    if (bytes.len == 0 || c->closing) return;
    if (c->chunked) status = vl_buffer_printf(&c->out, "%zx\r\n", bytes.len);
    if (status == VALENCE_OK) status = vl_buffer_append(&c->out, bytes.ptr, bytes.len);
    if (status == VALENCE_OK && c->chunked) status = vl_buffer_append(&c->out, "\r\n", 2);
    if (status != VALENCE_OK) vl_connection_close(c);
}

void vl_exchange_end(vl_exchange *x)
{
    vl_connection *c = of(x);
    bool late = x->gone != NULL;
    if (c->chunked && vl_buffer_append(&c->out, "0\r\n\r\n", 5) != VALENCE_OK) {
        x->gone = NULL;
        vl_connection_close(c);
        return;
    }
    finish(c, x->status, 0, late);
}
