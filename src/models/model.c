/* model.c: the table of model families. */
#include "models/model.h"

#include <string.h>

#include "models/linear.h"
#include "models/lstm_model.h"
#include "models/transformer.h"

static const vl_model_class *const classes[] = {&vl_naive_bayes_class, &vl_logistic_class, &vl_lstm_class,
                                                &vl_transformer_class};

vl_status vl_model_build(vl_model **out, const vl_store *store, valence_error *error)
{
    *out = NULL;
    const char *family = vl_store_get(store, "family");
    if (!family) return vl_fail(error, VALENCE_FORMAT, "the model names no family");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i]->family, family) == 0) return classes[i]->build(out, store, error);
    return vl_fail(error, VALENCE_UNSUPPORTED, "unknown model family '%.60s'", family);
}

void vl_model_close(vl_model *m)
{
    if (m) m->class->close(m);
}
