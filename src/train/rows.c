/* rows.c: feature extraction of a whole corpus, block by block in parallel, and its transpose. */
#include "train/rows.h"

#include <assert.h>
#include <string.h>

enum { BLOCK_ROWS = 256, TRANSPOSE_PARTS = 4 };

typedef struct row_block {
    vl_buffer ids, x;
    int32_t length[BLOCK_ROWS];
    vl_status status;
} row_block;

typedef struct building {
    vl_rows *rows;
    const vl_corpus *corpus;
    const int64_t *indices;
    const vl_features *f;
    vl_feature_scratch **scratch; /* (threads) */
    row_block *blocks;
} building;

static vl_status append_row(building *job, row_block *b, int64_t row, vl_feature_scratch *scratch)
{
    int64_t i = job->indices ? job->indices[row] : row;
    vl_batch batch;
    VL_TRY(vl_features_of_text(job->f, scratch, job->corpus->examples[i].text, &batch, NULL));
    size_t n = (size_t)batch.offsets[1];
    b->length[row % BLOCK_ROWS] = batch.offsets[1];
    const vl_group *group = &job->corpus->groups[job->corpus->examples[i].group];
    job->rows->label[row] = group->label;
    job->rows->weight[row] = group->weight;
    VL_TRY(vl_buffer_append(&b->ids, batch.ids, n * sizeof *batch.ids));
    return batch.weights ? vl_buffer_append(&b->x, batch.weights, n * sizeof *batch.weights)
                         : VALENCE_OK;
}

static void build_job(void *argument, int64_t index, int thread)
{
    building *job = argument;
    row_block *b = &job->blocks[index];
    vl_buffer_init(&b->ids, VL_MEM_TRAINING, (size_t)1 << 40);
    vl_buffer_init(&b->x, VL_MEM_TRAINING, (size_t)1 << 40);
    int64_t end = (index + 1) * BLOCK_ROWS < job->rows->n ? (index + 1) * BLOCK_ROWS : job->rows->n;
    for (int64_t row = index * BLOCK_ROWS; row < end && b->status == VALENCE_OK; row++)
        b->status = append_row(job, b, row, job->scratch[thread]);
}

static void copy_job(void *argument, int64_t index, int thread)
{
    (void)thread;
    building *job = argument;
    row_block *b = &job->blocks[index];
    int64_t at = job->rows->offsets[index * BLOCK_ROWS];
    assert(!job->rows->x || b->x.len == b->ids.len); /* a weight for each id */
    if (b->ids.len) memcpy(job->rows->ids + at, b->ids.data, b->ids.len);
    if (b->x.len) memcpy(job->rows->x + at, b->x.data, b->x.len);
    vl_buffer_release(&b->ids);
    vl_buffer_release(&b->x);
}

static vl_status join_blocks(building *job, vl_workers *workers, int64_t blocks)
{
    vl_rows *r = job->rows;
    for (int64_t b = 0; b < blocks; b++) VL_TRY(job->blocks[b].status);
    r->offsets[0] = 0;
    for (int64_t i = 0; i < r->n; i++)
        r->offsets[i + 1] = r->offsets[i] + job->blocks[i / BLOCK_ROWS].length[i % BLOCK_ROWS];
    r->nonzeros = r->offsets[r->n];
    r->ids = vl_alloc_array(VL_MEM_TRAINING, (size_t)r->nonzeros, sizeof *r->ids);
    if (!r->ids) return VALENCE_NO_MEMORY;
    if (job->f->counts) {
        r->x = vl_alloc_array(VL_MEM_TRAINING, (size_t)r->nonzeros, sizeof *r->x);
        if (!r->x) return VALENCE_NO_MEMORY;
    }
    vl_workers_run(workers, copy_job, job, blocks);
    return VALENCE_OK;
}

static vl_status build(building *job, vl_workers *workers, int64_t blocks)
{
    vl_rows *r = job->rows;
    size_t n = (size_t)r->n;
    r->offsets = vl_alloc_array(VL_MEM_TRAINING, n + 1, sizeof *r->offsets);
    r->label = vl_alloc_array(VL_MEM_TRAINING, n, sizeof *r->label);
    r->weight = vl_alloc_array(VL_MEM_TRAINING, n, sizeof *r->weight);
    if (!r->offsets || !r->label || !r->weight) return VALENCE_NO_MEMORY;
    vl_workers_run(workers, build_job, job, blocks);
    return join_blocks(job, workers, blocks);
}

