/* route_batch.c: POST /predict/batch: lines of JSON in, a line of answer for each, in order, while
 * they come. Memory is bounded whatever the length of the body: with a classic model it is one line
 * and its answer; lines for slow models wait in a window, and while that is full no more of the
 * body is read. A client must read while it writes, for the server stops reading when nobody takes
 * the answers.
 *
 * {"text":"..","id":7,"model":"..","top_k":1,..} gets {"index":0,"id":7,"prediction":..}; a line
 * that cannot be answered gets {"index":0,"error":"..","error_type":"..","byte":..} and the others
 * go on. index counts the lines from 0; blank lines are passed over and not counted. Where the
 * model's queue is full of other clients' texts a line waits for room. */
#include <stdio.h>

#include "base/decimal.h"
#include "serve/answer_json.h"
#include "serve/ask_queue.h"
#include "serve/route_list.h"

enum {
    FLUSH_BYTES = 64 << 10,
    LINES_MAX = 256,   /* of the window */
    HELD_MAX = 1 << 20 /* more than a connection reads before it knows that it is to stop */
};

typedef struct stream stream;

typedef struct line {
    struct line *next;
    stream *stream;
    vl_buffer answer; /* index and id first: */
    size_t known;     /* so much of it stands even if the rest fails */
    vl_ask *ask;      /* NULL: the answer is whole */
} line;

struct stream {
    vl_exchange *x;
    vl_buffer text; /* what came of the line on its way */
    bool too_long;  /* it is longer than a body may be: dropped up to its end */
    vl_buffer held; /* bytes that came while the window was full */
    size_t held_at; /* so many of them are used */
    bool taking;    /* lines are being taken: answers wait until that is done */
    bool complete;  /* the whole body is there */
    bool ended;     /* memory ran out: that was said, nothing more will be */
    uint64_t index;
    line *first, **end; /* the window, in order */
    int lines, lines_max;
    line *spare;
    line *stalled; /* the window's last one: its queue was full */
    vl_post wake, retry;
    bool waking;
    double deadline;
    bool deadline_told;
};

static void go_on(stream *s);

/* ---- The window ------------------------------------------------------------------------------ */

static bool is_full(const stream *s)
{
    return s->lines >= s->lines_max || s->stalled;
}

static line *open_line(stream *s)
{
    line *l = s->spare;
    if (l) s->spare = l->next;
    else if (!(l = vl_alloc_zero(VL_MEM_REQUEST, sizeof *l))) return NULL;
    if (!l->stream) vl_buffer_init(&l->answer, VL_MEM_REQUEST, SIZE_MAX / 4);
    l->stream = s;
    l->next = NULL;
    vl_buffer_reset(&l->answer);
    *s->end = l;
    s->end = &l->next;
    s->lines++;
    return l;
}

static void free_line(line *l)
{
    vl_buffer_release(&l->answer);
    vl_free(l);
}

static void take_off(stream *s)
{
    line *l = s->first;
    s->first = l->next;
    if (!s->first) s->end = &s->first;
    s->lines--;
    if (l->answer.capacity > FLUSH_BYTES) {
        free_line(l);
        return;
    }
    l->next = s->spare;
    s->spare = l;
}

/* Nobody waits for these any more. */
static void drop_lines(stream *s)
{
    if (s->stalled) {
        vl_ask_close(s->stalled->ask);
        s->stalled->ask = NULL;
        s->stalled = NULL;
    }
    for (line *l = s->first; l; l = l->next)
        if (l->ask) vl_ask_abandon(l->ask);
    while (s->first) {
        s->first->ask = NULL;
        take_off(s);
    }
    vl_loop_forget(s->x->loop, &s->wake);
    vl_loop_forget(s->x->loop, &s->retry);
}

static void flush(stream *s)
{
    vl_exchange_write(s->x, vl_buffer_span(s->x->out));
    vl_buffer_reset(s->x->out);
}

