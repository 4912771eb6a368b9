/* test_table_reader.c: CSV and TSV as people write them, and as they should not. */
#include "data_fixture.h"

static vl_source_options defaults(void)
{
    return vl_source_options_defaults();
}

static void test_plain_csv(void **state)
{
    (void)state;
    const char *path = write_text("a.csv", "id,text,label\n7,good film,1\n8,bad film,0\n");
    expect_read(path, defaults(), "1@2:15|1|7|good film\n2@3:29|0|8|bad film\n");
}

static void test_quotes(void **state)
{
    (void)state;
    const char *path = write_text(
        "a.csv",
        "text,label\n\"a, \"\"b\"\"\nc\",1\n\"\",0\n\"\"\"\"\"\",\"\"\"x\"\nplain,\"2\"\n");
    expect_read(path, defaults(),
                "1@2:12|1|-|a, \"b\"\\0ac\n2@4:27|0|-|\n3@5:32|\"x|-|\"\"\n4@6:45|2|-|plain\n");
}

static void test_crlf_bom_blank_lines_and_no_last_newline(void **state)
{
    (void)state;
    const char *path =
        write_text("a.csv", "\xEF\xBB\xBF\r\n\"text\",label\r\n\r\n\"a\r\nb\",1\r\n\r\n\n\n\nc,2");
    expect_read(path, defaults(), "1@4:22|1|-|a\\0d\\0ab\n2@10:37|2|-|c\n");
    path = write_text("b.csv", "text\r\nx\r\n\r");
    expect_read(path, defaults(), "1@2:7|-|-|x\n");
}

static void test_stray_quote_in_unquoted_field(void **state)
{
    (void)state;
    const char *path =
        write_text("a.csv", "text,label\n5\" disk,1\nsaid \"no\" twice,0\n\"q\",1\n");
    expect_read(path, defaults(),
                "1@2:12|1|-|5\" disk\n2@3:22|0|-|said \"no\" twice\n3@4:40|1|-|q\n");
}

static void test_bad_rows(void **state)
{
    (void)state;
    const char *path =
        write_text("a.csv", "id,text,label\n1,\"a\"b,1\n2\n3,c,1\n4,d\n5,\"e,1\n6,f,1\n");
    expect_read(path, defaults(), "bad@2:15\nbad@3:24\n3@4:26|1|3|c\n4@5:32|-|4|d\nbad@6:36\n");
    expect_error(write_text("b.csv", "text\n\"a\n"), defaults(), "bad@2:6\n");
    text t = read_path(path, NULL);
    free(t.data);
}

static void test_counts(void **state)
{
    (void)state;
    const char *path = write_text("a.csv", "id,text\n1\n2,a\xFFz\n3,\"x\n");
    valence_error e;
    vl_source *s;
    assert_int_equal(vl_source_open(&s, path, NULL, &e), VALENCE_OK);
    text t = read_source(s);
    assert_string_equal(t.data, "bad@2:9\n2@3:11|-|2|a\\ef\\bf\\bdz\nbad@4:17\n");
    vl_source_counts counts = vl_source_counted(s);
    assert_int_equal(counts.rows, 3);
    assert_int_equal(counts.bad_rows, 2);
    assert_int_equal(counts.repaired, 1);
    assert_int_equal(counts.bytes_read, 21);
    assert_int_equal(counts.bytes_total, 21);
    free(t.data);
    vl_source_close(s);
}

static void test_message_names_file_and_reason(void **state)
{
    (void)state;
    valence_error e;
    vl_source *s;
    vl_cursor *c;
    vl_chunk chunk = {0};
    vl_record r;
    bool more;
    const char *path = write_text("a.csv", "text\n\"a\"b\n");
    assert_int_equal(vl_source_open(&s, path, NULL, &e), VALENCE_OK);
    assert_int_equal(vl_cursor_open(&c, s, &e), VALENCE_OK);
    assert_int_equal(vl_source_next(s, &chunk, &more, &e), VALENCE_OK);
    vl_cursor_start(c, &chunk);
    assert_int_equal(vl_cursor_next(c, &r, &more, &e), VALENCE_FORMAT);
    assert_non_null(strstr(e.message, path));
    assert_non_null(strstr(e.message, "bytes behind a closing quote"));
    assert_int_equal(e.line, 2);
    assert_int_equal(e.byte, 6);
    vl_cursor_close(c);
    vl_chunk_release(&chunk);
    vl_source_close(s);
}

