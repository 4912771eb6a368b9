/* test_token_models.c: models that read tokens, through valence.h: encodings, batches, windows, no
 * allocation in the steady state, explanations, memory that runs out. Small checkpoints in
 * tests/golden/transformers. */
#include "base/mem.h"
#include "test.h"
#include "valence.h"

static const char bert[] = "tests/golden/transformers/bert";
static const char *const texts[] = {"a wonderful film",
                                    "",
                                    "The plot was dull , and the end : worse !",
                                    "caf\xC3\xA9 \xF0\x9F\x98\x80",
                                    "good film good film good film",
                                    "x"};
enum { TEXTS = sizeof texts / sizeof *texts };
static char *long_text; /* some windows long */

static valence_model *opened(const char *path, const valence_model_options *options)
{
    valence_model *m;
    valence_error error;
    if (valence_model_open(&m, path, options, &error) != VALENCE_OK) fail_msg("%s", error.message);
    return m;
}

static int make_long_text(void **state)
{
    (void)state;
    static const char *const words[] = {"good ", "dull ", "film ", "plot ", "wonderful "};
    long_text = calloc(1, 20000);
    for (int i = 0; i < 900; i++) strcat(long_text, words[(i * 7 + i / 5) % 5]);
    return long_text ? 0 : -1;
}

static int drop_long_text(void **state)
{
    (void)state;
    free(long_text);
    return 0;
}

static const char *text_at(int i)
{
    return i < TEXTS ? texts[i] : long_text;
}

static valence_encoding *encoded(valence_context *c, const char *text)
{
    valence_encoding *e;
    valence_error error;
    if (valence_context_encode(c, text, strlen(text), VALENCE_AS_MODEL, &e, &error) != VALENCE_OK)
        fail_msg("%s", error.message);
    return e;
}

/* All texts as one batch give each text's own answer, to the bit. */
static void check_batch(const valence_model *m, int K)
{
    valence_context *one, *all;
    valence_encoding *e[TEXTS + 1];
    valence_prediction alone, together[TEXTS + 1];
    assert_int_equal(valence_context_open(&one, m, NULL), VALENCE_OK);
    assert_int_equal(valence_context_open(&all, m, NULL), VALENCE_OK);
    for (int i = 0; i <= TEXTS; i++) e[i] = encoded(one, text_at(i));
    assert_int_equal(valence_context_predict_encodings(all, (const valence_encoding *const *)e,
                                                       TEXTS + 1, together, NULL),
                     VALENCE_OK);
    for (int i = 0; i <= TEXTS; i++) {
        assert_int_equal(valence_context_predict(one, text_at(i), strlen(text_at(i)), &alone, NULL),
                         VALENCE_OK);
        assert_memory_equal(alone.logits, together[i].logits, sizeof(float) * (size_t)K);
        assert_string_equal(alone.label, together[i].label);
        assert_int_equal(alone.tokens, together[i].tokens);
        assert_int_equal(alone.windows, together[i].windows);
        assert_int_equal(alone.empty, i == 1);
        assert_true(valence_encoding_tokens(e[i]) == alone.tokens);
        valence_encoding_close(e[i]);
    }
    assert_true(together[TEXTS].windows > 2 && !together[TEXTS].truncated);
    valence_context_close(one);
    valence_context_close(all);
}

/* One thread of them or all: the same bits. */
static void check_threads(const valence_model *m)
{
    valence_context *c;
    valence_prediction p;
    float first = 0;
    assert_int_equal(valence_context_open(&c, m, NULL), VALENCE_OK);
    for (int i = 0; i < 4; i++) {
        valence_context_threads(c, i % 2 ? 1 : 8);
        assert_int_equal(valence_context_predict(c, long_text, strlen(long_text), &p, NULL),
                         VALENCE_OK);
        if (i == 0) first = p.logits[0];
        assert_memory_equal(&first, &p.logits[0], sizeof first);
    }
    valence_context_close(c);
}

static void test_batch(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        valence_model_options o = valence_model_defaults();
        valence_model_info info;
        o.threads = threads;
        valence_model *m = opened(bert, &o);
        check_threads(m);
        valence_model_describe(m, &info);
        assert_string_equal(info.architecture, "bert");
        assert_true(info.slow && info.max_length > 8 && !info.multi_label);
        check_batch(m, info.label_count);
        valence_model_close(m);
    }
}

