/* connection.c: the life of a connection.
 *
 * A read gives bytes into the loop's buffer. While no answer is awaited they go straight through the
 * parser, head and body apart; what follows a complete request waits in `in` until that one is
 * answered. Answers of one round are written with one call; what the socket does not take is queued
 * in `pending`. An idle connection holds no buffers: they are lent by the loop. */
#include "serve/connection.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "serve/connection_state.h"

enum { KEPT_BYTES = 256 << 10, OUT_HIGH = 1 << 20, LINGER_SECONDS = 2 };

/* ---- Buffers --------------------------------------------------------------------------------- */

static void borrow(vl_buffer *b, vl_buffer *spare)
{
    if (b->capacity || !spare->capacity) return;
    size_t max = b->max;
    *b = *spare;
    b->max = max;
    b->len = 0;
    *spare = (vl_buffer){.category = VL_MEM_REQUEST, .max = SIZE_MAX / 4};
}

static void give_back(vl_buffer *b, vl_buffer *spare)
{
    size_t max = b->max;
    b->len = 0;
    if (!spare->capacity && b->capacity && b->capacity <= KEPT_BYTES) {
        *spare = *b;
        spare->max = SIZE_MAX / 4;
        *b = (vl_buffer){.category = VL_MEM_REQUEST, .max = max};
    } else {
        vl_buffer_release(b);
    }
}

/* Between requests a connection is a few hundred bytes. */
static void rest(vl_connection *c)
{
    vl_loop *l = c->loop;
    give_back(&c->head, &l->spare_head);
    give_back(&c->body, &l->spare_body);
    give_back(&c->answer, &l->spare_answer);
    vl_buffer_release(&c->extra);
    if (c->in.len == 0) vl_buffer_release(&c->in);
    if (!c->writing) vl_buffer_release(&c->pending);
    if (c->out.len == 0) give_back(&c->out, &l->spare_out);
}

/* ---- Closing --------------------------------------------------------------------------------- */

static void closed(uv_handle_t *handle)
{
    vl_connection *c = (vl_connection *)(void *)handle;
    atomic_fetch_sub(c->loop->connection_count, 1);
    vl_buffer_release(&c->head);
    vl_buffer_release(&c->body);
    vl_buffer_release(&c->in);
    vl_buffer_release(&c->out);
    vl_buffer_release(&c->pending);
    vl_buffer_release(&c->answer);
    vl_buffer_release(&c->extra);
    vl_free(c);
}

void vl_connection_close(vl_connection *c)
{
    if (c->closing) return;
    c->closing = true;
    if (c->exchange.gone) c->exchange.gone(&c->exchange);
    c->exchange.status = 0;
    if (c->exchange.counted) vl_route_finished(&c->exchange, 0);
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    uv_close((uv_handle_t *)&c->handle, closed);
}

void vl_connection_break(vl_connection *c)
{
    c->broken = c->close_after = true;
}

static void shut(uv_shutdown_t *request, int status)
{
    (void)request, (void)status;
}

/* The answer is out; what the client still sends is read and dropped for a moment, for closing on
 * unread bytes would reset the connection and with it our last words. */