/* The last line of a stream that cannot go on; whole answers before it are kept. */
static void give_up(stream *s)
{
    char last[120];
    if (s->ended) return;
    uint64_t index = s->index - (uint64_t)s->lines;
    int len = snprintf(last, sizeof last,
                       "{\"index\":%llu,\"error\":\"out of memory\",\"error_type\":\"Backend\"}\n",
                       (unsigned long long)index);
    flush(s);
    vl_exchange_write(s->x, (vl_span){last, (size_t)len});
    s->ended = true;
    drop_lines(s);
}

/* Whole answers at the window's front go out. */
static void send_answered(stream *s)
{
    vl_buffer *out = s->x->out;
    while (s->first && !s->first->ask && !s->ended) {
        const vl_buffer *answer = &s->first->answer;
        if (answer->failed || vl_buffer_append(out, answer->data, answer->len) != VALENCE_OK) {
            give_up(s);
            return;
        }
        take_off(s);
        if (out->len >= FLUSH_BYTES) flush(s);
    }
}

/* ---- A line's answer ------------------------------------------------------------------------- */

static vl_status write_item(vl_ask *a, const vl_result *r, valence_error *error)
{
    (void)error;
    return vl_answer_members(a, r);
}

static void write_error(vl_buffer *out, vl_refusal r, uint64_t byte)
{
    vl_buffer_append_text(out, "\"error\":");
    vl_json_write_string(out, vl_span_of(r.message));
    vl_buffer_append_text(out, ",\"error_type\":");
    vl_json_write_string(out, vl_span_of(r.type));
    if (byte == 0) return;
    vl_buffer_append_text(out, ",\"byte\":");
    vl_write_integer(out, (int64_t)byte);
}

static void wake(vl_post *post)
{
    stream *s = (stream *)(void *)((char *)post - offsetof(stream, wake));
    s->waking = false;
    go_on(s);
}

/* Answers that come together are sent together. */
static void wake_soon(stream *s)
{
    if (s->waking) return;
    s->waking = true;
    vl_loop_soon(s->x->loop, &s->wake);
}

static void finish_line(vl_ask *a, vl_status status, const valence_error *error)
{
    line *l = a->extra;
    stream *s = l->stream;
    if (a->trouble == VL_QUEUE_FULL) {
        s->stalled = l;
        vl_loop_later(s->x->loop, &s->retry);
        return;
    }
    if (status != VALENCE_OK) {
        l->answer.failed = false;
        l->answer.len = l->known;
        write_error(&l->answer, vl_ask_refusal(a, status, error), error->byte);
    }
    if (a->trouble == VL_TOO_LATE) vl_meter_rejected(a->service->meter, VL_REJECTED_DEADLINE);
    vl_buffer_append(&l->answer, "}\n", 2);
    l->ask = NULL;
    vl_ask_close(a);
    if (!s->taking) wake_soon(s);
}

static const vl_writer line_writer = {.item = write_item, .finish = finish_line};

static void try_again(stream *s)
{
    valence_error error = {0};
    vl_ask *a = s->stalled->ask;
    vl_loop_forget(s->x->loop, &s->retry);
    s->stalled = NULL;
    vl_status status = vl_ask_submit(a, &error);
    if (status != VALENCE_OK) finish_line(a, status, &error);
}

static void retry(vl_post *post)
{
    go_on((stream *)(void *)((char *)post - offsetof(stream, retry)));
}

/* ---- A line's question ----------------------------------------------------------------------- */

/* Echoed as it came: text or number. */
static vl_status write_id(vl_buffer *out, vl_json root, valence_error *error)
{
    vl_json id;
    vl_span text;
    int64_t integer;
    double number;
    if (!vl_json_get(root, "id", &id) || vl_json_type_of(id) == VL_JSON_NULL) return VALENCE_OK;
    VL_TRY(vl_buffer_append_text(out, "\"id\":"));
    if (vl_json_string(id, &text)) VL_TRY(vl_json_write_string(out, text));
    else if (vl_json_integer(id, &integer)) VL_TRY(vl_write_integer(out, integer));
    else if (vl_json_number(id, &number)) VL_TRY(vl_json_write_number(out, number));
    else return vl_fail(error, VALENCE_ARGUMENT, "\"id\" must be a string or a number");
    return vl_buffer_append_byte(out, ',');
}

