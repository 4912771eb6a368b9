/* test_lstm_train.c: an LSTM layer in training: states against the formulas in double precision,
 * gradients against differences of those, over odd shapes and lengths; a text alone and in a batch;
 * PyTorch's values. */
#include "test.h"

#include <math.h>
#include <time.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "base/mem.h"
#include "kernels/gemm.h"
#include "layers/lstm_train.h"

enum {
    H_MOST = 40,
    IN_MOST = 40,
    B_MOST = 9,
    LENGTH_MOST = 12,
    T_MOST = B_MOST * LENGTH_MOST,
    ROUNDS = 60
};

/* ---- A problem: weights, texts, and the loss sum(dy y) -----------------------------------------
 */

typedef struct problem {
    vl_lstm_shape s;
    int32_t B, T, offsets[B_MOST + 1];
    bool reverse;
    double input[4 * H_MOST * IN_MOST], recurrent[4 * H_MOST * H_MOST], bias[4 * H_MOST];
    double x[T_MOST * IN_MOST], dy[T_MOST * H_MOST], y[T_MOST * H_MOST];
} problem;

static uint64_t seed, drawn;

static double draw(double range)
{
    return ((double)(float)(vl_random_at(seed, drawn++) >> 40) * 0x1p-23 - 1) * range;
}

static void fill(double *x, int n, double range)
{
    for (int i = 0; i < n; i++) x[i] = (double)(float)draw(range);
}

static int32_t below(int32_t n)
{
    return (int32_t)(vl_random_at(seed, drawn++) % (uint64_t)n);
}

