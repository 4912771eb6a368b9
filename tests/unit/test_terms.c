/* test_terms.c: valence_model_terms: order, ties, limits, what it adds where it stands alone, models
 * without names, hostile names, many threads at the first call, and no memory. */
#include "made_model.h"

#include <math.h>
#include <pthread.h>

#include "base/mem.h"
#include "engine/engine_model.h"
#include "engine/model_config.h"

enum { ROOM = 2000 };

static const made_model two = {.K = 2, .logistic = true, .dtype = VL_I8, .capacity = 500},
                        three = {.K = 3, .dtype = VL_F16, .capacity = 500};

/* A model whose features.names is replaced by `names`, unless NULL. The bytes must outlive it. */
static valence_model *open_with(made_model kind, const char *names, vl_buffer *bytes)
{
    valence_model *m;
    valence_error e = {0};
    vl_mapped_file none = {.slot = -1};
    vl_store *s = made_model_store(kind);
    vl_buffer_init(bytes, VL_MEM_MODEL, (size_t)1 << 30);
    if (names) assert_int_equal(vl_store_set(s, "features.names", vl_span_of(names), &e), VALENCE_OK);
    assert_int_equal(vl_model_config_write_checksum(s, &e), VALENCE_OK);
    assert_int_equal(vl_safetensors_encode(s, bytes, &e), VALENCE_OK);
    vl_store_close(s);
    if (vl_engine_model_make(&m, &none, vl_buffer_span(bytes), "made", "made.safetensors", NULL, &e) !=
        VALENCE_OK)
        fail_msg("%s", e.message);
    return m;
}

static void close_model(valence_model *m, vl_buffer *bytes)
{
    valence_model_close(m);
    vl_buffer_release(bytes);
}

static int list(const valence_model *m, int k, valence_term *terms, int max)
{
    int count = -1;
    valence_error e = {0};
    if (valence_model_terms(m, k, terms, max, &count, &e) != VALENCE_OK) fail_msg("%s", e.message);
    assert_in_range(count, 0, max > 0 ? max : 0);
    return count;
}

/* What a text that is this n-gram alone gets, less the bias; the words of a longer one have weights of
 * their own, so that only single words can be checked so. */
static void expect_weight(const valence_model *m, int k, const valence_term *term)
{
    valence_context *c;
    valence_prediction empty, p;
    if (strchr(term->text, ' ')) return;
    assert_int_equal(valence_context_open(&c, m, NULL), VALENCE_OK);
    assert_int_equal(valence_context_predict(c, "", 0, &empty, NULL), VALENCE_OK);
    float bias = empty.logits[k];
    assert_int_equal(valence_context_predict(c, term->text, strlen(term->text), &p, NULL), VALENCE_OK);
    if (fabsf(p.logits[k] - bias - term->weight) > 1e-4f)
        fail_msg("'%s' adds %g, listed with %g", term->text, p.logits[k] - bias, term->weight);
    valence_context_close(c);
}

static void test_order(void **state)
{
    (void)state;
    static valence_term terms[ROOM], few[5];
    for (int K = 2; K <= 3; K++) {
        vl_buffer bytes;
        valence_model *m = open_with(K == 2 ? two : three, NULL, &bytes);
        for (int k = 0; k < K; k++) {
            char own[16];
            snprintf(own, sizeof own, "k%dw", k);
            int n = list(m, k, terms, ROOM), of_class = 0;
            assert_true(n > 20);
            for (int i = 0; i < n; i++) {
                assert_true(terms[i].weight > 0);
                assert_true(i == 0 || terms[i - 1].weight > terms[i].weight ||
                            (terms[i - 1].weight == terms[i].weight &&
                             strcmp(terms[i - 1].text, terms[i].text) < 0));
                of_class += i < 10 && strstr(terms[i].text, own);
                expect_weight(m, k, &terms[i]);
            }
            assert_true(of_class >= 9);
            assert_int_equal(list(m, k, few, 5), 5);
            for (int i = 0; i < 5; i++) {
                assert_ptr_equal(few[i].text, terms[i].text); /* the model's own */
                assert_true(few[i].weight == terms[i].weight);
            }
            assert_int_equal(list(m, k, NULL, 0), 0);
            assert_int_equal(list(m, k, NULL, -1), 0);
        }
        close_model(m, &bytes);
    }
}

static void test_wrong_label(void **state)
{
    (void)state;
    static const int wrong[] = {-1, 2, 1000};
    vl_buffer bytes;
    valence_model *m = open_with(two, NULL, &bytes);
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        valence_term term;
        int count = 9;
        valence_error e = {0};
        assert_int_equal(valence_model_terms(m, wrong[i], &term, 1, &count, &e), VALENCE_ARGUMENT);
        assert_int_equal(count, 0);
        assert_non_null(strstr(e.message, "0 to 1"));
    }
    close_model(m, &bytes);
}

static void test_no_names(void **state)
{
    (void)state;
    valence_term term;
    vl_buffer bytes;
    valence_model *m = open_with(two, "[]", &bytes);
    assert_int_equal(list(m, 0, &term, 1), 0);
    close_model(m, &bytes);
}

