/* test_partial.c: counts in files: any sharding gives the same model, and hostile files an error. */
#include "train_fixture.h"

#include <math.h>

#include "engine/model_config.h"
#include "train/card.h"
#include "train/partial.h"

enum { ROWS = 900, LABELS = 3 };

static const char *const names[LABELS] = {"bad", "fine", "good"};

static vl_classic_options options(void)
{
    vl_classic_options o = vl_classic_defaults(false);
    o.vocabulary.min_count = 2;
    return o;
}

/* Rows whose number gives `rest` when divided by `of`, backwards if asked. */
static const char *write_shard(const char *name, int of, int rest, bool backwards)
{
    fixture_text t = fixture_begin("label\ttext\n");
    for (int j = 0; j < ROWS; j++) {
        int i = backwards ? ROWS - 1 - j : j;
        if (i % of == rest) fixture_row(&t, names[i % LABELS], i % LABELS, 0, (uint64_t)i);
    }
    return fixture_write(&t, fixture_folder, name);
}

static const char *make_partial(const char *data, const char *name, vl_workers *workers)
{
    valence_error e = {0};
    vl_classic_options o = options();
    const char *path = fixture_path(name);
    vl_corpus c = fixture_read(data, true);
    if (vl_partial_write(path, &c, &o, workers, &e) != VALENCE_OK) fail_msg("%s", e.message);
    vl_corpus_release(&c);
    return path;
}

static vl_store *merge(const char *const *paths, int count, vl_workers *workers)
{
    vl_store *s;
    valence_error e = {0};
    vl_classic_report report;
    vl_classic_options o = options();
    assert_int_equal(vl_store_open(&s, &e), VALENCE_OK);
    if (vl_partial_merge(s, &report, paths, count, &o, workers, &e) != VALENCE_OK)
        fail_msg("%s", e.message);
    assert_int_equal(report.examples, ROWS);
    assert_in_range(report.held_out, 40, 120);
    return s;
}

static vl_buffer merge_shards(int shards, bool backwards, vl_workers *workers)
{
    const char *paths[LABELS * 2];
    char name[32];
    for (int i = 0; i < shards; i++) {
        int rest = backwards ? shards - 1 - i : i;
        snprintf(name, sizeof name, "%d_%d.tsv", shards, rest);
        const char *data = write_shard(name, shards, rest, backwards);
        snprintf(name, sizeof name, "%d_%d.counts", shards, rest);
        paths[i] = make_partial(data, name, workers);
    }
    vl_store *s = merge(paths, shards, workers);
    vl_buffer bytes = fixture_bytes(s);
    vl_store_close(s);
    return bytes;
}

/* Three ways: each shard has one label only; the labels are met in another order. */
static void test_any_sharding(void **state)
{
    (void)state;
    vl_workers *workers;
    assert_int_equal(vl_workers_open(&workers, 3, NULL), VALENCE_OK);
    vl_buffer whole = merge_shards(1, false, NULL);
    for (int shards = 1; shards < 6; shards++) {
        vl_buffer parts = merge_shards(shards, shards % 2 == 1, shards % 2 ? workers : NULL);
        assert_int_equal(parts.len, whole.len);
        assert_memory_equal(parts.data, whole.data, whole.len);
        vl_buffer_release(&parts);
    }
    vl_buffer_release(&whole);
    vl_workers_close(workers);
}

static void test_same_as_one_run(void **state)
{
    (void)state;
    valence_error e = {0};
    vl_store *direct;
    vl_classic_report report;
    vl_classic_options o = options();
    const char *data = write_shard("all.tsv", 1, 0, false);
    vl_corpus c = fixture_read(data, false);
    assert_int_equal(vl_store_open(&direct, &e), VALENCE_OK);
    assert_int_equal(vl_classic_train(direct, &report, &c, NULL, &o, NULL, &e), VALENCE_OK);
    const char *paths[] = {make_partial(data, "all.counts", NULL)};
    vl_store *merged = merge(paths, 1, NULL);
    for (size_t i = 0; i < vl_store_count(direct); i++)
        fixture_same_tensor(direct, merged, vl_store_at(direct, i)->name);
    for (size_t i = 0; i < vl_store_meta_count(direct); i++) {
        const char *key, *value;
        vl_store_meta_at(direct, i, &key, &value);
        assert_string_equal(value, vl_store_get(merged, key));
    }
    assert_null(strstr(vl_store_get(merged, "card"), fixture_folder));
    assert_non_null(strstr(vl_store_get(merged, "card"), "\"examples\":900"));
    assert_int_equal(vl_model_config_check(merged, &e), VALENCE_OK);
    vl_store_close(direct);
    vl_store_close(merged);
    vl_corpus_release(&c);
}

