/* test_model_config.c: what is written reads back; whatever else stands there is refused by name;
 * the checksum covers everything but itself. */
#include "test.h"

#include "base/mem.h"
#include "engine/model_config.h"

static const uint16_t fingerprints[3 * VL_BUCKET] = {1, 2, 3, 4, 5};

static vl_store *open_store(void)
{
    vl_store *s;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    return s;
}

static void set(vl_store *s, const char *key, const char *value)
{
    assert_int_equal(vl_store_set(s, key, vl_span_of(value), NULL), VALENCE_OK);
}

static vl_store *features_store(void)
{
    vl_store *s = open_store();
    vl_features f = {.max_n = 2, .table = {fingerprints, 3}};
    assert_int_equal(vl_model_config_write_features(s, &f, NULL), VALENCE_OK);
    return s;
}

static void test_features(void **state)
{
    (void)state;
    static const uint32_t passes[] = {0, VL_CLEAN_DEFAULT,
                                      VL_CLEAN_ONE(HTML) | VL_CLEAN_ONE(NEGATION)};
    for (size_t p = 0; p < LENGTH(passes); p++)
        for (int kind = 0; kind < 12; kind++) {
            vl_store *s = open_store();
            vl_features f = {.passes = passes[p],
                             .word_flags = kind % 2 ? VL_WORDS_MARKS : 0,
                             .max_n = 1 + kind / 4,
                             .counts = kind / 2 % 2,
                             .table = {fingerprints, 3}},
                        got;
            assert_int_equal(vl_model_config_write_features(s, &f, NULL), VALENCE_OK);
            assert_int_equal(vl_model_config_read_features(&got, s, NULL), VALENCE_OK);
            assert_int_equal(got.passes, f.passes);
            assert_int_equal(got.word_flags, f.word_flags);
            assert_int_equal(got.max_n, f.max_n);
            assert_int_equal(got.counts, f.counts);
            assert_int_equal(got.table.buckets, 3);
            assert_memory_equal(got.table.fingerprints, fingerprints, sizeof fingerprints);
            vl_store_close(s);
        }
}

static void refuse_features(vl_store *s, vl_status expected, const char *part)
{
    vl_features f;
    valence_error error = {0};
    assert_int_equal(vl_model_config_read_features(&f, s, &error), expected);
    assert_int_equal(error.code, expected);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in '%s'", part, error.message);
    vl_store_close(s);
}

static void test_features_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"text.passes", "text.words", "text.features", "text.ngrams"};
    for (size_t i = 0; i < LENGTH(keys); i++) {
        vl_store *s = open_store(), *whole = features_store();
        for (size_t k = 0; k < vl_store_meta_count(whole); k++) { /* all but one */
            const char *key, *value;
            vl_store_meta_at(whole, k, &key, &value);
            if (strcmp(key, keys[i]) != 0) set(s, key, value);
        }
        vl_store_close(whole);
        refuse_features(s, VALENCE_FORMAT, keys[i]);
    }
    vl_store *s = features_store();
    set(s, "text.passes", "lower,shout");
    refuse_features(s, VALENCE_ARGUMENT, "shout");
    static const char *const wrong[][2] = {{"text.words", "letters"}, {"text.features", "tfidf"},
                                           {"text.ngrams", "4"},      {"text.ngrams", "0"},
                                           {"text.ngrams", ""},       {"text.words", "words "}};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        s = features_store();
        set(s, wrong[i][0], wrong[i][1]);
        refuse_features(s, VALENCE_UNSUPPORTED, wrong[i][0]);
    }
    const vl_tensor tables[] = {{.dtype = VL_I16, .rank = 2, .shape = {3, 8}},
                                {.dtype = VL_U16, .rank = 2, .shape = {6, 4}},
                                {.dtype = VL_U16, .rank = 1, .shape = {24}},
                                {.dtype = VL_U16, .rank = 2, .shape = {0, 8}}};
    for (size_t i = 0; i < LENGTH(tables); i++) {
        vl_tensor t = tables[i];
        vl_store *whole = features_store();
        s = open_store();
        for (size_t k = 0; k < vl_store_meta_count(whole); k++) {
            const char *key, *value;
            vl_store_meta_at(whole, k, &key, &value);
            set(s, key, value);
        }
        vl_store_close(whole);
        t.name = "features.fingerprints";
        t.data = fingerprints;
        assert_true(vl_tensor_size(&t, &t.bytes));
        assert_int_equal(vl_store_add_copy(s, &t, NULL), VALENCE_OK);
        refuse_features(s, VALENCE_FORMAT, "features.fingerprints");
    }
}

static void test_labels(void **state)
{
    (void)state;
    static const char *const names[] = {"negative", "n\"eu\\tral", "", "größe", "a\tb", "\x01"};
    for (int32_t K = 2; K <= 6; K++) {
        vl_store *s = open_store();
        char **got;
        int32_t count = 0;
        assert_int_equal(vl_model_config_write_labels(s, names, K, NULL), VALENCE_OK);
        assert_int_equal(vl_model_config_read_labels(&got, &count, s, NULL), VALENCE_OK);
        assert_int_equal(count, K);
        for (int k = 0; k < K; k++) assert_string_equal(got[k], names[k]);
        vl_free(got);
        vl_store_close(s);
    }
}

