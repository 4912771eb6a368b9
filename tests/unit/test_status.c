/* test_status.c: names, sentences, and how an error is filled. */
#include "test.h"

#include <errno.h>

#include "base/status.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(valence_status_name(VALENCE_OK), "OK");
    assert_string_equal(valence_status_name(VALENCE_NO_MEMORY), "NO_MEMORY");
    assert_string_equal(valence_status_text(VALENCE_FORMAT), "bytes that break their format");
    assert_string_equal(valence_status_name((valence_status)99), "UNKNOWN");
    assert_string_equal(valence_status_text((valence_status)-1), "unknown status");
}

static void test_fail_fills(void **state)
{
    (void)state;
    valence_error error = {.line = 7, .byte = 7};
    assert_int_equal(vl_fail(&error, VALENCE_LIMIT, "%d is more than %s", 9, "eight"),
                     VALENCE_LIMIT);
    assert_int_equal(error.code, VALENCE_LIMIT);
    assert_string_equal(error.message, "9 is more than eight");
    assert_true(error.line == 0 && error.byte == 0);
    vl_fail_at(&error, VALENCE_FORMAT, 3, 14, "odd");
    assert_true(error.line == 3 && error.byte == 14 && error.code == VALENCE_FORMAT);
}

static void test_no_error_struct(void **state)
{
    (void)state;
    assert_int_equal(vl_fail(NULL, VALENCE_IO, "%s", "x"), VALENCE_IO);
    assert_int_equal(vl_fail_at(NULL, VALENCE_IO, 1, 1, "x"), VALENCE_IO);
    assert_int_equal(vl_fail_memory(NULL, 5, "x"), VALENCE_NO_MEMORY);
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    valence_error error;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    vl_fail(&error, VALENCE_IO, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void test_errno(void **state)
{
    (void)state;
    valence_error error;
    errno = ENOENT;
    assert_int_equal(vl_fail_errno(&error, "cannot open", "m"), VALENCE_NOT_FOUND);
    assert_string_equal(error.message, "cannot open 'm': no such file or directory");
    errno = ENOMEM;
    assert_int_equal(vl_fail_errno(&error, "cannot map", "m"), VALENCE_NO_MEMORY);
    errno = ENOSPC;
    assert_int_equal(vl_fail_errno(&error, "cannot write", "m"), VALENCE_IO);
    assert_non_null(strstr(error.message, "space"));
    vl_fail_memory(&error, 12, "tea");
    assert_string_equal(error.message, "out of memory (12 bytes for tea)");
}

static vl_status forward(vl_status s, int *reached)
{
    VL_TRY(s);
    *reached = 1;
    return VALENCE_OK;
}

static vl_status forward_done(vl_status s, int *released)
{
    vl_status status;
    VL_TRY_DONE(s);
done:
    ++*released;
    return status;
}

static void test_try(void **state)
{
    (void)state;
    int reached = 0, released = 0;
    assert_int_equal(forward(VALENCE_IO, &reached), VALENCE_IO);
    assert_int_equal(reached, 0);
    assert_int_equal(forward(VALENCE_OK, &reached), VALENCE_OK);
    assert_int_equal(reached, 1);
    assert_int_equal(forward_done(VALENCE_IO, &released), VALENCE_IO);
    assert_int_equal(forward_done(VALENCE_OK, &released), VALENCE_OK);
    assert_int_equal(released, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_fail_fills),
        cmocka_unit_test(test_no_error_struct), cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_errno),           cmocka_unit_test(test_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
