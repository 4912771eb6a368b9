/* test_model_open.c: model files: opened, described, looked for by name, and refused: missing, cut
 * at every length, with any single bit changed, with parts that do not fit together, without
 * memory. */
#include "made_model.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "engine/engine_model.h"
#include "engine/model_config.h"

static const made_model small = {.K = 2, .logistic = true, .dtype = VL_I8, .capacity = 100};

/* Opens bytes as a model without a file. */
static vl_status open_bytes(valence_model **m, const char *bytes, size_t len, valence_error *error)
{
    vl_mapped_file none = {.slot = -1};
    *m = NULL;
    return vl_engine_model_make(m, &none, (vl_span){bytes, len}, "name", "made.safetensors", NULL,
                                error);
}

static void test_open_and_describe(void **state)
{
    (void)state;
    static const made_model kinds[] = {{.K = 2, .logistic = true, .dtype = VL_I8},
                                       {.K = 3, .dtype = VL_F16, .counts = true},
                                       {.K = 40, .dtype = VL_F32, .passes = VL_CLEAN_DEFAULT}};
    static const char *const dtypes[] = {"I8", "F16", "F32"};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        char *path = made_model_file(kinds[i]);
        valence_model *m;
        valence_error error = {0};
        valence_model_info info;
        struct stat st;
        if (valence_model_open(&m, path, NULL, &error) != VALENCE_OK) fail_msg("%s", error.message);
        valence_model_describe(m, &info);
        stat(path, &st);
        assert_string_equal(info.name, path);
        assert_string_equal(info.path, path);
        assert_string_equal(info.family, kinds[i].logistic ? "logistic" : "naive-bayes");
        assert_string_equal(info.dtype, dtypes[i]);
        assert_int_equal(info.label_count, kinds[i].K);
        for (int k = 0; k < kinds[i].K; k++) assert_string_equal(info.labels[k], made_labels()[k]);
        assert_int_equal(info.bytes, st.st_size);
        assert_true(info.features >= 100);
        assert_true(info.temperature > 0);
        assert_true(info.load_seconds >= 0 && info.load_seconds < 10);
        assert_non_null(strstr(info.card, "\"examples\":900"));
        valence_model_close(m);
        test_path_done(path);
    }
    valence_model_close(NULL);
}

static void expect_refused(const char *name, vl_status status, const char *part)
{
    valence_model *m = (valence_model *)1;
    valence_error error = {0};
    assert_int_equal(valence_model_open(&m, name, NULL, &error), status);
    assert_null(m);
    assert_int_equal(error.code, status);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in '%s'", part, error.message);
    assert_int_equal(valence_model_open(&m, name, NULL, NULL), status); /* without an error */
}

static void test_missing(void **state)
{
    (void)state;
    expect_refused("/nowhere/model.safetensors", VALENCE_NOT_FOUND, "/nowhere/model.safetensors");
    expect_refused("no-such-model", VALENCE_NOT_FOUND, "no-such-model");
    expect_refused("", VALENCE_NOT_FOUND, "");
    expect_refused("/dev/null", VALENCE_UNSUPPORTED, "/dev/null");
    expect_refused("/tmp/", VALENCE_ARGUMENT, "/tmp/"); /* a folder: no model yet */
    char *path = test_path("empty.safetensors");
    test_write(path, "", 0);
    expect_refused(path, VALENCE_FORMAT, path);
    test_write(path, "this is no model, it is a text", 30);
    expect_refused(path, VALENCE_FORMAT, path);
    test_path_done(path);
}

static void test_truncated(void **state)
{
    (void)state;
    vl_buffer b = made_model_bytes(small);
    valence_model *m;
    for (size_t len = 0; len < b.len; len++) {
        valence_error error = {0};
        char *copy =
            aligned_alloc(64, (len + 64) / 64 * 64); /* reading past it is seen by the sanitizer */
        memcpy(copy, b.data, len);
        assert_int_equal(open_bytes(&m, copy, len, &error), VALENCE_FORMAT);
        assert_null(m);
        assert_non_null(strstr(error.message, "made.safetensors"));
        free(copy);
    }
    char *path = test_path("cut.safetensors");
    for (size_t len = 1; len < b.len; len += b.len / 7) {
        test_write(path, b.data, len);
        expect_refused(path, VALENCE_FORMAT, path);
    }
    test_path_done(path);
    vl_buffer_release(&b);
}

