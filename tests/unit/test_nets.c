/* test_nets.c: gradients of whole networks against numerical ones, by each parameter, over odd
 * shapes and ragged texts; the same logits whatever the texts' order. */
#include "test.h"

#include <math.h>

#include "layers/loss.h"
#include "train/lstm_net.h"
#include "train/transformer_net.h"

enum { TEXTS = 5, TOKENS = 23, CLASSES = 3, VOCABULARY = 17 };
enum { GUESSES = 2 * (TOKENS - TEXTS) }; /* of a language model: none beyond a text's end */

static const int32_t offsets[TEXTS + 1] = {0, 4, 5, 12, 21, TOKENS};
static const int32_t label[TEXTS] = {0, 2, 1, 1, 0};
static const float weight[TEXTS] = {1, 0.5f, 2, 1, 0.25f};

typedef struct fixture {
    vl_net *net;
    int32_t ids[TOKENS];
    vl_net_texts texts;
    float *scratch, *gradient, *rows;
    float logits[TEXTS * CLASSES], dlogits[TEXTS * CLASSES];
    int checked, kinks;
} fixture;

static void open_fixture(fixture *f, vl_net *net)
{
    *f = (fixture){.net = net};
    for (int i = 0; i < TOKENS; i++)
        f->ids[i] = (int32_t)(vl_random_at(5, (uint64_t)i) % VOCABULARY);
    f->texts = (vl_net_texts){.ids = f->ids,
                              .offsets = offsets,
                              .B = TEXTS,
                              .first_text = 3,
                              .first_token = 40,
                              .learning = true,
                              .seed = 9,
                              .step = 4};
    f->scratch = vl_alloc(VL_MEM_TRAINING, net->class->scratch(net, TEXTS, TOKENS) * sizeof(float));
    f->gradient = vl_alloc_zero(VL_MEM_TRAINING, (size_t)net->size * sizeof(float));
    f->rows = vl_alloc(VL_MEM_TRAINING, (size_t)(TOKENS * net->E) * sizeof(float));
}

static void close_fixture(fixture *f)
{
    vl_free(f->scratch);
    vl_free(f->gradient);
    vl_free(f->rows);
    vl_net_close(f->net);
}

static double loss_of(fixture *f, float *gradient)
{
    if (f->net->class->learn)
        return f->net->class->learn(f->net, &f->texts, 0, NULL, NULL, f->scratch).loss / GUESSES;
    f->net->class->forward(f->net, &f->texts, f->logits, f->scratch);
    return vl_cross_entropy(gradient, f->logits, label, weight, TEXTS, CLASSES, 0.1f, 1);
}

/* The slope of the loss along x by a wide and a narrow difference, the error of second order taken
 * out. False where the two disagree: a maximum changes hands there. */
static bool slope(fixture *f, float *x, double *out)
{
    const float h = 1.0f / 512;
    float was = *x;
    double d[2];
    for (int i = 0; i < 2; i++) {
        float step = i ? h / 2 : h;
        *x = was + step;
        double up = loss_of(f, NULL);
        *x = was - step;
        d[i] = (up - loss_of(f, NULL)) / (2 * (double)step);
    }
    *x = was;
    *out = (4 * d[1] - d[0]) / 3;
    return fabs(d[1] - d[0]) < 1e-3 * fabs(d[1]) + 2e-4;
}

static void assert_slope(fixture *f, float *x, double got, const char *what)
{
    double expected;
    f->checked++;
    if (!slope(f, x, &expected)) f->kinks++;
    else if (fabs(got - expected) > 2e-3 * fabs(expected) + 4e-4)
        fail_msg("%s: gradient %g, numerically %g", what, got, expected);
}