static vl_status begin_answer(line *l)
{
    VL_TRY(vl_buffer_append_text(&l->answer, "{\"index\":"));
    VL_TRY(vl_write_integer(&l->answer, (int64_t)l->stream->index));
    VL_TRY(vl_buffer_append_byte(&l->answer, ','));
    l->known = l->answer.len;
    return VALENCE_OK;
}

static vl_status read_line(line *l, vl_span text, valence_error *error)
{
    vl_json root, value;
    vl_span words;
    VL_TRY(vl_ask_json(l->ask, text, &root, error));
    VL_TRY(write_id(&l->answer, root, error));
    l->known = l->answer.len;
    VL_TRY(vl_ask_options(l->ask, root, error));
    if (!vl_json_get(root, "text", &value))
        return vl_fail(error, VALENCE_ARGUMENT, "\"text\" is missing");
    if (!vl_json_string(value, &words))
        return vl_fail(error, VALENCE_ARGUMENT, "\"text\" must be a string");
    return vl_ask_take(l->ask, words, error);
}

static void take_line(stream *s, vl_span text)
{
    valence_error error = {0};
    line *l = open_line(s);
    vl_ask *a = l && begin_answer(l) == VALENCE_OK ? vl_ask_open(s->x, &line_writer) : NULL;
    if (!a) {
        s->index += l != NULL; /* as give_up counts */
        give_up(s);
        return;
    }
    l->ask = a;
    a->extra = l;
    a->out = &l->answer;
    a->patient = true;
    a->deadline = s->deadline;
    a->deadline_told = s->deadline_told;
    s->index++;
    vl_ask_go(a,
              s->too_long ? vl_fail(&error, VALENCE_LIMIT, "the line is longer than %zu bytes",
                                    s->x->loop->limits->body_bytes)
                          : read_line(l, text, &error),
              &error);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static bool is_blank(vl_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ' && text.ptr[i] != '\t' && text.ptr[i] != '\r') return false;
    return true;
}

/* Bytes of a line; the parser wants room behind them. */
static void add_bytes(stream *s, const char *bytes, size_t len)
{
    size_t most = s->x->loop->limits->body_bytes;
    if (s->too_long || s->text.len + len > most) s->too_long = true;
    else if (vl_buffer_reserve(&s->text, len + VL_JSON_PADDING) != VALENCE_OK) give_up(s);
    else vl_buffer_append(&s->text, bytes, len);
}

static void end_line(stream *s)
{
    vl_span text = vl_buffer_span(&s->text);
    if (s->too_long || !is_blank(text)) {
        if (text.ptr) memset(s->text.data + text.len, 0, VL_JSON_PADDING);
        take_line(s, text);
        send_answered(s);
    }
    vl_buffer_reset(&s->text);
    s->too_long = false;
}

/* Lines while there is room for them; returns how many bytes that used. */
static size_t take_bytes(stream *s, vl_span bytes)
{
    size_t at = 0;
    s->taking = true;
    while (at < bytes.len && !s->ended && !is_full(s)) {
        const char *from = bytes.ptr + at, *end = memchr(from, '\n', bytes.len - at);
        size_t len = end ? (size_t)(end - from) : bytes.len - at;
        add_bytes(s, from, len);
        at += len + (end != NULL);
        if (end && !s->ended) end_line(s);
    }
    s->taking = false;
    return at;
}

static void hold(stream *s, vl_span bytes)
{
    if (s->ended || bytes.len == 0) return;
    if (vl_buffer_append(&s->held, bytes.ptr, bytes.len) != VALENCE_OK) give_up(s);
}

static void take_held(stream *s)
{
    vl_span rest = {s->held.data + s->held_at, s->held.len - s->held_at};
    if (rest.len) s->held_at += take_bytes(s, rest);
    if (s->held_at < s->held.len) return;
    vl_buffer_reset(&s->held);
    s->held_at = 0;
}

/* A body's last line needs no end. */
static void take_last(stream *s)
{
    if (!s->complete || s->held.len || is_full(s) || s->ended) return;
    if (!s->text.len && !s->too_long) return;
    s->taking = true;
    end_line(s);
    s->taking = false;
}

/* ---- The route ------------------------------------------------------------------------------- */

static void close_stream(vl_exchange *x)
{
    stream *s = x->user;
    if (!s) return;
    drop_lines(s);
    for (line *l = s->spare, *next; l; l = next) {
        next = l->next;
        free_line(l);
    }
    vl_buffer_release(&s->text);
    vl_buffer_release(&s->held);
    vl_free(s);
    x->user = NULL;
}

static bool is_done(const stream *s)
{
    return s->ended || (!s->lines && !s->held.len && !s->text.len && !s->too_long);
}

/* After anything has changed. The stream may be gone when this returns. */
static void go_on(stream *s)
{
    vl_exchange *x = s->x;
    if (s->stalled) try_again(s);
    send_answered(s);
    take_held(s);
    take_last(s);
    flush(s);
    if (!s->complete || !is_done(s)) {
        vl_exchange_pause(x, is_full(s) && !s->ended);
        return;
    }
    x->gone = NULL;
    close_stream(x);
    vl_exchange_end(x);
}

/* Lines of one client leave room for others in every queue. */
static int window_of(const vl_model_set *set)
{
    int most = LINES_MAX;
    for (int i = 0; i < set->count; i++) {
        const vl_model_queue *q = set->models[i]->queue;
        int half = q ? vl_model_queue_options(q)->size / 2 : most;
        if (half < most) most = half;
    }
    return most > 1 ? most : 1;
}

static stream *open_stream(const vl_ask *a)
{
    vl_exchange *x = a->x;
    stream *s = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    if (!s) return NULL;
    s->x = x;
    s->end = &s->first;
    s->lines_max = window_of(a->view->set);
    s->wake.run = wake;
    s->retry.run = retry;
    s->deadline = a->deadline;
    s->deadline_told = a->deadline_told;
    vl_buffer_init(&s->text, VL_MEM_REQUEST, x->loop->limits->body_bytes + VL_JSON_PADDING);
    vl_buffer_init(&s->held, VL_MEM_REQUEST, HELD_MAX);
    return s;
}

/* A request that cannot be served is answered at its end: until then its body is on its way. */
void vl_route_batch_begin(vl_exchange *x)
{
    vl_ask *a = vl_ask_open(x, NULL);
    bool fine = a && vl_ask_head(a, NULL) == VALENCE_OK;
    x->user = fine ? open_stream(a) : NULL;
    if (a) vl_ask_close(a);
    if (!x->user) return;
    x->gone = close_stream;
    vl_exchange_stream(x, 200, "application/x-ndjson");
}

void vl_route_batch_data(vl_exchange *x, vl_span bytes)
{
    stream *s = x->user;
    if (!s || s->ended) return;
    size_t used = s->held.len ? 0 : take_bytes(s, bytes);
    hold(s, (vl_span){bytes.ptr + used, bytes.len - used});
    flush(s);
    vl_exchange_pause(x, is_full(s) && !s->ended);
}

void vl_route_batch_end(vl_exchange *x)
{
    stream *s = x->user;
    if (s) {
        s->complete = true;
        go_on(s);
        return;
    }
    valence_error error = {0};
    vl_ask *a = vl_ask_begin(x, NULL);
    if (!a) return;
    vl_status status = vl_ask_head(a, &error);
    vl_ask_send(a, status == VALENCE_OK ? VALENCE_NO_MEMORY : status, &error);
}
