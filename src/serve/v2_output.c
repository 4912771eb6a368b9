/* v2_output.c: a protocol of columns: all answers are gathered, then each output is written. */
#include <string.h>

#include "base/decimal.h"
#include "serve/answer_json.h"
#include "serve/v2_tensor.h"

static const struct {
    const char *name, *datatype;
} outputs[] = {
#define VL_V2_ROW(name, text, type) {text, type},
    VL_V2_OUTPUTS(VL_V2_ROW)
#undef VL_V2_ROW
};

const char *vl_v2_name(vl_v2_output output)
{
    return outputs[output].name;
}

const char *vl_v2_datatype(vl_v2_output output)
{
    return outputs[output].datatype;
}

static size_t class_count(const vl_v2_call *c)
{
    return (size_t)c->ask->model->info.label_count;
}

/* ---- Gathering ------------------------------------------------------------------------------- */

vl_status vl_v2_make_columns(vl_v2_call *c, valence_error *error)
{
    size_t numbers = c->count * class_count(c); /* 10,000 texts, 65,536 classes at most */
    c->labels = vl_alloc_array(VL_MEM_REQUEST, c->count, sizeof *c->labels);
    c->label_indices = vl_alloc_array(VL_MEM_REQUEST, c->count, sizeof *c->label_indices);
    c->scores = vl_alloc_array(VL_MEM_REQUEST, numbers, sizeof *c->scores);
    c->logits = vl_alloc_array(VL_MEM_REQUEST, numbers, sizeof *c->logits);
    if (c->labels && c->label_indices && c->scores && c->logits) return VALENCE_OK;
    return vl_fail_memory(error, numbers * sizeof *c->scores, "outputs");
}

void vl_v2_add(vl_v2_call *c, size_t i, const valence_prediction *p)
{
    size_t classes = class_count(c);
    c->labels[i] = p->label;
    c->label_indices[i] = p->label_index;
    memcpy(c->scores + i * classes, p->probabilities, classes * sizeof *c->scores);
    memcpy(c->logits + i * classes, p->logits, classes * sizeof *c->logits);
}

/* ---- Elements -------------------------------------------------------------------------------- */

static vl_status append_little(vl_buffer *out, uint64_t value, int bytes)
{
    for (; bytes; bytes--, value >>= 8) VL_TRY(vl_buffer_append_byte(out, (char)(value & 0xff)));
    return VALENCE_OK;
}

/* A BYTES element; a comma before all but the first. */
static vl_status write_text(vl_v2_call *c, vl_buffer *out, bool binary, bool first, vl_span text)
{
    if (binary) {
        VL_TRY(append_little(&c->tail, text.len, 4));
        return vl_buffer_append(&c->tail, text.ptr, text.len);
    }
    if (!first) VL_TRY(vl_buffer_append_byte(out, ','));
    return vl_json_write_string(out, text);
}

static vl_status write_labels(vl_v2_call *c, vl_buffer *out, bool binary)
{
    for (size_t i = 0; i < c->count; i++)
        VL_TRY(write_text(c, out, binary, i == 0, vl_span_of(c->labels[i])));
    return VALENCE_OK;
}

static vl_status write_indices(vl_v2_call *c, vl_buffer *out, bool binary)
{
    for (size_t i = 0; i < c->count; i++) {
        if (binary) {
            VL_TRY(append_little(&c->tail, (uint64_t)c->label_indices[i], 8));
            continue;
        }
        if (i) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_write_integer(out, c->label_indices[i]));
    }
    return VALENCE_OK;
}

static vl_status write_numbers(vl_v2_call *c, vl_buffer *out, bool binary, const float *values)
{
    size_t count = c->count * class_count(c);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        if (binary) {
            VL_TRY(append_little(&c->tail, bits, 4));
            continue;
        }
        if (i) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_answer_score(out, (double)values[i]));
    }
    return VALENCE_OK;
}

