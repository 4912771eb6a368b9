/* test_allocation_sweep.c: every command, in this process, with its n-th allocation failing, for n
 * = 1, 2, .. until it never gets there: once with all later ones failing as well, and once with
 * that one alone, which must not be taken for an answer. Each time: exit code 1, one line on stderr
 * that says memory, and the output as it was; or the right output, where the memory was only a
 * convenience. Always: all memory given back. What the parts of the library do is in their own
 * tests. */
#include "made_model.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "data/writer.h"

enum { MAX_WORDS = 24, MESSAGE = 8192 };

static char folder[64];
static int out_fd, err_fd; /* where stdout and stderr go while a command runs */

static const char *in(const char *name)
{
    static char paths[32][128];
    static int turn;
    char *path = paths[turn++ % 32];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* The bytes under a name; .gz and .zst are packed. */
static void make_file(const char *name, const char *bytes, size_t len)
{
    vl_writer *w;
    assert_int_equal(vl_writer_open(&w, in(name), 0, NULL), VALENCE_OK);
    assert_int_equal(vl_writer_submit(w, 0, (vl_span){bytes, len}, NULL), VALENCE_OK);
    assert_int_equal(vl_writer_finish(w, NULL), VALENCE_OK);
    vl_writer_close(w);
}

/* Rows of two classes that can be told apart, in the format's way of writing them. */
static void make_rows(const char *name, const char *header, const char *format, int from, int rows)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1 << 24);
    vl_buffer_append_text(&b, header);
    for (int i = from; i < from + rows; i++) {
        char text[512];
        *made_text(text, i % 2, (uint64_t)i) = '\0';
        vl_buffer_printf(&b, format, i % 2 ? "good" : "bad", text);
    }
    make_file(name, b.data, b.len);
    vl_buffer_release(&b);
}

static void make_documents(void)
{
    static const char *const names[] = {"docs",           "docs/bad",       "docs/good",
                                        "docs/bad/1.txt", "docs/bad/2.txt", "docs/good/1.txt"};
    for (int i = 0; i < 3; i++) assert_int_equal(mkdir(in(names[i]), 0777), 0);
    for (int i = 3; i < 6; i++) test_write(in(names[i]), "k0w1 k1w2 some words\n", 21);
}

