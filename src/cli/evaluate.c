/* evaluate.c: each thread sums for itself; sums are added as threads end. */
#include "cli/evaluate.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/pipeline.h"

static vl_status find_label(const cli_evaluated *e, vl_span label, int32_t *k, valence_error *error)
{
    for (*k = 0; *k < e->info.label_count; ++*k)
        if (vl_span_is(label, e->info.labels[*k])) return VALENCE_OK;
    return vl_fail(error, VALENCE_NOT_FOUND,
                   "'%.150s': label '%.*s' is not the model's ('%s', '%s'%s): map it, as in "
                   "FILE@%.*s=%s",
                   e->spec.path, (int)(label.len < 40 ? label.len : 40), label.ptr,
                   e->info.labels[0], e->info.labels[1], e->info.label_count > 2 ? ", .." : "",
                   (int)(label.len < 40 ? label.len : 40), label.ptr, e->info.labels[0]);
}

typedef struct eval_thread {
    valence_context *context;
    vl_evaluation sum;
    uint64_t unlabelled;
    vl_span last_label; /* points into last_text */
    char last_text[64];
    int32_t last_k;
} eval_thread;

/* With three classes and more the scores are always kept: the data may hold only two of them. */
static vl_status init_sum(cli_evaluated *e, vl_evaluation *sum, valence_error *error)
{
    int32_t K = e->info.label_count;
    bool keep = e->keep_scores || (K > 2 && K <= VL_EVAL_CONFUSION_MAX);
    VL_TRY(vl_evaluation_init(sum, K, keep ? &e->room : NULL, error));
    sum->min_confidence = (float)e->info.min_confidence;
    return VALENCE_OK;
}

static vl_status add_record(void *user, void *state, const vl_record *r, vl_buffer *out,
                            valence_error *error)
{
    (void)out;
    cli_evaluated *e = user;
    eval_thread *t = state;
    vl_span label = r->label;
    valence_prediction p;
    if (!label.ptr || !label.len) {
        t->unlabelled++;
        return VALENCE_OK;
    }
    if (!vl_span_equal(label, t->last_label)) {
        vl_span name;
        VL_TRY(vl_dataset_label(&e->spec, label, &name, error));
        if (!name.ptr) return VALENCE_OK; /* dropped by the map */
        VL_TRY(find_label(e, name, &t->last_k, error));
        t->last_label = (vl_span){t->last_text, label.len <= sizeof t->last_text ? label.len : 0};
        memcpy(t->last_text, label.ptr, t->last_label.len);
    }
    VL_TRY(valence_context_predict(t->context, r->text.ptr, r->text.len, &p, error));
    vl_status status = vl_evaluation_add(&t->sum, p.probabilities, t->last_k);
    return status == VALENCE_OK ? status
                                : vl_fail(error, status, "out of memory for the evaluation");
}

static vl_status open_thread(void *user, void **state, valence_error *error)
{
    cli_evaluated *e = user;
    eval_thread *t = vl_alloc_zero(VL_MEM_REQUEST, sizeof *t);
    if (!t) return vl_fail_memory(error, sizeof *t, "a thread");
    vl_status status = init_sum(e, &t->sum, error);
    if (status == VALENCE_OK) status = valence_context_open(&t->context, e->model, error);
    if (status != VALENCE_OK) {
        vl_evaluation_release(&t->sum);
        vl_free(t);
    }
    *state = t;
    return status;
}

static vl_status close_thread(void *user, void *state, valence_error *error)
{
    cli_evaluated *e = user;
    eval_thread *t = state;
    vl_status status = vl_evaluation_merge(&e->sum, &t->sum);
    if (status != VALENCE_OK) vl_fail(error, status, "out of memory for the evaluation");
    e->unlabelled += t->unlabelled;
    vl_evaluation_release(&t->sum);
    valence_context_close(t->context);
    vl_free(t);
    return status;
}

static vl_status evaluate_set(cli_evaluated *e, const char *data, valence_error *error)
{
    vl_source *source = NULL;
    uint64_t sequence = 0;
    VL_TRY(vl_dataset_parse(&e->spec, data, error));
    vl_status status = vl_source_open(&source, e->spec.path, &e->source, error);
    if (status == VALENCE_OK) {
        const cli_job job = {.name = e->spec.path,
                             .what = "evaluating",
                             .user = e,
                             .open = open_thread,
                             .record = add_record,
                             .close = close_thread};
        status = cli_pipeline_run(source, NULL, &sequence, &job, e->threads, error);
        vl_source_counts c = vl_source_counted(source);
        e->bad_rows += c.bad_rows;
        e->rows += c.rows;
        vl_source_close(source);
    }
    vl_dataset_release(&e->spec);
    return status;
}

vl_status cli_evaluate(cli_evaluated *e, char *const *data, int count, valence_error *error)
{
    double start = vl_clock_seconds();
    valence_model_describe(e->model, &e->info);
    e->room = VL_EVAL_ROOM;
    if (!e->source.label) e->source.label = "label"; /* here it must be there */
    VL_TRY(init_sum(e, &e->sum, error));
    for (int i = 0; i < count; i++) VL_TRY(evaluate_set(e, data[i], error));
    if (e->sum.examples == 0)
        return vl_fail(error, VALENCE_ARGUMENT,
                       "the data holds no labelled text (%llu rows have no "
                       "label)",
                       (unsigned long long)e->unlabelled);
    e->seconds = vl_clock_seconds() - start;
    return VALENCE_OK;
}
