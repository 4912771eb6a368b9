/* logistic.c: value and gradient of the logistic objective. Rows are scored in parallel blocks, the
 * gradient is gathered per column from the transposed rows: every sum has a fixed order, so any number
 * of threads gives the same bits. */
#include "train/logistic.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_ROWS = 256, BLOCK_SLOTS = 2048, RESIDUALS_MAX = 1 << 29 };

typedef struct fitting {
    const vl_logistic_problem *p;
    vl_workers *workers;
    int32_t C;
    int64_t slots, row_blocks, slot_blocks;
    float *folded;     /* (slots*C) w * factor */
    float *residual;   /* (n*C) d loss / d z, times cost * weight / norm where it meets features */
    double *row_sum;   /* (row_blocks, 1 + C) loss, bias gradient */
    double *slot_sum;  /* (slot_blocks) regulariser */
    double *scratch;   /* (threads, C) */
    const float *w;
    float *gradient;
    void (*progress)(void *user, int iteration, double value);
    void *user;
} fitting;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void fold_job(void *argument, int64_t block, int thread)
{
    (void)thread;
    fitting *f = argument;
    for (int64_t s = block * BLOCK_SLOTS; s < least((block + 1) * BLOCK_SLOTS, f->slots); s++)
        for (int32_t c = 0; c < f->C; c++)
            f->folded[s * f->C + c] = f->w[s * f->C + c] * f->p->factor[s];
}

/* z (C) = bias + sum of the row's folded weights / norm. */
static void score_row(const fitting *f, double *z, int64_t row)
{
    const vl_rows *r = f->p->rows;
    const float *bias = f->w + f->slots * f->C;
    for (int32_t c = 0; c < f->C; c++) z[c] = 0;
    for (int64_t i = r->offsets[row]; i < r->offsets[row + 1]; i++) {
        const float *v = f->folded + (int64_t)r->ids[i] * f->C;
        double x = r->x ? r->x[i] : 1;
        for (int32_t c = 0; c < f->C; c++) z[c] += x * v[c];
    }
    for (int32_t c = 0; c < f->C; c++) z[c] = z[c] / f->p->norm[row] + bias[c];
}

/* The same for one column and presence, the frequent case: four sums side by side. */
static double score_row_single(const fitting *f, int64_t row)
{
    const vl_rows *r = f->p->rows;
    const int32_t *ids = r->ids + r->offsets[row];
    int64_t n = r->offsets[row + 1] - r->offsets[row], i = 0;
    double a = 0, b = 0, c = 0, d = 0;
    for (; i + 4 <= n; i += 4) {
        a += f->folded[ids[i]];
        b += f->folded[ids[i + 1]];
        c += f->folded[ids[i + 2]];
        d += f->folded[ids[i + 3]];
    }
    for (; i < n; i++) a += f->folded[ids[i]];
    return (a + b + (c + d)) / f->p->norm[row] + f->w[f->slots];
}

/* Turns z into d loss / d z and returns the loss. */
static double loss_of(double *z, int32_t C, int32_t label)
{
    if (C == 1) {
        double margin = label ? z[0] : -z[0];
        double loss = margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
        z[0] = (label ? -1 : 1) / (1 + exp(margin));
        return loss;
    }
    double max = z[0], sum = 0;
    for (int32_t c = 1; c < C; c++) max = z[c] > max ? z[c] : max;
    double own = z[label] - max;
    for (int32_t c = 0; c < C; c++) sum += z[c] = exp(z[c] - max);
    for (int32_t c = 0; c < C; c++) z[c] = z[c] / sum - (c == label);
    return log(sum) - own;
}

static void row_job(void *argument, int64_t block, int thread)
{
    fitting *f = argument;
    const vl_rows *r = f->p->rows;
    double *scores = f->scratch + (int64_t)thread * f->C;
    double *sum = f->row_sum + block * (1 + f->C);
    memset(sum, 0, (size_t)(1 + f->C) * sizeof *sum);
    for (int64_t row = block * BLOCK_ROWS; row < least((block + 1) * BLOCK_ROWS, r->n); row++) {
        float *residual = f->residual + row * f->C;
        memset(residual, 0, (size_t)f->C * sizeof *residual);
        if (f->p->skip && f->p->skip[row]) continue;
        if (f->C == 1 && !r->x) scores[0] = score_row_single(f, row);
        else score_row(f, scores, row);
        for (int32_t c = 0; f->p->offset && c < f->C; c++) scores[c] += f->p->offset[row * f->C + c];
        double scale = f->p->cost * r->weight[row];
        sum[0] += scale * loss_of(scores, f->C, r->label[row]);
        for (int32_t c = 0; c < f->C; c++) {
            sum[1 + c] += scale * scores[c];
            residual[c] = (float)(scale * scores[c] / f->p->norm[row]);
        }
    }
}

static void slot_gradient(const fitting *f, int64_t s, double *g)
{
    const vl_rows *r = f->p->rows;
    for (int32_t c = 0; c < f->C; c++) g[c] = 0;
    for (int64_t i = r->column_begin[s]; i < r->column_begin[s + 1]; i++) {
        const float *residual = f->residual + (int64_t)r->column_row[i] * f->C;
        double x = r->column_x ? r->column_x[i] : 1;
        for (int32_t c = 0; c < f->C; c++) g[c] += x * residual[c];
    }
}

static double slot_gradient_single(const fitting *f, int64_t s)
{
    const vl_rows *r = f->p->rows;
    const int32_t *rows = r->column_row + r->column_begin[s];
    int64_t n = r->column_begin[s + 1] - r->column_begin[s], i = 0;
    double a = 0, b = 0;
    for (; i + 2 <= n; i += 2) {
        a += f->residual[rows[i]];
        b += f->residual[rows[i + 1]];
    }
    if (i < n) a += f->residual[rows[i]];
    return a + b;
}

