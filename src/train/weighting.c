/* weighting.c: feature factors and row norms. */
#include "train/weighting.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"presence", "tfidf", "nb", "tfidf-nb"};

const char *vl_weighting_name(vl_weighting w)
{
    return names[w];
}

vl_status vl_weighting_parse(vl_weighting *out, const char *name, valence_error *error)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (vl_weighting)i;
            return VALENCE_OK;
        }
    return vl_fail(error, VALENCE_ARGUMENT,
                   "unknown weighting '%.40s' (presence, tfidf, nb, tfidf-nb)", name);
}

void vl_weighting_factors(float *factor, vl_weighting w, const float *counts, int64_t slots,
                          int32_t columns, const double *class_texts, int32_t K, float smoothing)
{
    double texts = 0;
    for (int32_t k = 0; k < K; k++) texts += class_texts[k];
    for (int64_t s = 0; s < slots; s++) {
        const float *c = counts + s * columns;
        double holding = 0, f = 1;
        for (int32_t k = 0; k < columns; k++) holding += c[k];
        if (w == VL_WEIGH_TFIDF || w == VL_WEIGH_TFIDF_NB)
            f *= log((1 + texts) / (1 + holding)) + 1;
        if (columns == K && (w == VL_WEIGH_NB || w == VL_WEIGH_TFIDF_NB))
            f *= vl_ngram_strength(c, class_texts, K, smoothing);
        factor[s] = (float)f;
    }
}

static double square_norm(const vl_rows *rows, int64_t row, const float *factor)
{
    double sum = 0;
    for (int64_t i = rows->offsets[row]; i < rows->offsets[row + 1]; i++) {
        double v = (double)factor[rows->ids[i]] * (rows->x ? rows->x[i] : 1);
        sum += v * v;
    }
    return sum;
}

void vl_weighting_norms(float *norm, vl_linear_norm kind, const vl_rows *rows, const float *factor)
{
    for (int64_t i = 0; i < rows->n; i++) {
        double n = 1;
        if (kind == VL_NORM_COUNT) n = sqrt((double)(rows->offsets[i + 1] - rows->offsets[i]));
        else if (kind == VL_NORM_L2) n = sqrt(square_norm(rows, i, factor));
        norm[i] = n > 0 ? (float)n : 1;
    }
}