static void make_problem(problem *p, int round)
{
    *p = (problem){
        .s = {1 + below(IN_MOST), 1 + below(H_MOST)}, .B = 1 + below(B_MOST), .reverse = round % 2};
    for (int32_t b = 0; b < p->B; b++)
        p->offsets[b + 1] = p->offsets[b] + 1 + below(round % 3 ? LENGTH_MOST : 3);
    p->T = p->offsets[p->B];
    fill(p->input, 4 * p->s.H * p->s.in, 2 / sqrt(p->s.in));
    fill(p->recurrent, 4 * p->s.H * p->s.H, 2 / sqrt(p->s.H));
    fill(p->bias, 4 * p->s.H, 1);
    fill(p->x, p->T * p->s.in, 1);
    fill(p->dy, p->T * p->s.H, 1);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One step of the formulas: h and c (H) go on. */
static void step(const problem *p, const double *x, double *h, double *c)
{
    const int32_t H = p->s.H;
    double a[4 * H_MOST];
    for (int32_t row = 0; row < 4 * H; row++) {
        a[row] = p->bias[row];
        for (int32_t k = 0; k < p->s.in; k++) a[row] += p->input[row * p->s.in + k] * x[k];
        for (int32_t k = 0; k < H; k++) a[row] += p->recurrent[row * H + k] * h[k];
    }
    for (int32_t n = 0; n < H; n++) {
        c[n] = sigmoid(a[H + n]) * c[n] + sigmoid(a[n]) * tanh(a[2 * H + n]);
        h[n] = sigmoid(a[3 * H + n]) * tanh(c[n]);
    }
}

/* Of text b alone; fills its y. */
static double loss_of_text(problem *p, int32_t b)
{
    double h[H_MOST] = {0}, c[H_MOST] = {0}, loss = 0;
    for (int32_t t = p->offsets[b]; t < p->offsets[b + 1]; t++) {
        int32_t row = p->reverse ? p->offsets[b] + p->offsets[b + 1] - 1 - t : t;
        step(p, p->x + row * p->s.in, h, c);
        for (int32_t n = 0; n < p->s.H; n++) loss += p->dy[row * p->s.H + n] * h[n];
        memcpy(p->y + row * p->s.H, h, sizeof(double) * (size_t)p->s.H);
    }
    return loss;
}

static double loss(problem *p)
{
    double sum = 0;
    for (int32_t b = 0; b < p->B; b++) sum += loss_of_text(p, b);
    return sum;
}

/* The derivative of the loss by *number. */
static double slope(problem *p, double *number)
{
    const double eps = 1e-5, kept = *number;
    *number = kept + eps;
    double more = loss(p);
    *number = kept - eps;
    double less = loss(p);
    *number = kept;
    return (more - less) / (2 * eps);
}

/* ---- The layer ---------------------------------------------------------------------------------
 */

typedef struct answer {
    float y[T_MOST * (H_MOST + 3)], dx[T_MOST * (IN_MOST + 2)];
    float input[4 * H_MOST * IN_MOST], recurrent[4 * H_MOST * H_MOST], bias[4 * H_MOST];
} answer;

static float *floats(const double *x, int n)
{
    float *f = vl_alloc(VL_MEM_TRAINING, (size_t)n * sizeof *f);
    for (int i = 0; i < n; i++) f[i] = (float)x[i];
    return f;
}

/* Rows of y and dx with gaps between; gradients begin at 1. */
static void solve_from(answer *a, const problem *p, float begin)
{
    const int32_t H = p->s.H, in = p->s.in;
    const size_t bytes = vl_lstm_batch_bytes(&p->s, p->B, p->T),
                 packed_bytes = vl_lstm_weights_bytes(&p->s);
    float *input = floats(p->input, 4 * H * in), *recurrent = floats(p->recurrent, 4 * H * H);
    float *bias = floats(p->bias, 4 * H), *x = floats(p->x, p->T * in),
          *dy = floats(p->dy, p->T * H);
    unsigned char *memory = vl_alloc(VL_MEM_TRAINING, bytes + 64);
    unsigned char *packed = vl_alloc(VL_MEM_TRAINING, packed_bytes + 64);
    memset(memory, 0xFF, bytes + 64); /* NaN, should anything read what it has not written */
    memset(packed, 0xFF, packed_bytes + 64);
    float *all = (float *)a;
    for (size_t i = 0; i < sizeof *a / sizeof *all; i++) all[i] = begin;
    const vl_lstm_batch batch = {p->offsets, p->B, p->reverse, memory};
    const vl_lstm_gradients g = {a->input, a->recurrent, a->bias};
    vl_lstm_weights_pack(packed, &p->s, &(vl_lstm_parameters){input, recurrent, bias});
    vl_lstm_forward(&p->s, packed, &batch, a->y, H + 3, x, in);
    vl_lstm_backward(&p->s, packed, &batch, &g, a->dx, in + 2, dy, H);
    for (size_t i = 0; i < 64; i++)
        assert_true(memory[bytes + i] == 0xFF && packed[packed_bytes + i] == 0xFF);
    float *const blocks[] = {input, recurrent, bias, x, dy};
    for (size_t i = 0; i < LENGTH(blocks); i++) vl_free(blocks[i]);
    vl_free(memory);
    vl_free(packed);
}

static void solve(answer *a, const problem *p)
{
    solve_from(a, p, 1);
}

/* ---- Tests -------------------------------------------------------------------------------------
 */

static void check(double got, double expected, double tolerance, const char *what, int round)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("%s is %.8g, not %.8g (round %d, VALENCE_SEED=%llu)", what, got, expected, round,
                 (unsigned long long)seed);
}

static void check_states(const answer *a, problem *p, int round)
{
    const int32_t H = p->s.H;
    loss(p);
    for (int32_t t = 0; t < p->T; t++) {
        for (int32_t n = 0; n < H; n++)
            check(a->y[t * (H + 3) + n], p->y[t * H + n], 2e-6, "a state", round);
        for (int32_t n = H; n < H + 3; n++) check(a->y[t * (H + 3) + n], 1, 0, "a gap", round);
    }
}

/* Some of the n numbers; got: their gradients, each 1 too large. */
static void check_slopes(problem *p, double *numbers, const float *got, int n, const char *what,
                         int round)
{
    for (int i = 0; i < 12; i++) {
        int at = below(n);
        double expected = slope(p, &numbers[at]);
        check((double)got[at] - 1, expected, 2e-5 * (1 + fabs(expected)), what, round);
    }
}

