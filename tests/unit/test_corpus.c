/* test_corpus.c: data sets into memory: maps, weights, balance, empty labels, errors with file and
 * line, the order whatever the threads, and held-out samples that do not depend on the data's
 * order. */
#include "made_corpus.h"

#include "folder_fixture.h"

#include <math.h>

#include "base/mem.h"

/* A data specification; the string is reused after eight calls. */
static const char *file_of(const char *name, const char *text, const char *map)
{
    static char paths[8][512];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, 512, "%s/%s", folder, name);
    test_write(path, text, strlen(text));
    strcat(path, map);
    return path;
}

static vl_status read_some(vl_corpus *c, const char *const *specs, int count,
                           const vl_corpus_options *o, int threads, valence_error *error)
{
    vl_corpus_options defaults = vl_corpus_options_defaults();
    vl_workers *w = open_workers(threads);
    vl_status status = vl_corpus_read(c, specs, count, o ? o : &defaults, w, error);
    vl_workers_close(w);
    return status;
}

static void read_one(vl_corpus *c, const char *spec, const vl_corpus_options *o)
{
    valence_error error = {0};
    if (read_some(c, &spec, 1, o, 2, &error) != VALENCE_OK) fail_msg("%s", error.message);
}

static void expect_error(const char *spec, const vl_corpus_options *o, vl_status status,
                         const char *part, uint64_t line)
{
    vl_corpus c;
    valence_error error = {0};
    assert_int_equal(read_some(&c, &spec, 1, o, 2, &error), status);
    assert_int_equal(error.code, status);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in '%s'", part, error.message);
    if (line) assert_int_equal(error.line, line);
    vl_corpus_release(&c); /* fine after a failure */
}

/* "text/label text/label", in order. */
static void expect_examples(const vl_corpus *c, const char *expected)
{
    char got[2000] = "";
    for (int64_t i = 0; i < c->count; i++)
        sprintf(got + strlen(got), "%s%.*s/%s", i ? " " : "", (int)c->examples[i].text.len,
                c->examples[i].text.ptr, c->labels[vl_corpus_label(c, i)]);
    assert_string_equal(got, expected);
    for (int32_t g = 0, n = 0; g < c->group_count; g++) { /* groups count what is there */
        n += (int32_t)c->groups[g].count;
        if (g == c->group_count - 1) assert_int_equal(n, c->count);
    }
}

static void test_plain(void **state)
{
    (void)state;
    vl_corpus c;
    read_one(&c, file_of("a.tsv", "label\ttext\npos\tone\nneg\ttwo\npos\tthree\n", ""), NULL);
    expect_examples(&c, "one/pos two/neg three/pos");
    assert_int_equal(c.K, 2);
    assert_string_equal(c.labels[0], "neg"); /* by bytes of the name */
    for (int32_t g = 0; g < c.group_count; g++) assert_true(c.groups[g].weight == 1);
    vl_corpus_release(&c);
    read_one(&c, file_of("b.csv", "text,label\na,10\nb,9\nc,-1\n", ""), NULL);
    assert_string_equal(c.labels[0], "-1"); /* integers by value */
    assert_string_equal(c.labels[2], "10");
    vl_corpus_release(&c);
    vl_corpus_release(&c);
}

static void test_empty_labels_and_texts(void **state)
{
    (void)state;
    vl_corpus c;
    read_one(&c, file_of("a.csv", "text,label\na,x\nb,\n\"\",y\nc,\nd,y\n", ""), NULL);
    expect_examples(&c, "a/x /y d/y");
    assert_int_equal(c.skipped_empty, 2);
    assert_int_equal(c.bad_rows, 0);
    vl_corpus_release(&c);
}

static void test_maps(void **state)
{
    (void)state;
    vl_corpus c;
    const char *rows = "text,label\na,0\nb,1\nc,2\nd,0\n";
    read_one(&c, file_of("a.csv", rows, "@0=bad,1=good,2="), NULL);
    expect_examples(&c, "a/bad b/good d/bad"); /* 2= drops its rows */
    vl_corpus_release(&c);
    read_one(&c, file_of("a.csv", rows, "@0=bad,1=good,2=good"), NULL);
    expect_examples(&c, "a/bad b/good c/good d/bad");
    assert_int_equal(c.K, 2);
    vl_corpus_release(&c);
    expect_error(file_of("a.csv", rows, "@0=bad,1=good"), NULL, VALENCE_NOT_FOUND, "'2'", 4);
    expect_error(file_of("a.csv", rows, "@0=bad=good"), NULL, VALENCE_NOT_FOUND, "'1'", 3);
    expect_error(file_of("a.csv", rows, "@0=bad,1=good:weight=-1"), NULL, VALENCE_ARGUMENT,
                 "weight", 0);
}