/* Every single bit of the file: seen by the checksum, or refused for what it makes of the file. */
static void test_bit_flips(void **state)
{
    (void)state;
    vl_buffer b = made_model_bytes(small);
    valence_model *m;
    assert_int_equal(open_bytes(&m, b.data, b.len, NULL), VALENCE_OK);
    valence_model_close(m);
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.data[bit / 8] = (char)(b.data[bit / 8] ^ 1 << bit % 8);
        valence_error error = {0};
        vl_status status = open_bytes(&m, b.data, b.len, &error);
        if (status == VALENCE_OK)
            fail_msg("bit %d of byte %d does not matter", (int)(bit % 8), (int)(bit / 8));
        assert_int_equal(error.code, status);
        assert_true(status != VALENCE_NO_MEMORY && error.message[0]);
        b.data[bit / 8] = (char)(b.data[bit / 8] ^ 1 << bit % 8);
    }
    assert_int_equal(open_bytes(&m, b.data, b.len, NULL), VALENCE_OK);
    valence_model_close(m);
    vl_buffer_release(&b);
}

/* ---- Files whose checksum is right, but whose parts are not
 * -------------------------------------- */

/* The store with metadata key changed (value NULL: left out) and one tensor replaced (if any). */
static void expect_store_refused(const char *key, const char *value, const vl_tensor *replaced,
                                 vl_status status, const char *part)
{
    vl_store *whole = made_model_store(small), *s;
    valence_model *m;
    valence_error error = {0};
    vl_buffer b;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    for (size_t i = 0; i < vl_store_count(whole); i++) {
        const vl_tensor *t = vl_store_at(whole, i);
        if (replaced && strcmp(t->name, replaced->name) == 0) t = replaced;
        assert_int_equal(vl_store_add_copy(s, t, NULL), VALENCE_OK);
    }
    for (size_t i = 0; i < vl_store_meta_count(whole); i++) {
        const char *k, *v;
        vl_store_meta_at(whole, i, &k, &v);
        if (!key || strcmp(k, key) != 0) vl_store_set(s, k, vl_span_of(v), NULL);
    }
    if (value) vl_store_set(s, key, vl_span_of(value), NULL);
    assert_int_equal(vl_model_config_write_checksum(s, NULL), VALENCE_OK);
    vl_buffer_init(&b, VL_MEM_MODEL, 1 << 26);
    assert_int_equal(vl_safetensors_encode(s, &b, NULL), VALENCE_OK);
    assert_int_equal(open_bytes(&m, b.data, b.len, &error), status);
    if (status == VALENCE_OK) {
        valence_model_close(m);
    } else {
        assert_null(m);
        if (!strstr(error.message, part) || !strstr(error.message, "made.safetensors"))
            fail_msg("'%s' is not in '%s'", part, error.message);
    }
    vl_buffer_release(&b);
    vl_store_close(s);
    vl_store_close(whole);
}

static void test_parts(void **state)
{
    (void)state;
    static const uint16_t table[8 * 8];
    static const float bias[3] = {0, 0, 0}, nan_bias[2] = {0, 0.0f / 0.0f};
    expect_store_refused(NULL, NULL, NULL, VALENCE_OK, "");
    expect_store_refused("calibration.temperature", NULL, NULL, VALENCE_OK, "");
    expect_store_refused("labels", NULL, NULL, VALENCE_FORMAT, "labels");
    expect_store_refused("labels", "[\"a\",\"b\",\"c\"]", NULL, VALENCE_FORMAT, "3 labels");
    expect_store_refused("labels", "[\"a\"]", NULL, VALENCE_FORMAT, "labels");
    expect_store_refused("family", "oracle", NULL, VALENCE_UNSUPPORTED, "oracle");
    expect_store_refused("family", NULL, NULL, VALENCE_FORMAT, "family");
    expect_store_refused("format", "pt", NULL, VALENCE_UNSUPPORTED, "not a valence model");
    expect_store_refused("text.ngrams", "9", NULL, VALENCE_UNSUPPORTED, "text.ngrams");
    expect_store_refused("text.passes", "scream", NULL, VALENCE_ARGUMENT, "scream");
    expect_store_refused("calibration.temperature", "-2", NULL, VALENCE_FORMAT, "temperature");
    expect_store_refused("linear.norm", "l7", NULL, VALENCE_ARGUMENT, "l7");
    vl_tensor t = {.name = "features.fingerprints",
                   .dtype = VL_U16,
                   .rank = 2,
                   .shape = {8, 8},
                   .data = table,
                   .bytes = sizeof table};
    expect_store_refused(NULL, NULL, &t, VALENCE_FORMAT, "size");
    t = (vl_tensor){.name = "linear.bias",
                    .dtype = VL_F32,
                    .rank = 1,
                    .shape = {3},
                    .data = bias,
                    .bytes = sizeof bias};
    expect_store_refused(NULL, NULL, &t, VALENCE_FORMAT, "linear.weight");
    t = (vl_tensor){.name = "linear.bias",
                    .dtype = VL_F32,
                    .rank = 1,
                    .shape = {2},
                    .data = nan_bias,
                    .bytes = sizeof nan_bias};
    expect_store_refused(NULL, NULL, &t, VALENCE_FORMAT, "linear.bias");
}