static void test_labels_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "[]",
                                        "[\"one\"]",
                                        "{\"a\":\"b\",\"c\":\"d\"}",
                                        "[\"a\",1]",
                                        "[\"a\",null]",
                                        "[\"a\",\"b\"",
                                        "\"a\"",
                                        "[\"a\",\"b\\u0000c\"]",
                                        "[\"a\",[\"b\"]]",
                                        "[\"a\",\"\\ud800\"]"};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        vl_store *s = open_store();
        char **got = (char **)1;
        int32_t count;
        valence_error error = {0};
        set(s, "labels", wrong[i]);
        assert_int_equal(vl_model_config_read_labels(&got, &count, s, &error), VALENCE_FORMAT);
        assert_int_equal(error.code, VALENCE_FORMAT);
        assert_null(got);
        vl_store_close(s);
    }
    vl_store *s = open_store();
    char **got;
    int32_t count;
    assert_int_equal(vl_model_config_read_labels(&got, &count, s, NULL), VALENCE_FORMAT);
    vl_store_close(s);
}

static void test_temperature(void **state)
{
    (void)state;
    float t;
    vl_store *s = open_store();
    assert_int_equal(vl_model_config_read_temperature(&t, s, NULL), VALENCE_OK);
    assert_true(t == 1);
    set(s, "calibration.temperature", "0.2500");
    assert_int_equal(vl_model_config_read_temperature(&t, s, NULL), VALENCE_OK);
    assert_true(t == 0.25f);
    static const char *const wrong[] = {"", "0", "-1", "nan", "inf", "1e999", "1.5x", "x", "1,5"};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        set(s, "calibration.temperature", wrong[i]);
        assert_int_equal(vl_model_config_read_temperature(&t, s, NULL), VALENCE_FORMAT);
    }
    vl_store_close(s);
}

/* ---- Checksum ----------------------------------------------------------------------------------
 */

static const float data[6] = {1, 2, 3, 4, 5, 6};

static void add(vl_store *s, const char *name, vl_dtype dtype, int64_t rows, int64_t columns,
                const void *bytes)
{
    vl_tensor t = {
        .name = name, .dtype = dtype, .rank = 2, .shape = {rows, columns}, .data = bytes};
    assert_true(vl_tensor_size(&t, &t.bytes));
    assert_int_equal(vl_store_add_copy(s, &t, NULL), VALENCE_OK);
}

/* Checks a store like the first one, but with that change, against the first one's checksum. */
static vl_status check_changed(int change)
{
    float other[6];
    vl_store *s = open_store();
    memcpy(other, data, sizeof other);
    if (change == 1) other[5] = 7;
    if (change == 7) add(s, "b", VL_F32, 1, 1, data); /* another order: the same */
    add(s, change == 2 ? "c" : "a", change == 3 ? VL_I32 : VL_F32, change == 4 ? 3 : 2,
        change == 4 ? 2 : 3, other);
    if (change != 7 && change != 5) add(s, "b", VL_F32, 1, 1, data);
    set(s, "format", VL_MODEL_FORMAT);
    set(s, change == 6 ? "key2" : "key", "value");
    set(s, "other", change == 8 ? "value2" : "else");
    if (change == 9) set(s, "more", "");
    static char checksum[20];
    if (change == 0) {
        assert_int_equal(vl_model_config_write_checksum(s, NULL), VALENCE_OK);
        snprintf(checksum, sizeof checksum, "%s", vl_store_get(s, "checksum"));
        assert_int_equal(strlen(checksum), 16);
    } else {
        set(s, "checksum", checksum);
    }
    valence_error error = {0};
    vl_status status = vl_model_config_check(s, &error);
    if (status != VALENCE_OK) assert_non_null(strstr(error.message, "damaged"));
    vl_store_close(s);
    return status;
}

static void test_checksum(void **state)
{
    (void)state;
    for (int change = 0; change <= 9; change++)
        assert_int_equal(check_changed(change),
                         change == 0 || change == 7 ? VALENCE_OK : VALENCE_FORMAT);
}

static void test_not_ours(void **state)
{
    (void)state;
    vl_store *s = open_store();
    valence_error error;
    assert_int_equal(vl_model_config_check(s, &error), VALENCE_UNSUPPORTED);
    set(s, "format", "pt");
    assert_int_equal(vl_model_config_check(s, &error), VALENCE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "not a valence model"));
    set(s, "format", VL_MODEL_FORMAT);
    assert_int_equal(vl_model_config_check(s, &error), VALENCE_FORMAT); /* no checksum */
    assert_non_null(strstr(error.message, "checksum"));
    vl_store_close(s);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    vl_features f = {.passes = VL_CLEAN_DEFAULT, .max_n = 3, .table = {fingerprints, 3}};
    for (int64_t n = 1;; n++) {
        vl_store *s = open_store();
        char **got = NULL;
        int32_t K;
        int64_t before = vl_mem_usage_total().current;
        (void)before;
        vl_mem_fail_from(n);
        vl_status status = vl_model_config_write_features(s, &f, NULL);
        if (status == VALENCE_OK) status = vl_model_config_write_labels(s, names, 2, NULL);
        if (status == VALENCE_OK) status = vl_model_config_write_checksum(s, NULL);
        if (status == VALENCE_OK) status = vl_model_config_check(s, NULL);
        if (status == VALENCE_OK) status = vl_model_config_read_labels(&got, &K, s, NULL);
        vl_mem_fail_from(0);
        vl_free(got);
        vl_store_close(s);
        if (status == VALENCE_OK) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features),    cmocka_unit_test(test_features_refused),
        cmocka_unit_test(test_labels),      cmocka_unit_test(test_labels_refused),
        cmocka_unit_test(test_temperature), cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_not_ours),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