static void test_given_labels(void **state)
{
    (void)state;
    vl_corpus c;
    vl_corpus_options o = vl_corpus_options_defaults();
    static const char *const labels[] = {"z", "a", "m"};
    o.labels = labels;
    o.K = 3;
    read_one(&c, file_of("a.csv", "text,label\nq,a\nr,z\n", ""), &o);
    assert_int_equal(c.K, 3);
    for (int k = 0; k < 3; k++) assert_string_equal(c.labels[k], labels[k]);
    expect_examples(&c, "q/a r/z");
    vl_corpus_release(&c);
    read_one(&c, file_of("a.csv", "text,label\nq,a\nr,a\n", ""), &o); /* one of them is enough */
    vl_corpus_release(&c);
    expect_error(file_of("a.csv", "text,label\nq,a\nr,b\n", ""), &o, VALENCE_NOT_FOUND, "'b'", 3);
}

static double weight_of(const vl_corpus *c, const char *text)
{
    for (int64_t i = 0; i < c->count; i++)
        if (vl_span_is(c->examples[i].text, text)) return c->groups[c->examples[i].group].weight;
    fail_msg("no text '%s'", text);
    return 0;
}

static void test_weights_and_balance(void **state)
{
    (void)state;
    vl_corpus c;
    valence_error error = {0};
    vl_corpus_options o = vl_corpus_options_defaults();
    const char *specs[2] = {file_of("a.csv", "text,label\na,x\nb,x\nc,x\nd,y\n", ":weight=0.5"),
                            file_of("b.csv", "text,label\ne,0\nf,1\n", "@0=x,1=y:weight=2")};
    assert_int_equal(read_some(&c, specs, 2, NULL, 1, &error), VALENCE_OK);
    expect_examples(&c, "a/x b/x c/x d/y e/x f/y"); /* in the order of the files */
    assert_true(weight_of(&c, "a") == 0.5 && weight_of(&c, "d") == 0.5 && weight_of(&c, "f") == 2);
    vl_corpus_release(&c);
    o.balance_sets = true;
    assert_int_equal(read_some(&c, specs, 2, &o, 1, &error), VALENCE_OK);
    double sum = 0;
    for (int64_t i = 0; i < c.count; i++) sum += c.groups[c.examples[i].group].weight;
    assert_true(fabs(sum - 6) < 1e-5);                                     /* mean weight 1 */
    assert_true(fabs(weight_of(&c, "d") / weight_of(&c, "a") - 3) < 1e-5); /* three x, one y */
    assert_true(fabs(weight_of(&c, "e") / weight_of(&c, "d") - 4) < 1e-5); /* 2 against 0.5 */
    assert_true(fabs(weight_of(&c, "e") - weight_of(&c, "f")) < 1e-6);
    vl_corpus_release(&c);
    o.balance = 0.5;
    assert_int_equal(read_some(&c, specs, 2, &o, 1, &error), VALENCE_OK);
    assert_true(fabs(weight_of(&c, "d") / weight_of(&c, "a") - sqrt(3)) < 1e-5);
    vl_corpus_release(&c);
    o.balance = 0;
    assert_int_equal(read_some(&c, specs, 2, &o, 1, &error), VALENCE_OK);
    assert_true(fabs(weight_of(&c, "d") / weight_of(&c, "a") - 1) < 1e-6);
    vl_corpus_release(&c);
}

static void test_refused(void **state)
{
    (void)state;
    expect_error(file_of("a.csv", "text,label\na,x\nb,x\n", ""), NULL, VALENCE_ARGUMENT,
                 "one label", 0);
    expect_error(file_of("a.csv", "text,label\na,\n", ""), NULL, VALENCE_ARGUMENT,
                 "1 rows have an empty label", 0);
    expect_error(file_of("a.csv", "text,label\n", ""), NULL, VALENCE_ARGUMENT, "no labelled text",
                 0);
    expect_error(file_of("a.csv", "text,sentiment\na,b\n", ""), NULL, VALENCE_NOT_FOUND, "label",
                 0);
    expect_error("/nowhere/at/all.csv", NULL, VALENCE_NOT_FOUND, "/nowhere/at/all.csv", 0);
}

static void test_bad_rows(void **state)
{
    (void)state;
    vl_corpus c;
    vl_corpus_options o = vl_corpus_options_defaults();
    const char *spec = file_of(
        "a.jsonl",
        "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\n{\"text\":\"b\",\"label\":\"y\"}\n", "");
    expect_error(spec, NULL, VALENCE_FORMAT, "", 2);
    o.skip_bad = true;
    read_one(&c, spec, &o);
    expect_examples(&c, "a/x b/y");
    assert_int_equal(c.bad_rows, 1);
    vl_corpus_release(&c);
    read_one(&c, file_of("b.csv", "text,label\na\xFF,x\nb,y\n", ""), NULL);
    assert_int_equal(c.repaired, 1);
    expect_examples(&c, "a\uFFFD/x b/y");
    vl_corpus_release(&c);
}

