/* test_json_reader.c: JSONL, one object per line. */
#include "data_fixture.h"

static void test_members(void **state)
{
    (void)state;
    const char *path = write_text(
        "a.jsonl", "{\"text\":\"a \\\"b\\\"\\n\\u00e9\",\"label\":\"pos\",\"id\":\"x1\"}\n"
                   "{\"label\":1,\"id\":-22,\"text\":\"\"}\r\n\n"
                   "{\"text\":\"c\",\"label\":true,\"id\":null}\n"
                   "{\"text\":\"d\",\"label\":null,\"more\":{\"text\":[1,2]}}");
    expect_read(
        path, vl_source_options_defaults(),
        "1@1:1|pos|x1|a \"b\"\\0a\\c3\\a9\n2@2:52|1|-22|\n3@4:85|true|-|c\n4@5:121|-|-|d\n");
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const char lines[] = "{\"text\":1}\n"
                                "[\"text\"]\n"
                                "{\"text\":\"a\"\n"
                                "{\"label\":\"x\",\"other\":2}\n"
                                "{\"text\":\"\xFF\"}\n"
                                "{\"text\":\"\\ud800\"}\n"
                                "{\"text\":\"a\0b\"}\n"
                                "{\"text\":\"a\",\"label\":1.5}\n"
                                "{\"text\":\"a\",\"id\":[]}\n"
                                "{\"text\":\"a\"} {\"text\":\"b\"}\n"
                                "not json\n"
                                "{\"text\":\"good\"}\n"
                                "{\"text\":\"cut";
    expect_read(write_bytes("a.jsonl", lines, sizeof lines - 1), vl_source_options_defaults(),
                "bad@1:1\nbad@2:12\nbad@3:21\nbad@4:33\nbad@5:57\nbad@6:70\nbad@7:88\nbad@8:103\n"
                "bad@9:128\nbad@10:149\nbad@11:175\n12@12:184|-|-|good\nbad@13:200\n");
}

static void test_names_of_members(void **state)
{
    (void)state;
    vl_source_options o = vl_source_options_defaults();
    o.text = "review";
    o.label = "stars";
    o.id = "";
    const char *path = write_text("a.jsonl", "{\"review\":\"r\",\"stars\":5,\"id\":3}\n");
    expect_read(path, o, "1@1:1|5|-|r\n");
}

static void test_keep_columns(void **state)
{
    (void)state;
    vl_source_options o = vl_source_options_defaults();
    o.keep_columns = true;
    const char *path = write_text(
        "a.jsonl", "\n{\"id\":7,\"text\":\"t\",\"x\":{\"a\":[1,2.5,\"s\",null,true]},\"y\":\"z\"}\n"
                   "{\"text\":\"u\",\"y\":false}\n");
    expect_read(path, o,
                "1@2:2|-|7|t|json:7|t|json:{\"a\":[1,2.5,\"s\",null,true]}|z\n"
                "2@3:62|-|-|u|-|u|-|json:false\n");
}

static void test_long_lines(void **state)
{
    (void)state;
    vl_source_options o = vl_source_options_defaults();
    o.max_record = 14;
    expect_read(
        write_text("a.jsonl", "{\"text\":\"abc\"}\n{\"text\":\"abcd\"}\n{\"text\":\"x\"}\n"), o,
        "1@1:1|-|-|abc\nbad@2:16\n3@3:32|-|-|x\n");
}

/* The last line ends right before the end of a page: nothing behind it may be read. */
static void test_file_that_fills_its_pages(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *bytes = malloc(2 * page);
    memset(bytes, ' ', 2 * page);
    memcpy(bytes, "{\"text\":\"first\"}\n", 17);
    memcpy(bytes + 17, "{\"text\":\"", 9);
    memcpy(bytes + 2 * page - 5, "end\"}", 5);
    const char *path = write_bytes("a.jsonl", bytes, 2 * page);
    vl_source_options o = vl_source_options_defaults();
    text t = read_path(path, &o);
    assert_string_equal(t.data + t.len - 4, "end\n");
    free(t.data);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),          cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_names_of_members), cmocka_unit_test(test_keep_columns),
        cmocka_unit_test(test_long_lines),       cmocka_unit_test(test_file_that_fills_its_pages),
    };
    return cmocka_run_group_tests_name("json_reader", tests, make_folder, remove_folder);
}
