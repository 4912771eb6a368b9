/* test_folder.c: folders of labelled documents. */
#include "data_fixture.h"

static void make(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0777), 0);
}

static void test_labels_and_order(void **state)
{
    (void)state;
    make("imdb");
    make("imdb/pos");
    make("imdb/neg");
    make("imdb/unsup");
    make("imdb/.git");
    write_text("imdb/pos/10_9.txt", "ten");
    write_text("imdb/pos/2_7.txt", "two\n");
    write_text("imdb/pos/02_7.txt", "\xEF\xBB\xBFzero two");
    write_text("imdb/pos/.hidden", "no");
    write_text("imdb/neg/b", "b\xFF");
    write_bytes("imdb/neg/a.txt", "", 0);
    write_text("imdb/unsup/0_0.txt", "x");
    write_text("imdb/urls.txt", "not a document");
    write_text("imdb/.git/config", "no");
    expect_read(path_of("imdb"), vl_source_options_defaults(),
                "1@0:0|neg|a|\n2@0:0|neg|b|b\\ef\\bf\\bd\n3@0:0|pos|02_7|zero two\n"
                "4@0:0|pos|2_7|two\\0a\n5@0:0|pos|10_9|ten\n6@0:0|-|0_0|x\n");
    vl_source_options o = vl_source_options_defaults();
    o.max_record = 3;
    text t = read_path(path_of("imdb"), &o);
    assert_string_equal(t.data, "1@0:0|neg|a|\n2@0:0|neg|b|b\\ef\\bf\\bd\nbad@0:0\nbad@0:0\n"
                                "5@0:0|pos|10_9|ten\n6@0:0|-|0_0|x\n");
    free(t.data);
}

static void test_files_without_labels(void **state)
{
    (void)state;
    make("flat");
    write_text("flat/b.txt", "2");
    write_text("flat/a.txt", "1");
    expect_read(path_of("flat"), vl_source_options_defaults(), "1@0:0|-|a|1\n2@0:0|-|b|2\n");
}

static void test_no_documents(void **state)
{
    (void)state;
    make("empty");
    expect_error(path_of("empty"), vl_source_options_defaults(), "no documents in");
    make("deep");
    make("deep/train");
    make("deep/train/pos");
    expect_error(path_of("deep"), vl_source_options_defaults(), "expected LABEL/FILE.txt");
    vl_source_options o = vl_source_options_defaults();
    o.format = VL_DATA_FOLDER;
    expect_error(path_of("none"), o, "NOT_FOUND: cannot list");
    expect_error(write_text("a.txt", "x"), o, "cannot list");
}

static void test_file_that_vanishes(void **state)
{
    (void)state;
    make("gone");
    write_text("gone/a.txt", "1");
    valence_error e;
    vl_source *s;
    assert_int_equal(vl_source_open(&s, path_of("gone"), NULL, &e), VALENCE_OK);
    unlink(path_of("gone/a.txt"));
    text t = read_source(s);
    assert_non_null(strstr(t.data, "NOT_FOUND: cannot open"));
    assert_non_null(strstr(t.data, "gone/a.txt"));
    free(t.data);
    vl_source_close(s);
}

static void test_shards(void **state)
{
    (void)state;
    make("many");
    make("many/x");
    for (int i = 0; i < 23; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/x/%d.txt", i);
        write_text(name, "t");
    }
    text whole = read_path(path_of("many"), NULL), parts = {0};
    for (uint64_t i = 0; i < 5; i++) {
        vl_source_options o = vl_source_options_defaults();
        o.shard = i;
        o.shards = 5;
        text t = read_path(path_of("many"), &o);
        add(&parts, t.data, t.len);
        free(t.data);
    }
    assert_string_equal(parts.data, whole.data);
    free(parts.data);
    free(whole.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_and_order), cmocka_unit_test(test_files_without_labels),
        cmocka_unit_test(test_no_documents),     cmocka_unit_test(test_file_that_vanishes),
        cmocka_unit_test(test_shards),
    };
    return cmocka_run_group_tests_name("folder", tests, make_folder, remove_folder);
}
