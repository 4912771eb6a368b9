/* test_fit.c: the training loop: one batch can be learnt by heart, the same bits for any number of
 * threads and after stops and resumes, and what it says of data and settings that cannot work. */
#include "test.h"

#include <math.h>
#include <pthread.h>

#include "base/mem.h"
#include "train/fit.h"
#include "train/lstm_net.h"
#include "train/transformer_net.h"

enum { TEXTS = 40, VOCABULARY = 50, CLASSES = 2, HELD = 8 };

/* Texts whose label is whether token 1 occurs. */
typedef struct fixture {
    vl_token_corpus texts;
    int32_t label[TEXTS];
    float weight[TEXTS];
    int64_t index[TEXTS];
    vl_fit_set train, dev;
} fixture;

static void make_text(fixture *f, int i)
{
    int64_t length = 3 + (int64_t)(vl_random_at(2, (uint64_t)i) % 9), at = f->texts.offsets[i];
    f->label[i] = i % 2;
    f->weight[i] = i % 3 ? 1 : 0.5f;
    f->index[i] = i;
    for (int64_t k = 0; k < length; k++)
        f->texts.ids[at + k] =
            2 + (int32_t)(vl_random_at(3, (uint64_t)(i * 100 + k)) % (VOCABULARY - 2));
    if (f->label[i])
        f->texts.ids[at + (int64_t)(vl_random_at(4, (uint64_t)i) % (uint64_t)length)] = 1;
    f->texts.offsets[i + 1] = at + length;
}

static void open_fixture(fixture *f)
{
    *f = (fixture){.texts = {.count = TEXTS}};
    f->texts.ids = vl_alloc(VL_MEM_TRAINING, TEXTS * 12 * sizeof(int32_t));
    f->texts.offsets = vl_alloc_zero(VL_MEM_TRAINING, (TEXTS + 1) * sizeof(int64_t));
    for (int i = 0; i < TEXTS; i++) make_text(f, i);
    f->train = (vl_fit_set){&f->texts, f->label, f->weight, f->index, TEXTS - HELD};
    f->dev = (vl_fit_set){&f->texts, f->label, f->weight, f->index + TEXTS - HELD, HELD};
}

static vl_net *open_lstm(vl_lstm_net_options o, float dropout)
{
    vl_net *net;
    o.V = VOCABULARY;
    o.E = 12;
    o.H = 10;
    o.layers = 1;
    o.dropout = dropout;
    o.seed = 1;
    assert_int_equal(vl_lstm_net_open(&net, &o, NULL, NULL), VALENCE_OK);
    return net;
}

static vl_net *lstm(float dropout)
{
    return open_lstm((vl_lstm_net_options){.K = CLASSES, .word_dropout = dropout}, dropout);
}

static vl_net *language(float dropout)
{
    return open_lstm((vl_lstm_net_options){.language = true, .samples = 6}, dropout);
}

static vl_net *transformer(float dropout)
{
    vl_net *net;
    vl_transformer_net_options o = {.V = VOCABULARY,
                                    .C = 12,
                                    .I = 24,
                                    .K = CLASSES,
                                    .heads = 2,
                                    .longest = 12,
                                    .layers = 2,
                                    .dropout = dropout,
                                    .seed = 1};
    assert_int_equal(vl_transformer_net_open(&net, &o, NULL, NULL), VALENCE_OK);
    return net;
}

typedef vl_net *make_net(float dropout);
static make_net *const nets[] = {lstm, transformer, language};
enum { NETS = 3 };

static vl_fit_options options(void)
{
    vl_fit_options o = vl_fit_defaults();
    o.epochs = 4;
    o.batch = (vl_batch_limits){64, 16};
    o.rate = 0.01f;
    o.checkpoint_seconds = 0;
    return o;
}

/* ---- It learns ------------------------------------------------------------------------------- */

static void overfit(vl_net *net)
{
    fixture f;
    vl_fit_result r;
    vl_fit_options o = options();
    open_fixture(&f);
    o.epochs = 120;
    o.batch = (vl_batch_limits){100000, 1000};
    o.smoothing = 0;
    o.optimizer.decay = 0;
    assert_int_equal(vl_fit(net, &f.train, &f.train, &o, NULL, &r, NULL), VALENCE_OK);
    assert_int_equal(r.steps, 120);
    assert_true(r.curve[r.points - 1].loss < 0.02);
    assert_true(r.best.dev_accuracy >= 1);
    vl_fit_result_release(&r);
    vl_token_corpus_release(&f.texts);
    vl_net_close(net);
}