static int make_all(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/valence_sweep_XXXXXX");
    setenv("SOURCE_DATE_EPOCH", "1000000000", 1);
    if (!mkdtemp(folder)) return -1;
    static const char csv[] = "label,text\n", tsv[] = "label\ttext\n";
    static const char *const packed[] = {"a.csv", "a.csv.gz", "a.csv.zst"};
    for (int i = 0; i < 3; i++)
        make_rows(packed[i], csv, "%s,\"%s \"\"quoted\"\" <b>&amp;</b>\"\n", 0, 40);
    make_rows("a.tsv", tsv, "%s\t%s \xff not UTF-8\n", 0, 40);
    make_rows("a.jsonl", "", "{\"label\":\"%s\",\"text\":\"%s\",\"more\":[1,{\"x\":null}]}\n", 0,
              40);
    make_rows("train.tsv", tsv, "%s\t%s\n", 0, 200);
    make_rows("more.tsv", tsv, "%s\t%s\n", 1000, 120);
    make_documents();
    vl_buffer model = made_model_bytes((made_model){.K = 3,
                                                    .dtype = VL_F16,
                                                    .counts = true,
                                                    .capacity = 200,
                                                    .passes = (1u << VL_CLEAN_PASSES) - 1});
    test_write(in("passes.safetensors"), model.data, model.len);
    vl_buffer_release(&model);
    out_fd = open(in("stdout"), O_RDWR | O_CREAT | O_TRUNC, 0666);
    err_fd = open(in("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0666);
    return out_fd < 0 || err_fd < 0 ? -1 : 0;
}

static int remove_all(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ---- Running --------------------------------------------------------------------------------- */

typedef int command_fn(int argc, char **argv);

typedef struct outcome {
    int code;
    bool failed; /* an allocation was made to fail */
    char error[MESSAGE];
} outcome;

/* Words with a slash in front are files of the folder. */
static int split(char *words, char **argv)
{
    int argc = 0;
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        assert_true(argc < MAX_WORDS - 1);
        argv[argc++] = *word == '/' ? (char *)(uintptr_t)in(word + 1) : word;
    }
    argv[argc] = NULL;
    return argc;
}

static outcome run(command_fn *command, const char *line, int64_t n, bool only)
{
    char words[512], *argv[MAX_WORDS];
    outcome o = {0};
    snprintf(words, sizeof words, "%s", line);
    int argc = split(words, argv), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    fflush(NULL);
    if (ftruncate(out_fd, 0) || ftruncate(err_fd, 0)) fail();
    lseek(out_fd, 0, SEEK_SET), lseek(err_fd, 0, SEEK_SET);
    dup2(out_fd, STDOUT_FILENO), dup2(err_fd, STDERR_FILENO);
    if (only) vl_mem_fail_only(n);
    else vl_mem_fail_from(n);
    o.code = command(argc, argv);
    o.failed = vl_mem_has_failed();
    vl_mem_fail_from(0);
    fflush(NULL);
    dup2(out, STDOUT_FILENO), dup2(err, STDERR_FILENO);
    close(out), close(err);
    if (pread(err_fd, o.error, MESSAGE - 1, 0) < 0) fail();
    return o;
}

/* A file's bytes; NULL where there is none. */
static char *bytes_of(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    *len = 0;
    if (!f) return NULL;
    char *bytes = malloc(1 << 24);
    *len = fread(bytes, 1, 1 << 24, f);
    fclose(f);
    return bytes;
}

static void expect_contents(const char *path, const char *expected, size_t len, const char *what,
                            int64_t n)
{
    size_t have_len;
    char *have = bytes_of(path, &have_len), part[200];
    if (!have != !expected || have_len != len || (len && memcmp(have, expected, len) != 0))
        fail_msg("%s, allocation %lld: '%s' is not what it should be", what, (long long)n, path);
    free(have);
    snprintf(part, sizeof part, "%s.part", path);
    if (access(part, F_OK) == 0)
        fail_msg("%s, allocation %lld: '%s' was left", what, (long long)n, part);
}

static void expect_refusal(const outcome *o, const char *line, int64_t n, bool only)
{
    const char *newline = strchr(o->error, '\n');
    bool one_line = newline && newline[1] == '\0';
    bool told = strstr(o->error, "memory") || strstr(o->error, "no room");
    if (o->code != 1 || !one_line || !told)
        fail_msg("%s, allocation %lld%s: exit %d, '%s'", line, (long long)n, only ? " alone" : "",
                 o->code, o->error);
}

enum { DENSE = 100 };

/* The next n to try: all of the first and last hundred, between them (training counts n-grams in
 * thousands of tables that are all alike) every fortieth. */
static int64_t after(int64_t n, int64_t all)
{
    if (n < DENSE || n >= all - DENSE) return n + 1;
    return n + 40 < all - DENSE ? n + 40 : all - DENSE;
}

/* output: the file that the line's command writes, or NULL. It begins as one with old contents. */
static int sweep_one(command_fn *command, const char *line, const char *output, bool only)
{
    static const char old[] = "old\n";
    char path[128];
    size_t len = 0;
    snprintf(path, sizeof path, "%s/%s", folder, output ? output : "stdout");
    int failures = 0;
    int64_t calls = vl_mem_usage_total().allocations;
    outcome o = run(command, line, 0, false);
    calls = vl_mem_usage_total().allocations - calls;
    if (o.code != 0) fail_msg("%s: exit %d, %s", line, o.code, o.error);
    char *expected = bytes_of(path, &len);
    int64_t before = vl_mem_usage_total().current;
    for (int64_t n = 1;; n = after(n, calls)) {
        if (output) test_write(path, old, sizeof old - 1);
        o = run(command, line, n, only);
        if (vl_mem_usage_total().current != before)
            fail_msg("%s, allocation %lld: %lld bytes were not given back", line, (long long)n,
                     (long long)(vl_mem_usage_total().current - before));
        if (o.code != 0 || (o.failed && !output)) expect_refusal(&o, line, n, only);
        if (output && o.code != 0) expect_contents(path, old, sizeof old - 1, line, n);
        else if (output) expect_contents(path, expected, len, line, n);
        if (!o.failed) break;
        failures++;
    }
    free(expected);
    return failures;
}

static void sweep(command_fn *command, const char *line, const char *output)
{
    int all = sweep_one(command, line, output, false),
        alone = sweep_one(command, line, output, true);
    print_message("# %s: %d and %d allocations made to fail\n", line, all, alone);
    assert_true(all > 3 && alone > 3);
}

/* ---- The commands ---------------------------------------------------------------------------- */

static void test_predict(void **state)
{
    (void)state;
    sweep(cmd_predict, "predict good k0w1", NULL);
    sweep(cmd_predict, "predict -m /passes.safetensors GOOD <b>:-)</b> not-k0w1 http://a.b sooooo",
          NULL);
    sweep(cmd_predict, "predict --format json --top 2 -m /passes.safetensors a b", NULL);
}

static void test_predict_files(void **state)
{
    (void)state;
    sweep(cmd_predict, "predict -t 1 -i /a.csv -o /out.csv", "out.csv");
    sweep(cmd_predict, "predict -t 1 -i /a.csv --keep all -o /out.json", "out.json");
    sweep(cmd_predict, "predict -t 1 -m /passes.safetensors -i /a.tsv --keep label -o /out.tsv.gz",
          "out.tsv.gz");
    sweep(cmd_predict, "predict -t 1 -i /a.jsonl --keep all -o /out.jsonl.zst", "out.jsonl.zst");
    sweep(cmd_predict, "predict -t 1 -i /a.csv.gz --keep all -o /out.jsonl", "out.jsonl");
    sweep(cmd_predict, "predict -t 1 -i /a.csv.zst -o /out.csv", "out.csv");
    sweep(cmd_predict, "predict -t 1 -i /docs -o /out.jsonl", "out.jsonl");
    sweep(cmd_predict, "predict -t 3 -i /a.csv -o /out.csv", "out.csv");
    sweep(cmd_predict, "predict -t 1 -m /passes.safetensors -i /a.csv --explain -o /out.jsonl",
          "out.jsonl");
    sweep(cmd_predict, "predict -t 1 -i /a.csv --sentences -o /out.jsonl", "out.jsonl");
}

static void test_eval_and_others(void **state)
{
    (void)state;
    sweep(cmd_eval, "eval -t 1 /a.csv@good=positive,bad=negative", NULL);
    sweep(cmd_eval,
          "eval -t 2 --json /a.jsonl@good=positive,bad=negative /docs@good=positive,bad=", NULL);
    sweep(cmd_clean, "clean -t 1 -i /a.csv -o /out.txt", "out.txt");
    sweep(cmd_clean, "clean one two", NULL);
    sweep(cmd_tokenize, "tokenize -t 1 -i /a.csv -o /out.txt", "out.txt");
    sweep(cmd_tokenize, "tokenize -t 1 --json -m /passes.safetensors -i /a.csv -o /out.jsonl",
          "out.jsonl");
    sweep(cmd_tokenize, "tokenize --json one two", NULL);
    sweep(cmd_info, "info -m /passes.safetensors --json", NULL);
    sweep(cmd_info, "info --json", NULL);
}

static void test_train(void **state)
{
    (void)state;
    sweep(cmd_train, "train naive-bayes -t 1 --data /train.tsv -o /nb", "nb");
    sweep(cmd_train,
          "train naive-bayes -t 2 --data /a.csv.gz --data /docs --min-count 1 --clean lower -o /nb",
          "nb");
    sweep(cmd_train, "train logistic -t 1 --iterations 3 --data /train.tsv -o /lr", "lr");
    sweep(cmd_train,
          "train logistic -t 2 --iterations 3 --data /train.tsv --dev /more.tsv --norm l2 -o /l2",
          "l2");
}

static void test_train_in_parts(void **state)
{
    (void)state;
    sweep(cmd_train, "train naive-bayes -t 1 --partial --data /train.tsv -o /1.counts", "1.counts");
    assert_int_equal(
        run(cmd_train, "train naive-bayes --partial --data /train.tsv -o /1.counts", 0, false).code,
        0);
    assert_int_equal(
        run(cmd_train, "train naive-bayes --partial --data /more.tsv -o /2.counts", 0, false).code,
        0);
    sweep(cmd_merge, "merge -t 1 /1.counts /2.counts -o /merged", "merged");
    assert_int_equal(run(cmd_train, "train logistic --data /train.tsv -o /base", 0, false).code, 0);
    sweep(cmd_train,
          "train logistic -t 1 --continue /base --iterations 3 --data /more.tsv -o /next", "next");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predict),         cmocka_unit_test(test_predict_files),
        cmocka_unit_test(test_eval_and_others), cmocka_unit_test(test_train),
        cmocka_unit_test(test_train_in_parts),
    };
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