static void test_options(void **state)
{
    (void)state;
    char *path = made_model_file(small);
    valence_model_options o = valence_model_defaults();
    valence_model *m;
    assert_true(o.neutral_band == 0 && o.min_confidence < 0);
    static const double bands[] = {-0.01, 0.51, 0.0 / 0.0}, least[] = {1.5, 1.01, 0.0 / 0.0};
    for (int i = 0; i < 3; i++) {
        valence_error error = {0};
        o = (valence_model_options){.neutral_band = bands[i]};
        assert_int_equal(valence_model_open(&m, path, &o, &error), VALENCE_ARGUMENT);
        assert_non_null(strstr(error.message, "neutral band"));
        o = (valence_model_options){.min_confidence = least[i]};
        assert_int_equal(valence_model_open(&m, path, &o, &error), VALENCE_ARGUMENT);
        assert_non_null(strstr(error.message, "confidence"));
    }
    o = (valence_model_options){.neutral_band = 0.5, .min_confidence = 1};
    assert_int_equal(valence_model_open(&m, path, &o, NULL), VALENCE_OK);
    valence_model_close(m);
    test_path_done(path);
}

/* A name is looked for in $VALENCE_MODELS; a word with other characters is a path. */
static void test_by_name(void **state)
{
    (void)state;
    char *path = made_model_file(small), folder[512];
    valence_model *m;
    valence_model_info info;
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    setenv("VALENCE_MODELS", folder, 1);
    assert_int_equal(valence_model_open(&m, "made", NULL, NULL), VALENCE_OK);
    valence_model_describe(m, &info);
    assert_string_equal(info.name, "made");
    assert_string_equal(info.path, path);
    valence_model_close(m);
    expect_refused("Made", VALENCE_NOT_FOUND, "Made");
    setenv("VALENCE_MODELS", "/nowhere", 1);
    expect_refused("made", VALENCE_NOT_FOUND, "made");
    unsetenv("VALENCE_MODELS");
    test_path_done(path);
}

/* The file may be replaced by rename while it is open: what is open stays as it is. */
static void test_replaced_by_rename(void **state)
{
    (void)state;
    char *path = made_model_file(small), *other = test_path("other.safetensors");
    valence_model *m;
    valence_prediction a, b;
    assert_int_equal(valence_model_open(&m, path, NULL, NULL), VALENCE_OK);
    assert_int_equal(valence_predict(m, "k0w1 w3", 7, &a, NULL), VALENCE_OK);
    test_write(other, "rubbish", 7);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(valence_predict(m, "k0w1 w3", 7, &b, NULL), VALENCE_OK);
    assert_true(a.score == b.score && a.label_index == b.label_index);
    valence_model_close(m);
    test_path_done(path);
    test_path_done(other);
}

static void test_no_memory(void **state)
{
    (void)state;
    char *path = made_model_file(small);
    for (int64_t n = 1;; n++) {
        valence_model *m;
        valence_error error = {0};
        int64_t before = vl_mem_usage_total().current;
        vl_mem_fail_from(n);
        vl_status status = valence_model_open(&m, path, NULL, &error);
        vl_mem_fail_from(0);
        valence_model_close(m);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) {
            assert_true(n > 5);
            break;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_null(m);
    }
    test_path_done(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_describe),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_replaced_by_rename),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
