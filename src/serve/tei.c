/* tei.c: what "inputs" means is decided by its first element, as in TEI's router
 * (core/src and router/src/http/types.rs): "a" and ["a"] are one text, ["a","b"] one pair, and
 * [["a"],["b","c"]] a batch of texts and pairs. Our models have no second segment, so a pair is
 * read as one text with a blank between. Words of "x-compute-tokens" are runs between blanks. */
#include "serve/tei.h"

#include <stdio.h>

#include "base/clock.h"
#include "serve/answer_json.h"

static const char wrong[] =
    "\"inputs\" must be a string, a list of one or two strings, or a list of such lists";

typedef struct work {
    vl_ask *ask;
    valence_error *error;
    vl_status status;
    vl_span texts[2]; /* of the text or pair on its way */
    size_t count;
    size_t items, characters, words;
} work;

static vl_status refuse(work *w)
{
    return vl_fail(w->error, VALENCE_ARGUMENT, wrong);
}

static void measure(work *w, vl_span text)
{
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        bool blank = (unsigned char)text.ptr[i] <= ' ';
        w->characters += (text.ptr[i] & 0xC0) != 0x80;
        w->words += !blank && !inside;
        inside = !blank;
    }
}

static vl_status answer_item(work *w)
{
    vl_ask *a = w->ask;
    vl_buffer *out = a->x->out;
    valence_prediction p;
    vl_span text = w->texts[0];
    measure(w, text);
    if (w->count == 2) measure(w, w->texts[1]);
    if (w->count == 2) VL_TRY(vl_ask_join(a, w->texts[0], w->texts[1], &text));
    if (w->items++) VL_TRY(vl_buffer_append_byte(out, ','));
    VL_TRY(vl_ask_predict(a, text, &p, NULL, w->error));
    return vl_answer_ranking(a, out, a->raw_scores ? p.logits : p.probabilities, VL_RANKING_TEI);
}

static int take_text(void *user, vl_span key, vl_json value)
{
    (void)key;
    work *w = user;
    if (w->count == 2 || !vl_json_string(value, &w->texts[w->count])) w->status = refuse(w);
    else w->count++;
    return w->status != VALENCE_OK;
}

/* [..] of one or two strings. */
static vl_status answer_list(work *w, vl_json list)
{
    w->count = 0;
    vl_json_each(list, take_text, w);
    VL_TRY(w->status);
    return w->count ? answer_item(w) : refuse(w);
}

static int answer_element(void *user, vl_span key, vl_json value)
{
    (void)key;
    work *w = user;
    w->status = vl_json_type_of(value) == VL_JSON_ARRAY ? answer_list(w, value) : refuse(w);
    return w->status != VALENCE_OK;
}

static vl_status answer_batch(work *w, vl_json inputs)
{
    VL_TRY(vl_buffer_append_byte(w->ask->x->out, '['));
    vl_json_each(inputs, answer_element, w);
    VL_TRY(w->status);
    return vl_buffer_append_byte(w->ask->x->out, ']');
}

static int first_of(void *user, vl_span key, vl_json value)
{
    (void)key;
    *(vl_json *)user = value;
    return 1;
}

static vl_status answer(work *w, vl_json inputs)
{
    vl_json first;
    w->count = 1;
    if (vl_json_string(inputs, &w->texts[0])) return answer_item(w);
    if (vl_json_type_of(inputs) != VL_JSON_ARRAY) return refuse(w);
    VL_TRY(vl_ask_check_count(w->ask, vl_json_count(inputs), w->error));
    vl_json_each(inputs, first_of, &first);
    if (vl_json_type_of(first) != VL_JSON_ARRAY) return answer_list(w, inputs);
    return answer_batch(w, inputs);
}

static void say(vl_exchange *x, const char *name, double value)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%.0f", value);
    vl_exchange_header(x, name, (vl_span){text, (size_t)len});
}

/* Milliseconds and counts. There is no queue and no tokeniser apart from the model here; as in TEI
 * the inference time is the mean over a batch. */
static void say_times(const work *w, double began)
{
    vl_exchange *x = w->ask->x;
    double now = vl_clock_seconds(), computed = (now - began) * 1e3;
    vl_exchange_header(x, "x-compute-type", vl_span_of("cpu"));
    say(x, "x-compute-time", computed);
    say(x, "x-compute-characters", (double)w->characters);
    say(x, "x-compute-tokens", (double)w->words);
    say(x, "x-total-time", (now - x->request.begun) * 1e3);
    say(x, "x-tokenization-time", 0);
    say(x, "x-queue-time", 0);
    say(x, "x-inference-time", computed / (double)w->items);
}

vl_status vl_tei_answer(vl_ask *a, vl_json inputs, valence_error *error)
{
    work w = {.ask = a, .error = error};
    double began = vl_clock_seconds();
    if (a->explain)
        return vl_fail(error, VALENCE_ARGUMENT,
                       "\"explain\" goes with \"text\" or \"texts\", not with \"inputs\"");
    VL_TRY(answer(&w, inputs));
    say_times(&w, began);
    return VALENCE_OK;
}
