/* test_mem.c: alignment, accounts, and injected failures. */
#include "test.h"

#include <pthread.h>

#include "base/mem.h"

static void test_alignment_and_contents(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size++) {
        char *p = vl_alloc_zero(VL_MEM_IO, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0);
        memset(p, 0xAB, size); /* the whole block may be written */
        vl_free(p);
    }
}

static void test_accounts(void **state)
{
    (void)state;
    vl_mem_usage before = vl_mem_usage_of(VL_MEM_CACHE), total = vl_mem_usage_total();
    void *p = vl_alloc(VL_MEM_CACHE, 1000);
    vl_mem_usage now = vl_mem_usage_of(VL_MEM_CACHE);
    assert_int_equal(now.current - before.current, 1000);
    assert_int_equal(now.allocations - before.allocations, 1);
    assert_true(now.peak >= now.current);
    assert_int_equal(vl_mem_usage_total().current - total.current, 1000);
    p = vl_realloc(VL_MEM_BATCH, p, 2000); /* keeps its category */
    assert_int_equal(vl_mem_usage_of(VL_MEM_CACHE).current - before.current, 2000);
    vl_free(p);
    assert_int_equal(vl_mem_usage_of(VL_MEM_CACHE).current, before.current);
    assert_int_equal(vl_mem_usage_total().current, total.current);
    assert_true(vl_mem_usage_of(VL_MEM_CACHE).peak >= before.current + 2000);
}

static void test_reallocation(void **state)
{
    (void)state;
    char *p = vl_realloc(VL_MEM_IO, NULL, 100);
    for (int i = 0; i < 100; i++) p[i] = (char)i;
    p = vl_realloc(VL_MEM_IO, p, 10000);
    for (int i = 0; i < 100; i++) assert_int_equal(p[i], i);
    p = vl_realloc(VL_MEM_IO, p, 10);
    for (int i = 0; i < 10; i++) assert_int_equal(p[i], i);
    assert_null(vl_realloc(VL_MEM_IO, p, SIZE_MAX));
    assert_int_equal(p[9], 9);
    vl_free(p);
}

static void test_impossible_sizes(void **state)
{
    (void)state;
    assert_null(vl_alloc(VL_MEM_IO, SIZE_MAX));
    assert_null(vl_alloc(VL_MEM_IO, SIZE_MAX - 64));
    assert_null(vl_alloc_array(VL_MEM_IO, SIZE_MAX / 2, 3));
    assert_null(vl_alloc_array(VL_MEM_IO, 3, SIZE_MAX / 2));
    assert_null(vl_copy_string(VL_MEM_IO, "", SIZE_MAX));
    vl_free(NULL);
}

static void test_copy_string(void **state)
{
    (void)state;
    char *p = vl_copy_string(VL_MEM_IO, "abcdef", 3);
    assert_string_equal(p, "abc");
    vl_free(p);
    p = vl_copy_string(VL_MEM_IO, NULL, 0);
    assert_string_equal(p, "");
    vl_free(p);
}

/* Three allocations; gives the number that succeeded and leaks nothing. */
static int three_allocations(void)
{
    void *blocks[3];
    int got = 0;
    for (int i = 0; i < 3; i++) got += (blocks[i] = vl_alloc(VL_MEM_IO, 8)) != NULL;
    for (int i = 0; i < 3; i++) vl_free(blocks[i]);
    return got;
}

static void test_fail_sweep(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n++) {
        vl_mem_fail_from(n);
        assert_int_equal(three_allocations(), n - 1);
        if (n <= 3) assert_null(vl_alloc(VL_MEM_IO, 1)); /* later ones fail too */
        vl_mem_fail_from(0);
    }
    vl_mem_fail_from(0);
    assert_int_equal(three_allocations(), 3);
}

static void test_one_failure(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n++) {
        vl_mem_fail_only(n);
        assert_int_equal(three_allocations(), n <= 3 ? 2 : 3);
        assert_int_equal(vl_mem_has_failed(), n <= 3);
    }
    vl_mem_fail_from(0);
    assert_false(vl_mem_has_failed());
}

static void test_failure_is_not_accounted(void **state)
{
    (void)state;
    vl_mem_usage before = vl_mem_usage_total();
    vl_mem_fail_from(1);
    assert_null(vl_alloc(VL_MEM_IO, 100));
    assert_null(vl_alloc_zero(VL_MEM_IO, 100));
    vl_mem_fail_from(0);
    vl_mem_usage after = vl_mem_usage_total();
    assert_true(before.current == after.current && before.allocations == after.allocations);
}

static void *allocate_often(void *argument)
{
    (void)argument;
    for (int i = 0; i < 2000; i++) vl_free(vl_alloc(VL_MEM_REQUEST, (size_t)i));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    vl_mem_usage before = vl_mem_usage_of(VL_MEM_REQUEST);
    pthread_t threads[4];
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_often, NULL), 0);
    for (size_t i = 0; i < LENGTH(threads); i++) pthread_join(threads[i], NULL);
    vl_mem_usage after = vl_mem_usage_of(VL_MEM_REQUEST);
    assert_int_equal(after.current, before.current);
    assert_int_equal(after.allocations - before.allocations, 8000);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(vl_mem_name(VL_MEM_MODEL), "model");
    assert_string_equal(vl_mem_name(VL_MEM_IO), "io");
    assert_string_equal(vl_mem_name(VL_MEM_CATEGORIES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_contents),
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_reallocation),
        cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_copy_string),
        cmocka_unit_test(test_fail_sweep),
        cmocka_unit_test(test_one_failure),
        cmocka_unit_test(test_failure_is_not_accounted),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
