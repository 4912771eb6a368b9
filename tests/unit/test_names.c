/* test_names.c: the names of n-grams: each belongs to its slot, they are the strongest ones, no order
 * and no number of threads changes them, two n-grams of one number, too long ones, too many classes,
 * a model that is gone on from, and every allocation of the last steps failing once. */
#include "made_corpus.h"
#include "train_fixture.h"

#include "base/mem.h"
#include "engine/model_config.h"
#include "engine/model_names.h"
#include "train/continue.h"
#include "train/names.h"
#include "train/partial.h"

/* A trained store's names, with what is needed to check them. */
typedef struct named {
    vl_store *store;
    vl_features f;
    int64_t slots;
    vl_name *names;
    int64_t count;
} named;

static vl_classic_options options_of(bool logistic)
{
    vl_classic_options o = vl_classic_defaults(logistic);
    o.vocabulary.capacity = 4000;
    o.vocabulary.min_count = 2;
    o.dtype = VL_F32;
    o.max_iterations = 10;
    return o;
}

static named names_of(vl_store *s, const vl_features *pipeline)
{
    named n = {.store = s, .f = *pipeline};
    valence_error e = {0};
    const vl_tensor *t = vl_store_find(s, "features.fingerprints");
    assert_non_null(t);
    n.f.table = (vl_ngram_table){t->data, (uint32_t)t->shape[0]};
    n.slots = t->shape[0] * VL_BUCKET;
    if (vl_model_names_read(&n.names, &n.count, s, n.slots, &e) != VALENCE_OK) fail_msg("%s", e.message);
    return n;
}

static named train(const vl_corpus *c, const vl_classic_options *o, vl_workers *workers)
{
    vl_store *s;
    vl_classic_report report;
    valence_error e = {0};
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    if (vl_classic_train(s, &report, c, NULL, o, workers, &e) != VALENCE_OK) fail_msg("%s", e.message);
    return names_of(s, &o->pipeline);
}

static void release(named *n)
{
    vl_free(n->names);
    vl_store_close(n->store);
}

/* The number of the n-gram that a name spells. */
static uint64_t number_of(const char *name, unsigned flags)
{
    static vl_word_block b;
    vl_span text = vl_span_of(name);
    assert_int_equal(vl_words_next(&b, text, flags), text.len);
    assert_in_range(b.count, 1, VL_NGRAM_MAX);
    return vl_ngram_number(b.hash, b.count);
}

static void expect_right(const named *n)
{
    for (int64_t i = 0; i < n->count; i++) {
        int32_t slot = vl_ngram_find(&n->f.table, number_of(n->names[i].text, n->f.word_flags));
        if (slot != n->names[i].slot)
            fail_msg("'%s' is in slot %d, named %d", n->names[i].text, slot, n->names[i].slot);
        assert_true(i == 0 || n->names[i - 1].slot < slot);
    }
}

/* ---- The strongest --------------------------------------------------------------------------- */

typedef struct slot_weight {
    float weight;
    int32_t slot;
} slot_weight;

static int by_weight(const void *a, const void *b)
{
    const slot_weight *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return x->slot - y->slot;
}

static void mark_text(void *user, const vl_features *f, vl_span text)
{
    vl_feature_scratch *s;
    vl_batch b;
    bool *occurs = user;
    assert_int_equal(vl_feature_scratch_open(&s, f, NULL), VALENCE_OK);
    assert_int_equal(vl_features_of_text(f, s, text, &b, NULL), VALENCE_OK);
    for (int32_t i = 0; i < b.offsets[1]; i++) occurs[b.ids[i]] = true;
    vl_feature_scratch_close(s);
}

/* wanted (slots): the slots that should be named, from the stored weights and the texts, the slow way.
 */
