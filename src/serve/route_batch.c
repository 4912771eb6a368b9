/* route_batch.c: POST /predict/batch: lines of JSON in, a line of answer for each, in order, while
 * they come. Memory is one line and its answer, whatever the length of the body; a client must read
 * while it writes, for the server stops reading when nobody takes the answers.
 *
 * {"text":"..","id":7,"model":"..","top_k":1,..} gets {"index":0,"id":7,"prediction":..}; a line
 * that cannot be answered gets {"index":0,"error":"..","error_type":"..","byte":..} and the others
 * go on. index counts the lines from 0; blank lines are passed over and not counted. */
#include <stdio.h>

#include "base/decimal.h"
#include "serve/answer_json.h"
#include "serve/route_list.h"

enum { FLUSH_BYTES = 64 << 10 };

typedef struct stream {
    vl_exchange *x;
    vl_buffer line; /* what came of the line on its way */
    bool too_long;  /* it is longer than a body may be: dropped up to its end */
    bool ended;     /* memory ran out: that was said, nothing more will be */
    uint64_t index;
} stream;

/* ---- A line's answer ------------------------------------------------------------------------- */

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

static vl_status begin_answer(const stream *s, vl_buffer *out)
{
    VL_TRY(vl_buffer_append_text(out, "{\"index\":"));
    VL_TRY(vl_write_integer(out, (int64_t)s->index));
    return vl_buffer_append_byte(out, ',');
}

/* *known: how much of the answer stands even if the rest fails: index and id. */
static vl_status answer(vl_ask *a, stream *s, vl_span line, size_t *known, valence_error *error)
{
    vl_json root, value;
    vl_span text;
    vl_buffer *out = s->x->out;
    VL_TRY(vl_ask_json(a, line, &root, error));
    VL_TRY(write_id(out, root, error));
    *known = out->len;
    VL_TRY(vl_ask_options(a, root, error));
    if (!vl_json_get(root, "text", &value))
        return vl_fail(error, VALENCE_ARGUMENT, "\"text\" is missing");
    if (!vl_json_string(value, &text))
        return vl_fail(error, VALENCE_ARGUMENT, "\"text\" must be a string");
    return vl_answer_members(a, out, text, error);
}

static vl_status write_error(vl_buffer *out, vl_refusal r, uint64_t byte)
{
    VL_TRY(vl_buffer_append_text(out, "\"error\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(r.message)));
    VL_TRY(vl_buffer_append_text(out, ",\"error_type\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(r.type)));
    if (byte == 0) return VALENCE_OK;
    VL_TRY(vl_buffer_append_text(out, ",\"byte\":"));
    return vl_write_integer(out, (int64_t)byte);
}

static vl_status answer_line(stream *s, vl_span line)
{
    vl_ask a;
    valence_error error = {0};
    vl_buffer *out = s->x->out;
    vl_ask_init(&a, s->x);
    VL_TRY(begin_answer(s, out));
    size_t known = out->len;
    vl_status status = s->too_long
                           ? vl_fail(&error, VALENCE_LIMIT, "the line is longer than %zu bytes",
                                     s->x->loop->limits->body_bytes)
                           : answer(&a, s, line, &known, &error);
    vl_ask_release(&a);
    if (status != VALENCE_OK) {
        out->len = known;
        VL_TRY(write_error(out, vl_ask_refusal(&a, status, &error), error.byte));
    }
    s->index++;
    return vl_buffer_append(out, "}\n", 2);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void flush(stream *s)
{
    vl_exchange_write(s->x, vl_buffer_span(s->x->out));
    vl_buffer_reset(s->x->out);
}

static bool is_blank(vl_span line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r') return false;
    return true;
}

/* The last line of a stream that cannot go on; whole answers before it are kept. */
static void give_up(stream *s, size_t whole)
{
    char last[120];
    int len = snprintf(last, sizeof last,
                       "{\"index\":%llu,\"error\":\"out of memory\",\"error_type\":\"Backend\"}\n",
                       (unsigned long long)s->index);
    s->x->out->len = whole;
    flush(s);
    vl_exchange_write(s->x, (vl_span){last, (size_t)len});
    s->ended = true;
}

/* Bytes of a line; the parser wants room behind them. */
static void take(stream *s, const char *bytes, size_t len)
{
    size_t most = s->x->loop->limits->body_bytes;
    if (s->too_long || s->line.len + len > most) s->too_long = true;
    else if (vl_buffer_reserve(&s->line, len + VL_JSON_PADDING) != VALENCE_OK)
        give_up(s, s->x->out->len);
    else vl_buffer_append(&s->line, bytes, len);
}

static void end_line(stream *s)
{
    vl_span line = vl_buffer_span(&s->line);
    size_t whole = s->x->out->len;
    if (s->too_long || !is_blank(line)) {
        if (line.ptr) memset(s->line.data + line.len, 0, VL_JSON_PADDING);
        if (answer_line(s, line) != VALENCE_OK) give_up(s, whole);
        else if (s->x->out->len >= FLUSH_BYTES) flush(s);
    }
    vl_buffer_reset(&s->line);
    s->too_long = false;
}

/* ---- The route ------------------------------------------------------------------------------- */

static void close_stream(vl_exchange *x)
{
    stream *s = x->user;
    if (s) vl_buffer_release(&s->line);
    vl_free(s);
    x->user = NULL;
}

/* A request that cannot be served is answered at its end: until then its body is on its way. */
void vl_route_batch_begin(vl_exchange *x)
{
    vl_ask a;
    vl_ask_init(&a, x);
    stream *s = NULL;
    if (vl_ask_check_type(&a, NULL) == VALENCE_OK) s = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    x->user = s;
    if (!s) return;
    s->x = x;
    vl_buffer_init(&s->line, VL_MEM_REQUEST, x->loop->limits->body_bytes + VL_JSON_PADDING);
    x->gone = close_stream;
    vl_exchange_stream(x, 200, "application/x-ndjson");
}

void vl_route_batch_data(vl_exchange *x, vl_span bytes)
{
    stream *s = x->user;
    while (s && bytes.len && !s->ended) {
        const char *end = memchr(bytes.ptr, '\n', bytes.len);
        size_t len = end ? (size_t)(end - bytes.ptr) : bytes.len;
        take(s, bytes.ptr, len);
        if (end && !s->ended) end_line(s);
        len += end != NULL;
        bytes = (vl_span){bytes.ptr + len, bytes.len - len};
    }
    if (s) flush(s);
}

void vl_route_batch_end(vl_exchange *x)
{
    stream *s = x->user;
    x->gone = NULL;
    if (!s) {
        vl_ask a;
        valence_error error = {0};
        vl_ask_init(&a, x);
        vl_status status = vl_ask_check_type(&a, &error);
        vl_ask_finish(&a, status == VALENCE_OK ? VALENCE_NO_MEMORY : status, &error);
        return;
    }
    if (!s->ended && (s->line.len || s->too_long)) end_line(s);
    flush(s);
    close_stream(x);
    vl_exchange_end(x);
}
