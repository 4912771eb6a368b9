/* result_html.c: a report in one file, to be sent to a colleague: no scripts, nothing from outside.
 * Rows are written as they come; the summary is written last and shown first (CSS order). */
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "cli/heat.h"
#include "cli/result_rows.h"

enum { TEXT_MAX = 20000, SUMMARY_MAX = 30, REASONS_WIDTH = 60 };

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Sentiment report</title>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6570;--page:#f6f7f9;--card:#fff;"
    "--line:#dfe3e8;--good:0,114,178;--bad:213,94,0;--other:128,90,160}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa4af;--page:#14171a;"
    "--card:#1e2226;--line:#31373d;--good:86,180,233;--bad:240,140,70;--other:180,150,220}}\n"
    "body{font:16px/1.6 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:0 auto;"
    "max-width:52rem;padding:1.5rem 1rem;display:flex;flex-direction:column;gap:.8rem}\n"
    "h1{font-size:1.5rem;margin:0}header,#summary{order:-2}#summary{order:-1}\n"
    ".soft{color:var(--soft);font-size:.875rem}\n"
    "article,#summary{background:var(--card);border:1px solid var(--line);border-radius:.6rem;"
    "padding:.9rem 1.1rem}\n"
    "article p{margin:.5rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    ".label{display:inline-block;border-radius:1rem;padding:.05rem .7rem;font-weight:600;"
    "color:#fff;background:#667}\n"
    ".label.good{background:rgb(0,104,163)}.label.bad{background:rgb(179,74,0)}\n"
    ".bar{display:grid;grid-template-columns:minmax(5rem,auto) 1fr 7rem;gap:.7rem;align-items:center}\n"
    ".bar i{display:block;height:.8rem;border-radius:.2rem;background:#889}\n"
    ".bar i.good{background:rgb(var(--good))}.bar i.bad{background:rgb(var(--bad))}\n"
    "mark{color:inherit;background:none;border-radius:.2rem;padding:.05em 0}\n"
    ".g1{background:rgba(var(--good),.14)}.g2{background:rgba(var(--good),.28)}"
    ".g3{background:rgba(var(--good),.45)}.g4{background:rgba(var(--good),.65)}\n"
    ".b1{background:rgba(var(--bad),.14)}.b2{background:rgba(var(--bad),.28)}"
    ".b3{background:rgba(var(--bad),.45)}.b4{background:rgba(var(--bad),.65)}\n"
    ".o1{background:rgba(var(--other),.14)}.o2{background:rgba(var(--other),.28)}"
    ".o3{background:rgba(var(--other),.45)}.o4{background:rgba(var(--other),.65)}\n"
    ".x1,.x2{color:var(--soft)}.x3,.x4{color:var(--soft);text-decoration:line-through dotted}\n"
    "mark.b1,mark.b2,mark.b3,mark.b4{text-decoration:underline dotted;text-underline-offset:.2em}\n"
    "@media print{body{max-width:none}article{break-inside:avoid}"
    "mark,.label,.bar i{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n"
    "</style></head>\n<body>\n";

/* ---- Text ------------------------------------------------------------------------------------ */

static vl_status escape_byte(vl_buffer *out, char c)
{
    switch (c) {
    case '<': return vl_buffer_append(out, "&lt;", 4);
    case '>': return vl_buffer_append(out, "&gt;", 4);
    case '&': return vl_buffer_append(out, "&amp;", 5);
    case '"': return vl_buffer_append(out, "&quot;", 6);
    default: break;
    }
    bool control = (unsigned char)c < ' ' && c != '\n' && c != '\t';
    return vl_buffer_append_byte(out, control || c == 127 ? ' ' : c);
}

static vl_status escape(vl_buffer *out, vl_span text)
{
    for (size_t i = 0; i < text.len; i++) VL_TRY(escape_byte(out, text.ptr[i]));
    return VALENCE_OK;
}

static const char *class_of_sign(int sign)
{
    return sign > 0 ? "good" : sign < 0 ? "bad" : "";
}

/* What a piece speaks for: something good, something bad, some other class, or against that. */
static char ground_of(int sign, double weight)
{
    if (sign == 0) return weight > 0 ? 'o' : 'x';
    return (weight > 0) == (sign > 0) ? 'g' : 'b';
}

static vl_status write_heat(vl_buffer *out, vl_span text, const valence_explanation *e, int sign)
{
    vl_buffer heat;
    size_t count, at = 0;
    vl_buffer_init(&heat, VL_MEM_IO, SIZE_MAX / 4);
    vl_status status = cli_heat(&heat, text, e);
    const cli_heat_word *words = cli_heat_words(&heat, &count);
    for (size_t i = 0; i < count && status == VALENCE_OK; i++) {
        const cli_heat_word *w = &words[i];
        vl_span before = {text.ptr + at, w->start - at};
        vl_span word = {text.ptr + w->start, w->end - w->start};
        at = w->end;
        status = escape(out, before);
        if (status == VALENCE_OK && w->level > 0)
            status = vl_buffer_printf(out, "<mark class=\"%c%d\" title=\"%+.2f\">",
                                      ground_of(sign, w->weight), w->level, w->weight);
        if (status == VALENCE_OK) status = escape(out, word);
        if (status == VALENCE_OK && w->level > 0) status = vl_buffer_append_text(out, "</mark>");
    }
    vl_buffer_release(&heat);
    VL_TRY(status);
    return escape(out, (vl_span){text.ptr + at, text.len - at});
}

static vl_status write_sentences(vl_buffer *out, vl_span text, const cli_answer_parts *parts)
{
    size_t at = 0;
    for (size_t i = 0; i < parts->sentence_count; i++) {
        const valence_sentence *s = &parts->sentences[i];
        int sign = cli_label_sign(s->label);
        if (s->end > text.len) break;
        VL_TRY(escape(out, (vl_span){text.ptr + at, s->start - at}));
        VL_TRY(vl_buffer_printf(out, "<mark class=\"%s\" title=\"", sign > 0   ? "g2"
                                                                   : sign < 0 ? "b2"
                                                                              : ""));
        VL_TRY(escape(out, vl_span_of(s->label)));
        VL_TRY(vl_buffer_printf(out, " %.2f\">", s->score));
        VL_TRY(escape(out, (vl_span){text.ptr + s->start, s->end - s->start}));
        VL_TRY(vl_buffer_append_text(out, "</mark>"));
        at = s->end;
    }
    return escape(out, (vl_span){text.ptr + at, text.len - at});
}

static vl_status write_text(vl_buffer *out, const cli_row_style *style, vl_span text,
                            const cli_answer_parts *parts)
{
    const valence_explanation *e = &parts->explanation;
    vl_span shown = {text.ptr, vl_utf8_cut(text, TEXT_MAX)};
    VL_TRY(vl_buffer_append_text(out, "<p>"));
    if (style->explain) {
        int sign = cli_label_sign(style->labels[e->label_index]);
        VL_TRY(write_heat(out, shown, e, sign));
    } else if (style->sentences) {
        VL_TRY(write_sentences(out, shown, parts));
    } else {
        VL_TRY(escape(out, shown));
    }
    return vl_buffer_append_text(out, shown.len < text.len ? " [...]</p>\n" : "</p>\n");
}

/* ---- Page ------------------------------------------------------------------------------------ */

vl_status cli_html_header(vl_buffer *out, const cli_row_style *style)
{
    char date[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime_r(&now, &local));
    VL_TRY(vl_buffer_append_text(out, head));
    VL_TRY(vl_buffer_append_text(out, "<header><h1>Sentiment report</h1><div class=\"soft\">"));
    if (style->input) VL_TRY(escape(out, vl_span_of(style->input)));
    if (style->input) VL_TRY(vl_buffer_append_text(out, ", "));
    VL_TRY(vl_buffer_append_text(out, "model "));
    VL_TRY(escape(out, vl_span_of(style->model ? style->model : "")));
    VL_TRY(vl_buffer_printf(out, ", valence " VALENCE_VERSION ", %s</div>\n", date));
    if (style->explain)
        VL_TRY(vl_buffer_append_text(
            out, "<div class=\"soft\">Words shaded <mark class=\"g3\">like this</mark> make a text more "
                 "positive, <mark class=\"b3\">like this</mark> more negative, <mark class=\"o3\">like "
                 "this</mark> speak for a label that is neither; stronger is deeper. Point at a word "
                 "for its weight.</div>\n"));
    return vl_buffer_append_text(out, "</header>\n");
}

static vl_status write_kept(vl_buffer *out, const cli_row_style *style, const vl_record *r)
{
    for (int i = 0; i < style->keep_count; i++) {
        VL_TRY(vl_buffer_append_text(out, i ? " &middot; " : "<div class=\"soft\">"));
        VL_TRY(escape(out, style->keep_names[i]));
        VL_TRY(vl_buffer_append_text(out, ": "));
        VL_TRY(escape(out, cli_kept(style, r, i)));
    }
    return style->keep_count ? vl_buffer_append_text(out, "</div>\n") : VALENCE_OK;
}

static vl_status write_probabilities(vl_buffer *out, const cli_row_style *style, const float *p)
{
    int shown = cli_shown_classes(style) < SUMMARY_MAX ? cli_shown_classes(style) : SUMMARY_MAX;
    for (int r = 0, k = -1; r < shown; r++) {
        k = shown < style->label_count ? cli_next_class(p, style->label_count, k) : r;
        VL_TRY(vl_buffer_append_text(out, r ? " &middot; " : " "));
        VL_TRY(escape(out, vl_span_of(style->labels[k])));
        VL_TRY(vl_buffer_append_byte(out, ' '));
        VL_TRY(vl_write_decimal(out, (double)p[k], 2));
    }
    return VALENCE_OK;
}

vl_status cli_html_row(vl_buffer *out, const cli_row_style *style, const vl_record *r,
                       const cli_answer_parts *parts)
{
    const valence_prediction *p = &parts->prediction;
    VL_TRY(vl_buffer_append_text(out, "<article><span class=\"label "));
    VL_TRY(vl_buffer_append_text(out, class_of_sign(cli_label_sign(p->label))));
    VL_TRY(vl_buffer_append_text(out, "\">"));
    VL_TRY(escape(out, vl_span_of(p->label)));
    VL_TRY(vl_buffer_append_text(out, "</span> <b>"));
    VL_TRY(vl_write_decimal(out, p->score, 2));
    VL_TRY(vl_buffer_append_text(out, "</b> <span class=\"soft\">"));
    if (r->id.ptr) VL_TRY(escape(out, r->id));
    else VL_TRY(vl_write_integer(out, (int64_t)r->row));
    VL_TRY(vl_buffer_append_text(out, " &middot;"));
    VL_TRY(write_probabilities(out, style, p->probabilities));
    VL_TRY(vl_buffer_append_text(out, p->empty ? " &middot; no words" : ""));
    VL_TRY(vl_buffer_append_text(out, "</span>\n"));
    VL_TRY(write_text(out, style, r->text, parts));
    VL_TRY(write_kept(out, style, r));
    return vl_buffer_append_text(out, "</article>\n");
}

/* ---- Summary --------------------------------------------------------------------------------- */

static vl_status write_bar(vl_buffer *out, const char *label, uint64_t count, uint64_t rows)
{
    double share = rows ? (double)count / (double)rows : 0;
    VL_TRY(vl_buffer_append_text(out, "<div class=\"bar\"><span>"));
    VL_TRY(escape(out, vl_span_of(label)));
    return vl_buffer_printf(out, "</span><i class=\"%s\" style=\"width:%.1f%%\"></i><span>%llu (%.1f %%)"
                            "</span></div>\n", class_of_sign(cli_label_sign(label)), share * 100,
                            (unsigned long long)count, share * 100);
}

vl_status cli_html_footer(vl_buffer *out, const cli_row_style *style)
{
    const cli_totals *t = style->totals;
    VL_TRY(vl_buffer_printf(out, "<section id=\"summary\"><b>%llu text%s</b>\n",
                            (unsigned long long)t->rows, t->rows == 1 ? "" : "s"));
    for (int k = 0; k < style->label_count; k++)
        if (t->given[k] || style->label_count <= SUMMARY_MAX)
            VL_TRY(write_bar(out, style->labels[k], t->given[k], t->rows));
    if (t->neutral) VL_TRY(write_bar(out, "neutral", t->neutral, t->rows));
    if (t->uncertain) VL_TRY(write_bar(out, "uncertain", t->uncertain, t->rows));
    if (t->mixed) VL_TRY(write_bar(out, "mixed", t->mixed, t->rows));
    if (t->empty)
        VL_TRY(vl_buffer_printf(out, "<div class=\"soft\">%llu without words: their answer is only "
                                "what is usual.</div>\n", (unsigned long long)t->empty));
    return vl_buffer_append_text(out, "</section>\n</body></html>\n");
}