static void mark_wanted(bool *wanted, const named *n, const vl_corpus *c, bool logistic)
{
    const float *w = vl_store_find(n->store, "linear.weight")->data;
    size_t slots = (size_t)n->slots;
    bool *occurs = calloc(slots, 1);
    slot_weight *list = calloc(slots, sizeof *list);
    if (!occurs || !list) exit(1);
    for (int64_t i = 0; i < c->count; i++)
        if (logistic || c->examples[i].order < VL_HELD_OUT_BELOW)
            mark_text(occurs, &n->f, c->examples[i].text);
    int keep = VL_NAMES_WANTED / c->K < VL_NAMES_PER_CLASS ? VL_NAMES_WANTED / c->K : VL_NAMES_PER_CLASS;
    for (int k = 0; k < c->K; k++) {
        int left = keep;
        for (size_t s = 0; s < slots; s++)
            list[s] = (slot_weight){c->K > 2 ? w[s * (size_t)c->K + (size_t)k] : k ? w[s] : -w[s],
                                    (int32_t)s};
        qsort(list, slots, sizeof *list, by_weight);
        for (int i = 0; i < (int)slots && i < 8 * keep && left && list[i].weight > 0; i++)
            if (occurs[list[i].slot]) {
                wanted[list[i].slot] = true;
                left--;
            }
    }
    free(list);
    free(occurs);
}

static void expect_strongest(const named *n, const vl_corpus *c, bool logistic)
{
    bool *wanted = calloc((size_t)n->slots, 1);
    if (!wanted) exit(1);
    mark_wanted(wanted, n, c, logistic);
    for (int32_t s = 0; s < n->slots; s++)
        if (wanted[s] != (vl_model_names_find(n->names, n->count, s) != NULL))
            fail_msg("slot %d of %d classes, logistic %d, should%s be named", s, c->K, logistic,
                     wanted[s] ? "" : " not");
    free(wanted);
}

static void test_right_and_strongest(void **state)
{
    (void)state;
    static const int classes[] = {2, 3, 40};
    for (size_t i = 0; i < LENGTH(classes); i++)
        for (int logistic = 0; logistic < 2; logistic++) {
            made_corpus m = made_corpus_of(classes[i] == 40 ? 3000 : 1500, classes[i], 1, 21);
            vl_classic_options o = options_of(logistic);
            named n = train(&m.c, &o, NULL);
            assert_true(n.count > 100);
            expect_right(&n);
            expect_strongest(&n, &m.c, logistic);
            release(&n);
            made_release(&m);
        }
}

/* ---- All kinds of texts ---------------------------------------------------------------------- */

/* A corpus of two classes from texts in memory: those at even places are of class 0. */
static vl_corpus corpus_of(const char *const *texts, int count)
{
    static vl_group groups[2] = {{0, 1, 0}, {1, 1, 0}};
    vl_corpus c = {.count = count, .groups = groups, .group_count = 2, .K = 2, .labels = made_labels()};
    c.examples = calloc((size_t)count, sizeof *c.examples);
    if (!c.examples) exit(1);
    for (int i = 0; i < count; i++) {
        vl_span text = vl_span_of(texts[i]);
        c.examples[i] = (vl_example){.text = text, .group = i % 2, .order = vl_text_order(text)};
    }
    return c;
}

/* `count` texts over an odd alphabet: capitals, accents, marks, emoji, tags; `words` words each. */
static char **odd_texts(int count, int words)
{
    static const char *const own[2][8] = {
        {"AWFUL", "don\xE2\x80\x99t", "<br />bad", "\xF0\x9F\x98\xA1", "not good", "\xC3\x89puisant", "1/10", "..."},
        {"Great", "it's", "&amp; good", "\xF0\x9F\x98\x8D", "never dull", "\xC4\xB0yi", "10/10", "!!!"}};
    char **texts = calloc((size_t)count, sizeof *texts);
    for (int i = 0; texts && i < count; i++) {
        char *p = texts[i] = malloc((size_t)words * 24 + 32);
        if (!p) exit(1);
        for (int w = 0; w < words; w++) {
            uint64_t r = vl_random_at(77, (uint64_t)i * 1000003 + (uint64_t)w);
            if (r % 3 == 0) p += sprintf(p, "%s ", own[i % 2][r >> 8 & 7]);
            else p += sprintf(p, "Word%d ", (int)(r >> 8 & 255));
        }
        sprintf(p, "n%d", i);
    }
    return texts;
}