vl_status vl_rows_build(vl_rows *r, const vl_corpus *corpus, const int64_t *indices, int64_t count,
                        const vl_features *f, vl_workers *workers, valence_error *error)
{
    memset(r, 0, sizeof *r);
    r->n = indices ? count : corpus->count;
    r->slots = (int64_t)f->table.buckets * VL_BUCKET;
    int64_t blocks = (r->n + BLOCK_ROWS - 1) / BLOCK_ROWS;
    int threads = vl_workers_threads(workers);
    building job = {.rows = r, .corpus = corpus, .indices = indices, .f = f};
    job.blocks = vl_alloc_zero(VL_MEM_TRAINING, (size_t)blocks * sizeof *job.blocks);
    job.scratch = vl_alloc_zero(VL_MEM_TRAINING, (size_t)threads * sizeof *job.scratch);
    vl_status status = job.blocks && job.scratch ? VALENCE_OK : VALENCE_NO_MEMORY;
    for (int t = 0; t < threads && status == VALENCE_OK; t++)
        status = vl_feature_scratch_open(&job.scratch[t], f, error);
    if (status == VALENCE_OK) status = build(&job, workers, blocks);
    for (int t = 0; job.scratch && t < threads; t++) vl_feature_scratch_close(job.scratch[t]);
    for (int64_t b = 0; job.blocks && b < blocks; b++) {
        vl_buffer_release(&job.blocks[b].ids);
        vl_buffer_release(&job.blocks[b].x);
    }
    vl_free(job.scratch);
    vl_free(job.blocks);
    if (status == VALENCE_OK) return VALENCE_OK;
    vl_rows_release(r);
    return vl_fail(error, status, "cannot extract features: out of memory");
}

/* ---- Transpose: rows are dealt to a few parts in order; each part knows where its entries of each
 * column begin, so parts write in parallel and every column comes out in the order of the rows. */

typedef struct transposing {
    vl_rows *rows;
    int64_t *cursor; /* (TRANSPOSE_PARTS, slots) counts, then places */
} transposing;

static void part_rows(const vl_rows *r, int64_t part, int64_t *from, int64_t *to)
{
    *from = r->n * part / TRANSPOSE_PARTS;
    *to = r->n * (part + 1) / TRANSPOSE_PARTS;
}

static void count_columns(void *argument, int64_t part, int thread)
{
    (void)thread;
    transposing *job = argument;
    const vl_rows *r = job->rows;
    int64_t from, to, *count = job->cursor + part * r->slots;
    part_rows(r, part, &from, &to);
    for (int64_t i = r->offsets[from]; i < r->offsets[to]; i++) count[r->ids[i]]++;
}

static void scatter_columns(void *argument, int64_t part, int thread)
{
    (void)thread;
    transposing *job = argument;
    vl_rows *r = job->rows;
    int64_t from, to, *cursor = job->cursor + part * r->slots;
    part_rows(r, part, &from, &to);
    for (int64_t row = from; row < to; row++)
        for (int64_t i = r->offsets[row]; i < r->offsets[row + 1]; i++) {
            int64_t at = cursor[r->ids[i]]++;
            r->column_row[at] = (int32_t)row;
            if (r->x) r->column_x[at] = r->x[i];
        }
}

static void place_columns(transposing *job)
{
    vl_rows *r = job->rows;
    int64_t at = 0;
    for (int64_t s = 0; s < r->slots; s++) {
        r->column_begin[s] = at;
        for (int part = 0; part < TRANSPOSE_PARTS; part++) {
            int64_t *c = &job->cursor[part * r->slots + s], n = *c;
            *c = at;
            at += n;
        }
    }
    r->column_begin[r->slots] = at;
}

vl_status vl_rows_transpose(vl_rows *r, vl_workers *workers, valence_error *error)
{
    transposing job = {.rows = r};
    size_t nonzeros = (size_t)r->nonzeros, slots = (size_t)r->slots;
    job.cursor = vl_alloc_zero(VL_MEM_TRAINING, TRANSPOSE_PARTS * slots * sizeof *job.cursor);
    r->column_begin = vl_alloc_array(VL_MEM_TRAINING, slots + 1, sizeof *r->column_begin);
    r->column_row = vl_alloc_array(VL_MEM_TRAINING, nonzeros, sizeof *r->column_row);
    if (r->x) r->column_x = vl_alloc_array(VL_MEM_TRAINING, nonzeros, sizeof *r->column_x);
    if (!job.cursor || !r->column_begin || !r->column_row || (r->x && !r->column_x)) {
        vl_free(job.cursor);
        return vl_fail_memory(error, nonzeros * sizeof(int32_t), "the transposed features");
    }
    vl_workers_run(workers, count_columns, &job, TRANSPOSE_PARTS);
    place_columns(&job);
    vl_workers_run(workers, scatter_columns, &job, TRANSPOSE_PARTS);
    vl_free(job.cursor);
    return VALENCE_OK;
}

void vl_rows_release(vl_rows *r)
{
    vl_free(r->offsets);
    vl_free(r->ids);
    vl_free(r->x);
    vl_free(r->label);
    vl_free(r->weight);
    vl_free(r->column_begin);
    vl_free(r->column_row);
    vl_free(r->column_x);
    memset(r, 0, sizeof *r);
}

vl_batch vl_rows_batch(const vl_rows *r, int64_t i, int32_t offsets[2])
{
    offsets[0] = 0;
    offsets[1] = (int32_t)(r->offsets[i + 1] - r->offsets[i]);
    return (vl_batch){.ids = r->ids + r->offsets[i],
                      .weights = r->x ? r->x + r->offsets[i] : NULL,
                      .offsets = offsets,
                      .B = 1};
}
