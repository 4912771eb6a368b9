/* test_context_sentences.c: sentences of a text and the document made of them: offsets, that it
 * follows the stated rule, limits and memory. Where sentences end: test_sentences.c. */
#include "made_model.h"

#include <math.h>

#include "base/mem.h"
#include "engine/context.h"

static const made_model two = {.K = 2, .logistic = true, .dtype = VL_I8};
static const made_model three = {.K = 3, .dtype = VL_I8, .passes = VL_CLEAN_DEFAULT};

typedef struct answer {
    valence_prediction document;
    const valence_sentence *sentences;
    size_t count;
} answer;

static answer ask(valence_context *c, const char *text, size_t len)
{
    answer a;
    assert_int_equal(
        valence_context_sentences(c, text, len, &a.document, &a.sentences, &a.count, NULL),
        VALENCE_OK);
    assert_null(a.document.logits);
    return a;
}

static void check_range(const answer *a, size_t i, const char *text, const char *wanted)
{
    const valence_sentence *s = &a->sentences[i];
    assert_int_equal(s->end - s->start, strlen(wanted));
    assert_memory_equal(text + s->start, wanted, strlen(wanted));
}

static void test_offsets(void **state)
{
    (void)state;
    valence_model *m = made_model_open(two, NULL);
    valence_context *c = made_context_open(m);
    const char *text = " \xE2\x80\x9CGr\xC3\xB6\xC3\x9F"
                       "e!\xE2\x80\x9D \xF0\x9F\x98\x80\xC2\xA0\xC3\x89t\xC3\xA9\xE2\x80\xA6\n\n"
                       "\xE5\xA5\xBD\xE3\x80\x82\xE5\xA5\xBD \n";
    answer a = ask(c, text, strlen(text));
    assert_int_equal(a.count, 4);
    check_range(&a, 0, text,
                "\xE2\x80\x9CGr\xC3\xB6\xC3\x9F"
                "e!\xE2\x80\x9D \xF0\x9F\x98\x80");
    check_range(&a, 1, text, "\xC3\x89t\xC3\xA9\xE2\x80\xA6");
    check_range(&a, 2, text, "\xE5\xA5\xBD\xE3\x80\x82");
    check_range(&a, 3, text, "\xE5\xA5\xBD");
    valence_context_close(c);
    valence_model_close(m);
}

/* One sentence: document, sentence and plain prediction are the same to the bit. */
static void check_single(valence_model *m, const char *text)
{
    valence_context *c = made_context_open(m), *plain = made_context_open(m);
    valence_prediction p;
    size_t K = (size_t)m->model->K;
    answer a = ask(c, text, strlen(text));
    assert_int_equal(valence_context_predict(plain, text, strlen(text), &p, NULL), VALENCE_OK);
    assert_int_equal(a.count, 1);
    assert_memory_equal(a.document.probabilities, p.probabilities, K * sizeof(float));
    assert_memory_equal(a.sentences[0].probabilities, p.probabilities, K * sizeof(float));
    assert_ptr_equal(a.document.label, p.label);
    assert_ptr_equal(a.sentences[0].label, p.label);
    assert_int_equal(a.document.label_index, p.label_index);
    assert_int_equal(a.sentences[0].label_index, p.label_index);
    assert_true(a.document.score == p.score && a.sentences[0].score == p.score);
    assert_int_equal(a.document.empty, 0);
    assert_int_equal(a.sentences[0].empty, 0);
    valence_context_close(c);
    valence_context_close(plain);
}

static void test_single(void **state)
{
    (void)state;
    const made_model kinds[] = {two, three};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        valence_model *m = made_model_open(kinds[i], NULL);
        check_single(m, "  k0w1 w2 w3 unknown!\n");
        check_single(m, "one word");
        for (uint64_t n = 0; n < 50; n++) {
            char text[400];
            *made_text(text, (int)(n % 2), n) = '\0';
            check_single(m, text);
        }
        valence_model_close(m);
    }
}

/* ---- The document ---------------------------------------------------------------------------- */