static void free_texts(char **texts, int count)
{
    for (int i = 0; i < count; i++) free(texts[i]);
    free(texts);
}

static bool has_name(const named *n, const char *name)
{
    for (int64_t i = 0; i < n->count; i++)
        if (strcmp(n->names[i].text, name) == 0) return true;
    return false;
}

static void test_odd_texts(void **state)
{
    (void)state;
    enum { COUNT = 240 };
    static const char *const passes[] = {"none", "html", "html,negation,emoticons"};
    for (size_t p = 0; p < LENGTH(passes); p++)
        for (int logistic = 0; logistic < 2; logistic++) {
            char **texts = odd_texts(COUNT, p == 1 ? 2000 : 40); /* 2000 words are many blocks */
            vl_corpus c = corpus_of((const char *const *)texts, COUNT);
            vl_classic_options o = options_of(logistic);
            o.pipeline.counts = p == 1;
            assert_int_equal(vl_clean_parse(&o.pipeline.passes, vl_span_of(passes[p]), NULL), VALENCE_OK);
            named n = train(&c, &o, NULL);
            expect_right(&n);
            assert_true(n.count > 50);
            assert_true(has_name(&n, "awful") && has_name(&n, "don't"));
            assert_true(has_name(&n, "\xF0\x9F\x98\xA1") || p == 2);
            assert_true(has_name(&n, "\xC3\xA9puisant"));
            assert_true(has_name(&n, "10 / 10"));
            release(&n);
            free(c.examples);
            free_texts(texts, COUNT);
        }
}

/* ---- Nothing but the texts decides ----------------------------------------------------------- */

static void expect_same_names(const named *a, const named *b)
{
    assert_int_equal(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++) {
        assert_int_equal(a->names[i].slot, b->names[i].slot);
        assert_string_equal(a->names[i].text, b->names[i].text);
    }
}

static void test_threads(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(900, 3, 1, 22);
    for (int logistic = 0; logistic < 2; logistic++) {
        vl_classic_options o = options_of(logistic);
        named one = train(&m.c, &o, NULL);
        for (int threads = 2; threads < 6; threads += 3) {
            vl_workers *w = open_workers(threads);
            named more = train(&m.c, &o, w);
            expect_same_names(&one, &more);
            release(&more);
            vl_workers_close(w);
        }
        release(&one);
    }
    made_release(&m);
}

static void reverse(vl_corpus *c)
{
    for (int64_t i = 0, j = c->count - 1; i < j; i++, j--) {
        vl_example e = c->examples[i];
        c->examples[i] = c->examples[j];
        c->examples[j] = e;
    }
}

/* Two words whose numbers share the upper 43 bits, found by trying twelve million. Both are one
 * n-gram to the counts. Naive Bayes gives it the smaller name, whichever comes first; logistic regression
 * need not have read both. */
static void test_two_of_one_number(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    static const char *const twins[2] = {"w4143406", "w3860752"};
    uint64_t numbers[2] = {number_of(twins[0], 0), number_of(twins[1], 0)};
    assert_int_equal(numbers[0] & VL_NGRAM_MASK, numbers[1] & VL_NGRAM_MASK);
    assert_int_not_equal(numbers[0], numbers[1]);
    static char text[COUNT][80];
    const char *texts[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof text[i], "film %d is %s n%d", i % 7,
                 i % 2 ? "fine" : twins[i / 2 < COUNT / 4], i);
        texts[i] = text[i];
    }
    for (int logistic = 0; logistic < 2; logistic++)
        for (int backwards = 0; backwards < 2; backwards++) {
            vl_corpus c = corpus_of(texts, COUNT);
            if (backwards) reverse(&c);
            vl_classic_options o = options_of(logistic);
            named n = train(&c, &o, NULL);
            if (logistic) assert_true(has_name(&n, twins[0]) != has_name(&n, twins[1]));
            else assert_true(has_name(&n, twins[1]) && !has_name(&n, twins[0]));
            release(&n);
            free(c.examples);
        }
}