static void test_overfits_one_batch(void **state)
{
    (void)state;
    overfit(lstm(0));
    overfit(transformer(0));
}

/* ---- One result ------------------------------------------------------------------------------ */

typedef struct stopping {
    int64_t at;
} stopping;

static int stop_at(void *user, const vl_fit_progress *p)
{
    const stopping *s = user;
    return s->at && p->step >= s->at;
}

/* Hash of all that a run gives. */
static uint64_t result_of(const vl_net *net, const vl_fit_result *r)
{
    uint64_t h = vl_hash64(net->vector, (size_t)net->size * sizeof(float), 1);
    h = vl_hash64(net->table, (size_t)net->V * (size_t)net->E * sizeof(float), h);
    for (int64_t i = 0; i < r->points; i++) {
        const double point[] = {r->curve[i].step, r->curve[i].loss, r->curve[i].dev_loss,
                                r->curve[i].dev_accuracy};
        h = vl_hash64(point, sizeof point, h);
    }
    return h;
}

static uint64_t run(make_net *make, int threads, vl_optimizer_kind kind)
{
    fixture f;
    vl_fit_result r;
    vl_workers *workers;
    vl_fit_options o = options();
    open_fixture(&f);
    o.optimizer.kind = kind;
    vl_net *net = make(0.2f);
    assert_int_equal(vl_workers_open(&workers, threads, NULL), VALENCE_OK);
    assert_int_equal(vl_fit(net, &f.train, &f.dev, &o, workers, &r, NULL), VALENCE_OK);
    uint64_t h = result_of(net, &r);
    vl_fit_result_release(&r);
    vl_workers_close(workers);
    vl_token_corpus_release(&f.texts);
    vl_net_close(net);
    return h;
}

static void test_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        uint64_t one = run(nets[i], 1, VL_ADAMW);
        for (int threads = 2; threads <= 4; threads++)
            assert_int_equal(run(nets[i], threads, VL_ADAMW), one);
    }
    assert_int_equal(run(lstm, 1, VL_SGD), run(lstm, 3, VL_SGD));
}

/* Stops after each step in turn and goes on from the checkpoint. */
static void resume(make_net *make)
{
    fixture f;
    vl_fit_result r;
    char *path = test_path("run.checkpoint");
    uint64_t whole = run(make, 2, VL_ADAMW);
    vl_fit_options o = options();
    stopping s = {0};
    open_fixture(&f);
    o.checkpoint = path;
    o.resume = true;
    o.progress = stop_at;
    o.user = &s;
    vl_status status = VALENCE_CANCELLED;
    vl_net *net = NULL;
    for (int64_t step = 1; status == VALENCE_CANCELLED; step++) {
        vl_net_close(net);
        net = make(0.2f);
        s.at = step;
        status = vl_fit(net, &f.train, &f.dev, &o, NULL, &r, NULL);
        assert_true(step < 1000);
    }
    assert_int_equal(status, VALENCE_OK);
    assert_int_equal(result_of(net, &r), whole);
    vl_fit_result_release(&r);
    vl_net_close(net);
    vl_token_corpus_release(&f.texts);
    test_path_done(path);
}

static void test_resumes_bit_for_bit(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) resume(nets[i]);
}

/* ---- What cannot work ------------------------------------------------------------------------ */

static void expect_error(const vl_fit_set *train, const vl_fit_set *dev, const vl_fit_options *o,
                         vl_status code, const char *part)
{
    valence_error error = {0};
    vl_fit_result r;
    vl_net *net = lstm(0);
    assert_int_equal(vl_fit(net, train, dev, o, NULL, &r, &error), code);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in '%s'", part, error.message);
    vl_fit_result_release(&r);
    vl_net_close(net);
}