/* Many rows in small chunks: the same for any number of threads, in the order of the file. */
static void test_threads(void **state)
{
    (void)state;
    enum { ROWS = 5000 };
    char *text = malloc(ROWS * 40), *p = text;
    vl_corpus first, c;
    vl_corpus_options o = vl_corpus_options_defaults();
    o.source.chunk_bytes = 2000;
    p += sprintf(p, "text,label\n");
    for (int i = 0; i < ROWS; i++)
        p += sprintf(p, "text number %d,l%d\n", i, (int)(vl_random_at(1, (uint64_t)i) % 9));
    const char *specs[2] = {file_of("big.csv", text, ":weight=0.25"),
                            file_of("small.csv", "text,label\nlast,l3\n", "")};
    assert_int_equal(read_some(&first, specs, 2, &o, 1, NULL), VALENCE_OK);
    assert_int_equal(first.count, ROWS + 1);
    for (int i = 0; i < ROWS; i++) {
        char expected[40];
        sprintf(expected, "text number %d", i);
        assert_true(vl_span_is(first.examples[i].text, expected));
        sprintf(expected, "l%d", (int)(vl_random_at(1, (uint64_t)i) % 9));
        assert_string_equal(first.labels[vl_corpus_label(&first, i)], expected);
    }
    for (int threads = 2; threads <= 4; threads++) {
        assert_int_equal(read_some(&c, specs, 2, &o, threads, NULL), VALENCE_OK);
        assert_int_equal(c.count, first.count);
        assert_int_equal(c.group_count, first.group_count);
        for (int64_t i = 0; i < c.count; i++) {
            assert_true(vl_span_equal(c.examples[i].text, first.examples[i].text));
            assert_int_equal(c.examples[i].group, first.examples[i].group);
            assert_int_equal(c.examples[i].order, first.examples[i].order);
        }
        vl_corpus_release(&c);
    }
    vl_corpus_release(&first);
    free(text);
}

/* The texts of a sample are the same whatever the order of the data. */
static void test_sample(void **state)
{
    (void)state;
    enum { N = 3000 };
    made_corpus m = made_corpus_of(N, 2, 1, 5);
    static vl_example shuffled[N];
    for (int i = 0; i < N; i++) shuffled[i] = m.c.examples[i];
    for (int i = N - 1; i > 0; i--) {
        int k = (int)(vl_random_at(3, (uint64_t)i) % (uint64_t)(i + 1));
        vl_example e = shuffled[i];
        shuffled[i] = shuffled[k];
        shuffled[k] = e;
    }
    vl_corpus other = m.c;
    other.examples = shuffled;
    static const int64_t sizes[] = {0, 1, 7, 300, N - 1, N, N + 50};
    for (size_t z = 0; z < LENGTH(sizes); z++) {
        static int64_t a[N + 50], b[N + 50];
        static bool in_a[N];
        int64_t want = sizes[z] < N ? sizes[z] : N;
        memset(in_a, 0, sizeof in_a);
        assert_int_equal(vl_corpus_sample(&m.c, a, sizes[z]), want);
        assert_int_equal(vl_corpus_sample(&other, b, sizes[z]), want);
        for (int64_t i = 0; i < want; i++) { /* the same texts in the same sequence */
            const vl_example *e = &m.c.examples[a[i]];
            if (i) assert_true(e->order >= m.c.examples[a[i - 1]].order);
            assert_true(vl_span_equal(e->text, shuffled[b[i]].text));
            assert_false(in_a[a[i]]);
            in_a[a[i]] = true;
        }
        uint32_t largest = want ? m.c.examples[a[want - 1]].order : 0;
        for (int i = 0; i < N; i++) /* the smallest orders */
            if (want && !in_a[i]) assert_true(m.c.examples[i].order >= largest);
    }
    vl_mem_fail_from(1);
    int64_t one;
    assert_int_equal(vl_corpus_sample(&m.c, &one, 1), 0);
    vl_mem_fail_from(0);
    made_release(&m);
}

/* The order is fixed by the text alone, and spread over all 32 bits. */
static void test_order(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(4000, 2, 1, 6);
    vl_corpus c;
    read_one(&c, file_of("a.csv", "text,label\nsame,x\nother,y\nsame,y\n", ""), NULL);
    assert_int_equal(c.examples[0].order, c.examples[2].order);
    assert_true(c.examples[0].order != c.examples[1].order);
    assert_int_equal(c.examples[0].order, vl_hash64("same", 4, 1) >> 32);
    vl_corpus_release(&c);
    int64_t below = 0;
    for (int i = 0; i < 4000; i++) below += m.c.examples[i].order < UINT32_MAX / 10;
    assert_in_range(below, 320, 480);
    made_release(&m);
}

static void test_no_memory(void **state)
{
    (void)state;
    const char *specs[2] = {file_of("a.csv", "text,label\na,x\nb,y\n", "@x=u,y=v"),
                            file_of("b.csv", "text,label\nc,u\n", ":weight=2")};
    vl_corpus_options o = vl_corpus_options_defaults();
    for (int64_t n = 1;; n++) {
        vl_corpus c;
        valence_error error = {0};
        int64_t before = vl_mem_usage_total().current;
        vl_mem_fail_from(n);
        vl_status status = vl_corpus_read(&c, specs, 2, &o, NULL, &error);
        vl_mem_fail_from(0);
        if (status == VALENCE_OK) expect_examples(&c, "a/u b/v c/u");
        vl_corpus_release(&c);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) {
            if (n > 20) break;
            continue;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_int_equal(error.code, VALENCE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_empty_labels_and_texts),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_given_labels),
        cmocka_unit_test(test_weights_and_balance),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
