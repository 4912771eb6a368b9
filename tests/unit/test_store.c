/* test_store.c: tensors and metadata by name, shapes checked, failures that change nothing. */
#include "test.h"

#include "base/store.h"

static vl_store *opened(void)
{
    vl_store *s;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    return s;
}

static vl_tensor floats(const char *name, const float *data, int64_t rows, int64_t columns)
{
    return (vl_tensor){.name = name,
                       .dtype = VL_F32,
                       .rank = 2,
                       .shape = {rows, columns},
                       .data = data,
                       .bytes = (size_t)(rows * columns) * sizeof(float)};
}

static void test_dtypes(void **state)
{
    (void)state;
    for (int i = 0; i < VL_DTYPES; i++) {
        vl_dtype back;
        assert_int_equal(vl_dtype_parse(&back, vl_span_of(vl_dtype_name((vl_dtype)i))), VALENCE_OK);
        assert_int_equal(back, i);
        assert_in_range(vl_dtype_size((vl_dtype)i), 1, 8);
    }
    vl_dtype unused;
    assert_int_equal(vl_dtype_parse(&unused, vl_span_of("F8_E4M3")), VALENCE_UNSUPPORTED);
    assert_int_equal(vl_dtype_parse(&unused, vl_span_of("")), VALENCE_UNSUPPORTED);
    assert_int_equal(vl_dtype_size(VL_DTYPES), 0);
    assert_string_equal(vl_dtype_name((vl_dtype)-1), "unknown");
}

static void test_borrow_and_copy(void **state)
{
    (void)state;
    float data[6] = {1, 2, 3, 4, 5, 6};
    char name[] = "a";
    vl_store *s = opened();
    vl_tensor t = floats(name, data, 2, 3);
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_OK);
    name[0] = 'b';
    assert_int_equal(vl_store_add_copy(s, &t, NULL), VALENCE_OK);
    name[0] = 'x';
    data[0] = 9;
    assert_ptr_equal(vl_store_find(s, "a")->data, data);
    assert_true(((const float *)vl_store_find(s, "b")->data)[0] == 1);
    assert_null(vl_store_find(s, "x"));
    assert_int_equal(vl_store_count(s), 2);
    assert_string_equal(vl_store_at(s, 1)->name, "b");
    vl_store_close(s);
    vl_store_close(NULL);
}

static void test_refused(void **state)
{
    (void)state;
    float data[6] = {0};
    valence_error error;
    vl_store *s = opened();
    vl_tensor good = floats("a", data, 2, 3), t = good;
    assert_int_equal(vl_store_add(s, &good, NULL), VALENCE_OK);
    assert_int_equal(vl_store_add(s, &good, &error), VALENCE_ARGUMENT);
    assert_string_equal(error.message, "tensor 'a' is there already");
    t.name = "b";
    t.bytes = 20;
    assert_int_equal(vl_store_add(s, &t, &error), VALENCE_ARGUMENT);
    assert_string_equal(error.message, "tensor 'b' of 20 bytes needs 24 by its shape");
    t.bytes = 24;
    t.data = NULL;
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_ARGUMENT);
    t.data = data;
    t.rank = 9;
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_ARGUMENT);
    t.rank = -1;
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_ARGUMENT);
    t.rank = 2;
    t.shape[0] = -2;
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_ARGUMENT);
    t.shape[0] = INT64_MAX;
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_ARGUMENT);
    t = good;
    t.name = "c";
    t.dtype = VL_DTYPES;
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_ARGUMENT);
    assert_int_equal(vl_store_count(s), 1);
    vl_store_close(s);
}

static void test_sizes(void **state)
{
    (void)state;
    size_t bytes;
    vl_tensor t = {.dtype = VL_U64, .rank = 0};
    assert_true(vl_tensor_size(&t, &bytes) && bytes == 8);
    t.rank = 3;
    t.shape[0] = (int64_t)1 << 40, t.shape[1] = (int64_t)1 << 40, t.shape[2] = 0;
    assert_false(vl_tensor_size(&t, &bytes)); /* also beside a zero */
    t.shape[1] = 5;
    assert_true(vl_tensor_size(&t, &bytes) && bytes == 0);
    t.shape[2] = (int64_t)1 << 18;
    assert_true(!vl_tensor_size(&t, &bytes) || bytes == (size_t)5 << 61);
}

static void test_empty_and_scalar(void **state)
{
    (void)state;
    float one = 1;
    vl_store *s = opened();
    vl_tensor empty = {.name = "", .dtype = VL_I8, .rank = 1};
    vl_tensor scalar = {.name = "s", .dtype = VL_F32, .data = &one, .bytes = 4};
    assert_int_equal(vl_store_add(s, &empty, NULL), VALENCE_OK);
    assert_int_equal(vl_store_add_copy(s, &scalar, NULL), VALENCE_OK);
    assert_int_equal(vl_store_find(s, "")->bytes, 0);
    vl_store_close(s);
}

