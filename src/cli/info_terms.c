/* info_terms.c: lists of n-grams as columns, as blocks or as JSON. */
#include "cli/info_terms.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/options.h"
#include "text/unicode.h"

enum { SIDE_BY_SIDE = 16, WIDTH = 80, WEIGHT_WIDTH = 9, GAP = 4 };

typedef struct term_list {
    const char *label;
    valence_term *terms; /* (count), room for top */
    int count;
    int width; /* of the widest text, or of the label */
} term_list;

/* Columns that text takes on a terminal. */
static int width_of(const char *text)
{
    vl_span span = vl_span_of(text);
    int width = 0, len;
    for (size_t at = 0; at < span.len; at += (size_t)len)
        width += vl_display_width(vl_utf8_at(span, at, &len));
    return width;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH;
}

static vl_status fetch(term_list *l, const valence_model *model, int k, int top,
                       valence_error *error)
{
    valence_model_info info;
    valence_model_describe(model, &info);
    l->label = info.labels[k];
    if (!l->terms) l->terms = vl_alloc_array(VL_MEM_REQUEST, (size_t)top, sizeof *l->terms);
    if (!l->terms)
        return vl_fail_memory(error, (size_t)top * sizeof *l->terms, "a list of n-grams");
    VL_TRY(valence_model_terms(model, k, l->terms, top, &l->count, error));
    l->width = width_of(l->label) - WEIGHT_WIDTH;
    for (int i = 0; i < l->count; i++) {
        int width = width_of(l->terms[i].text);
        if (width > l->width) l->width = width;
    }
    return VALENCE_OK;
}

static vl_status append_blanks(vl_buffer *out, int count)
{
    for (int i = 0; i < count; i++) VL_TRY(vl_buffer_append_byte(out, ' '));
    return VALENCE_OK;
}

/* Row `row` of a list, the label above row 0, as wide as the list. */
static vl_status append_cell(vl_buffer *out, const term_list *l, int row)
{
    int whole = l->width + WEIGHT_WIDTH;
    if (row >= l->count) return append_blanks(out, whole);
    const char *text = row < 0 ? l->label : l->terms[row].text;
    VL_TRY(vl_buffer_append_text(out, text));
    if (row < 0) return append_blanks(out, whole - width_of(text));
    VL_TRY(append_blanks(out, l->width - width_of(text)));
    return vl_buffer_printf(out, "%*.3f", WEIGHT_WIDTH, (double)l->terms[row].weight);
}

static vl_status end_line(vl_buffer *out)
{
    while (out->len && out->data[out->len - 1] == ' ') out->len--;
    return vl_buffer_append_byte(out, '\n');
}

static vl_status append_table(vl_buffer *out, const term_list *lists, int count)
{
    int rows = 0;
    for (int k = 0; k < count; k++)
        if (lists[k].count > rows) rows = lists[k].count;
    for (int row = -1; row < rows; row++) {
        for (int k = 0; k < count; k++) {
            VL_TRY(append_blanks(out, k ? GAP : 0));
            VL_TRY(append_cell(out, &lists[k], row));
        }
        VL_TRY(end_line(out));
    }
    return VALENCE_OK;
}

/* All lists in one table, if that fits; *fits says so. */
static vl_status append_columns(vl_buffer *out, const valence_model *model, int K, int top,
                                bool *fits, valence_error *error)
{
    term_list lists[SIDE_BY_SIDE] = {0};
    vl_status status = VALENCE_OK;
    int width = 0;
    for (int k = 0; k < K && status == VALENCE_OK; k++) {
        status = fetch(&lists[k], model, k, top, error);
        width += lists[k].width + WEIGHT_WIDTH + (k ? GAP : 0);
    }
    *fits = width <= terminal_width();
    if (status == VALENCE_OK && *fits) {
        status = append_table(out, lists, K);
        if (status != VALENCE_OK) vl_fail_memory(error, out->len, "a table of n-grams");
    }
    for (int k = 0; k < K; k++) vl_free(lists[k].terms);
    return status;
}

static vl_status append_json_list(vl_buffer *out, const term_list *l, bool first)
{
    VL_TRY(vl_buffer_append_text(out, first ? "{\"terms\":{" : ","));
    VL_TRY(vl_json_write_string(out, vl_span_of(l->label)));
    VL_TRY(vl_buffer_append_text(out, ":["));
    for (int i = 0; i < l->count; i++) {
        VL_TRY(vl_buffer_append_text(out, i ? ",{\"text\":" : "{\"text\":"));
        VL_TRY(vl_json_write_string(out, vl_span_of(l->terms[i].text)));
        VL_TRY(vl_buffer_append_text(out, ",\"weight\":"));
        VL_TRY(vl_json_write_float(out, l->terms[i].weight));
        VL_TRY(vl_buffer_append_byte(out, '}'));
    }
    return vl_buffer_append_byte(out, ']');
}

/* One class after the other, printed at once: there may be thousands. */
static vl_status print_one_by_one(const valence_model *model, int K, int top, bool json,
                                  valence_error *error)
{
    term_list l = {0};
    vl_buffer out;
    vl_status status = VALENCE_OK;
    vl_buffer_init(&out, VL_MEM_REQUEST, 64 << 20);
    for (int k = 0; k < K && status == VALENCE_OK; k++) {
        status = fetch(&l, model, k, top, error);
        if (status != VALENCE_OK) break;
        vl_buffer_reset(&out);
        if (!json && k) vl_buffer_append_byte(&out, '\n');
        status = json ? append_json_list(&out, &l, k == 0) : append_table(&out, &l, 1);
        if (status == VALENCE_OK) fwrite(out.data, 1, out.len, stdout);
        else vl_fail_memory(error, out.len, "a list of n-grams");
    }
    if (json && status == VALENCE_OK) fputs("}}\n", stdout);
    vl_buffer_release(&out);
    vl_free(l.terms);
    return status;
}

static vl_status print_text(const valence_model *model, int K, int top, valence_error *error)
{
    bool fits = false;
    vl_buffer out;
    vl_status status = VALENCE_OK;
    vl_buffer_init(&out, VL_MEM_REQUEST, 256 << 20);
    if (K <= SIDE_BY_SIDE) status = append_columns(&out, model, K, top, &fits, error);
    if (status == VALENCE_OK && fits) fwrite(out.data, 1, out.len, stdout);
    vl_buffer_release(&out);
    if (status != VALENCE_OK || fits) return status;
    return print_one_by_one(model, K, top, false, error);
}

static vl_status has_terms(bool *any, const valence_model *model, int K, valence_error *error)
{
    *any = false;
    for (int k = 0; k < K && !*any; k++) {
        valence_term one;
        int count;
        VL_TRY(valence_model_terms(model, k, &one, 1, &count, error));
        *any = count > 0;
    }
    return VALENCE_OK;
}

int cli_print_terms(const valence_model *model, int top, bool json)
{
    valence_model_info info;
    valence_error error = {0};
    bool any;
    valence_model_describe(model, &info);
    vl_status status = has_terms(&any, model, info.label_count, &error);
    if (status == VALENCE_OK && !any)
        fprintf(stderr,
                "valence info: model '%s' does not say how its n-grams are spelt: train it "
                "again to list them (naive Bayes needs some hundred texts)\n",
                info.name);
    if (status == VALENCE_OK && json)
        status = print_one_by_one(model, info.label_count, top, true, &error);
    else if (status == VALENCE_OK && any) status = print_text(model, info.label_count, top, &error);
    return status == VALENCE_OK ? CLI_OK : cli_fail("%s", error.message);
}