static void test_says_what_is_wrong(void **state)
{
    (void)state;
    fixture f;
    vl_fit_options o = options();
    open_fixture(&f);
    vl_fit_set none = f.train, one = f.train;
    none.n = 0;
    one.n = 1;
    expect_error(&none, &f.dev, &o, VALENCE_ARGUMENT, "no text to learn from");
    expect_error(&one, &f.dev, &o, VALENCE_ARGUMENT, "one label");
    expect_error(&f.train, &none, &o, VALENCE_ARGUMENT, "no text to measure on");
    f.label[3] = CLASSES;
    expect_error(&f.train, &f.dev, &o, VALENCE_ARGUMENT, "label 2 of text 4");
    f.label[3] = 1;
    f.weight[5] = NAN;
    expect_error(&f.train, &f.dev, &o, VALENCE_ARGUMENT, "weights");
    f.weight[5] = INFINITY;
    expect_error(&f.train, &f.dev, &o, VALENCE_ARGUMENT, "weights");
    f.weight[5] = 1;
    o.rate = 1e30f;
    o.warmup = 0;
    expect_error(&f.train, &f.dev, &o, VALENCE_ARGUMENT, "at step");
    vl_token_corpus_release(&f.texts);
}

/* A language model has nothing to learn from texts of one token. */
static void test_wants_pairs(void **state)
{
    (void)state;
    fixture f;
    valence_error error = {0};
    vl_fit_result r;
    vl_fit_options o = options();
    open_fixture(&f);
    for (int i = 0; i <= TEXTS; i++) f.texts.offsets[i] = i;
    vl_net *net = language(0);
    assert_int_equal(vl_fit(net, &f.train, &f.dev, &o, NULL, &r, &error), VALENCE_ARGUMENT);
    assert_non_null(strstr(error.message, "two tokens"));
    f.texts.offsets[1] = 2; /* tokens 0 and 1 are one text's, the next one is empty: not shown */
    f.train.n = 1;
    assert_int_equal(vl_fit(net, &f.train, &f.train, &o, NULL, &r, &error), VALENCE_OK);
    assert_null(r.logits);
    vl_fit_result_release(&r);
    vl_net_close(net);
    vl_token_corpus_release(&f.texts);
}

static void test_refuses_other_checkpoints(void **state)
{
    (void)state;
    fixture f;
    char *path = test_path("run.checkpoint");
    stopping s = {3};
    vl_fit_options o = options();
    open_fixture(&f);
    o.checkpoint = path;
    o.progress = stop_at;
    o.user = &s;
    expect_error(&f.train, &f.dev, &o, VALENCE_CANCELLED, "");
    o.resume = true;
    o.rate = 0.02f;
    expect_error(&f.train, &f.dev, &o, VALENCE_ARGUMENT, "other data or options");
    o.rate = 0.01f;
    vl_net *net = lstm(0.3f); /* the same parameters to begin with */
    vl_fit_result r;
    assert_int_equal(vl_fit(net, &f.train, &f.dev, &o, NULL, &r, NULL), VALENCE_ARGUMENT);
    vl_net_close(net);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("nothing of the kind", file);
    fclose(file);
    expect_error(&f.train, &f.dev, &o, VALENCE_FORMAT, "");
    vl_token_corpus_release(&f.texts);
    test_path_done(path);
}

static void fail_each_allocation(make_net *make)
{
    fixture f;
    vl_fit_options o = options();
    open_fixture(&f);
    o.epochs = 1;
    vl_status status = VALENCE_NO_MEMORY;
    for (int64_t n = 1; status == VALENCE_NO_MEMORY; n++) {
        vl_net *net = make(0);
        vl_fit_result r;
        vl_mem_fail_from(n);
        status = vl_fit(net, &f.train, &f.dev, &o, NULL, &r, NULL);
        vl_mem_fail_from(0);
        vl_fit_result_release(&r);
        vl_net_close(net);
        assert_true(n < 10000);
    }
    assert_int_equal(status, VALENCE_OK);
    vl_token_corpus_release(&f.texts);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) fail_each_allocation(nets[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_overfits_one_batch),
                                       cmocka_unit_test(test_same_bits_for_any_threads),
                                       cmocka_unit_test(test_resumes_bit_for_bit),
                                       cmocka_unit_test(test_says_what_is_wrong),
                                       cmocka_unit_test(test_wants_pairs),
                                       cmocka_unit_test(test_refuses_other_checkpoints),
                                       cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