static void test_pointers_stay(void **state)
{
    (void)state;
    enum { N = 5000 };
    static const vl_tensor *seen[N];
    char name[20];
    float data[1] = {0};
    vl_store *s = opened();
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "layer.%d", i);
        vl_tensor t = floats(name, data, 1, 1);
        assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_OK);
        seen[i] = vl_store_at(s, (size_t)i);
    }
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "layer.%d", i);
        assert_ptr_equal(vl_store_find(s, name), seen[i]);
        assert_string_equal(seen[i]->name, name);
    }
    vl_store_close(s);
}

static void test_expect(void **state)
{
    (void)state;
    float data[6] = {0};
    const vl_tensor *found = NULL;
    valence_error error;
    vl_store *s = opened();
    vl_tensor t = floats("w", data, 2, 3);
    vl_store_add(s, &t, NULL);
    assert_int_equal(vl_store_expect(s, "w", VL_F32, 2, (int64_t[]){2, 3}, &found, NULL),
                     VALENCE_OK);
    assert_ptr_equal(found, vl_store_find(s, "w"));
    assert_int_equal(vl_store_expect(s, "w", VL_DTYPES, 2, (int64_t[]){-1, -1}, &found, NULL),
                     VALENCE_OK);
    assert_int_equal(vl_store_expect(s, "v", VL_F32, 0, NULL, &found, &error), VALENCE_FORMAT);
    assert_string_equal(error.message, "tensor 'v' is missing");
    assert_int_equal(vl_store_expect(s, "w", VL_I8, 2, (int64_t[]){2, 3}, &found, &error),
                     VALENCE_FORMAT);
    assert_string_equal(error.message, "tensor 'w' has type F32, expected I8");
    assert_int_equal(vl_store_expect(s, "w", VL_F32, 2, (int64_t[]){-1, 4}, &found, &error),
                     VALENCE_FORMAT);
    assert_string_equal(error.message, "tensor 'w' has shape [2, 3], expected [*, 4]");
    assert_int_equal(vl_store_expect(s, "w", VL_F32, 1, (int64_t[]){6}, &found, &error),
                     VALENCE_FORMAT);
    assert_string_equal(error.message, "tensor 'w' has shape [2, 3], expected [6]");
    vl_store_close(s);
}

static void test_shape_text(void **state)
{
    (void)state;
    char text[VL_SHAPE_TEXT];
    int64_t shape[VL_MAX_RANK];
    for (int i = 0; i < VL_MAX_RANK; i++) shape[i] = INT64_MAX;
    vl_shape_text(text, VL_MAX_RANK, shape);
    assert_int_equal(text[strlen(text) - 1], ']');
    vl_shape_text(text, 0, NULL);
    assert_string_equal(text, "[]");
}

static void test_metadata(void **state)
{
    (void)state;
    const char *key, *value;
    vl_store *s = opened();
    assert_null(vl_store_get(s, "family"));
    assert_int_equal(vl_store_set(s, "family", vl_span_of("logistic"), NULL), VALENCE_OK);
    assert_int_equal(vl_store_set(s, "labels", (vl_span){"abcdef", 2}, NULL), VALENCE_OK);
    assert_int_equal(vl_store_set(s, "family", vl_span_of("lstm"), NULL), VALENCE_OK);
    assert_int_equal(vl_store_set(s, "empty", (vl_span){NULL, 0}, NULL), VALENCE_OK);
    assert_int_equal(vl_store_meta_count(s), 3);
    assert_string_equal(vl_store_get(s, "family"), "lstm");
    assert_string_equal(vl_store_get(s, "labels"), "ab");
    assert_string_equal(vl_store_get(s, "empty"), "");
    vl_store_meta_at(s, 0, &key, &value);
    assert_string_equal(key, "family");
    assert_string_equal(value, "lstm");
    vl_store_close(s);
}

/* Builds a store; gives the first failure. */
static vl_status build(vl_store **s)
{
    static float data[64];
    char name[20];
    VL_TRY(vl_store_open(s, NULL));
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "%d", i);
        vl_tensor t = floats(name, data, 8, 8);
        VL_TRY(i % 2 ? vl_store_add(*s, &t, NULL) : vl_store_add_copy(*s, &t, NULL));
        VL_TRY(vl_store_set(*s, name, vl_span_of("v"), NULL));
    }
    return VALENCE_OK;
}

static void test_fail_sweep(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().current;
    vl_status status = VALENCE_NO_MEMORY;
    int n = 0;
    while (status == VALENCE_NO_MEMORY) {
        vl_store *s = NULL;
        vl_mem_fail_from(++n);
        status = build(&s);
        vl_mem_fail_from(0);
        for (size_t i = 0; s && i < vl_store_count(s); i++)
            assert_ptr_equal(vl_store_find(s, vl_store_at(s, i)->name), vl_store_at(s, i));
        vl_store_close(s);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    assert_int_equal(status, VALENCE_OK);
    assert_true(n > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtypes),           cmocka_unit_test(test_borrow_and_copy),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_empty_and_scalar), cmocka_unit_test(test_pointers_stay),
        cmocka_unit_test(test_expect),           cmocka_unit_test(test_shape_text),
        cmocka_unit_test(test_metadata),         cmocka_unit_test(test_fail_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
