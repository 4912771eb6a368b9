/* result_pretty.c: answers for people: one line each, and below it what was asked for besides. */
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "cli/heat.h"
#include "cli/result_rows.h"

enum { SNIPPET = 72, EXPLAINED = 4000, REASONS = 8 };

static const char reset[] = "\033[0m";

static const char *colour_of(const char *label)
{
    int sign = cli_label_sign(label);
    return sign > 0 ? "\033[32m" : sign < 0 ? "\033[31m" : "\033[33m";
}

/* On one line, and nothing that a terminal would take for a command: control characters, those of
 * C1 (U+0080..U+009F) included, become blanks. */
static vl_status write_printable(vl_buffer *out, vl_span text)
{
    size_t from = out->len;
    VL_TRY(vl_buffer_append(out, text.ptr, text.len));
    for (size_t i = from; i < out->len; i++) {
        unsigned char c = (unsigned char)out->data[i];
        unsigned char next = i + 1 < out->len ? (unsigned char)out->data[i + 1] : 0;
        if (c == 0xC2 && next >= 0x80 && next < 0xA0) out->data[i + 1] = ' ';
        if (c < ' ' || c == 127 || (c == 0xC2 && next < 0xA0)) out->data[i] = ' ';
    }
    return VALENCE_OK;
}

/* How much of a text is shown, with room for the dots behind it. */
static size_t shown_length(vl_span text, size_t most)
{
    return text.len <= most ? text.len : vl_utf8_cut(text, most - 3);
}

static vl_status write_snippet(vl_buffer *out, vl_span text)
{
    size_t len = shown_length(text, SNIPPET);
    VL_TRY(write_printable(out, (vl_span){text.ptr, len}));
    return vl_buffer_append_text(out, len < text.len ? "...\n" : "\n");
}

static vl_status write_label(vl_buffer *out, const cli_row_style *style, const char *label,
                             double score)
{
    if (style->colour) VL_TRY(vl_buffer_append_text(out, colour_of(label)));
    VL_TRY(vl_buffer_append_text(out, label));
    if (style->colour) VL_TRY(vl_buffer_append_text(out, reset));
    for (size_t width = strlen(label); width < 9; width++) VL_TRY(vl_buffer_append_byte(out, ' '));
    VL_TRY(vl_buffer_append_byte(out, ' '));
    VL_TRY(vl_write_decimal(out, score, 2));
    return vl_buffer_append_text(out, "  ");
}

/* With --top K: the other classes asked for. */
static vl_status write_others(vl_buffer *out, const cli_row_style *style, const float *p)
{
    int shown = style->top > 0 ? cli_shown_classes(style) : 0;
    int k = cli_next_class(p, style->label_count, -1);
    for (int r = 1; r < shown; r++) {
        k = cli_next_class(p, style->label_count, k);
        VL_TRY(vl_buffer_append_text(out, r > 1 ? ", " : "["));
        VL_TRY(vl_buffer_append_text(out, style->labels[k]));
        VL_TRY(vl_buffer_append_byte(out, ' '));
        VL_TRY(vl_write_decimal(out, (double)p[k], 2));
    }
    return shown > 1 ? vl_buffer_append_text(out, "]  ") : VALENCE_OK;
}

/* ---- Explanations ---------------------------------------------------------------------------- */

/* Weak, middling, strong: faint letters, coloured ones, a coloured ground. */
static const char *heat_code(int sign, double weight, int level)
{
    static const char *const codes[3][CLI_HEAT_LEVELS + 1] = {
        {"", "", "\033[31m", "\033[1;31m", "\033[1;97;41m"},
        {"", "", "\033[33m", "\033[1;33m", "\033[1;97;43m"},
        {"", "", "\033[32m", "\033[1;32m", "\033[1;97;42m"}};
    int good = weight > 0 ? sign : -sign;
    if (sign == 0 && weight < 0) return ""; /* against a class that is neither good nor bad */
    return codes[good + 1][level];
}