static void test_order(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(900, 3, 1, 23);
    vl_classic_options o = options_of(false);
    named forwards = train(&m.c, &o, NULL);
    reverse(&m.c);
    named backwards = train(&m.c, &o, NULL);
    expect_same_names(&forwards, &backwards);
    release(&forwards);
    release(&backwards);
    made_release(&m);
}

/* Shards know only their held-out texts; the names are those of one run, also of one that calibrates
 * on nothing. */
static void test_merged(void **state)
{
    (void)state;
    valence_error e = {0};
    made_corpus m = made_corpus_of(900, 3, 1, 24);
    vl_classic_options o = options_of(false);
    named direct = train(&m.c, &o, NULL);
    assert_true(direct.count > 100);
    vl_corpus half[2] = {m.c, m.c};
    const char *paths[2] = {fixture_path("0.counts"), fixture_path("1.counts")};
    half[0].count = 300;
    half[1].count = 600;
    half[1].examples += 300;
    for (int i = 0; i < 2; i++) { /* each knows how many texts of each group it has */
        vl_group groups[6];
        memcpy(groups, m.c.groups, sizeof groups);
        for (int g = 0; g < 6; g++) groups[g].count = 0;
        for (int64_t t = 0; t < half[i].count; t++) groups[half[i].examples[t].group].count++;
        half[i].groups = groups;
        if (vl_partial_write(paths[i], &half[i], &o, NULL, &e) != VALENCE_OK) fail_msg("%s", e.message);
    }
    vl_store *s;
    vl_classic_report report;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    if (vl_partial_merge(s, &report, paths, 2, &o, NULL, &e) != VALENCE_OK) fail_msg("%s", e.message);
    named merged = names_of(s, &o.pipeline);
    expect_same_names(&direct, &merged);
    release(&merged);
    o.holdout = 0;
    named uncalibrated = train(&m.c, &o, NULL);
    assert_true(uncalibrated.count > 100);
    expect_right(&uncalibrated);
    release(&uncalibrated);
    release(&direct);
    made_release(&m);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static void test_too_long(void **state)
{
    (void)state;
    enum { COUNT = 200, LONG = 255 };
    static char text[COUNT][LONG + 400];
    const char *texts[COUNT];
    char fits[LONG + 1], over[LONG + 2];
    memset(fits, 'x', LONG);
    memset(over, 'y', LONG + 1);
    fits[LONG] = over[LONG + 1] = '\0';
    for (int i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof text[i], "%s film n%d", i % 2 ? fits : over, i);
        texts[i] = text[i];
    }
    vl_corpus c = corpus_of(texts, COUNT);
    for (int logistic = 0; logistic < 2; logistic++) {
        vl_classic_options o = options_of(logistic);
        named n = train(&c, &o, NULL);
        expect_right(&n);
        assert_true(has_name(&n, fits));
        for (int64_t i = 0; i < n.count; i++) assert_null(strstr(n.names[i].text, "yy"));
        release(&n);
    }
    free(c.examples);
}

static void test_too_many_classes(void **state)
{
    (void)state;
    vl_store *s;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    vl_naming n = {.K = VL_NAMES_WANTED + 1, .C = VL_NAMES_WANTED + 1};
    assert_int_equal(vl_names_write(s, &n, NULL, NULL), VALENCE_OK);
    assert_int_equal(vl_store_meta_count(s), 0);
    vl_store_close(s);
}

/* ---- Going on -------------------------------------------------------------------------------- */

