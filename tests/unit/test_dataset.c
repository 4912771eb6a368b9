/* test_dataset.c: FILE[@MAP][:weight=W]. */
#include "data_fixture.h"

#include "base/mem.h"
#include "data/dataset.h"

static void expect_parts(const char *given, const char *path, int pairs, double weight)
{
    vl_dataset_spec d;
    valence_error e = {0};
    vl_status status = vl_dataset_parse(&d, given, &e);
    if (status != VALENCE_OK) fail_msg("%s: %s", given, e.message);
    assert_string_equal(d.path, path);
    assert_int_equal(d.pair_count, pairs);
    assert_true(d.weight == weight);
    vl_dataset_release(&d);
}

static void expect_refused(const char *given, const char *part)
{
    vl_dataset_spec d;
    valence_error e = {0};
    assert_int_equal(vl_dataset_parse(&d, given, &e), VALENCE_ARGUMENT);
    if (!strstr(e.message, part)) fail_msg("'%s' is not in '%s'", part, e.message);
}

static void test_parts(void **state)
{
    (void)state;
    expect_parts("a.csv", "a.csv", 0, 1);
    expect_parts("a.csv@0=neg,1=pos", "a.csv", 2, 1);
    expect_parts("a.csv@0=neg,1=:weight=0.5", "a.csv", 2, 0.5);
    expect_parts("a.csv:weight=2", "a.csv", 0, 2);
    expect_parts("-@1=a", "-", 1, 1);
    expect_parts("me@host.csv", "me@host.csv", 0, 1);
    expect_parts("me@host.csv@0=a", "me@host.csv", 1, 1);
    expect_parts("c:\\data.csv", "c:\\data.csv", 0, 1);
}

static void test_names_of_files_that_exist(void **state)
{
    (void)state;
    assert_int_equal(chdir(folder), 0);
    write_text("a@b=c", "x");
    write_text("a:weight=7", "x");
    write_text("p", "x");
    write_text("q@r", "x");
    expect_parts("a@b=c", "a@b=c", 0, 1);
    expect_parts("a@b=c:weight=3", "a@b=c", 0, 3);
    expect_parts("a@b=c@0=1", "a@b=c", 1, 1);
    expect_parts("a:weight=7", "a:weight=7", 0, 1);
    expect_parts("a:weight=7:weight=2", "a:weight=7", 0, 2);
    expect_parts("p@x=a@b,y=z", "p", 2, 1);
    expect_parts("q@r@x=y", "q@r", 1, 1);
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused("a:weight=", "bad weight ''");
    expect_refused("a:weight=0", "bad weight '0'");
    expect_refused("a:weight=-1", "bad weight");
    expect_refused("a:weight=nan", "bad weight");
    expect_refused("a:weight=1x", "bad weight '1x'");
    expect_refused("a@0=x,1", "'1' is not LABEL=NAME");
    expect_refused("a@0=x,", "'' is not LABEL=NAME");
    expect_refused("a@=x", "'=x' is not LABEL=NAME");
    expect_refused("a@0=x,0=y", "label '0' is there twice");
    expect_refused("", "no file");
    expect_refused("@0=1", "no file");
}

static void test_labels(void **state)
{
    (void)state;
    vl_dataset_spec d;
    valence_error e;
    vl_span out;
    assert_int_equal(vl_dataset_parse(&d, "f.csv@0=negative,1=positive,3=", &e), VALENCE_OK);
    assert_int_equal(vl_dataset_label(&d, vl_span_of("1"), &out, &e), VALENCE_OK);
    assert_true(vl_span_is(out, "positive"));
    assert_int_equal(vl_dataset_label(&d, vl_span_of("3"), &out, &e), VALENCE_OK);
    assert_null(out.ptr);
    assert_int_equal(vl_dataset_label(&d, vl_span_of(""), &out, &e), VALENCE_OK);
    assert_null(out.ptr);
    assert_int_equal(vl_dataset_label(&d, (vl_span){NULL, 0}, &out, &e), VALENCE_OK);
    assert_null(out.ptr);
    assert_int_equal(vl_dataset_label(&d, vl_span_of("2"), &out, &e), VALENCE_NOT_FOUND);
    assert_non_null(strstr(e.message, "label '2' of 'f.csv'"));
    vl_dataset_release(&d);
    assert_int_equal(vl_dataset_parse(&d, "f.csv", &e), VALENCE_OK);
    assert_int_equal(vl_dataset_label(&d, vl_span_of("2"), &out, &e), VALENCE_OK);
    assert_true(vl_span_is(out, "2"));
    vl_dataset_release(&d);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (int n = 1; n <= 2; n++) {
        vl_dataset_spec d;
        vl_mem_fail_from(n);
        vl_status status = vl_dataset_parse(&d, "f@0=1", NULL);
        vl_mem_fail_from(0);
        assert_int_equal(status, VALENCE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_names_of_files_that_exist),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("dataset", tests, make_folder, remove_folder);
}
