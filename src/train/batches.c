/* batches.c: sorts by random keys, by length within pools of texts, and by random keys again. */
#include "train/batches.h"

#include <stdlib.h>
#include <string.h>

enum { POOL = 48 }; /* batches whose texts are grouped by length together */

typedef struct keyed {
    uint64_t key;
    int64_t value, length;
} keyed;

static int by_key(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static int by_length(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    return x->length != y->length ? (x->length > y->length ? -1 : 1) : by_key(a, b);
}

/* Cuts sorted texts into batches; starts gets their number plus one. */
static int64_t cut(int64_t *starts, const keyed *k, int64_t n, const vl_batch_limits *limits)
{
    int64_t count = 0, tokens = 0, texts = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || tokens + k[i].length > limits->tokens || texts == limits->texts) {
            starts[count++] = i;
            tokens = texts = 0;
        }
        tokens += k[i].length;
        texts++;
    }
    starts[count] = n;
    return count;
}

static void group_by_length(keyed *k, int64_t n, const vl_batch_limits *limits)
{
    int64_t from = 0, tokens = 0;
    for (int64_t i = 0; i < n; i++) {
        tokens += k[i].length;
        if (i + 1 < n && tokens < POOL * limits->tokens &&
            i + 1 - from < (int64_t)POOL * limits->texts)
            continue;
        qsort(k + from, (size_t)(i + 1 - from), sizeof *k, by_length);
        from = i + 1;
        tokens = 0;
    }
}

/* Copies the batches of k in the order of `order`, or as they are (NULL). */
static void place(vl_batches *b, const keyed *k, const int64_t *starts, const keyed *order)
{
    int64_t at = 0;
    for (int64_t i = 0; i < b->count; i++) {
        int64_t from = order ? order[i].value : i;
        b->starts[i] = at;
        for (int64_t j = starts[from]; j < starts[from + 1]; j++) b->texts[at++] = k[j].value;
    }
    b->starts[b->count] = at;
}

static vl_status make(vl_batches *b, const vl_token_corpus *c, const int64_t *index, int64_t n,
                      const vl_batch_limits *limits, bool shuffled, uint64_t seed)
{
    size_t room = (size_t)n + 1;
    vl_batches_release(b);
    keyed *k = vl_alloc_array(VL_MEM_TRAINING, room, sizeof *k),
          *order = vl_alloc_array(VL_MEM_TRAINING, room, sizeof *k);
    int64_t *starts = vl_alloc_array(VL_MEM_TRAINING, room + 1, sizeof *starts);
    b->texts = vl_alloc_array(VL_MEM_TRAINING, room, sizeof *b->texts);
    b->starts = vl_alloc_array(VL_MEM_TRAINING, room + 1, sizeof *b->starts);
    bool good = k && order && starts && b->texts && b->starts;
    if (good) {
        for (int64_t i = 0; i < n; i++)
            k[i] = (keyed){vl_random_at(seed, (uint64_t)index[i]), index[i],
                           vl_token_corpus_length(c, index[i])};
        qsort(k, (size_t)n, sizeof *k, shuffled ? by_key : by_length);
        if (shuffled) group_by_length(k, n, limits);
        b->n = n;
        b->count = cut(starts, k, n, limits);
        for (int64_t i = 0; i < b->count; i++)
            order[i] = (keyed){vl_random_at(~seed, (uint64_t)i), i, 0};
        qsort(order, (size_t)b->count, sizeof *order, by_key);
        place(b, k, starts, shuffled ? order : NULL);
    }
    vl_free(k);
    vl_free(order);
    vl_free(starts);
    if (good) return VALENCE_OK;
    vl_batches_release(b);
    return VALENCE_NO_MEMORY;
}

vl_status vl_batches_make(vl_batches *b, const vl_token_corpus *c, const int64_t *index, int64_t n,
                          const vl_batch_limits *limits, uint64_t seed, int64_t epoch)
{
    return make(b, c, index, n, limits, true, vl_random_at(seed, (uint64_t)epoch));
}

vl_status vl_batches_make_sorted(vl_batches *b, const vl_token_corpus *c, const int64_t *index,
                                 int64_t n, const vl_batch_limits *limits)
{
    return make(b, c, index, n, limits, false, 0);
}

void vl_batches_release(vl_batches *b)
{
    vl_free(b->texts);
    vl_free(b->starts);
    *b = (vl_batches){0};
}
