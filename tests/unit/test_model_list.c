/* test_model_list.c: which models there are and where: $VALENCE_MODELS first, then the embedded
 * one, each name once; and that what is listed can be found. */
#include "test.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "engine/model_list.h"

static bool listed(const vl_model_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0) return true;
    return false;
}

static vl_model_list list_now(void)
{
    vl_model_list list;
    assert_int_equal(vl_model_list_open(&list, NULL), VALENCE_OK);
    return list;
}

/* A new folder with empty files of these names (ended by NULL), as $VALENCE_MODELS. */
static void make_folder(char folder[512], const char *const *names)
{
    char *path = test_path("x"), file[1024];
    *strrchr(path, '/') = '\0';
    snprintf(folder, 512, "%s", path);
    free(path);
    for (; *names; names++) {
        snprintf(file, sizeof file, "%s/%s", folder, *names);
        test_write(file, "", 0);
    }
    setenv("VALENCE_MODELS", folder, 1);
}

static void remove_folder(const char *folder, const char *const *names)
{
    char file[1024];
    for (; *names; names++) {
        snprintf(file, sizeof file, "%s/%s", folder, *names);
        unlink(file);
    }
    assert_int_equal(rmdir(folder), 0);
    unsetenv("VALENCE_MODELS");
}

static void test_list(void **state)
{
    (void)state;
    static const char *const files[] = {
        "mine.safetensors",      "z_9-a.safetensors", "Upper.safetensors",
        "a b.safetensors",       ".safetensors",      "safetensors",
        "mine.safetensors.part", "notes.txt",         NULL};
    char folder[512], path[VL_MODEL_PATH_MAX];
    make_folder(folder, files);
    vl_model_list list = list_now();
    assert_true(listed(&list, "mine") && listed(&list, "z_9-a") && listed(&list, "general"));
    assert_false(listed(&list, "Upper") || listed(&list, "a b") || listed(&list, "") ||
                 listed(&list, "notes") || listed(&list, "mine.safetensors"));
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(vl_model_find(path, list.names[i], NULL), VALENCE_OK);
        if (i > 0)
            assert_true(strcmp(list.names[i - 1], list.names[i]) < 0); /* in order, each once */
    }
    vl_model_list_release(&list);
    vl_model_list_release(&list); /* twice is fine */
    remove_folder(folder, files);
}

/* A file called general in $VALENCE_MODELS hides the embedded model, and is listed once. */
static void test_first_place_wins(void **state)
{
    (void)state;
    static const char *const files[] = {"general.safetensors", NULL};
    char folder[512], path[VL_MODEL_PATH_MAX], wanted[1024];
    unsetenv("VALENCE_MODELS");
    vl_model_list before = list_now();
    assert_int_equal(vl_model_find(path, "general", NULL), VALENCE_OK);
    assert_string_equal(path, "");
    make_folder(folder, files);
    vl_model_list after = list_now();
    assert_int_equal(before.count, after.count);
    assert_int_equal(vl_model_find(path, "general", NULL), VALENCE_OK);
    snprintf(wanted, sizeof wanted, "%s/general.safetensors", folder);
    assert_string_equal(path, wanted);
    vl_model_list_release(&before);
    vl_model_list_release(&after);
    remove_folder(folder, files);
}

static void test_find(void **state)
{
    (void)state;
    char path[VL_MODEL_PATH_MAX], *name = malloc(VL_MODEL_PATH_MAX + 1);
    valence_error error = {0};
    assert_int_equal(vl_model_find(path, "./some.file", NULL), VALENCE_OK);
    assert_string_equal(path, "./some.file"); /* a path is a path, whether or not it is there */
    assert_int_equal(vl_model_find(path, "no-such-model", &error), VALENCE_NOT_FOUND);
    assert_non_null(strstr(error.message, "no-such-model"));
    assert_int_equal(vl_model_find(path, "", NULL), VALENCE_NOT_FOUND);
    memset(name, 'a', VL_MODEL_PATH_MAX);
    name[0] = '/';
    name[VL_MODEL_PATH_MAX] = '\0';
    assert_int_equal(vl_model_find(path, name, &error), VALENCE_NOT_FOUND);
    name[VL_MODEL_PATH_MAX - 1] = '\0';
    assert_int_equal(vl_model_find(path, name, NULL), VALENCE_OK);
    assert_string_equal(path, name);
    free(name);
}

/* Odd folders are empty ones. */
static void test_odd_folders(void **state)
{
    (void)state;
    static const char *const odd[] = {"", "/nowhere/at/all", "/dev/null"};
    char *long_one = malloc(10001), path[VL_MODEL_PATH_MAX];
    memset(long_one, 'x', 10000);
    long_one[10000] = '\0';
    for (size_t i = 0; i <= LENGTH(odd); i++) {
        setenv("VALENCE_MODELS", i < LENGTH(odd) ? odd[i] : long_one, 1);
        vl_model_list list = list_now();
        assert_true(listed(&list, "general"));
        vl_model_list_release(&list);
        assert_int_equal(vl_model_find(path, "general", NULL), VALENCE_OK);
    }
    unsetenv("VALENCE_MODELS");
    free(long_one);
}

static void test_most(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    char folder[512], file[1024];
    make_folder(folder, none);
    for (int i = 0; i < VL_MODEL_LIST_MAX + 20; i++) {
        snprintf(file, sizeof file, "%s/m%d.safetensors", folder, i);
        test_write(file, "", 0);
    }
    vl_model_list list = list_now();
    assert_int_equal(list.count, VL_MODEL_LIST_MAX);
    vl_model_list_release(&list);
    for (int i = 0; i < VL_MODEL_LIST_MAX + 20; i++) {
        snprintf(file, sizeof file, "%s/m%d.safetensors", folder, i);
        unlink(file);
    }
    remove_folder(folder, none);
}

static void test_no_memory(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().current;
    for (int64_t n = 1;; n++) {
        vl_model_list list;
        valence_error error = {0};
        vl_mem_fail_from(n);
        vl_status status = vl_model_list_open(&list, &error);
        vl_mem_fail_from(0);
        vl_model_list_release(&list);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) {
            assert_true(n >= 3);
            return;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list), cmocka_unit_test(test_first_place_wins),
        cmocka_unit_test(test_find), cmocka_unit_test(test_odd_folders),
        cmocka_unit_test(test_most), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
