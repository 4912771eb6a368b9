/* answer.c: asks the library what the style wants to know. */
#include "cli/answer.h"

#include "base/mem.h"

struct cli_answerer {
    const cli_row_style *style;
    valence_context *context;
    uint64_t rows;
};

vl_status cli_answerer_open(cli_answerer **out, const valence_model *model,
                            const cli_row_style *style, valence_error *error)
{
    *out = NULL;
    cli_answerer *a = vl_alloc_zero(VL_MEM_REQUEST, sizeof *a);
    if (!a) return vl_fail_memory(error, sizeof *a, "a thread");
    a->style = style;
    vl_status status = valence_context_open(&a->context, model, error);
    if (status != VALENCE_OK) {
        vl_free(a);
        return status;
    }
    *out = a;
    return VALENCE_OK;
}

void cli_answerer_close(cli_answerer *a)
{
    if (!a) return;
    valence_context_close(a->context);
    vl_free(a);
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
    a->rows++;
    return status == VALENCE_OK ? status : vl_fail(error, status, "out of memory for the output");
}

uint64_t cli_answerer_rows(const cli_answerer *a)
{
    return a->rows;
}
