/* made_model.h: a small model file trained on a made-up corpus, for the tests of src/engine. */
#ifndef MADE_MODEL_H
#define MADE_MODEL_H

#include "made_corpus.h"

#include "formats/safetensors.h"
#include "train/card.h"
#include "train/classic.h"

typedef struct made_model {
    int K;
    bool logistic, counts;
    uint32_t passes;
    vl_dtype dtype;
    int64_t capacity; /* 0: 3000 */
} made_model;

/* Tensors and all metadata. */
static inline vl_store *made_model_store(made_model kind)
{
    made_corpus m = made_corpus_of(900, kind.K, 1, 7);
    vl_classic_options o = vl_classic_defaults(kind.logistic);
    vl_classic_report report;
    valence_error error = {0};
    vl_store *s;
    o.pipeline.counts = kind.counts;
    o.pipeline.passes = kind.passes;
    o.vocabulary.capacity = kind.capacity ? kind.capacity : 3000;
    o.vocabulary.min_count = 2;
    o.dtype = kind.dtype;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    if (vl_classic_train(s, &report, &m.c, NULL, &o, NULL, &error) != VALENCE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(vl_card_write(s, &report, &m.c, &(vl_card_origin){.command = "test"}, NULL), VALENCE_OK);
    made_release(&m);
    return s;
}

static inline vl_buffer made_model_bytes(made_model kind)
{
    vl_store *s = made_model_store(kind);
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_MODEL, (size_t)1 << 30);
    assert_int_equal(vl_safetensors_encode(s, &b, NULL), VALENCE_OK);
    vl_store_close(s);
    return b;
}

/* A file of it; test_path_done removes it. */
static inline char *made_model_file(made_model kind)
{
    vl_buffer b = made_model_bytes(kind);
    char *path = test_path("made.safetensors");
    test_write(path, b.data, b.len);
    vl_buffer_release(&b);
    return path;
}

/* Opened, its file already removed. */
static inline valence_model *made_model_open(made_model kind, const valence_model_options *o)
{
    char *path = made_model_file(kind);
    valence_model *m;
    assert_int_equal(valence_model_open(&m, path, o, NULL), VALENCE_OK);
    test_path_done(path);
    return m;
}

static inline valence_context *made_context_open(const valence_model *m)
{
    valence_context *c;
    assert_int_equal(valence_context_open(&c, m, NULL), VALENCE_OK);
    return c;
}

#endif
