/* test_cpu.c: VALENCE_ISA caps and never raises; the affinity mask counts. What is read once per
 * process is tested in children. */
#include "test.h"

#include <sched.h>

#include "base/cpu.h"

static int active_with(void *wanted)
{
    setenv("VALENCE_ISA", wanted, 1);
    return (int)vl_isa_active();
}

static void test_environment(void **state)
{
    (void)state;
    int best = (int)vl_isa_detected();
    assert_int_equal(test_in_child(active_with, "scalar"), VL_ISA_SCALAR);
    assert_int_equal(test_in_child(active_with, "avx2"), best < VL_ISA_AVX2 ? best : VL_ISA_AVX2);
    assert_int_equal(test_in_child(active_with, "avx512"), best);
    assert_int_equal(test_in_child(active_with, "nonsense"), best);
    assert_int_equal(test_in_child(active_with, ""), best);
}

static int active_ignores_later_changes(void *unused)
{
    (void)unused;
    unsetenv("VALENCE_ISA");
    int first = (int)vl_isa_active();
    setenv("VALENCE_ISA", "scalar", 1);
    return (int)vl_isa_active() == first ? 0 : 1;
}

static void test_read_once(void **state)
{
    (void)state;
    assert_int_equal(test_in_child(active_ignores_later_changes, NULL), 0);
}

static void test_limit(void **state)
{
    (void)state;
    for (int i = 0; i < VL_ISA_COUNT; i++) {
        vl_isa_limit((vl_isa)i);
        assert_true((int)vl_isa_active() == i || vl_isa_active() == vl_isa_detected());
        assert_true(vl_isa_active() <= vl_isa_detected());
    }
    vl_isa_limit(VL_ISA_SCALAR);
    assert_int_equal(vl_isa_active(), VL_ISA_SCALAR);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(vl_isa_name(VL_ISA_SCALAR), "scalar");
    assert_string_equal(vl_isa_name(VL_ISA_AVX512), "avx512");
    assert_string_equal(vl_isa_name((vl_isa)77), "unknown");
    assert_string_equal(vl_isa_name((vl_isa)-1), "unknown");
}

/* Keeps the first processor of the mask only. */
static int count_on_one(void *unused)
{
    (void)unused;
    cpu_set_t mask, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof mask, &mask) != 0) return 100;
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &mask)) CPU_SET(i, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) return 100;
    return vl_cpu_count();
}

static void test_count(void **state)
{
    (void)state;
    int n = vl_cpu_count();
    assert_in_range(n, 1, sysconf(_SC_NPROCESSORS_ONLN));
    assert_int_equal(test_in_child(count_on_one, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment), cmocka_unit_test(test_read_once),
        cmocka_unit_test(test_limit),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