static void test_bytes_of_any_kind(void **state)
{
    (void)state;
    static const char csv[] = "text,label\n\"a\0b\nc\",1\n\0,\0\n\"x\xC3\"\"\xA9\",\xE2\x82\n";
    expect_read(write_bytes("a.csv", csv, sizeof csv - 1), defaults(),
                "1@2:12|1|-|a\\00b\\0ac\n2@4:22|\\00|-|\\00\n"
                "3@5:26|\\ef\\bf\\bd|-|x\\ef\\bf\\bd\"\\ef\\bf\\bd\n");
    expect_read(write_text("a.tsv", "text\tlabel\n\xF0\x9F\x98\x80 \xFF\t\xFF\n"), defaults(),
                "1@2:12|\\ef\\bf\\bd|-|\\f0\\9f\\98\\80 \\ef\\bf\\bd\n");
}

static void test_tsv(void **state)
{
    (void)state;
    const char *path =
        write_text("a.tsv", "label\ttext\tid\n1\t\"a, b\" c\"\t7\r\n\n0\t\t8\n1\n2\tx\t9\textra");
    expect_read(path, defaults(), "1@2:15|1|7|\"a, b\" c\"\n2@4:31|0|8|\nbad@5:36\n4@6:38|2|9|x\n");
}

static void test_empty_files(void **state)
{
    (void)state;
    expect_read(write_text("a.csv", ""), defaults(), "");
    expect_read(write_text("a.tsv", "\n\r\n"), defaults(), "");
    expect_read(write_text("b.csv", "text,label\n"), defaults(), "");
    expect_read(write_text("c.csv", "text,label"), defaults(), "");
    expect_read(write_text("d.csv", "\xEF\xBB\xBF"), defaults(), "");
}

static void test_columns_by_name_and_number(void **state)
{
    (void)state;
    const char *path = write_text("a.csv", "Review,TEXT,Label,2\na,b,c,d\n");
    expect_read(path, defaults(), "1@2:21|c|-|b\n");
    vl_source_options o = defaults();
    o.text = "review";
    o.label = "2";
    o.id = "3";
    expect_read(path, o, "1@2:21|d|c|a\n");
    o.label = "";
    expect_read(path, o, "1@2:21|-|c|a\n");
    path = write_text("b.csv", "text,TEXT,Text\na,b,c\n");
    o = defaults();
    expect_read(path, o, "1@2:16|-|-|a\n");
    o.text = "tEXT";
    expect_error(path, o, "no column 'tEXT'");
}

static void test_missing_columns(void **state)
{
    (void)state;
    const char *path = write_text("a.csv", "review,stars\na,1\n");
    expect_error(path, defaults(), "NOT_FOUND: no column 'text' in");
    expect_error(path, defaults(), "(columns: review, stars): use --text NAME");
    vl_source_options o = defaults();
    o.text = "review";
    o.label = "label";
    expect_error(path, o, "no column 'label'");
    o.label = "stars";
    o.id = "9";
    expect_error(path, o, "no column '9'");
    expect_read(write_text("one.csv", "review\na\n\"b,c\"\n"), defaults(),
                "1@2:8|-|-|a\n2@3:10|-|-|b,c\n");
}

static void test_no_header(void **state)
{
    (void)state;
    vl_source_options o = defaults();
    o.header = 0;
    const char *path = write_text("a.csv", "1,good\n0,\"bad\nfilm\"\n");
    expect_error(path, o, "which has no header: name the text column by number (1 to 2)");
    o.text = "2";
    o.label = "1";
    expect_read(path, o, "1@1:1|1|-|good\n2@2:8|0|-|bad\\0afilm\n");
    o.keep_columns = true;
    expect_read(write_text("b.csv", "1,good\n0,bad,x,\"y\"\"\"\n"), o,
                "1@1:1|1|-|good|1|good\n2@2:8|0|-|bad|0|bad|x|y\"\n");
}