static vl_buffer read_bytes(const char *path)
{
    vl_buffer b;
    vl_mapped_file f;
    vl_buffer_init(&b, VL_MEM_IO, (size_t)1 << 28);
    assert_int_equal(vl_mapped_file_open(&f, path, NULL), VALENCE_OK);
    assert_int_equal(vl_buffer_append(&b, f.data, f.size), VALENCE_OK);
    vl_mapped_file_release(&f);
    return b;
}

static void test_threads_same_file(void **state)
{
    (void)state;
    vl_workers *workers;
    assert_int_equal(vl_workers_open(&workers, 4, NULL), VALENCE_OK);
    const char *data = write_shard("t.tsv", 1, 0, false);
    vl_buffer a = read_bytes(make_partial(data, "t1.counts", NULL));
    vl_buffer b = read_bytes(make_partial(data, "t2.counts", workers));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    vl_buffer_release(&a);
    vl_buffer_release(&b);
    vl_workers_close(workers);
}

/* Weights of 0.1 are not exact: equal up to rounding. */
static void test_weighted(void **state)
{
    (void)state;
    char spec[700];
    const char *paths[2];
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "weighted%d.tsv", i);
        snprintf(spec, sizeof spec, "%s:weight=0.1", write_shard(name, 2, i, false));
        snprintf(name, sizeof name, "weighted%d.counts", i);
        paths[i] = make_partial(spec, name, NULL);
    }
    vl_store *s;
    valence_error e = {0};
    vl_classic_report report;
    vl_classic_options o = options();
    o.dtype = VL_F32;
    o.vocabulary.min_count = 0.15f;
    const char *all[1];
    snprintf(spec, sizeof spec, "%s:weight=0.1", write_shard("weighted.tsv", 1, 0, false));
    all[0] = make_partial(spec, "weighted.counts", NULL);
    vl_store *whole;
    assert_int_equal(vl_store_open(&s, &e), VALENCE_OK);
    assert_int_equal(vl_store_open(&whole, &e), VALENCE_OK);
    assert_int_equal(vl_partial_merge(s, &report, paths, 2, &o, NULL, &e), VALENCE_OK);
    assert_int_equal(vl_partial_merge(whole, &report, all, 1, &o, NULL, &e), VALENCE_OK);
    const vl_tensor *a = vl_store_find(s, "linear.bias"), *b = vl_store_find(whole, "linear.bias");
    for (int k = 0; k < LABELS; k++)
        assert_true(fabsf(((const float *)a->data)[k] - ((const float *)b->data)[k]) < 1e-5f);
    vl_store_close(s);
    vl_store_close(whole);
}

/* ---- What cannot be merged ------------------------------------------------------------------- */

static void expect_refused(const char *const *paths, int count, vl_status status, const char *part)
{
    vl_store *s;
    valence_error e = {0};
    vl_classic_report report;
    vl_classic_options o = options();
    int64_t before = vl_mem_usage_total().current;
    assert_int_equal(vl_store_open(&s, &e), VALENCE_OK);
    assert_int_equal(vl_partial_merge(s, &report, paths, count, &o, NULL, &e), status);
    if (!strstr(e.message, part)) fail_msg("'%s' lacks '%s'", e.message, part);
    vl_store_close(s);
    assert_int_equal(vl_mem_usage_total().current, before);
}

static void test_refusals(void **state)
{
    (void)state;
    valence_error e = {0};
    const char *one = make_partial(write_shard("one.tsv", 3, 0, false), "one.counts", NULL);
    expect_refused(&one, 1, VALENCE_ARGUMENT, "one label only ('bad')");
    const char *missing = "/nowhere/x.counts";
    expect_refused(&missing, 1, VALENCE_NOT_FOUND, "/nowhere/x.counts");
    expect_refused(NULL, 0, VALENCE_ARGUMENT, "no file");
    const char *data = write_shard("two.tsv", 3, 1, false);
    expect_refused(&data, 1, VALENCE_FORMAT, "two.tsv");
    vl_corpus c = fixture_read(data, true);
    vl_classic_options o = options();
    o.pipeline.max_n = 2;
    const char *paths[] = {one, fixture_path("pairs.counts")};
    assert_int_equal(vl_partial_write(paths[1], &c, &o, NULL, &e), VALENCE_OK);
    expect_refused(paths, 2, VALENCE_ARGUMENT, "other n-gram lengths");
    vl_corpus_release(&c);
    vl_store *model = merge((const char *[]){make_partial(write_shard("m.tsv", 1, 0, false), "m.counts",
                                                          NULL)}, 1, NULL);
    const char *path = fixture_path("model.safetensors");
    assert_int_equal(vl_safetensors_write(model, path, &e), VALENCE_OK);
    vl_store_close(model);
    expect_refused(&path, 1, VALENCE_UNSUPPORTED, "no partial counts");
}