/* Says the rule again, plainly: the mean by words; mixed where two classes have a quarter each. */
static bool check_rule(const valence_model *m, const answer *a, const char *text)
{
    valence_context *c = made_context_open(m);
    int K = m->model->K;
    double mean[64] = {0}, clear[64] = {0}, total = 0;
    for (size_t i = 0; i < a->count; i++) {
        const valence_sentence *s = &a->sentences[i];
        valence_prediction p;
        uint64_t words;
        vl_span range = {text + s->start, s->end - s->start};
        assert_int_equal(vl_context_predict(c, range, &p, &words, NULL), VALENCE_OK);
        assert_memory_equal(s->probabilities, p.probabilities, (size_t)K * sizeof(float));
        assert_ptr_equal(s->label, p.label);
        assert_true(s->score == p.score && s->label_index == p.label_index);
        assert_int_equal(s->empty, words == 0);
        for (int k = 0; k < K; k++) mean[k] += p.probabilities[k] * (double)words;
        bool named = strcmp(p.label, "neutral") != 0 && strcmp(p.label, "uncertain") != 0;
        if (named && p.score >= 0.6) clear[p.label_index] += (double)words;
        total += (double)words;
    }
    int best = a->document.label_index, classes = 0;
    for (int k = 0; k < K; k++) {
        assert_true(fabs(a->document.probabilities[k] - mean[k] / total) < 1e-6);
        assert_true(a->document.probabilities[k] <= a->document.probabilities[best]);
        classes += clear[k] / total >= 0.25;
    }
    assert_true(a->document.score == a->document.probabilities[best]);
    const char *expected = m->labels[best];
    if (K == 2 && a->document.probabilities[best] - 0.5f < (float)m->neutral_band)
        expected = "neutral";
    if (a->document.probabilities[best] < (float)m->min_confidence) expected = "uncertain";
    if (classes >= 2) expected = "mixed";
    assert_string_equal(a->document.label, expected);
    valence_context_close(c);
    return classes >= 2;
}

/* Documents of 2 to 6 sentences, mostly of the two classes of the seed. */
static char *made_document(char *p, int K, uint64_t seed)
{
    int sentences = 2 + (int)(vl_random_at(seed, 1000) % 5);
    for (int i = 0; i < sentences; i++) {
        bool other = vl_random_at(seed, 1001 + (uint64_t)i) % (1 + seed % 4) == 0;
        p = made_text(p, (int)((seed + other) % (uint64_t)K), seed * 10 + (uint64_t)i);
        p += sprintf(p, "end. ");
    }
    return p;
}

static void check_documents(made_model kind, double band, double least)
{
    valence_model_options o = {.neutral_band = band, .min_confidence = least};
    valence_model *m = made_model_open(kind, &o);
    valence_context *c = made_context_open(m);
    int mixed = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        char text[4000];
        size_t len = (size_t)(made_document(text, kind.K, seed) - text);
        answer a = ask(c, text, len);
        assert_in_range(a.count, 2, 6);
        mixed += check_rule(m, &a, text);
    }
    assert_in_range(mixed, 20, 180);
    valence_context_close(c);
    valence_model_close(m);
}

static void test_documents(void **state)
{
    (void)state;
    check_documents(two, 0, 0);
    check_documents(two, 0.3, 0);
    check_documents(two, 0, 0.8);
    check_documents(three, 0, 0);
    check_documents((made_model){.K = 40, .logistic = true, .dtype = VL_F32, .capacity = 20000}, 0,
                    0);
}

static const char *label_of(valence_context *c, const char *text)
{
    return ask(c, text, strlen(text)).document.label;
}

/* One against one, and one of three against two, is mixed; one of five is not, nor three alike. */
static void test_mixed(void **state)
{
    (void)state;
    valence_model *m = made_model_open(two, NULL);
    valence_context *c = made_context_open(m);
#define ZERO "k0w1 k0w2 k0w3 k0w4. "
#define ONE  "k1w1 k1w2 k1w3 k1w4. "
    assert_string_equal(label_of(c, ZERO ONE), "mixed");
    assert_string_equal(label_of(c, ONE ZERO ONE), "mixed");
    assert_string_equal(label_of(c, ONE ZERO ONE ONE), "mixed"); /* a quarter, no less */
    assert_string_equal(label_of(c, ONE ZERO ONE ONE ONE), "c01");
    assert_string_equal(label_of(c, ONE ONE ONE), "c01");
    assert_string_equal(label_of(c, ZERO), "c00");
    /* in one sentence nothing disagrees */
    assert_string_not_equal(label_of(c, "k0w1 k0w2 k0w3 k1w1 k1w2"), "mixed");
    valence_context_close(c);
    valence_model_close(m);
}

/* A class named "neutral" never makes a document mixed. */
static void test_shipped(void **state)
{
    (void)state;
    static const char *const said[] = {
        "I loved every minute of it. ", "The food was terrible and cold. ",
        "The meeting is on Tuesday. ", "It has two doors. ", "What a waste of money! "};
    valence_model *m;
    assert_int_equal(valence_model_open(&m, "general", NULL, NULL), VALENCE_OK);
    valence_context *c = made_context_open(m);
    int mixed = 0;
    for (size_t i = 0; i < LENGTH(said); i++)
        for (size_t j = 0; j < LENGTH(said); j++) {
            char text[200];
            size_t len = (size_t)sprintf(text, "%s%s", said[i], said[j]);
            answer a = ask(c, text, len);
            assert_int_equal(a.count, 2);
            mixed += check_rule(m, &a, text);
        }
    assert_in_range(mixed, 2, 12);
    valence_context_close(c);
    valence_model_close(m);
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "  \n\n ", "\xFF\xFE", "...\n\n!", "\xC2\xA0"};
    valence_model *m = made_model_open(three, NULL); /* its words have no marks */
    valence_context *c = made_context_open(m), *plain = made_context_open(m);
    valence_prediction prior;
    assert_int_equal(valence_context_predict(plain, "", 0, &prior, NULL), VALENCE_OK);
    ask(c, "k0w1. k0w2.", 11);
    for (size_t i = 0; i < LENGTH(empty); i++) {
        answer a = ask(c, empty[i], strlen(empty[i]));
        assert_int_equal(a.count, 0);
        assert_int_equal(a.document.empty, 1);
        assert_memory_equal(a.document.probabilities, prior.probabilities, 3 * sizeof(float));
        assert_ptr_equal(a.document.label, prior.label);
    }
    assert_int_equal(ask(c, NULL, 0).count, 0);
    valence_context_close(c);
    valence_context_close(plain);
    valence_model_close(m);
}