static void slot_job(void *argument, int64_t block, int thread)
{
    fitting *f = argument;
    double *g = f->scratch + (int64_t)thread * f->C, sum = 0;
    for (int64_t s = block * BLOCK_SLOTS; s < least((block + 1) * BLOCK_SLOTS, f->slots); s++) {
        if (f->C == 1 && !f->p->rows->x) g[0] = slot_gradient_single(f, s);
        else slot_gradient(f, s, g);
        for (int32_t c = 0; c < f->C; c++) {
            int64_t i = s * f->C + c;
            sum += (double)f->w[i] * f->w[i];
            f->gradient[i] = (float)(f->w[i] + g[c] * f->p->factor[s]);
        }
    }
    f->slot_sum[block] = sum;
}

static double objective(void *user, const float *w, float *gradient)
{
    fitting *f = user;
    f->w = w;
    f->gradient = gradient;
    vl_workers_run(f->workers, fold_job, f, f->slot_blocks);
    vl_workers_run(f->workers, row_job, f, f->row_blocks);
    vl_workers_run(f->workers, slot_job, f, f->slot_blocks);
    double loss = 0, regulariser = 0;
    float *bias = gradient + f->slots * f->C;
    for (int32_t c = 0; c < f->C; c++) bias[c] = 0;
    for (int64_t b = 0; b < f->row_blocks; b++) {
        loss += f->row_sum[b * (1 + f->C)];
        for (int32_t c = 0; c < f->C; c++) bias[c] += (float)f->row_sum[b * (1 + f->C) + 1 + c];
    }
    for (int64_t b = 0; b < f->slot_blocks; b++) regulariser += f->slot_sum[b];
    return loss + regulariser / 2;
}

static bool told(void *user, int iteration, double value, double gradient_norm)
{
    (void)gradient_norm;
    fitting *f = user;
    if (f->progress) f->progress(f->user, iteration, value);
    return false;
}

/* |gradient| at w = 0 says how large gradients of this problem are, wherever the start is. */
static vl_status gradient_at_zero(double *out, fitting *f, int64_t n, valence_error *error)
{
    size_t bytes = (size_t)n * 2 * sizeof(float);
    float *zero = vl_alloc_zero(VL_MEM_TRAINING, bytes);
    if (!zero) return vl_fail_memory(error, bytes, "logistic regression");
    objective(f, zero, zero + n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)zero[n + i] * zero[n + i];
    vl_free(zero);
    *out = sqrt(sum);
    return VALENCE_OK;
}

/* Memory and time grow with texts times classes. What would swap or take days is refused now. */
static vl_status check_size(const fitting *f, valence_error *error)
{
    double residuals = (double)f->p->rows->n * f->C, weights = (double)f->slots * f->C;
    double bytes = 4 * (residuals + weights * (VL_LBFGS_VECTORS + 4));
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (residuals <= RESIDUALS_MAX && bytes <= memory) return VALENCE_OK;
    return vl_fail(error, VALENCE_LIMIT, "logistic regression of %lld texts in %d classes is too much "
                   "(%.1f GiB of memory, and hours): train naive-bayes, or join labels (FILE@MAP)",
                   (long long)f->p->rows->n, f->p->K, bytes / (1 << 30));
}

vl_status vl_logistic_fit(float *w, const vl_logistic_problem *p, vl_workers *workers,
                          void (*progress)(void *user, int iteration, double value), void *user,
                          vl_lbfgs_result *result, valence_error *error)
{
    assert(p->K >= 2 && p->rows->column_begin); /* transposed */
    fitting f = {.p = p, .workers = workers, .C = vl_logistic_columns(p->K),
                 .slots = p->rows->slots, .progress = progress, .user = user};
    f.row_blocks = (p->rows->n + BLOCK_ROWS - 1) / BLOCK_ROWS;
    f.slot_blocks = (f.slots + BLOCK_SLOTS - 1) / BLOCK_SLOTS;
    VL_TRY(check_size(&f, error));
    size_t C = (size_t)f.C;
    f.folded = vl_alloc_array(VL_MEM_TRAINING, (size_t)f.slots * C, sizeof *f.folded);
    f.residual = vl_alloc_array(VL_MEM_TRAINING, (size_t)p->rows->n * C, sizeof *f.residual);
    f.row_sum = vl_alloc_array(VL_MEM_TRAINING, (size_t)f.row_blocks * (1 + C), sizeof *f.row_sum);
    f.slot_sum = vl_alloc_array(VL_MEM_TRAINING, (size_t)f.slot_blocks, sizeof *f.slot_sum);
    f.scratch = vl_alloc_array(VL_MEM_TRAINING, (size_t)vl_workers_threads(workers) * C,
                               sizeof *f.scratch);
    vl_status status = VALENCE_NO_MEMORY;
    if (f.folded && f.residual && f.row_sum && f.slot_sum && f.scratch) {
        int64_t n = f.slots * f.C + f.C;
        vl_lbfgs_options o = {.max_iterations = p->max_iterations, .tolerance = p->tolerance};
        status = gradient_at_zero(&o.reference, &f, n, error);
        if (status == VALENCE_OK)
            status = vl_lbfgs_minimise(w, n, objective, told, &f, &o, workers, result, error);
    } else {
        vl_fail_memory(error, (size_t)f.slots * C * sizeof(float), "logistic regression");
    }
    vl_free(f.folded);
    vl_free(f.residual);
    vl_free(f.row_sum);
    vl_free(f.slot_sum);
    vl_free(f.scratch);
    return status;
}