static void test_many_labels(void **state)
{
    (void)state;
    valence_error e = {0};
    const char *paths[2];
    for (int half = 0; half < 2; half++) {
        fixture_text t = fixture_begin("label\ttext\n");
        char label[16], name[32];
        for (int k = half * 20; k < half * 20 + 20; k++) {
            snprintf(label, sizeof label, "%d", k);
            for (int i = 0; i < 4; i++) fixture_row(&t, label, k, 0, (uint64_t)(k * 4 + i));
        }
        snprintf(name, sizeof name, "many%d.tsv", half);
        const char *data = fixture_write(&t, fixture_folder, name);
        snprintf(name, sizeof name, "many%d.counts", half);
        paths[half] = make_partial(data, name, NULL);
    }
    expect_refused(paths, 2, VALENCE_LIMIT, "40 labels");
    fixture_text t = fixture_begin("label\ttext\n");
    for (int k = 0; k < 33; k++) {
        char label[16];
        snprintf(label, sizeof label, "%d", k);
        fixture_row(&t, label, k, 0, (uint64_t)k);
    }
    vl_corpus c = fixture_read(fixture_write(&t, fixture_folder, "33.tsv"), false);
    vl_classic_options o = options();
    assert_int_equal(vl_partial_write(fixture_path("33.counts"), &c, &o, NULL, &e), VALENCE_LIMIT);
    assert_int_equal(access(fixture_path("33.counts"), F_OK), -1);
    vl_corpus_release(&c);
}

/* ---- Hostile files --------------------------------------------------------------------------- */

typedef void damage_fn(const vl_store *s);

static void *data_of(const vl_store *s, const char *name)
{
    return (void *)(uintptr_t)vl_store_find(s, name)->data;
}

static void swap_numbers(const vl_store *s)
{
    uint64_t *n = data_of(s, "ngrams.number"), first = n[0];
    n[0] = n[1], n[1] = first;
}
static void far_number(const vl_store *s) { ((uint64_t *)data_of(s, "ngrams.number"))[5] = 1 << 17; }
static void zero_number(const vl_store *s) { ((uint64_t *)data_of(s, "ngrams.number"))[0] = 0; }
static void low_bits(const vl_store *s) { ((uint64_t *)data_of(s, "ngrams.number"))[9] |= 1; }
static void same_number(const vl_store *s)
{
    uint64_t *n = data_of(s, "ngrams.number");
    n[3] = n[2];
}
static void nan_count(const vl_store *s) { ((float *)data_of(s, "ngrams.count"))[7] = NAN; }
static void negative_count(const vl_store *s) { ((float *)data_of(s, "ngrams.count"))[7] = -1; }
static void infinite_count(const vl_store *s) { ((float *)data_of(s, "ngrams.count"))[7] = INFINITY; }
static void strange_label(const vl_store *s) { ((int32_t *)data_of(s, "groups.label"))[0] = LABELS; }
static void negative_label(const vl_store *s) { ((int32_t *)data_of(s, "groups.label"))[0] = -1; }
static void no_weight(const vl_store *s) { ((float *)data_of(s, "groups.weight"))[1] = 0; }
static void nan_weight(const vl_store *s) { ((float *)data_of(s, "groups.weight"))[1] = NAN; }
static void minus_examples(const vl_store *s) { ((int64_t *)data_of(s, "groups.examples"))[1] = -1; }
static void few_examples(const vl_store *s) { ((int64_t *)data_of(s, "groups.examples"))[1] = 1; }
static void many_examples(const vl_store *s)
{
    ((int64_t *)data_of(s, "groups.examples"))[1] = INT64_MAX;
}
static void strange_group(const vl_store *s) { ((int32_t *)data_of(s, "held_out.group"))[2] = 99; }
static void other_text(const vl_store *s)
{
    memset(data_of(s, "held_out.text"), 'x', vl_store_find(s, "held_out.text")->bytes);
}
static void falling_end(const vl_store *s) { ((uint64_t *)data_of(s, "held_out.end"))[2] = 0; }
static void far_end(const vl_store *s) { ((uint64_t *)data_of(s, "held_out.end"))[2] = UINT64_MAX; }
static void empty_label(const vl_store *s) { ((uint64_t *)data_of(s, "labels.end"))[0] = 0; }
static void nul_label(const vl_store *s) { ((char *)data_of(s, "labels.text"))[1] = 0; }

