/* sentences.c: each sentence of a text, and the document as their aggregate.
 *
 * The document's probabilities are the mean of its sentences', each weighted by its number of words
 * (those of the model, marks included where it counts them), and its label follows from them by the
 * rules for any text. A mean cannot tell "half praise, half complaint" from "nothing much": both
 * lie in the middle. So the label is "mixed" where two different classes each hold at least a
 * quarter of the words, counting for a class only the sentences that say it clearly: probability
 * 0.6 or more, label not "neutral" or "uncertain". A quarter: one bad remark in a long praise is no
 * mixed review, and of three even sentences two against one are. 0.6: below it a sentence is a
 * guess, and a guess more or less should not turn a document around. "mixed" goes before "neutral"
 * and "uncertain", which are what the mean of a contradiction would get. Classes are taken as names
 * without order: of five stars, four and five count as different. */
#include "engine/context.h"

#include "text/sentence_split.h"

enum { MAX_SENTENCES = 1 << 24, FIRST_CAPACITY = 16 };

static const double clear_score = 0.6, mixed_share = 0.25;

void vl_sentence_scratch_release(vl_sentence_scratch *s)
{
    vl_free(s->list);
    vl_free(s->probabilities);
    vl_free(s->sums);
}

static vl_status prepare(vl_sentence_scratch *s, size_t K, valence_error *error)
{
    s->count = 0;
    if (!s->sums) {
        s->max = MAX_SENTENCES;
        s->sums = vl_alloc_array(VL_MEM_REQUEST, 2 * K, sizeof *s->sums);
        if (!s->sums) return vl_fail_memory(error, 2 * K * sizeof *s->sums, "sums of sentences");
    }
    memset(s->sums, 0, 2 * K * sizeof *s->sums);
    return VALENCE_OK;
}

/* No product overflows: capacity is at most MAX_SENTENCES, K a few thousand. */
static vl_status make_room(vl_sentence_scratch *s, size_t K, valence_error *error)
{
    if (s->count < s->capacity) return VALENCE_OK;
    if (s->count >= s->max)
        return vl_fail(error, VALENCE_LIMIT,
                       "text has more than %zu sentences: predict it whole, or in parts", s->max);
    size_t capacity = s->capacity ? s->capacity * 2 : FIRST_CAPACITY;
    if (capacity > s->max) capacity = s->max;
    valence_sentence *list = vl_realloc(VL_MEM_REQUEST, s->list, capacity * sizeof *list);
    if (list) s->list = list;
    float *p = vl_realloc(VL_MEM_REQUEST, s->probabilities, capacity * K * sizeof *p);
    if (p) s->probabilities = p;
    if (!list || !p)
        return vl_fail_memory(error, capacity * (sizeof *list + K * sizeof *p), "sentences");
    s->capacity = capacity;
    return VALENCE_OK;
}

/* Whether a sentence speaks clearly for its class. */
static bool is_clear(const valence_prediction *p)
{
    return p->score >= clear_score && strcmp(p->label, "neutral") != 0 &&
           strcmp(p->label, "uncertain") != 0;
}

/* Predicts one sentence, keeps it, adds it to the sums; *total grows by its words. */
static vl_status add_sentence(valence_context *c, vl_span sentence, size_t start, uint64_t *total,
                              valence_error *error)
{
    vl_sentence_scratch *s = &c->sentences;
    size_t K = (size_t)c->model->model->K;
    valence_prediction p;
    uint64_t words;
    VL_TRY(make_room(s, K, error));
    VL_TRY(vl_context_predict(c, sentence, &p, &words, error));
    memcpy(s->probabilities + s->count * K, p.probabilities, K * sizeof(float));
    s->list[s->count++] = (valence_sentence){.start = start,
                                             .end = start + sentence.len,
                                             .label = p.label,
                                             .label_index = p.label_index,
                                             .score = p.score,
                                             .empty = p.empty};
    for (size_t k = 0; k < K; k++) s->sums[k] += (double)words * p.probabilities[k];
    if (is_clear(&p)) s->sums[K + (size_t)p.label_index] += (double)words;
    *total += words;
    return VALENCE_OK;
}

/* clear_words: (K) of each class. */
static bool is_mixed(const double *clear_words, size_t K, double total)
{
    int strong = 0;
    for (size_t k = 0; k < K; k++) strong += clear_words[k] >= mixed_share * total;
    return strong >= 2;
}

static void conclude(valence_context *c, double total, valence_prediction *document)
{
    vl_sentence_scratch *s = &c->sentences;
    size_t K = (size_t)c->model->model->K;
    for (size_t k = 0; k < K; k++) c->probabilities[k] = (float)(s->sums[k] / total);
    for (size_t i = 0; i < s->count; i++) s->list[i].probabilities = s->probabilities + i * K;
    *document = (valence_prediction){0};
    vl_context_decide(c, c->probabilities, document);
    if (is_mixed(s->sums + K, K, total)) document->label = "mixed";
}

static vl_status predict_empty(valence_context *c, vl_span text, valence_prediction *document,
                               valence_error *error)
{
    uint64_t words;
    VL_TRY(vl_context_predict(c, text, document, &words, error));
    document->logits = NULL;
    return VALENCE_OK;
}

valence_status valence_context_sentences(valence_context *context, const char *text, size_t len,
                                         valence_prediction *document,
                                         const valence_sentence **sentences, size_t *count,
                                         valence_error *error)
{
    vl_sentence_scratch *s = &context->sentences;
    vl_span whole = {text, len}, sentence;
    uint64_t words = 0;
    *sentences = NULL;
    *count = 0;
    VL_TRY(prepare(s, (size_t)context->model->model->K, error));
    for (size_t at = 0; vl_sentence_next(whole, &at, &sentence);)
        VL_TRY(add_sentence(context, sentence, (size_t)(sentence.ptr - text), &words, error));
    if (words == 0) return predict_empty(context, whole, document, error);
    conclude(context, (double)words, document);
    *sentences = s->list;
    *count = s->count;
    return VALENCE_OK;
}
