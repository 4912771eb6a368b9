/* test_buffer.c: growth, the maximum, printf, and failures that change nothing. */
#include "test.h"

#include "base/buffer.h"

static void test_append(void **state)
{
    (void)state;
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 100000);
    assert_null(b.data);
    for (int i = 0; i < 10000; i++) {
        char c = (char)('a' + i % 26);
        assert_int_equal(vl_buffer_append(&b, &c, 1), VALENCE_OK);
    }
    assert_int_equal(b.len, 10000);
    for (int i = 0; i < 10000; i++) assert_int_equal(b.data[i], 'a' + i % 26);
    assert_int_equal(vl_buffer_append(&b, NULL, 0), VALENCE_OK);
    vl_buffer_reset(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(vl_buffer_append_text(&b, "one"), VALENCE_OK);
    assert_int_equal(vl_buffer_append_byte(&b, '!'), VALENCE_OK);
    assert_true(vl_span_is(vl_buffer_span(&b), "one!"));
    vl_buffer_release(&b);
    assert_null(b.data);
}

static void test_appends_cost_few_allocations(void **state)
{
    (void)state;
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1 << 20);
    int64_t before = vl_mem_usage_of(VL_MEM_IO).allocations;
    for (int i = 0; i < 1 << 20; i++) vl_buffer_append_byte(&b, 'x');
    assert_int_equal(b.len, 1 << 20);
    assert_true(vl_mem_usage_of(VL_MEM_IO).allocations - before < 20);
    vl_buffer_release(&b);
}

static void test_maximum(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max += 7) {
        vl_buffer b;
        vl_buffer_init(&b, VL_MEM_IO, max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(vl_buffer_append_byte(&b, 'x'), VALENCE_OK);
        assert_int_equal(vl_buffer_append_byte(&b, 'x'), VALENCE_LIMIT);
        assert_int_equal(vl_buffer_reserve(&b, SIZE_MAX), VALENCE_LIMIT);
        assert_int_equal(b.len, max);
        assert_true(b.capacity <= max);
        vl_buffer_release(&b);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1 << 20);
    vl_buffer_append_text(&b, "kept");
    vl_mem_fail_from(1);
    assert_int_equal(vl_buffer_reserve(&b, 5000), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    assert_true(b.failed);
    assert_true(vl_span_is(vl_buffer_span(&b), "kept"));
    assert_int_equal(vl_buffer_append_text(&b, " on"), VALENCE_OK);
    assert_true(vl_span_is(vl_buffer_span(&b), "kept on"));
    vl_buffer_reset(&b);
    assert_false(b.failed);
    vl_buffer_release(&b);
}

static void test_printf(void **state)
{
    (void)state;
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1000);
    assert_int_equal(vl_buffer_printf(&b, "%s %d", "n", 5), VALENCE_OK);
    assert_int_equal(vl_buffer_printf(&b, "%s", ""), VALENCE_OK);
    assert_int_equal(vl_buffer_printf(&b, "|%500d", 1), VALENCE_OK);
    assert_int_equal(b.len, 504);
    assert_memory_equal(b.data, "n 5|    ", 8);
    assert_int_equal(vl_buffer_printf(&b, "%600d", 1), VALENCE_LIMIT);
    assert_int_equal(b.len, 504);
    vl_buffer_release(&b);
}

/* A text that fits exactly must be taken, though printf wants one byte more for its NUL. */
static void test_printf_to_the_brim(void **state)
{
    (void)state;
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 10);
    assert_int_equal(vl_buffer_printf(&b, "%010d", 7), VALENCE_OK);
    assert_true(vl_span_is(vl_buffer_span(&b), "0000000007"));
    assert_int_equal(vl_buffer_printf(&b, "%s", ""), VALENCE_OK);
    assert_int_equal(vl_buffer_printf(&b, "x"), VALENCE_LIMIT);
    vl_buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),  cmocka_unit_test(test_appends_cost_few_allocations),
        cmocka_unit_test(test_maximum), cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_printf),  cmocka_unit_test(test_printf_to_the_brim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