/* Damages a copy of the file behind a checksum that is right again. */
static void expect_damage_found(const vl_buffer *good, damage_fn *damage, const char *what)
{
    vl_store *s;
    valence_error e = {0};
    vl_buffer copy;
    vl_buffer_init(&copy, VL_MEM_IO, (size_t)1 << 28);
    assert_int_equal(vl_buffer_append(&copy, good->data, good->len), VALENCE_OK);
    assert_int_equal(vl_safetensors_read(&s, vl_buffer_span(&copy), "copy", &e), VALENCE_OK);
    damage(s);
    assert_int_equal(vl_model_config_write_checksum(s, &e), VALENCE_OK);
    const char *path = fixture_path("damaged.counts");
    assert_int_equal(vl_safetensors_write(s, path, &e), VALENCE_OK);
    vl_store_close(s);
    vl_buffer_release(&copy);
    print_message("# %s\n", what);
    expect_refused(&path, 1, VALENCE_FORMAT, "damaged.counts");
}

static void test_damage(void **state)
{
    (void)state;
#define DAMAGE(name) {name, #name}
    static const struct {
        damage_fn *damage;
        const char *name;
    } cases[] = {DAMAGE(swap_numbers), DAMAGE(far_number), DAMAGE(zero_number), DAMAGE(low_bits),
                 DAMAGE(same_number), DAMAGE(nan_count), DAMAGE(negative_count),
                 DAMAGE(infinite_count), DAMAGE(strange_label), DAMAGE(negative_label),
                 DAMAGE(no_weight), DAMAGE(nan_weight), DAMAGE(minus_examples),
                 DAMAGE(few_examples), DAMAGE(many_examples), DAMAGE(strange_group),
                 DAMAGE(other_text), DAMAGE(falling_end), DAMAGE(far_end), DAMAGE(empty_label),
                 DAMAGE(nul_label)};
    vl_buffer good = read_bytes(make_partial(write_shard("d.tsv", 1, 0, false), "d.counts", NULL));
    for (size_t i = 0; i < LENGTH(cases); i++) expect_damage_found(&good, cases[i].damage, cases[i].name);
    const char *path = fixture_path("damaged.counts");
    good.data[good.len - 3] ^= 1; /* and without a checksum that is right */
    test_write(path, good.data, good.len);
    expect_refused(&path, 1, VALENCE_FORMAT, "checksum");
    test_write(path, good.data, good.len / 2);
    expect_refused(&path, 1, VALENCE_FORMAT, "damaged.counts");
    vl_buffer_release(&good);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static vl_status write_and_merge(const vl_corpus *c, const char *path, valence_error *e)
{
    vl_store *s = NULL;
    vl_classic_report report;
    vl_classic_options o = options();
    VL_TRY(vl_partial_write(path, c, &o, NULL, e));
    VL_TRY(vl_store_open(&s, e));
    vl_status status = vl_partial_merge(s, &report, &path, 1, &o, NULL, e);
    vl_store_close(s);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    fixture_text t = fixture_begin("label\ttext\n");
    for (int i = 0; i < 24; i++) fixture_row(&t, names[i % 2], i % 2, 0, (uint64_t)i);
    vl_corpus c = fixture_read(fixture_write(&t, fixture_folder, "tiny.tsv"), false);
    const char *path = fixture_path("tiny.counts");
    vl_status status = VALENCE_NO_MEMORY;
    int64_t before = vl_mem_usage_total().current, n = 1, failures = 0;
    for (; status != VALENCE_OK && n < 100000; n += 1 + n / 60) {
        valence_error e = {0};
        vl_mem_fail_from(n);
        status = write_and_merge(&c, path, &e);
        vl_mem_fail_from(0);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) break;
        failures++;
        if (status != VALENCE_NO_MEMORY) fail_msg("allocation %lld: %s", (long long)n, e.message);
        assert_true(e.message[0]);
    }
    print_message("# %lld allocations made to fail\n", (long long)failures);
    assert_int_equal(status, VALENCE_OK);
    assert_true(failures > 100);
    vl_corpus_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_sharding),  cmocka_unit_test(test_same_as_one_run),
        cmocka_unit_test(test_threads_same_file), cmocka_unit_test(test_weighted),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_many_labels),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_out_of_memory)};
    return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
