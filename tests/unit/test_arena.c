/* test_arena.c: alignment, the maximum, reuse without allocating, large requests. */
#include "test.h"

#include "base/arena.h"
#include "base/hash.h"

/* Random sizes and alignments; no block may overlap another. Seed 9. */
static void test_blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 2000 };
    static unsigned char *blocks[N];
    static size_t sizes[N];
    vl_arena a;
    vl_arena_init(&a, VL_MEM_BATCH, 1000, 1 << 24);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            size_t align = (size_t)1 << vl_random_at(9, i) % 9;
            sizes[i] = vl_random_at(10, i) % (i % 50 == 0 ? 5000 : 100);
            blocks[i] = vl_arena_alloc(&a, sizes[i], align);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % align, 0);
            memset(blocks[i], (int)(i % 256), sizes[i]);
        }
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(blocks[i][k], i % 256);
        vl_arena_reset(&a);
    }
    vl_arena_release(&a);
}

static void fill(vl_arena *a)
{
    for (int i = 0; i < 100; i++) assert_non_null(vl_arena_alloc(a, 100, 8));
}

static void test_steady_state_allocates_nothing(void **state)
{
    (void)state;
    vl_arena a;
    vl_arena_init(&a, VL_MEM_BATCH, 1024, 1 << 20);
    fill(&a);
    vl_arena_reset(&a);
    int64_t before = vl_mem_usage_total().allocations;
    for (int round = 0; round < 100; round++) {
        fill(&a);
        vl_arena_reset(&a);
    }
    assert_int_equal(vl_mem_usage_total().allocations, before);
    vl_arena_release(&a);
}

static void test_reserve(void **state)
{
    (void)state;
    vl_arena a;
    vl_arena_init(&a, VL_MEM_BATCH, 16, 1 << 20);
    assert_int_equal(vl_arena_reserve(&a, 100000), VALENCE_OK);
    int64_t before = vl_mem_usage_total().allocations;
    for (int i = 0; i < 1000; i++) assert_non_null(vl_arena_alloc(&a, 100, 1));
    assert_int_equal(vl_mem_usage_total().allocations, before);
    assert_int_equal(vl_arena_reserve(&a, 1 << 21), VALENCE_LIMIT);
    vl_arena_release(&a);
}

static void test_maximum(void **state)
{
    (void)state;
    for (size_t max = 0; max < 3000; max += 100) {
        vl_arena a;
        vl_arena_init(&a, VL_MEM_BATCH, 512, max);
        size_t got = 0;
        while (vl_arena_alloc(&a, 10, 1)) got += 10;
        assert_true(got <= max && a.total <= max);
        if (max >= 200) assert_true(got >= max / 2); /* the last block is smaller, not refused */
        assert_null(vl_arena_alloc(&a, SIZE_MAX, 1));
        assert_null(vl_arena_alloc(&a, SIZE_MAX - 40, 64));
        vl_arena_reset(&a);
        if (got) assert_non_null(vl_arena_alloc(&a, 10, 1));
        vl_arena_release(&a);
        assert_int_equal(a.total, 0);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    vl_arena a;
    vl_arena_init(&a, VL_MEM_BATCH, 100, 10000);
    char *first = vl_arena_copy_string(&a, "kept", 4);
    vl_mem_fail_from(1);
    assert_null(vl_arena_alloc(&a, 200, 1));
    vl_mem_fail_from(0);
    assert_string_equal(first, "kept");
    assert_non_null(vl_arena_alloc(&a, 200, 1));
    vl_arena_release(&a);
}

static void test_strings(void **state)
{
    (void)state;
    vl_arena a;
    vl_arena_init(&a, VL_MEM_BATCH, 64, 10000);
    assert_string_equal(vl_arena_copy_string(&a, "abcdef", 3), "abc");
    assert_string_equal(vl_arena_copy_string(&a, NULL, 0), "");
    assert_null(vl_arena_copy_string(&a, "", SIZE_MAX));
    vl_arena_release(&a);
    vl_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_do_not_overlap),
        cmocka_unit_test(test_steady_state_allocates_nothing),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