static void check_gradients(vl_net *net)
{
    fixture f;
    open_fixture(&f, net);
    double loss = loss_of(&f, f.dlogits);
    if (net->class->learn) {
        vl_net_score score =
            net->class->learn(net, &f.texts, 1.0f / GUESSES, f.gradient, f.rows, f.scratch);
        assert_true(score.loss / GUESSES == loss);
        assert_int_equal(score.guesses, GUESSES);
    } else {
        net->class->back(net, &f.texts, f.dlogits, f.gradient, f.rows, f.scratch);
    }
    for (int i = 0; i < net->parameter_count; i++) {
        const vl_parameter *p = &net->parameters[i];
        int64_t step = p->count / 40 + 1;
        for (int64_t k = 0; k < p->count; k += step)
            assert_slope(&f, net->vector + p->offset + k, (double)f.gradient[p->offset + k],
                         p->name);
    }
    for (int32_t v = 0; v < VOCABULARY; v++)
        for (int32_t e = 0; e < net->E; e++) {
            double sum = 0;
            for (int t = 0; t < TOKENS; t++)
                if (f.ids[t] == v) sum += (double)f.rows[t * net->E + e];
            assert_slope(&f, net->table + v * net->E + e, sum, "embeddings.word");
        }
    assert_true(f.kinks * 20 < f.checked);
    close_fixture(&f);
}

static vl_net *open_lstm(vl_lstm_net_options o, float dropout)
{
    vl_net *net;
    o.V = VOCABULARY;
    o.word_dropout = dropout / 2;
    o.input_dropout = o.dropout = dropout;
    o.seed = 3;
    assert_int_equal(vl_lstm_net_open(&net, &o, NULL, NULL), VALENCE_OK);
    for (int64_t i = 0; i < (int64_t)VOCABULARY * o.E; i++) net->table[i] *= 4;
    return net;
}

static vl_net *lstm(int32_t E, int32_t H, int layers, float dropout, vl_pooling pooling)
{
    return open_lstm(
        (vl_lstm_net_options){.E = E, .H = H, .K = CLASSES, .layers = layers, .pooling = pooling},
        dropout);
}

static vl_net *language(int32_t E, int32_t H, int32_t samples, float dropout)
{
    return open_lstm(
        (vl_lstm_net_options){.E = E, .H = H, .layers = 1, .language = true, .samples = samples},
        dropout);
}

static void test_lstm_gradients(void **state)
{
    (void)state;
    check_gradients(lstm(5, 7, 1, 0, VL_POOL_MAX_MEAN));
    check_gradients(lstm(16, 16, 1, 0, VL_POOL_MAX));
    check_gradients(lstm(3, 17, 2, 0, VL_POOL_MEAN));
    check_gradients(lstm(4, 9, 1, 0, VL_POOL_ATTENTION));
    check_gradients(lstm(6, 4, 3, 0.3f, VL_POOL_MAX_MEAN));
}

static void test_language_gradients(void **state)
{
    (void)state;
    check_gradients(language(5, 7, 6, 0));
    check_gradients(language(16, 9, 1000, 0));
    check_gradients(language(4, 17, 11, 0.3f));
}

static vl_net *transformer(int32_t C, int32_t heads, int layers, float dropout)
{
    vl_net *net;
    vl_transformer_net_options o = {.V = VOCABULARY,
                                    .C = C,
                                    .I = 2 * C + 1,
                                    .K = CLASSES,
                                    .heads = heads,
                                    .longest = 9,
                                    .layers = layers,
                                    .word_dropout = dropout / 2,
                                    .dropout = dropout,
                                    .seed = 3};
    assert_int_equal(vl_transformer_net_open(&net, &o, NULL, NULL), VALENCE_OK);
    for (int64_t i = 0; i < (int64_t)VOCABULARY * C; i++) net->table[i] *= 16;
    return net;
}

static void test_transformer_gradients(void **state)
{
    (void)state;
    check_gradients(transformer(6, 1, 1, 0));
    check_gradients(transformer(15, 3, 2, 0));
    check_gradients(transformer(8, 2, 2, 0.2f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lstm_gradients),
                                       cmocka_unit_test(test_language_gradients),
                                       cmocka_unit_test(test_transformer_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
