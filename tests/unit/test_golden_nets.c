/* test_golden_nets.c: logits, loss, gradients and optimiser steps of the networks against
 * PyTorch's: tests/golden/nets.json, whose header says how it was made. Run in the repository's
 * root, as make check does. */
#include "test.h"

#include <math.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "layers/loss.h"
#include "layers/sampled_softmax.h"
#include "train/lstm_net.h"
#include "train/optimizer.h"
#include "train/transformer_net.h"

enum { V = 11, E = 8, H = 6, K = 3, TEXTS = 4, TOKENS = 16, LAYERS = 2 };

static const int32_t ids[TOKENS] = {1, 4, 4, 7, 10, 3, 2, 9, 5, 0, 6, 8, 1, 7, 7, 3};
static const int32_t offsets[TEXTS + 1] = {0, 5, 6, 13, TOKENS};
static const int32_t label[TEXTS] = {0, 2, 1, 2};
static const float weight[TEXTS] = {1, 0.5f, 2, 1.5f};

static vl_mapped_file file;
static vl_json_parser *parser;
static vl_json root;

static vl_json member(vl_json object, const char *key)
{
    vl_json v;
    if (!vl_json_get(object, key, &v)) fail_msg("the golden file has no '%s'", key);
    return v;
}

static double number(vl_json v)
{
    double x;
    assert_true(vl_json_number(v, &x));
    return x;
}

static void expect_near(double got, double expected, double bound, const char *what)
{
    if (!(fabs(got - expected) <= bound * (1 + fabs(expected))))
        fail_msg("%s: %.9g, PyTorch has %.9g", what, got, expected);
}

/* ---- Arrays that follow from their place ----------------------------------------------------- */

static void set(float *x, int64_t n, int seed, bool gain)
{
    for (int64_t i = 0; i < n; i++) {
        double value = 0.5 * sin(0.7 * (double)i + seed);
        x[i] = (float)(gain ? 1 + 0.2 * value : value);
    }
}

static double product(const float *x, int64_t n, int seed)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * sin(0.7 * (double)i + seed + 0.5);
    return sum;
}

static void set_parameters(vl_net *net)
{
    set(net->table, V * E, 0, false);
    for (int i = 0; i < net->parameter_count; i++) {
        const vl_parameter *p = &net->parameters[i];
        set(net->vector + p->offset, p->count, i + 1, strstr(p->name, "norm.weight") != NULL);
    }
}

static void expect_products(const vl_net *net, const float *vector, const float *table,
                            vl_json expected, double bound)
{
    expect_near(product(table, V * E, 0), number(member(expected, "embeddings.word")), bound,
                "embeddings.word");
    for (int i = 0; i < net->parameter_count; i++) {
        const vl_parameter *p = &net->parameters[i];
        expect_near(product(vector + p->offset, p->count, i + 1), number(member(expected, p->name)),
                    bound, p->name);
    }
}

/* ---- One family ------------------------------------------------------------------------------ */

typedef struct pass {
    float logits[TEXTS * K], dlogits[TEXTS * K], rows[TOKENS * E];
    float *gradient;
    double loss;
} pass;

static void run_pass(vl_net *net, pass *p)
{
    vl_net_texts t = {.ids = ids, .offsets = offsets, .B = TEXTS, .learning = true};
    float *scratch =
        vl_alloc(VL_MEM_TRAINING, net->class->scratch(net, TEXTS, TOKENS) * sizeof(float));
    memset(p->gradient, 0, (size_t)net->size * sizeof(float));
    net->class->forward(net, &t, p->logits, scratch);
    p->loss = vl_cross_entropy(p->dlogits, p->logits, label, weight, TEXTS, K, 0.1f, 1);
    net->class->back(net, &t, p->dlogits, p->gradient, p->rows, scratch);
    vl_free(scratch);
}

static int check_logit(void *user, vl_span key, vl_json value)
{
    (void)key;
    const float **at = user;
    expect_near((double)*(*at)++, number(value), 2e-6, "a logit");
    return 0;
}

static void check_pass(vl_net *net, pass *p, vl_json expected)
{
    float table[V * E] = {0};
    const float *logits = p->logits;
    set_parameters(net);
    run_pass(net, p);
    vl_json_each(member(expected, "logits"), check_logit, &logits);
    assert_int_equal(logits - p->logits, TEXTS * K);
    expect_near(p->loss, number(member(expected, "loss")), 1e-6, "the loss");
    for (int i = 0; i < TOKENS; i++)
        for (int e = 0; e < E; e++) table[ids[i] * E + e] += p->rows[i * E + e];
    expect_products(net, p->gradient, table, member(expected, "gradients"), 1e-5);
}

