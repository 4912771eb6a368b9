/* word_vectors.c: vocabulary, then skip-grams over it. */
#include "train/word_vectors.h"

#include "base/clock.h"

enum { VECTOR_MOST = 16384 };

static vl_status add_vectors(vl_store *store, const float *vectors, int64_t V, int64_t E,
                             valence_error *error)
{
    vl_tensor t = {.name = "embeddings.word",
                   .dtype = VL_F32,
                   .rank = 2,
                   .shape = {V, E},
                   .data = vectors,
                   .bytes = (size_t)(V * E) * sizeof *vectors};
    return vl_store_add_copy(store, &t, error);
}

static vl_status make_vectors(vl_store *store, vl_word_vectors_report *report,
                              const vl_corpus *corpus, const vl_tokenizer *t,
                              const vl_skipgram_options *skipgram, vl_workers *workers,
                              valence_error *error)
{
    vl_token_corpus texts;
    int64_t V = vl_tokenizer_size(t);
    VL_TRY(vl_token_corpus_make(&texts, corpus, t, 0, VL_PIECE_UNKNOWN, workers, error));
    report->tokens = texts.offsets[texts.count];
    report->unknown = texts.unknown;
    report->vocabulary = (int32_t)V;
    float *vectors = vl_alloc_array(VL_MEM_TRAINING, (size_t)(V * skipgram->E), sizeof *vectors);
    vl_status status = vectors ? VALENCE_OK : vl_fail_memory(error, (size_t)V * 4, "word vectors");
    if (status == VALENCE_OK)
        status = vl_skipgram_train(vectors, &texts, t, skipgram, workers, error);
    if (status == VALENCE_OK) status = add_vectors(store, vectors, V, skipgram->E, error);
    vl_free(vectors);
    vl_token_corpus_release(&texts);
    return status;
}

vl_status vl_word_vectors_make(vl_store *store, vl_word_vectors_report *report,
                               const vl_corpus *corpus, const vl_wordpieces_options *pieces,
                               const vl_skipgram_options *skipgram, vl_workers *workers,
                               valence_error *error)
{
    vl_tokenizer *t = NULL;
    vl_buffer json;
    double start = vl_clock_seconds();
    *report = (vl_word_vectors_report){.texts = corpus->count};
    vl_buffer_init(&json, VL_MEM_TRAINING, (size_t)1 << 30);
    vl_status status = vl_wordpieces_build(&json, corpus, pieces, error);
    if (status == VALENCE_OK) status = vl_tokenizer_open(&t, vl_buffer_span(&json), error);
    if (status == VALENCE_OK)
        status = vl_store_set(store, "tokenizer", vl_buffer_span(&json), error);
    report->vocabulary_seconds = vl_clock_seconds() - start;
    if (status == VALENCE_OK)
        status = vl_store_set(store, "format", vl_span_of(VL_WORDS_FORMAT), error);
    if (status == VALENCE_OK)
        status = make_vectors(store, report, corpus, t, skipgram, workers, error);
    report->vector_seconds = vl_clock_seconds() - start - report->vocabulary_seconds;
    vl_tokenizer_close(t);
    vl_buffer_release(&json);
    return status;
}

vl_status vl_word_vectors_read(const vl_store *store, const char **tokenizer,
                               const vl_tensor **vectors, valence_error *error)
{
    const int64_t shape[] = {-1, -1};
    *tokenizer = vl_store_get(store, "tokenizer");
    if (!*tokenizer)
        return vl_fail(error, VALENCE_FORMAT,
                       "no word vectors: the metadata lacks 'tokenizer' "
                       "(`valence train embeddings` makes such files)");
    VL_TRY(vl_store_expect(store, "embeddings.word", VL_F32, 2, shape, vectors, error));
    int64_t E = (*vectors)->shape[1];
    if (E >= 1 && E <= VECTOR_MOST) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "word vectors have 1 to %d numbers, these have %lld",
                   VECTOR_MOST, (long long)E);
}
