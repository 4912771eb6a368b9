/* test_strmap.c: many keys, odd keys, the maximum, failures that change nothing. */
#include "test.h"

#include "base/strmap.h"

static vl_span key_of(char text[16], int i)
{
    return (vl_span){text, (size_t)snprintf(text, 16, "%x", (unsigned)i * 2654435761u)};
}

static void test_many(void **state)
{
    (void)state;
    enum { N = 50000 };
    char text[16];
    vl_strmap m;
    int32_t value;
    vl_strmap_init(&m, VL_MEM_MODEL, N);
    for (int i = 0; i < N; i++) assert_int_equal(vl_strmap_put(&m, key_of(text, i), i), VALENCE_OK);
    assert_int_equal(m.count, N);
    for (int i = 0; i < 2 * N; i++) {
        bool found = vl_strmap_get(&m, key_of(text, i), &value);
        if (found != (i < N) || (found && value != i)) fail_msg("key %d", i);
    }
    vl_strmap_release(&m);
    assert_false(vl_strmap_get(&m, key_of(text, 1), &value));
}

static void test_odd_keys(void **state)
{
    (void)state;
    const vl_span keys[] = {{NULL, 0}, {"\0", 1}, {"\0\0", 2}, {"a", 1}, {"a\0", 2}, {"\xFF", 1}};
    vl_strmap m;
    int32_t value = 77;
    vl_strmap_init(&m, VL_MEM_MODEL, 100);
    assert_false(vl_strmap_get(&m, keys[0], &value));
    assert_int_equal(value, 77);
    for (size_t i = 0; i < LENGTH(keys); i++)
        assert_int_equal(vl_strmap_put(&m, keys[i], -(int32_t)i), VALENCE_OK);
    for (size_t i = 0; i < LENGTH(keys); i++) {
        assert_true(vl_strmap_get(&m, keys[i], &value));
        assert_int_equal(value, -(int32_t)i);
    }
    assert_true(vl_strmap_get(&m, (vl_span){"", 0}, &value));
    assert_false(vl_strmap_get(&m, (vl_span){"b", 1}, &value));
    vl_strmap_release(&m);
}

static void test_keys_are_copied(void **state)
{
    (void)state;
    char text[] = "name";
    vl_strmap m;
    int32_t value;
    vl_strmap_init(&m, VL_MEM_MODEL, 10);
    vl_strmap_put(&m, vl_span_of(text), 1);
    memcpy(text, "else", 4);
    assert_true(vl_strmap_get(&m, vl_span_of("name"), &value) && value == 1);
    assert_false(vl_strmap_get(&m, vl_span_of("else"), &value));
    vl_strmap_release(&m);
}

static void test_replace_and_maximum(void **state)
{
    (void)state;
    for (int max = 0; max < 40; max++) {
        char text[16];
        vl_strmap m;
        int32_t value;
        vl_strmap_init(&m, VL_MEM_MODEL, (size_t)max);
        for (int i = 0; i < max; i++)
            assert_int_equal(vl_strmap_put(&m, key_of(text, i), i), VALENCE_OK);
        assert_int_equal(vl_strmap_put(&m, key_of(text, max), 0), VALENCE_LIMIT);
        for (int i = 0; i < max; i++) /* replacing is still fine */
            assert_int_equal(vl_strmap_put(&m, key_of(text, i), i + 100), VALENCE_OK);
        assert_int_equal(m.count, max);
        for (int i = 0; i < max; i++)
            assert_true(vl_strmap_get(&m, key_of(text, i), &value) && value == i + 100);
        vl_strmap_release(&m);
    }
}

/* Whichever allocation fails: an error, the old entries in place, and putting again works. */
static void test_fail_sweep(void **state)
{
    (void)state;
    char text[16];
    vl_strmap m;
    int32_t value;
    int failures = 0;
    vl_strmap_init(&m, VL_MEM_MODEL, 1000);
    for (int i = 0; i < 1000; i++) {
        vl_mem_fail_from(1);
        vl_status status = vl_strmap_put(&m, key_of(text, i), i);
        vl_mem_fail_from(0);
        if (status == VALENCE_OK) continue;
        failures++;
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_int_equal(m.count, i);
        assert_false(vl_strmap_get(&m, key_of(text, i), &value));
        assert_int_equal(vl_strmap_put(&m, key_of(text, i), i), VALENCE_OK);
    }
    assert_true(failures > 5);
    for (int i = 0; i < 1000; i++)
        assert_true(vl_strmap_get(&m, key_of(text, i), &value) && value == i);
    vl_strmap_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_odd_keys),
        cmocka_unit_test(test_keys_are_copied),
        cmocka_unit_test(test_replace_and_maximum),
        cmocka_unit_test(test_fail_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
