/* token_corpus.c: texts are encoded in parts of a fixed size, on any thread, and joined in order.
 */
#include "train/token_corpus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { PART = 256 }; /* texts */

typedef struct encoding {
    const vl_corpus *corpus;
    const vl_tokenizer *t;
    int32_t longest;
    vl_buffer *parts;           /* of int32 ids */
    int64_t *offsets;           /* (count+1): first the lengths, at i+1 */
    vl_token_scratch **scratch; /* by thread */
    atomic_int status;
} encoding;

static vl_status append_ids(vl_buffer *out, const int32_t *ids, int64_t n)
{
    return vl_buffer_append(out, ids, (size_t)n * sizeof *ids);
}

static vl_status encode_one(encoding *e, vl_buffer *out, int64_t i, vl_token_scratch *scratch)
{
    const vl_token_template *around = vl_tokenizer_template(e->t);
    vl_tokens tokens;
    size_t before = out->len;
    VL_TRY(vl_tokenizer_encode(e->t, scratch, e->corpus->examples[i].text, false, &tokens));
    int64_t room =
        e->longest ? e->longest - around->prefix_count - around->suffix_count : INT64_MAX;
    if (room < 0) room = 0;
    VL_TRY(append_ids(out, around->prefix, around->prefix_count));
    int64_t head = tokens.count <= room ? tokens.count : room / 4,
            tail = tokens.count <= room ? 0 : room - head;
    VL_TRY(append_ids(out, tokens.ids, head));
    VL_TRY(append_ids(out, tokens.ids + tokens.count - tail, tail));
    VL_TRY(append_ids(out, around->suffix, around->suffix_count));
    e->offsets[i + 1] = (int64_t)((out->len - before) / sizeof(int32_t));
    return VALENCE_OK;
}

static void encode_part(void *argument, int64_t part, int thread)
{
    encoding *e = argument;
    int64_t end = (part + 1) * PART < e->corpus->count ? (part + 1) * PART : e->corpus->count;
    vl_status status = VALENCE_OK;
    if (!e->scratch[thread]) status = vl_token_scratch_open(&e->scratch[thread], e->t, NULL);
    for (int64_t i = part * PART; i < end && status == VALENCE_OK; i++)
        status = encode_one(e, &e->parts[part], i, e->scratch[thread]);
    if (status != VALENCE_OK) atomic_store(&e->status, (int)status);
}

static vl_status join(vl_token_corpus *out, encoding *e, int64_t parts, int32_t unknown_id)
{
    for (int64_t i = 0; i < out->count; i++) out->offsets[i + 1] += out->offsets[i];
    out->ids =
        vl_alloc_array(VL_MEM_TRAINING, (size_t)out->offsets[out->count] + 1, sizeof *out->ids);
    if (!out->ids) return VALENCE_NO_MEMORY;
    char *to = (char *)out->ids;
    for (int64_t p = 0; p < parts; p++) {
        if (e->parts[p].len) memcpy(to, e->parts[p].data, e->parts[p].len);
        to += e->parts[p].len;
        vl_buffer_release(&e->parts[p]);
    }
    for (int64_t i = 0; i < out->offsets[out->count]; i++)
        out->unknown += out->ids[i] == unknown_id;
    return VALENCE_OK;
}

vl_status vl_token_corpus_make(vl_token_corpus *out, const vl_corpus *corpus, const vl_tokenizer *t,
                               int32_t longest, int32_t unknown_id, vl_workers *workers,
                               valence_error *error)
{
    int64_t parts = (corpus->count + PART - 1) / PART;
    int threads = vl_workers_threads(workers);
    *out = (vl_token_corpus){.count = corpus->count};
    encoding e = {.corpus = corpus, .t = t, .longest = longest, .status = VALENCE_OK};
    e.parts = vl_alloc_zero(VL_MEM_TRAINING, (size_t)(parts + 1) * sizeof *e.parts);
    e.scratch = vl_alloc_zero(VL_MEM_TRAINING, (size_t)threads * sizeof *e.scratch);
    out->offsets =
        vl_alloc_zero(VL_MEM_TRAINING, (size_t)(corpus->count + 1) * sizeof *out->offsets);
    e.offsets = out->offsets;
    vl_status status = e.parts && e.scratch && e.offsets ? VALENCE_OK : VALENCE_NO_MEMORY;
    for (int64_t p = 0; p < parts && status == VALENCE_OK; p++)
        vl_buffer_init(&e.parts[p], VL_MEM_TRAINING, (size_t)1 << 40);
    if (status == VALENCE_OK) {
        vl_workers_run(workers, encode_part, &e, parts);
        status = (vl_status)atomic_load(&e.status);
    }
    if (status == VALENCE_OK) status = join(out, &e, parts, unknown_id);
    for (int64_t p = 0; e.parts && p < parts; p++) vl_buffer_release(&e.parts[p]);
    for (int i = 0; e.scratch && i < threads; i++) vl_token_scratch_close(e.scratch[i]);
    vl_free(e.parts);
    vl_free(e.scratch);
    if (status == VALENCE_OK) return status;
    vl_token_corpus_release(out);
    return vl_fail(error, status, "cannot cut the texts into tokens: %s",
                   valence_status_text(status));
}

void vl_token_corpus_release(vl_token_corpus *t)
{
    vl_free(t->ids);
    vl_free(t->offsets);
    *t = (vl_token_corpus){0};
}
