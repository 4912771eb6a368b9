/* terms.c: the n-grams that weigh most for a class, of those whose spelling the file kept. Few ask
 * for them: so names are read at the first call and not when the model is opened. */
#include <stdlib.h>
#include <string.h>

#include "engine/engine_model.h"

/* The names of a model, read once by whoever comes first. */
static vl_status read_names(valence_model *m, valence_error *error)
{
    vl_status status = VALENCE_OK;
    valence_error why = {0};
    pthread_mutex_lock(&m->lock);
    if (!m->names_read) {
        status = vl_model_names_read(&m->names, &m->name_count, m->store, m->model->inputs, &why);
        m->names_read = status == VALENCE_OK;
    }
    pthread_mutex_unlock(&m->lock);
    if (status == VALENCE_OK) return VALENCE_OK;
    return vl_fail(error, status, "cannot list n-grams of '%.150s': %.250s", m->path, why.message);
}

static int by_weight(const void *a, const void *b)
{
    const valence_term *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return strcmp(x->text, y->text);
}

/* What an n-gram adds to class k's logit in a text that holds nothing else. */
static float weight_alone(const vl_model *m, int32_t slot, int32_t k)
{
    float weight, bias;
    vl_batch one = {.ids = &slot, .offsets = (const int32_t[]){0, 1}, .B = 1};
    m->class->contributions(m, &one, k, &weight, &bias);
    return weight;
}

/* All names that speak for class k, the strongest first. */
static int64_t rank_terms(valence_term *terms, const valence_model *m, int32_t k)
{
    int64_t n = 0;
    for (int64_t i = 0; i < m->name_count; i++) {
        float weight = weight_alone(m->model, m->names[i].slot, k);
        if (weight > 0) terms[n++] = (valence_term){m->names[i].text, weight};
    }
    if (n > 1) qsort(terms, (size_t)n, sizeof *terms, by_weight);
    return n;
}

valence_status valence_model_terms(const valence_model *model, int label_index, valence_term *terms,
                                   int max, int *count, valence_error *error)
{
    *count = 0;
    if (label_index < 0 || label_index >= model->model->K)
        return vl_fail(error, VALENCE_ARGUMENT,
                       "there is no label number %d: the model has 0 to %d", label_index,
                       model->model->K - 1);
    if (!model->model->class->contributions) return VALENCE_OK; /* no word has a weight of its own */
    VL_TRY(read_names((valence_model *)model, error)); /* only what the lock guards is written */
    size_t names = (size_t)model->name_count;
    if (names == 0 || max <= 0) return VALENCE_OK;
    valence_term *all = vl_alloc_array(VL_MEM_REQUEST, names, sizeof *all);
    if (!all) return vl_fail_memory(error, names * sizeof *all, "a model's terms");
    int64_t n = rank_terms(all, model, label_index);
    *count = n < max ? (int)n : max;
    memcpy(terms, all, (size_t)*count * sizeof *all);
    vl_free(all);
    return VALENCE_OK;
}
