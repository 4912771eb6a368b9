/* continue.c: an old model becomes the base of a new fit: its weights in real units, in the columns of
 * the joined labels. The fit itself is classic.c's.
 *
 * Biases are free to move. Holding the old ones was tried and keeps less: frequent n-grams then take
 * over the new data's balance (IMDb, then airline tweets: 65.6 % on IMDb instead of 72.0 %).
 * In a model of two classes one column s says (-s/2, +s/2); with a third class these become columns of
 * their own, the new class begins at 0. Old n-grams count towards norms as before, but n-grams that are
 * added make them a little larger: logits of old texts shrink by that much. */
#include "train/continue.h"

#include <string.h>

#include "engine/engine_model.h"
#include "models/linear.h"

enum { WEIGHTS_MAX = 1 << 28 };

/* What is known of a model that is gone on from. */
typedef struct continuing {
    valence_model *model;
    const vl_linear *linear;
    int64_t slots;
    int32_t K, C;          /* of the joined labels */
    int32_t *joined;       /* (old K) each old label among the joined ones */
    float *weight, *bias;  /* (slots,C), (K) */
    float *logit;          /* (K) what one n-gram adds to each logit */
    vl_name *names;        /* (name_count) of the old model */
    int64_t name_count;
    vl_corpus dev;         /* the caller's, with joined labels */
    vl_group *dev_groups;
    valence_error *error;
} continuing;

static int32_t find_label(const char *const *names, int32_t K, const char *name)
{
    for (int32_t k = 0; k < K; k++)
        if (strcmp(names[k], name) == 0) return k;
    return -1;
}

static void fill_base(continuing *c)
{
    for (int64_t s = 0; s < c->slots; s++) {
        memset(c->logit, 0, (size_t)c->K * sizeof *c->logit);
        for (int32_t k = 0; k < c->linear->head.K; k++)
            c->logit[c->joined[k]] = vl_linear_contribution(c->linear, (int32_t)s, 1, 1, k);
        if (c->K == 2) c->weight[s] = c->logit[1] - c->logit[0];
        else memcpy(c->weight + s * c->C, c->logit, (size_t)c->K * sizeof *c->weight);
    }
    for (int32_t k = 0; k < c->linear->head.K; k++) c->bias[c->joined[k]] = c->linear->bias[k];
}

static vl_status make_base(continuing *c)
{
    size_t slots = (size_t)c->slots, K = (size_t)c->K;
    if (c->slots * c->C > WEIGHTS_MAX)
        return vl_fail(c->error, VALENCE_LIMIT, "the model's %lld n-grams for %d labels are too many to "
                       "train further", (long long)c->slots, c->K);
    c->weight = vl_alloc_array(VL_MEM_TRAINING, slots * (size_t)c->C, sizeof *c->weight);
    c->bias = vl_alloc_zero(VL_MEM_TRAINING, K * sizeof *c->bias);
    c->logit = vl_alloc_array(VL_MEM_TRAINING, K, sizeof *c->logit);
    if (!c->weight || !c->bias || !c->logit)
        return vl_fail_memory(c->error, slots * K * sizeof(float), "the old model's weights");
    fill_base(c);
    return VALENCE_OK;
}

static vl_status open_model(continuing *c, const char *name)
{
    VL_TRY(valence_model_open(&c->model, name, NULL, c->error));
    const vl_model *m = c->model->model;
    if (m->class != &vl_logistic_class)
        return vl_fail(c->error, VALENCE_UNSUPPORTED, "'%.150s' is a %s model: only logistic ones can "
                       "be trained further (naive Bayes: --partial and 'valence merge')", name,
                       m->class->family);
    c->linear = (const vl_linear *)m;
    c->slots = m->inputs;
    if (c->linear->norm == VL_NORM_L2)
        return vl_fail(c->error, VALENCE_UNSUPPORTED, "'%.150s' has norm l2, which new n-gram weights "
                       "would change: only models of norm count or none can be trained further", name);
    return VALENCE_OK;
}

static vl_status join_labels(continuing *c, vl_corpus *corpus)
{
    int32_t old = c->linear->head.K;
    const char *const *names = (const char *const *)c->model->labels;
    VL_TRY(vl_corpus_add_labels(corpus, names, old, c->error));
    c->K = corpus->K;
    c->C = c->K == 2 ? 1 : c->K;
    c->joined = vl_alloc_array(VL_MEM_TRAINING, (size_t)old, sizeof *c->joined);
    if (!c->joined) return vl_fail_memory(c->error, (size_t)old * sizeof *c->joined, "labels");
    for (int32_t k = 0; k < old; k++) c->joined[k] = find_label(corpus->labels, c->K, names[k]);
    return VALENCE_OK;
}

/* The caller's dev texts, with their labels' numbers among the joined ones. */
static vl_status join_dev(continuing *c, const vl_corpus *dev, const vl_corpus *corpus)
{
    if (!dev) return VALENCE_OK;
    c->dev = *dev;
    c->dev_groups =
        vl_alloc_array(VL_MEM_TRAINING, (size_t)dev->group_count, sizeof *c->dev_groups);
    if (!c->dev_groups) return vl_fail_memory(c->error, 0, "labels");
    for (int32_t g = 0; g < dev->group_count; g++) {
        const char *name = dev->labels[dev->groups[g].label];
        c->dev_groups[g] = dev->groups[g];
        c->dev_groups[g].label = find_label(corpus->labels, corpus->K, name);
        if (c->dev_groups[g].label < 0)
            return vl_fail(c->error, VALENCE_NOT_FOUND, "label '%.60s' of the dev texts is neither the "
                           "model's nor the data's", name);
    }
    c->dev.groups = c->dev_groups;
    c->dev.labels = corpus->labels;
    c->dev.K = corpus->K;
    return VALENCE_OK;
}

static vl_status continue_training(continuing *c, vl_store *store, vl_classic_report *report,
                                   vl_corpus *corpus, const vl_corpus *dev, const char *model,
                                   const vl_classic_options *options, vl_workers *workers)
{
    VL_TRY(open_model(c, model));
    VL_TRY(join_labels(c, corpus));
    VL_TRY(join_dev(c, dev, corpus));
    VL_TRY(make_base(c));
    VL_TRY(vl_model_names_read(&c->names, &c->name_count, c->model->store, c->slots, c->error));
    vl_classic_base base = {.table = c->model->features.table, .weight = c->weight, .bias = c->bias,
                            .temperature = c->model->temperature, .names = c->names,
                            .name_count = c->name_count};
    vl_classic_options o = *options;
    o.logistic = true;
    o.pipeline = c->model->features;
    o.norm = c->linear->norm;
    o.base = &base;
    return vl_classic_train(store, report, corpus, dev ? &c->dev : NULL, &o, workers, c->error);
}

vl_status vl_continue_train(vl_store *store, vl_classic_report *report, vl_corpus *corpus,
                            const vl_corpus *dev, const char *model,
                            const vl_classic_options *options, vl_workers *workers,
                            valence_error *error)
{
    continuing c = {.error = error};
    vl_status status = continue_training(&c, store, report, corpus, dev, model, options, workers);
    vl_free(c.joined);
    vl_free(c.weight);
    vl_free(c.bias);
    vl_free(c.logit);
    vl_free(c.dev_groups);
    vl_free(c.names);
    valence_model_close(c.model);
    return status;
}