/* "0.981000:2:positive" */
static vl_status spell_class(vl_v2_call *c, vl_buffer *spelled, const float *values, int k)
{
    vl_buffer_reset(spelled);
    VL_TRY(vl_write_decimal(spelled, (double)values[k], VL_SCORE_DIGITS));
    VL_TRY(vl_buffer_append_byte(spelled, ':'));
    VL_TRY(vl_write_integer(spelled, k));
    VL_TRY(vl_buffer_append_byte(spelled, ':'));
    return vl_buffer_append_text(spelled, c->ask->model->info.labels[k]);
}

static vl_status write_classes(vl_v2_call *c, vl_buffer *out, const vl_v2_wish *w,
                               const float *values)
{
    vl_buffer *spelled = &c->ask->joined;
    for (size_t i = 0; i < c->count; i++) {
        const float *row = values + i * class_count(c);
        int shown;
        VL_TRY(vl_answer_rank(c->ask, row, VL_RANKING_HF, w->classification, &shown));
        for (int r = 0; r < shown; r++) {
            VL_TRY(spell_class(c, spelled, row, c->ask->order[r]));
            VL_TRY(write_text(c, out, w->binary, i == 0 && r == 0, vl_buffer_span(spelled)));
        }
    }
    return VALENCE_OK;
}

/* ---- Outputs --------------------------------------------------------------------------------- */

static vl_status write_data(vl_v2_call *c, vl_buffer *out, const vl_v2_wish *w)
{
    const float *values = w->output == VL_V2_LOGITS ? c->logits : c->scores;
    if (w->classification) return write_classes(c, out, w, values);
    if (w->output == VL_V2_LABEL) return write_labels(c, out, w->binary);
    if (w->output == VL_V2_LABEL_INDEX) return write_indices(c, out, w->binary);
    return write_numbers(c, out, w->binary, values);
}

/* [n], [n,1] or [n,C] */
static vl_status write_shape(const vl_v2_call *c, vl_buffer *out, const vl_v2_wish *w)
{
    bool wide = w->output == VL_V2_SCORES || w->output == VL_V2_LOGITS;
    int64_t width = wide ? c->ask->model->info.label_count : 1;
    if (w->classification && w->classification < width) width = w->classification;
    VL_TRY(vl_buffer_append_byte(out, '['));
    VL_TRY(vl_write_integer(out, (int64_t)c->count));
    if (wide || c->column) VL_TRY(vl_buffer_append_byte(out, ','));
    if (wide || c->column) VL_TRY(vl_write_integer(out, width));
    return vl_buffer_append_byte(out, ']');
}

static vl_status write_output(vl_v2_call *c, vl_buffer *out, const vl_v2_wish *w)
{
    size_t before = c->tail.len;
    VL_TRY(vl_buffer_append_text(out, "{\"name\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(vl_v2_name(w->output))));
    VL_TRY(vl_buffer_append_text(out, ",\"datatype\":"));
    VL_TRY(vl_json_write_string(
        out, vl_span_of(w->classification ? "BYTES" : vl_v2_datatype(w->output))));
    VL_TRY(vl_buffer_append_text(out, ",\"shape\":"));
    VL_TRY(write_shape(c, out, w));
    if (!w->binary) VL_TRY(vl_buffer_append_text(out, ",\"data\":["));
    VL_TRY(write_data(c, out, w));
    if (!w->binary) return vl_buffer_append_text(out, "]}");
    VL_TRY(vl_buffer_append_text(out, ",\"parameters\":{\"binary_data_size\":"));
    VL_TRY(vl_write_integer(out, (int64_t)(c->tail.len - before)));
    return vl_buffer_append_text(out, "}}");
}

vl_status vl_v2_write(vl_v2_call *c, vl_buffer *out)
{
    VL_TRY(vl_buffer_append_byte(out, '['));
    for (int i = 0; i < c->wish_count; i++) {
        if (i) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(write_output(c, out, &c->wishes[i]));
    }
    return vl_buffer_append_byte(out, ']');
}