static void check_round(int round)
{
    static problem p;
    static answer a;
    static float dx[T_MOST * IN_MOST];
    make_problem(&p, round);
    solve(&a, &p);
    check_states(&a, &p, round);
    check_slopes(&p, p.input, a.input, 4 * p.s.H * p.s.in, "an input weight's gradient", round);
    check_slopes(&p, p.recurrent, a.recurrent, 4 * p.s.H * p.s.H, "a recurrent weight's gradient",
                 round);
    check_slopes(&p, p.bias, a.bias, 4 * p.s.H, "a bias' gradient", round);
    for (int32_t t = 0; t < p.T; t++)
        memcpy(dx + t * p.s.in, a.dx + t * (p.s.in + 2), (size_t)p.s.in * sizeof *dx);
    check_slopes(&p, p.x, dx, p.T * p.s.in, "an input's gradient", round);
}

static void test_gradients(void **state)
{
    (void)state;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        assert_int_equal(vl_gemm_open(NULL), VALENCE_OK);
        for (int round = 0; round < (isa == VL_ISA_SCALAR ? ROUNDS / 4 : ROUNDS); round++)
            check_round(round);
    }
    vl_isa_limit(VL_ISA_AVX512);
}

/* Squares of what x is off by, and of y. */
typedef struct distance {
    double off, norm;
} distance;

static void add_distance(distance *d, const float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        d->off += pow((double)x[i] - (double)y[i], 2);
        d->norm += pow((double)y[i], 2);
    }
}

/* Products in bfloat16: the same bits each time, and near those in float32. That is said of all
 * rounds together, for of few numbers that nearly cancel each other little is left to be near. */
static void test_bf16(void **state)
{
    (void)state;
    static problem p;
    static answer exact, rounded, again;
    distance all[5] = {0};
    if (!vl_cpu_has_bf16()) skip();
    assert_int_equal(vl_gemm_open(NULL), VALENCE_OK);
    for (int round = 0; round < ROUNDS; round++) {
        make_problem(&p, round);
        solve_from(&exact, &p, 0);
        p.s.bf16 = true;
        solve_from(&rounded, &p, 0);
        solve_from(&again, &p, 0);
        assert_memory_equal(&rounded, &again, sizeof rounded);
        add_distance(&all[0], rounded.y, exact.y, LENGTH(exact.y));
        add_distance(&all[1], rounded.dx, exact.dx, LENGTH(exact.dx));
        add_distance(&all[2], rounded.input, exact.input, LENGTH(exact.input));
        add_distance(&all[3], rounded.recurrent, exact.recurrent, LENGTH(exact.recurrent));
        add_distance(&all[4], rounded.bias, exact.bias, LENGTH(exact.bias));
    }
    for (size_t i = 0; i < LENGTH(all); i++) {
        double off = sqrt(all[i].off / all[i].norm);
        print_message("# bfloat16: off by %.1e of the norm\n", off);
        check(off, 0, 0.01, "a relative distance", (int)i);
    }
}

/* A text's states do not depend on its neighbours. */
static void test_texts_alone(void **state)
{
    (void)state;
    static problem p, one;
    static answer all, alone;
    assert_int_equal(vl_gemm_open(NULL), VALENCE_OK);
    for (int round = 0; round < ROUNDS; round++) {
        make_problem(&p, round);
        solve(&all, &p);
        for (int32_t b = 0; b < p.B; b++) {
            one = p;
            one.B = 1;
            one.T = one.offsets[1] = p.offsets[b + 1] - p.offsets[b];
            memcpy(one.x, p.x + p.offsets[b] * p.s.in, sizeof(double) * (size_t)(one.T * p.s.in));
            solve(&alone, &one);
            for (int32_t t = 0; t < one.T; t++)
                for (int32_t n = 0; n < p.s.H; n++)
                    check(alone.y[t * (p.s.H + 3) + n], all.y[(p.offsets[b] + t) * (p.s.H + 3) + n],
                          1e-6, "a state alone", round);
        }
    }
}

int main(void)
{
    const char *wanted = getenv("VALENCE_SEED");
    seed = wanted ? strtoull(wanted, NULL, 10) : 1 + (uint64_t)time(NULL);
    print_message("# VALENCE_SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients),
                                       cmocka_unit_test(test_bf16),
                                       cmocka_unit_test(test_texts_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