static const char *write_rows(const char *name, int domain)
{
    static const char *const labels[] = {"bad", "good"};
    fixture_text t = fixture_begin("label\ttext\n");
    for (int i = 0; i < 600; i++) fixture_row(&t, labels[i % 2], i % 2, domain, (uint64_t)i);
    return fixture_write(&t, fixture_folder, name);
}

/* Words of the old data are c.d0w., those of the new one c.d1w.: names of both are there. */
static void test_continue(void **state)
{
    (void)state;
    valence_error e = {0};
    const char *path = fixture_path("old.safetensors");
    vl_classic_options o = options_of(true);
    vl_corpus c = fixture_read(write_rows("old.tsv", 0), false);
    named old = train(&c, &o, NULL);
    expect_right(&old);
    assert_int_equal(vl_model_config_write_checksum(old.store, &e), VALENCE_OK);
    assert_int_equal(vl_safetensors_write(old.store, path, &e), VALENCE_OK);
    vl_corpus_release(&c);
    c = fixture_read(write_rows("new.tsv", 1), false);
    vl_store *s;
    vl_classic_report report;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    if (vl_continue_train(s, &report, &c, NULL, path, &o, NULL, &e) != VALENCE_OK) fail_msg("%s", e.message);
    named new = names_of(s, &o.pipeline);
    expect_right(&new);
    int64_t stayed = 0, came = 0;
    for (int64_t i = 0; i < new.count; i++) {
        const char *before = vl_model_names_find(old.names, old.count, new.names[i].slot);
        if (before) assert_string_equal(before, new.names[i].text);
        stayed += before && strstr(before, "d0w");
        came += strstr(new.names[i].text, "d1w") != NULL;
    }
    assert_true(stayed > 20);
    assert_true(came > 20);
    vl_corpus_release(&c);
    release(&old);
    release(&new);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* All but what belongs to the workers, whose threads give a little back whenever they start. */
static int64_t memory_held(void)
{
    return vl_mem_usage_total().current - vl_mem_usage_of(VL_MEM_IO).current;
}

/* The n-th allocation from the end and all later ones fail. Names are the step before the last. */
static void sweep(const vl_corpus *c, bool logistic, vl_workers *workers)
{
    vl_classic_options o = options_of(logistic);
    o.max_iterations = 2;
    int64_t all = 0, failures = 0;
    for (int64_t back = -1; back < 150; back++) {
        vl_store *s;
        vl_classic_report report;
        valence_error error = {0};
        int64_t before = memory_held();
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        int64_t calls = vl_mem_usage_total().allocations;
        vl_mem_fail_from(back < 0 ? 0 : all - back);
        vl_status status = vl_classic_train(s, &report, c, NULL, &o, workers, &error);
        vl_mem_fail_from(0);
        if (back < 0) all = vl_mem_usage_total().allocations - calls;
        if (status == VALENCE_OK) assert_non_null(vl_store_get(s, "features.names"));
        else assert_int_equal(error.code, VALENCE_NO_MEMORY);
        failures += status != VALENCE_OK;
        vl_store_close(s);
        if (memory_held() != before)
            fail_msg("logistic %d, %d threads, allocation %lld of %lld: memory is not given back", logistic,
                     vl_workers_threads(workers), (long long)(all - back), (long long)all);
    }
    assert_true(failures > 100);
}

static void test_no_memory(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(120, 2, 1, 25);
    vl_workers *w = open_workers(2);
    for (int logistic = 0; logistic < 2; logistic++) {
        sweep(&m.c, logistic, NULL);
        sweep(&m.c, logistic, w);
    }
    vl_workers_close(w);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_and_strongest), cmocka_unit_test(test_odd_texts),
        cmocka_unit_test(test_threads),             cmocka_unit_test(test_order),
        cmocka_unit_test(test_two_of_one_number),   cmocka_unit_test(test_merged),
        cmocka_unit_test(test_too_long),            cmocka_unit_test(test_too_many_classes),
        cmocka_unit_test(test_continue),            cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