/* Each opens as a model and predicts; only the list is refused, every time. */
static void test_hostile(void **state)
{
    (void)state;
    static char huge[1 << 20], long_name[600];
    char *p = huge + sprintf(huge, "[");
    for (int i = 0; i < 65537; i++) p += sprintf(p, "%s[%d,\"a\"]", i ? "," : "", i);
    sprintf(p, "]");
    sprintf(long_name, "[[1,\"%0256d\"]]", 7);
    const char *const bad[] = {
        "", "x", "[", "{}", "7", "null", "\"a\"", "[7]", "[[]]", "[[1]]", "[[1,2]]", "[[\"a\",1]]",
        "[[1,\"a\",2]]", "[[-1,\"a\"]]", "[[1.5,\"a\"]]", "[[1e3,\"a\"]]", "[[99999999,\"a\"]]",
        "[[4294967297,\"a\"]]", "[[18446744073709551615,\"a\"]]", "[[1,\"\"]]", "[[1,\"a\\u0000b\"]]",
        "[[1,\"\\u001b[2J\"]]", "[[1,\"a\\nb\"]]", "[[1,\"\\ud800\"]]", "[[2,\"b\"],[1,\"a\"]]",
        "[[1,\"a\"],[1,\"b\"]]", "[{\"1\":1,\"2\":\"a\"}]", "[[1,null]]", "[[1,[\"a\"]]]", "[[1,\"a\"]", huge,
        long_name};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        vl_buffer bytes;
        valence_model *m = open_with(two, bad[i], &bytes);
        for (int again = 0; again < 2; again++) {
            valence_term term;
            int count = 9;
            valence_error e = {0};
            vl_status status = valence_model_terms(m, 0, &term, 1, &count, &e);
            if (status != VALENCE_FORMAT) fail_msg("%.40s: %s", bad[i], valence_status_name(status));
            assert_int_equal(count, 0);
            assert_non_null(strstr(e.message, "made.safetensors"));
        }
        valence_prediction prediction;
        assert_int_equal(valence_predict(m, "k0w1", 4, &prediction, NULL), VALENCE_OK);
        close_model(m, &bytes);
    }
}

/* At the borders of what is allowed. */
static void test_allowed(void **state)
{
    (void)state;
    static char text[400];
    vl_buffer bytes;
    sprintf(text, "[[0,\"%0255d\"],[1,\"\\\"\\\\ \\u00e9\"],[2,\"a\"],[3,\"b\"],[4,\"c\"],[5,\"d\"],[6,\"e\"],[7,\"f\"]]", 7);
    valence_model *m = open_with(two, text, &bytes);
    valence_term terms[8];
    int count = list(m, 0, terms, 8);
    count += list(m, 1, terms, 8);
    assert_in_range(count, 1, 8); /* slots that weigh nothing are in neither list */
    assert_int_equal(m->name_count, 8);
    assert_string_equal(m->names[1].text, "\"\\ \xC3\xA9");
    close_model(m, &bytes);
}

static void *list_many(void *argument)
{
    static _Thread_local valence_term terms[ROOM];
    int count = 0;
    for (int i = 0; i < 20; i++)
        if (valence_model_terms(argument, i % 2, terms, ROOM, &count, NULL) != VALENCE_OK) return NULL;
    return count > 0 ? argument : NULL;
}

static void test_threads(void **state)
{
    (void)state;
    vl_buffer bytes;
    pthread_t threads[4];
    valence_model *m = open_with(two, NULL, &bytes);
    for (int t = 0; t < 4; t++) assert_int_equal(pthread_create(&threads[t], NULL, list_many, m), 0);
    for (int t = 0; t < 4; t++) {
        void *good;
        pthread_join(threads[t], &good);
        assert_ptr_equal(good, m);
    }
    close_model(m, &bytes);
}

static void test_no_memory(void **state)
{
    (void)state;
    vl_buffer bytes;
    int failures = 0;
    vl_status status = VALENCE_NO_MEMORY;
    for (int64_t n = 1; status != VALENCE_OK; n++) {
        valence_model *m = open_with(two, NULL, &bytes);
        valence_term term;
        int count = 9;
        valence_error e = {0};
        vl_mem_fail_from(n);
        status = valence_model_terms(m, 0, &term, 1, &count, &e);
        vl_mem_fail_from(0);
        assert_int_equal(count, status == VALENCE_OK);
        if (status != VALENCE_OK) {
            assert_int_equal(status, VALENCE_NO_MEMORY);
            assert_int_equal(list(m, 0, &term, 1), 1); /* it recovers */
            failures++;
        }
        int64_t before = vl_mem_usage_total().current;
        valence_model_close(m);
        assert_true(vl_mem_usage_total().current < before);
        vl_buffer_release(&bytes);
    }
    assert_true(failures >= 2);
    assert_int_equal(vl_mem_usage_of(VL_MEM_MODEL).current, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),   cmocka_unit_test(test_wrong_label),
        cmocka_unit_test(test_no_names), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_allowed), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
