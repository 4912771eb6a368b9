/* answer.c: asks the library what the style wants to know. */
#include "cli/answer.h"

#include <string.h>

#include "base/mem.h"

struct cli_answerer {
    const cli_row_style *style;
    valence_context *context;
    cli_totals totals;
    long long tokens;
};

vl_status cli_answerer_open(cli_answerer **out, const valence_model *model,
                            const cli_row_style *style, valence_error *error)
{
    *out = NULL;
    cli_answerer *a = vl_alloc_zero(VL_MEM_REQUEST, sizeof *a);
    if (!a) return vl_fail_memory(error, sizeof *a, "a thread");
    a->style = style;
    size_t bytes = (size_t)style->label_count * sizeof *a->totals.given;
    a->totals.given = vl_alloc_zero(VL_MEM_REQUEST, bytes);
    vl_status status = a->totals.given ? valence_context_open(&a->context, model, error)
                                       : vl_fail_memory(error, bytes, "a thread");
    if (status != VALENCE_OK) {
        vl_free(a->totals.given);
        vl_free(a);
        return status;
    }
    if (style->times) valence_context_trace(a->context, 1);
    *out = a;
    return VALENCE_OK;
}

static void add_totals(cli_totals *to, const cli_totals *from, int label_count)
{
    to->rows += from->rows;
    to->empty += from->empty;
    to->neutral += from->neutral;
    to->uncertain += from->uncertain;
    to->mixed += from->mixed;
    for (int k = 0; k < label_count; k++) to->given[k] += from->given[k];
}

static void add_times(cli_times *to, const cli_answerer *a)
{
    cli_times_add(to, a->context);
    to->texts += (long long)a->totals.rows;
    to->tokens += a->tokens;
}

void cli_answerer_close(cli_answerer *a)
{
    if (!a) return;
    if (a->style->totals) add_totals(a->style->totals, &a->totals, a->style->label_count);
    if (a->style->times) add_times(a->style->times, a);
    valence_context_close(a->context);
    vl_free(a->totals.given);
    vl_free(a);
}

static void count(cli_answerer *a, const valence_prediction *p)
{
    cli_totals *t = &a->totals;
    t->rows++;
    a->tokens += p->tokens;
    t->empty += p->empty != 0;
    if (p->label == a->style->labels[p->label_index]) t->given[p->label_index]++;
    else if (strcmp(p->label, "uncertain") == 0) t->uncertain++;
    else if (strcmp(p->label, "mixed") == 0) t->mixed++;
    else t->neutral++;
}

static vl_status ask(cli_answerer *a, vl_span text, cli_answer_parts *parts, valence_error *error)
{
    const cli_row_style *style = a->style;
    if (style->sentences)
        return valence_context_sentences(a->context, text.ptr, text.len, &parts->prediction,
                                         &parts->sentences, &parts->sentence_count, error);
    if (style->explain)
        return valence_context_explain(a->context, text.ptr, text.len, -1, &parts->prediction,
                                       &parts->explanation, error);
    return valence_context_predict(a->context, text.ptr, text.len, &parts->prediction, error);
}

vl_status cli_answer(cli_answerer *a, const vl_record *record, vl_buffer *out, valence_error *error)
{
    cli_answer_parts parts;
    VL_TRY(ask(a, record->text, &parts, error));
    vl_status status = cli_write_row(out, a->style, record, &parts);
    count(a, &parts.prediction);
    return status == VALENCE_OK ? status : vl_fail(error, status, "out of memory for the output");
}

uint64_t cli_answerer_rows(const cli_answerer *a)
{
    return a->totals.rows;
}
