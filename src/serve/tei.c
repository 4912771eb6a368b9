/* tei.c: what "inputs" means is decided by its first element, as in TEI's router
 * (core/src and router/src/http/types.rs): "a" and ["a"] are one text, ["a","b"] one pair, and
 * [["a"],["b","c"]] a batch of texts and pairs. A pair is read as one text with a blank between.
 * Where a model has no tokens "x-compute-tokens" counts words, runs between blanks. */
#include "serve/tei.h"

#include <stdio.h>

#include "base/clock.h"
#include "serve/answer_json.h"

static const char wrong[] =
    "\"inputs\" must be a string, a list of one or two strings, or a list of such lists";

/* ---- Answers --------------------------------------------------------------------------------- */

static void say(vl_exchange *x, const char *name, double value)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%.0f", value);
    vl_exchange_header(x, name, (vl_span){text, (size_t)len});
}

int64_t vl_tei_tokens(const vl_ask *a)
{
    return a->tokens ? a->tokens : (int64_t)a->words;
}

/* Counts and milliseconds: of a batch the texts' means, as in TEI, but for the computing, which is
 * of the clock. */
static void say_times(const vl_ask *a, double characters, double tokens)
{
    vl_exchange *x = a->x;
    double now = vl_clock_seconds(), each = 1e3 / (a->written ? (double)a->written : 1);
    vl_exchange_header(x, "x-compute-type", vl_span_of("cpu"));
    say(x, "x-compute-time", a->worked * 1e3);
    say(x, "x-compute-characters", characters);
    say(x, "x-compute-tokens", tokens);
    say(x, "x-total-time", (now - x->request.begun) * 1e3);
    say(x, "x-tokenization-time", a->tokenized * each);
    say(x, "x-queue-time", a->waited * each);
    say(x, "x-inference-time", a->inferred * each);
}

void vl_tei_recalled(vl_ask *a, uint32_t characters, uint32_t tokens)
{
    say_times(a, characters, tokens);
}

static vl_status write_item(vl_ask *a, const vl_result *r, valence_error *error)
{
    const valence_prediction *p = r->prediction;
    (void)error;
    if (a->written) VL_TRY(vl_buffer_append_byte(a->out, ','));
    return vl_answer_ranking(a, a->raw_scores ? p->logits : p->probabilities, VL_RANKING_TEI);
}

static vl_status end_text(vl_ask *a, valence_error *error)
{
    (void)error;
    say_times(a, (double)a->characters, (double)vl_tei_tokens(a));
    return VALENCE_OK;
}

static vl_status end_batch(vl_ask *a, valence_error *error)
{
    VL_TRY(end_text(a, error));
    return vl_buffer_append_byte(a->out, ']');
}

static const vl_writer text_writer = {.item = write_item, .end = end_text, .finish = vl_ask_send},
                       batch_writer = {.item = write_item, .end = end_batch, .finish = vl_ask_send};

/* ---- Inputs ---------------------------------------------------------------------------------- */

typedef struct reading {
    vl_ask *ask;
    valence_error *error;
    vl_status status;
    vl_span texts[2]; /* of the text or pair on its way */
    size_t count;
} reading;

static vl_status refuse(reading *r)
{
    return vl_fail(r->error, VALENCE_ARGUMENT, wrong);
}

static void measure(vl_ask *a, vl_span text)
{
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        bool blank = (unsigned char)text.ptr[i] <= ' ';
        a->characters += (text.ptr[i] & 0xC0) != 0x80;
        a->words += !blank && !inside;
        inside = !blank;
    }
}

static vl_status take_item(reading *r)
{
    vl_span text = r->texts[0];
    for (size_t i = 0; i < r->count; i++) measure(r->ask, r->texts[i]);
    if (r->count == 2) VL_TRY(vl_ask_join(r->ask, r->texts[0], r->texts[1], &text));
    return vl_ask_take(r->ask, text, r->error);
}

static int read_text(void *user, vl_span key, vl_json value)
{
    (void)key;
    reading *r = user;
    if (r->count == 2 || !vl_json_string(value, &r->texts[r->count])) r->status = refuse(r);
    else r->count++;
    return r->status != VALENCE_OK;
}

/* [..] of one or two strings. */
static vl_status read_list(reading *r, vl_json list)
{
    r->count = 0;
    vl_json_each(list, read_text, r);
    VL_TRY(r->status);
    return r->count ? take_item(r) : refuse(r);
}

static int read_element(void *user, vl_span key, vl_json value)
{
    (void)key;
    reading *r = user;
    r->status = vl_json_type_of(value) == VL_JSON_ARRAY ? read_list(r, value) : refuse(r);
    return r->status != VALENCE_OK;
}

static vl_status read_batch(reading *r, vl_json inputs)
{
    r->ask->writer = &batch_writer;
    VL_TRY(vl_buffer_append_byte(r->ask->out, '['));
    vl_json_each(inputs, read_element, r);
    return r->status;
}

static int first_of(void *user, vl_span key, vl_json value)
{
    (void)key;
    *(vl_json *)user = value;
    return 1;
}

vl_status vl_tei_take(vl_ask *a, vl_json inputs, valence_error *error)
{
    vl_json first;
    reading r = {.ask = a, .error = error, .count = 1};
    if (a->explain)
        return vl_fail(error, VALENCE_ARGUMENT,
                       "\"explain\" goes with \"text\" or \"texts\", not with \"inputs\"");
    a->counts = true;
    a->writer = &text_writer;
    if (vl_json_string(inputs, &r.texts[0])) return take_item(&r);
    if (vl_json_type_of(inputs) != VL_JSON_ARRAY) return refuse(&r);
    VL_TRY(vl_ask_check_count(a, vl_json_count(inputs), error));
    vl_json_each(inputs, first_of, &first);
    if (vl_json_type_of(first) != VL_JSON_ARRAY) return read_list(&r, inputs);
    return read_batch(&r, inputs);
}