static void test_keep_columns(void **state)
{
    (void)state;
    vl_source_options o = defaults();
    o.keep_columns = true;
    const char *path =
        write_text("a.csv", "a,text,\"b \"\"c\"\"\"\n1,x\"y,\"\"\"\"\n2,z\n3,q,r,s\n");
    expect_read(path, o, "1@2:18|-|-|x\"y|1|x\"y|\"\n2@3:29|-|-|z|2|z|-\n3@4:33|-|-|q|3|q|r\n");
    valence_error e;
    vl_source *s;
    const vl_span *names;
    assert_int_equal(vl_source_open(&s, path, &o, &e), VALENCE_OK);
    assert_int_equal(vl_source_columns(s, &names), 3);
    assert_true(vl_span_is(names[2], "b \"c\""));
    vl_source_close(s);
}

static void test_long_records(void **state)
{
    (void)state;
    vl_source_options o = defaults();
    o.max_record = 8;
    expect_read(write_text("a.tsv", "text\n12345678\n123456789\nx\n"), o,
                "1@2:6|-|-|12345678\nbad@3:15\n3@4:25|-|-|x\n");
    expect_read(write_text("a.csv", "text\n\"2\n4\n6\n8\n\"\n\"12\n\"\"\"\n"), o,
                "bad@2:6\n2@7:17|-|-|12\\0a\"\n");
}

static void test_wrong_files(void **state)
{
    (void)state;
    vl_source_options o = defaults();
    o.format = VL_DATA_CSV;
    expect_error(folder, o, "it is a folder");
    expect_error(path_of("missing.csv"), o, "NOT_FOUND: cannot open");
    expect_error(write_bytes("u.csv", "\xFF\xFEt\0e\0", 6), o, "it is UTF-16");
    o.shards = 2;
    o.shard = 2;
    expect_error(write_text("a.csv", "text\n"), o, "shard 2 of 2");
    char *wide = malloc(200001);
    memset(wide, ',', 200000);
    wide[200000] = '\0';
    expect_error(write_text("wide.csv", wide), defaults(), "more than 65536 columns");
    free(wide);
}

/* Rows of random pieces, read in chunks of all sizes, must come out as in one chunk, on each
 * instruction set. */
static void test_random_tables(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",   "\"", "\"\"", ",",   "\n",  "\r\n", "\r",
        "\"b", "c",  "\n\n", "\",", ",\"", "\xFF", "long piece of text"};
    srand(7);
    for (int round = 0; round < 60; round++) {
        text t = {0};
        add(&t, "text,label\n", 11);
        int n = rand() % 200;
        for (int i = 0; i < n; i++) {
            const char *piece = pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)];
            add(&t, piece, strlen(piece));
        }
        const char *path = write_bytes("r.csv", t.data, t.len);
        vl_isa_limit(VL_ISA_SCALAR);
        text whole = read_path(path, NULL);
        for (vl_isa isa = VL_ISA_SCALAR; isa < VL_ISA_COUNT; isa++) {
            vl_isa_limit(isa);
            expect_read(path, defaults(), whole.data);
        }
        free(whole.data);
        free(t.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_csv),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_crlf_bom_blank_lines_and_no_last_newline),
        cmocka_unit_test(test_stray_quote_in_unquoted_field),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_message_names_file_and_reason),
        cmocka_unit_test(test_bytes_of_any_kind),
        cmocka_unit_test(test_tsv),
        cmocka_unit_test(test_empty_files),
        cmocka_unit_test(test_columns_by_name_and_number),
        cmocka_unit_test(test_missing_columns),
        cmocka_unit_test(test_no_header),
        cmocka_unit_test(test_keep_columns),
        cmocka_unit_test(test_long_records),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_random_tables),
    };
    return cmocka_run_group_tests_name("table_reader", tests, make_folder, remove_folder);
}