/* A sentence that cleaning empties is told, and does not count. */
static void test_empty_sentence(void **state)
{
    (void)state;
    made_model kind = three;
    kind.passes |= VL_CLEAN_ONE(HTML);
    valence_model *m = made_model_open(kind, NULL);
    valence_context *c = made_context_open(m), *plain = made_context_open(m);
    const char *text = "k0w1 k0w2.\n\n<a><b>\n\nw1";
    valence_prediction p;
    answer a = ask(c, text, strlen(text));
    assert_int_equal(a.count, 3);
    assert_int_equal(a.sentences[1].empty, 1);
    check_rule(m, &a, text);
    a = ask(c, "<i><b>\n\nk1w1", 12);
    assert_int_equal(a.count, 2);
    assert_int_equal(valence_context_predict(plain, "k1w1", 4, &p, NULL), VALENCE_OK);
    assert_memory_equal(a.document.probabilities, p.probabilities, 3 * sizeof(float));
    assert_int_equal(a.document.empty, 0);
    valence_context_close(c);
    valence_context_close(plain);
    valence_model_close(m);
}

/* ---- Limits and memory ----------------------------------------------------------------------- */

static void test_limit(void **state)
{
    (void)state;
    valence_model *m = made_model_open(two, NULL);
    valence_context *c = made_context_open(m);
    const char *text = "One. Two. Three. Four.";
    answer a = ask(c, "One.", 4);
    assert_int_equal(c->sentences.max, 1 << 24);
    c->sentences.max = c->sentences.capacity = 3;
    valence_error error = {0};
    assert_int_equal(valence_context_sentences(c, text, strlen(text), &a.document, &a.sentences,
                                               &a.count, &error),
                     VALENCE_LIMIT);
    assert_int_equal(a.count, 0);
    assert_string_equal(error.message,
                        "text has more than 3 sentences: predict it whole, or in parts");
    assert_int_equal(ask(c, text, 16).count, 3);
    valence_context_close(c);
    valence_model_close(m);
}

static char *many_sentences(size_t n)
{
    char *text = malloc(n * 10 + 1), *p = text;
    if (!text) exit(1);
    for (size_t i = 0; i < n; i++) p += sprintf(p, "K%zuw%zu. ", i % 2, i % 10);
    return text;
}

static void test_allocations(void **state)
{
    (void)state;
    const made_model kinds[] = {two, three};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        valence_model *m = made_model_open(kinds[i], NULL);
        valence_context *c = made_context_open(m);
        char *text = many_sentences(1000);
        int64_t fresh = vl_mem_usage_total().current;
        assert_int_equal(ask(c, text, strlen(text)).count, 1000);
        vl_mem_usage first = vl_mem_usage_total();
        assert_true(first.current - fresh >=
                    1000 * (int64_t)(sizeof(valence_sentence) + sizeof(float)));
        for (int n = 0; n < 10; n++) ask(c, text, strlen(text) / (size_t)(1 + n));
        assert_int_equal(vl_mem_usage_total().allocations, first.allocations);
        free(text);
        valence_context_close(c);
        valence_model_close(m);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    valence_model *m = made_model_open(three, NULL);
    char *text = many_sentences(100);
    int64_t before = vl_mem_usage_total().current, failed = 0;
    for (bool more = true; more;) {
        valence_context *c = made_context_open(m);
        valence_error error = {0};
        answer a;
        vl_mem_fail_from(failed + 1);
        vl_status status = valence_context_sentences(c, text, strlen(text), &a.document,
                                                     &a.sentences, &a.count, &error);
        vl_mem_fail_from(0);
        more = status != VALENCE_OK;
        failed += more;
        if (more) {
            assert_int_equal(status, VALENCE_NO_MEMORY);
            assert_int_equal(error.code, VALENCE_NO_MEMORY);
            assert_non_null(strstr(error.message, "out of memory"));
            assert_int_equal(a.count, 0);
        }
        a = ask(c, text, strlen(text)); /* works afterwards */
        assert_int_equal(a.count, 100);
        check_rule(m, &a, text);
        valence_context_close(c);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    assert_true(failed >= 5); /* sums, list, probabilities, cleaning, growth */
    free(text);
    valence_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets),        cmocka_unit_test(test_single),
        cmocka_unit_test(test_documents),      cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_shipped),        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_empty_sentence), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_allocations),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