static void test_truncation(void **state)
{
    (void)state;
    valence_model_options o = valence_model_defaults();
    valence_error error;
    valence_prediction p;
    o.max_length = 16;
    for (int t = VALENCE_WINDOWS; t <= VALENCE_TRUNCATE_NEVER; t++) {
        valence_context *c;
        o.truncation = (valence_truncation)t;
        valence_model *m = opened(bert, &o);
        assert_int_equal(valence_context_open(&c, m, NULL), VALENCE_OK);
        valence_status status =
            valence_context_predict(c, long_text, strlen(long_text), &p, &error);
        if (t == VALENCE_TRUNCATE_NEVER) {
            assert_int_equal(status, VALENCE_LIMIT);
            assert_non_null(strstr(error.message, "16 tokens"));
        } else {
            assert_int_equal(status, VALENCE_OK);
            assert_int_equal(p.windows > 1, t == VALENCE_WINDOWS);
            assert_int_equal(p.truncated, t != VALENCE_WINDOWS);
            assert_true(t == VALENCE_WINDOWS || p.tokens == 16);
        }
        valence_context_close(c);
        valence_model_close(m);
    }
    o = valence_model_defaults();
    o.max_length = 2;
    valence_model *m;
    assert_int_equal(valence_model_open(&m, bert, &o, &error), VALENCE_ARGUMENT);
}

/* A second round over the same texts asks for no memory. */
static void test_steady_state(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        valence_model_options o = valence_model_defaults();
        valence_context *c;
        valence_prediction p;
        o.threads = threads;
        valence_model *m = opened(bert, &o);
        assert_int_equal(valence_context_open(&c, m, NULL), VALENCE_OK);
        int64_t before = 0;
        for (int round = 0; round < 3; round++) {
            if (round == 1) before = vl_mem_usage_total().allocations;
            for (int i = 0; i <= TEXTS; i++)
                assert_int_equal(
                    valence_context_predict(c, text_at(i), strlen(text_at(i)), &p, NULL),
                    VALENCE_OK);
        }
        assert_int_equal(vl_mem_usage_total().allocations, before);
        valence_context_close(c);
        valence_model_close(m);
    }
}

/* Weights are words' shares: the logit without the word, asked for itself. */
static void test_explanation(void **state)
{
    (void)state;
    static const char text[] = "the plot was wonderful";
    valence_model *m = opened(bert, NULL);
    valence_context *c;
    valence_prediction p;
    valence_explanation e;
    assert_int_equal(valence_context_open(&c, m, NULL), VALENCE_OK);
    assert_int_equal(valence_context_explain(c, text, strlen(text), 1, &p, &e, NULL), VALENCE_OK);
    assert_int_equal(e.reason_count, 4);
    assert_int_equal(e.places[3].start, 13);
    assert_int_equal(e.reasons[3].end, strlen(text));
    double whole = e.logit, weight = (double)e.reasons[3].weight, sum = e.bias;
    for (size_t i = 0; i < e.reason_count; i++) sum += (double)e.reasons[i].weight;
    assert_true(sum - whole < 1e-4 && whole - sum < 1e-4);
    assert_int_equal(valence_context_predict(c, text, 12, &p, NULL), VALENCE_OK);
    double without = (double)p.logits[1];
    assert_true(whole - without - weight < 1e-4 && weight - whole + without < 1e-4);
    assert_int_equal(valence_context_explain(c, "", 0, -1, &p, &e, NULL), VALENCE_OK);
    assert_int_equal(e.reason_count, 0);
    assert_int_equal(valence_context_explain(c, long_text, strlen(long_text), -1, &p, &e, NULL),
                     VALENCE_OK);
    assert_true(e.reason_count > 64 && e.reason_count <= 128);
    valence_context_close(c);
    valence_model_close(m);
}

/* What one call may fail with when the n-th allocation does. */
static void check_failure(valence_status status, bool failed)
{
    if (failed) assert_int_equal(status, VALENCE_NO_MEMORY);
    else assert_int_equal(status, VALENCE_OK);
}

static valence_status use(void)
{
    valence_model *m;
    valence_context *c = NULL;
    valence_prediction p;
    valence_explanation e;
    valence_model_options o = valence_model_defaults();
    o.threads = 2;
    valence_status status = valence_model_open(&m, bert, &o, NULL);
    if (status != VALENCE_OK) return status;
    status = valence_context_open(&c, m, NULL);
    if (status == VALENCE_OK)
        status = valence_context_predict(c, long_text, strlen(long_text), &p, NULL);
    if (status == VALENCE_OK)
        status = valence_context_explain(c, texts[2], strlen(texts[2]), -1, &p, &e, NULL);
    valence_context_close(c);
    valence_model_close(m);
    return status;
}

/* Every allocation from opening to explaining fails once. Only the library's own count: the counts
 * of a few calls in between change with what oneDNN keeps per thread. */
static void test_no_memory(void **state)
{
    (void)state;
    assert_int_equal(use(), VALENCE_OK);
    int64_t held = vl_mem_usage_total().current;
    for (int64_t n = 1;; n++) {
        vl_mem_fail_only(n);
        valence_status status = use();
        bool failed = vl_mem_has_failed();
        vl_mem_fail_only(0);
        check_failure(status, failed);
        assert_true(vl_mem_usage_total().current <= held + 4096);
        if (!failed) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_steady_state), cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, make_long_text, drop_long_text);
}