static void linger(vl_connection *c)
{
    c->state = VL_LINGERING;
    c->last_byte = c->loop->now;
    if (c->half_closed || uv_shutdown(&c->shutdown, &c->handle.stream, shut) != 0) vl_connection_close(c);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void written(uv_write_t *request, int status)
{
    vl_connection *c = request->data;
    c->writing = false;
    c->pending.len = 0;
    if (c->closing) return;
    if (status < 0) {
        vl_connection_close(c);
        return;
    }
    c->last_write = c->loop->now;
    vl_connection_flush(c);
    vl_connection_go_on(c);
}

/* The rest of out goes into a buffer of its own, which must not move while it is written. */
static void queue(vl_connection *c, size_t done)
{
    vl_buffer_release(&c->pending);
    c->pending = c->out;
    c->out = (vl_buffer){.category = VL_MEM_REQUEST, .max = SIZE_MAX / 4};
    uv_buf_t rest_of = {.base = c->pending.data + done, .len = c->pending.len - done};
    c->write.data = c;
    c->writing = true;
    c->last_write = c->loop->now;
    c->unwritten = rest_of.len;
    if (uv_write(&c->write, &c->handle.stream, &rest_of, 1, written) != 0) {
        c->writing = false;
        vl_connection_break(c);
    }
}

void vl_connection_flush(vl_connection *c)
{
    if (c->closing || c->broken || c->writing) return;
    if (c->out.len) {
        size_t most = c->out.len < INT32_MAX ? c->out.len : INT32_MAX;
        uv_buf_t all = uv_buf_init(c->out.data, (unsigned)most);
        int n = uv_try_write(&c->handle.stream, &all, 1);
        if (n < 0 && n != UV_EAGAIN) {
            vl_connection_break(c);
            return;
        }
        size_t done = n > 0 ? (size_t)n : 0;
        if (done < c->out.len) {
            queue(c, done);
            return;
        }
        c->out.len = 0;
    }
    if (c->close_after && c->state == VL_IDLE) linger(c);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    (void)wanted;
    vl_loop *l = ((vl_connection *)(void *)handle)->loop;
    *buf = uv_buf_init(l->read_buffer, VL_READ_BYTES);
}

static size_t waiting(const vl_connection *c)
{
    return c->out.len + c->pending.len;
}

static void got(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* Reads while there is room for what comes of it. */
static void choose_reading(vl_connection *c)
{
    if (c->closing || c->half_closed) return;
    bool full = c->paused || waiting(c) > OUT_HIGH || c->in.len > VL_READ_BYTES;
    bool want = c->state == VL_LINGERING || !full;
    if (want == c->reading) return;
    c->reading = want;
    if (want && uv_read_start(&c->handle.stream, give_room, got) != 0) vl_connection_close(c);
    if (!want) uv_read_stop(&c->handle.stream);
}

/* Bytes that came while an answer was awaited. */
void vl_connection_go_on(vl_connection *c)
{
    while (!c->closing && c->in.len && c->state != VL_ANSWERING && c->state != VL_LINGERING &&
           !c->close_after && !c->paused && waiting(c) <= OUT_HIGH) {
        size_t used = vl_connection_parse(c, c->in.data, c->in.len);
        memmove(c->in.data, c->in.data + used, c->in.len - used);
        c->in.len -= used;
        vl_connection_flush(c);
        if (used == 0) break;
    }
    if (c->closing) return;
    if (c->state == VL_IDLE) rest(c);
    if (c->half_closed && c->state != VL_ANSWERING && waiting(c) + c->in.len == 0)
        vl_connection_close(c);
    else
        choose_reading(c);
}

static void take(vl_connection *c, const char *bytes, size_t len)
{
    size_t used = 0;
    c->last_byte = c->loop->now;
    borrow(&c->head, &c->loop->spare_head);
    borrow(&c->body, &c->loop->spare_body);
    borrow(&c->answer, &c->loop->spare_answer);
    borrow(&c->out, &c->loop->spare_out);
    if (c->in.len == 0) used = vl_connection_parse(c, bytes, len);
    bool kept = c->closing || c->close_after || used == len ||
                vl_buffer_append(&c->in, bytes + used, len - used) == VALENCE_OK;
    if (!kept) vl_connection_close(c);
}

static void got(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    vl_connection *c = (vl_connection *)(void *)stream;
    if (n == 0) return;
    if (n < 0) {
        c->half_closed = true;
        bool deferred = c->state == VL_ANSWERING && c->exchange.gone;
        bool owed = n == UV_EOF && !deferred && (c->state == VL_ANSWERING || c->writing || waiting(c));
        if (!owed || c->state == VL_LINGERING) vl_connection_close(c);
        else if (c->reading) uv_read_stop(stream), c->reading = false;
        return;
    }
    if (c->state == VL_LINGERING || c->close_after) return;
    c->loop->now = vl_clock_seconds();
    take(c, buf->base, (size_t)n);
    if (c->closing) return;
    vl_connection_flush(c);
    if (!c->closing) vl_connection_go_on(c);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static vl_connection *make(vl_loop *loop)
{
    vl_connection *c = vl_alloc_zero(VL_MEM_REQUEST, sizeof *c);
    if (!c) return NULL;
    c->loop = loop;
    c->last_byte = c->last_write = loop->now;
    vl_buffer_init(&c->head, VL_MEM_REQUEST, loop->limits->head_bytes * 2);
    vl_buffer_init(&c->body, VL_MEM_REQUEST, loop->limits->body_bytes + VL_JSON_PADDING);
    vl_buffer_init(&c->in, VL_MEM_REQUEST, (size_t)4 * VL_READ_BYTES);
    vl_buffer_init(&c->out, VL_MEM_REQUEST, SIZE_MAX / 4);
    vl_buffer_init(&c->pending, VL_MEM_REQUEST, SIZE_MAX / 4);
    vl_buffer_init(&c->answer, VL_MEM_REQUEST, SIZE_MAX / 4);
    vl_buffer_init(&c->extra, VL_MEM_REQUEST, 16 << 10);
    vl_connection_reset_parser(c);
    return c;
}

static void dropped(uv_handle_t *handle)
{
    vl_free(handle);
}

void vl_connection_accept(vl_loop *loop, uv_stream_t *listener)
{
    vl_connection *c = make(loop);
    loop->delayed = c ? NULL : listener; /* without memory the client waits for the next sweep */
    if (!c) return;
    bool tcp = listener->type == UV_TCP;
    if (tcp) uv_tcp_init(&loop->uv, &c->handle.tcp);
    else uv_pipe_init(&loop->uv, &c->handle.local, 0);
    bool full = atomic_load(loop->connection_count) >= loop->limits->connections || loop->draining;
    if (full) atomic_fetch_add(loop->refused_count, 1);
    if (uv_accept(listener, &c->handle.stream) != 0 || full) {
        uv_close((uv_handle_t *)&c->handle, dropped);
        return;
    }
    if (tcp) uv_tcp_nodelay(&c->handle.tcp, 1);
    if (tcp) uv_tcp_keepalive(&c->handle.tcp, 1, 60);
    atomic_fetch_add(loop->connection_count, 1);
    c->next = loop->connections;
    c->link = &loop->connections;
    if (c->next) c->next->link = &c->next;
    loop->connections = c;
    choose_reading(c);
}

/* ---- Deadlines ------------------------------------------------------------------------------- */

/* What the socket took since the last look; libuv counts what it has left. */
static void look_at_writing(vl_connection *c)
{
    size_t left = uv_stream_get_write_queue_size(&c->handle.stream);
    if (left < c->unwritten) c->last_write = c->loop->now;
    c->unwritten = left;
}

static void check(vl_connection *c)
{
    const vl_limits *l = c->loop->limits;
    double now = c->loop->now;
    if (c->writing) look_at_writing(c);
    if (c->broken) {
        vl_connection_close(c);
    } else if (c->state == VL_LINGERING) {
        if (now - c->last_byte > LINGER_SECONDS) vl_connection_close(c);
    } else if (c->writing) {
        if (now - c->last_write > l->write_seconds) vl_connection_close(c);
    } else if (c->state == VL_ANSWERING && c->exchange.late && now > c->exchange.deadline) {
        void (*late)(vl_exchange *) = c->exchange.late;
        c->exchange.late = NULL;
        late(&c->exchange);
    } else if (c->state == VL_RECEIVING && !c->paused) {
        double since = c->streaming ? c->last_byte : c->begun_at;
        if (now - since > l->request_seconds) vl_connection_refuse(c, 408, "the request took too long to arrive");
    } else if (c->state == VL_IDLE && now - c->last_byte > l->idle_seconds) {
        vl_connection_close(c);
    }
}

void vl_connections_sweep(vl_loop *loop)
{
    if (loop->delayed && !loop->draining) vl_connection_accept(loop, loop->delayed);
    for (vl_connection *c = loop->connections, *next; c; c = next) {
        next = c->next;
        check(c);
    }
}

void vl_connections_drain(vl_loop *loop)
{
    loop->draining = true;
    for (vl_connection *c = loop->connections, *next; c; c = next) {
        next = c->next;
        if (c->state != VL_IDLE) continue;
        if (waiting(c) == 0) vl_connection_close(c);
        else c->close_after = true;
    }
}

void vl_connections_close_all(vl_loop *loop)
{
    while (loop->connections) vl_connection_close(loop->connections);
}