static vl_status write_heat(vl_buffer *out, vl_span text, const vl_buffer *heat, int sign)
{
    size_t count, at = 0;
    const cli_heat_word *words = cli_heat_words(heat, &count);
    for (size_t i = 0; i < count && words[i].end <= text.len; i++) {
        const char *code = heat_code(sign, words[i].weight, words[i].level);
        VL_TRY(write_printable(out, (vl_span){text.ptr + at, words[i].start - at}));
        VL_TRY(vl_buffer_append_text(out, code));
        VL_TRY(write_printable(out, (vl_span){text.ptr + words[i].start, words[i].end - words[i].start}));
        if (*code) VL_TRY(vl_buffer_append_text(out, reset));
        at = words[i].end;
    }
    return write_printable(out, (vl_span){text.ptr + at, text.len - at});
}

static vl_status write_explained_text(vl_buffer *out, const cli_row_style *style, vl_span text,
                                      const valence_explanation *e)
{
    vl_buffer heat;
    vl_span shown = {text.ptr, shown_length(text, EXPLAINED)};
    vl_buffer_init(&heat, VL_MEM_IO, SIZE_MAX / 4);
    VL_TRY(vl_buffer_append_text(out, "  "));
    vl_status status = style->colour ? cli_heat(&heat, text, e) : VALENCE_OK;
    if (status == VALENCE_OK)
        status = write_heat(out, shown, &heat, cli_label_sign(style->labels[e->label_index]));
    vl_buffer_release(&heat);
    VL_TRY(status);
    return vl_buffer_append_text(out, shown.len < text.len ? "...\n" : "\n");
}

/* The strongest reasons of one sign, strongest first; returns how many. */
static int strongest(size_t *chosen, const valence_explanation *e, float sign)
{
    int n = 0;
    for (size_t i = 0; i < e->reason_count; i++) {
        float w = e->reasons[i].weight * sign;
        if (w < 0.005f || (n == REASONS && w <= e->reasons[chosen[n - 1]].weight * sign)) continue;
        int at = n < REASONS ? n++ : n - 1;
        for (; at > 0 && e->reasons[chosen[at - 1]].weight * sign < w; at--) chosen[at] = chosen[at - 1];
        chosen[at] = i;
    }
    return n;
}

static vl_status write_reasons(vl_buffer *out, const char *title, vl_span text,
                               const valence_explanation *e, float sign)
{
    size_t chosen[REASONS];
    int n = strongest(chosen, e, sign);
    if (n == 0) return VALENCE_OK;
    VL_TRY(vl_buffer_append_text(out, title));
    for (int i = 0; i < n; i++) {
        const valence_reason *r = &e->reasons[chosen[i]];
        VL_TRY(vl_buffer_append_text(out, i ? ", " : ""));
        VL_TRY(write_printable(out, (vl_span){text.ptr + r->start, r->end - r->start}));
        VL_TRY(vl_buffer_append_text(out, r->weight < 0 ? " " : " +"));
        VL_TRY(vl_write_decimal(out, (double)r->weight, 2));
    }
    return vl_buffer_append_byte(out, '\n');
}

static vl_status write_explanation(vl_buffer *out, const cli_row_style *style, vl_span text,
                                   const valence_explanation *e)
{
    char title[80];
    VL_TRY(write_explained_text(out, style, text, e));
    snprintf(title, sizeof title, "  for %.40s: ", style->labels[e->label_index]);
    VL_TRY(write_reasons(out, title, text, e, 1));
    return write_reasons(out, "  against: ", text, e, -1);
}

vl_status cli_pretty_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                         const cli_answer_parts *parts)
{
    const valence_prediction *p = &parts->prediction;
    VL_TRY(write_label(out, style, p->label, p->score));
    VL_TRY(write_others(out, style, p->probabilities));
    if (style->explain) {
        VL_TRY(vl_buffer_append_byte(out, '\n'));
        return write_explanation(out, style, record->text, &parts->explanation);
    }
    VL_TRY(write_snippet(out, record->text));
    for (size_t i = 0; style->sentences && i < parts->sentence_count; i++) {
        const valence_sentence *s = &parts->sentences[i];
        VL_TRY(vl_buffer_append_text(out, "  "));
        VL_TRY(write_label(out, style, s->label, s->score));
        VL_TRY(write_snippet(out, (vl_span){record->text.ptr + s->start, s->end - s->start}));
    }
    return VALENCE_OK;
}