static void check_steps(vl_net *net, pass *p, vl_json expected, vl_optimizer_kind kind)
{
    vl_optimizer optimizer;
    vl_optimizer_options o = {.kind = kind,
                              .beta1 = 0.9f,
                              .beta2 = 0.99f,
                              .epsilon = 1e-6f,
                              .momentum = 0.9f,
                              .decay = kind == VL_ADAMW ? 0.1f : 0,
                              .clip = 1};
    set_parameters(net);
    assert_int_equal(vl_optimizer_open(&optimizer, net, &o, NULL), VALENCE_OK);
    for (int step = 0; step < 3; step++) {
        double norm;
        run_pass(net, p);
        assert_int_equal(vl_optimizer_step(&optimizer, &p->gradient, 1, ids, p->rows, TOKENS, 0.01f,
                                           NULL, &norm),
                         VALENCE_OK);
    }
    expect_products(net, net->vector, net->table, expected, kind == VL_ADAMW ? 2e-4 : 1e-5);
    vl_optimizer_close(&optimizer);
}

static void check_family(vl_net *net, const char *name)
{
    vl_json expected = member(root, name);
    pass p = {.gradient = vl_alloc(VL_MEM_TRAINING, (size_t)net->size * sizeof(float))};
    check_pass(net, &p, expected);
    check_steps(net, &p, member(expected, "adamw"), VL_ADAMW);
    check_steps(net, &p, member(expected, "sgd"), VL_SGD);
    vl_free(p.gradient);
    vl_net_close(net);
}

static void test_lstm(void **state)
{
    (void)state;
    vl_net *net;
    vl_lstm_net_options o = {.V = V, .E = E, .H = H, .K = K, .layers = LAYERS};
    assert_int_equal(vl_lstm_net_open(&net, &o, NULL, NULL), VALENCE_OK);
    check_family(net, "lstm");
}

static void test_transformer(void **state)
{
    (void)state;
    vl_net *net;
    vl_transformer_net_options o = {
        .V = V, .C = E, .I = 16, .K = K, .heads = 2, .longest = 9, .layers = LAYERS};
    assert_int_equal(vl_transformer_net_open(&net, &o, NULL, NULL), VALENCE_OK);
    check_family(net, "transformer");
}

static void test_sampled_softmax(void **state)
{
    (void)state;
    enum { R = 5, S = 7 };
    const int32_t wanted_id[R] = {3, -1, 0, 5, 2}, candidate_id[S] = {0, 3, 3, 1, 4, 5, 6};
    float h[R * E], wanted[R * E], candidates[S * E], logits[R * S], dh[R * E], dwanted[R * E],
        dcandidates[S * E] = {0};
    vl_json expected = member(root, "sampled_softmax");
    set(h, R * E, 0, false);
    set(wanted, R * E, 1, false);
    set(candidates, S * E, 2, false);
    vl_sampled_softmax s = {R, S, E, h, wanted, candidates, wanted_id, candidate_id};
    vl_sampled_gradients to = {dh, dwanted, dcandidates, 1};
    vl_sampled_score score = vl_sampled_softmax_run(&s, &to, logits);
    expect_near(score.loss, number(member(expected, "loss")), 1e-6, "the loss");
    expect_near(product(dh, R * E, 0), number(member(expected, "h")), 1e-5, "h");
    expect_near(product(dwanted, R * E, 1), number(member(expected, "wanted")), 1e-5, "wanted");
    expect_near(product(dcandidates, S * E, 2), number(member(expected, "candidates")), 1e-5,
                "candidates");
}

static int open_file(void **state)
{
    (void)state;
    valence_error error = {0};
    parser = vl_json_parser_open(1 << 20);
    if (vl_mapped_file_open(&file, "tests/golden/nets.json", &error) != VALENCE_OK) return -1;
    return vl_json_parse_copy(parser, (vl_span){file.data, file.size}, &root, &error) == VALENCE_OK
               ? 0
               : -1;
}

static int close_file(void **state)
{
    (void)state;
    vl_json_parser_close(parser);
    vl_mapped_file_release(&file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lstm),
                                       cmocka_unit_test(test_sampled_softmax),
                                       cmocka_unit_test(test_transformer)};
    if (access("tests/golden/nets.json", R_OK) != 0) {
        print_message("# SKIP no tests/golden/nets.json: not in the repository's root\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, open_file, close_file);
}
