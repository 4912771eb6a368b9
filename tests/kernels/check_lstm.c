/* check_lstm.c: steps of every kind and instruction set against the formulas in double precision,
 * AVX2 and AVX-512 against each other to the bit, integers against floats to the bit; rows alone
 * and together; guard bytes; then speed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/convert.h"
#include "kernels/lstm_step.h"
#include "kernels/quantize.h"
#include "numeric.h"

int check_lstm(void);

enum {
    G = VL_LSTM_GROUP,
    U_MOST = 4,
    N_MOST = 15,
    H_MOST = U_MOST * G,
    ROUNDS = 400,
    H_TIMED = 128
};

/* ---- Recurrent weights of each kind, from the same numbers ------------------------------------
 */

typedef struct weights {
    float real[4 * H_MOST * H_MOST], scale[4 * H_MOST],
        bias[4 * H_MOST]; /* canonical; scale of the bytes */
    int8_t byte[4 * H_MOST * H_MOST];
    uint16_t half[4 * H_MOST * H_MOST];
    _Alignas(64) float packed[VL_LSTM_KINDS + 1][4 * H_MOST * H_MOST];
    _Alignas(64) float packed_scale[4 * H_MOST], packed_bias[4 * H_MOST];
} weights;

enum { SCALED = VL_LSTM_KINDS }; /* the fourth way: bytes as floats */

static vl_lstm_recurrent recurrent(const weights *w, int way, int32_t H)
{
    bool integers = way == VL_LSTM_I8 || way == SCALED;
    return (vl_lstm_recurrent){.kind = way == SCALED ? VL_LSTM_F32 : (vl_lstm_kind)way,
                               .U = (H + G - 1) / G,
                               .weight = w->packed[way],
                               .scale = integers ? w->packed_scale : NULL,
                               .bias = w->packed_bias};
}

static void make_weights(weights *w, int32_t H, uint64_t round)
{
    static float as_floats[4 * H_MOST * H_MOST];
    int32_t sum[4 * H_MOST];
    fill_floats(w->real, 4 * H * H, 3 / sqrtf((float)H), round, 1);
    fill_floats(w->bias, 4 * H, 1, round, 2);
    vl_f32_to_bf16(w->half, w->real, 4 * H * H);
    vl_quantize_weight_rows(w->byte, w->scale, sum, w->real, 4 * H, H);
    vl_i8_to_f32(as_floats, w->byte, 1, 4 * H * H);
    vl_lstm_pack(w->packed[VL_LSTM_F32], VL_LSTM_F32, w->real, H);
    vl_lstm_pack(w->packed[VL_LSTM_BF16], VL_LSTM_BF16, w->half, H);
    vl_lstm_pack(w->packed[VL_LSTM_I8], VL_LSTM_I8, w->byte, H);
    vl_lstm_pack(w->packed[SCALED], VL_LSTM_F32, as_floats, H);
    vl_lstm_pack_row(w->packed_scale, w->scale, H);
    vl_lstm_pack_row(w->packed_bias, w->bias, H);
}

/* ---- The formulas ---------------------------------------------------------------------------- */

/* The weight, and the state h as the kind's product takes them. */
static double weight_of(const weights *w, int way, int64_t row, int64_t k, int32_t H)
{
    float half;
    if (way == VL_LSTM_F32) return w->real[row * H + k];
    vl_bf16_to_f32(&half, &w->half[row * H + k], 1);
    return way == VL_LSTM_BF16 ? (double)half : (double)w->byte[row * H + k] * w->scale[row];
}

static void state_of(double *x, const float *h, int way, int32_t H, int32_t P)
{
    uint16_t half[H_MOST];
    int8_t q[H_MOST];
    float wide[H_MOST], unit;
    int32_t sum;
    vl_f32_to_bf16(half, h, H);
    vl_bf16_to_f32(wide, half, H);
    unit = vl_quantize_row_scalar(q, &sum, h, P, 127, 0);
    for (int32_t k = 0; k < H; k++)
        x[k] = way == VL_LSTM_F32    ? (double)h[k]
               : way == VL_LSTM_BF16 ? (double)wide[k]
                                     : (double)q[k] * unit;
}

/* out: i, f, g, o, c, h of unit n. */
static void formulas(double out[6], const weights *w, int way, int32_t H, int32_t n,
                     const double *x, const float *z, float c)
{
    for (int g = 0; g < 4; g++) {
        double a = (double)z[(n / G * 4 + g) * G + n % G] + w->bias[g * H + n];
        for (int32_t k = 0; k < H; k++) a += weight_of(w, way, g * H + n, k, H) * x[k];
        out[g] = g == 2 ? tanh(a) : 1 / (1 + exp(-a));
    }
    out[4] = out[1] * c + out[0] * out[2];
    out[5] = out[3] * tanh(out[4]);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

typedef struct steps {
    float *z, *h_before, *c_before, *h, *c;
    char *scratch;
    size_t z_bytes, row_bytes, scratch_bytes;
} steps;

static steps make_steps(int32_t U, int32_t n, uint64_t round)
{
    steps s = {.row_bytes = (size_t)(n * U * G) * 4,
               .z_bytes = (size_t)(n * U * G) * 16,
               .scratch_bytes = vl_lstm_scratch(U, n)};
    s.z = guarded(0, s.z_bytes, 0);
    s.h_before = guarded(1, s.row_bytes, 0);
    s.c_before = guarded(2, s.row_bytes, 0);
    s.h = guarded(3, s.row_bytes, 0);
    s.c = guarded(4, s.row_bytes, 0);
    s.scratch = guarded(5, s.scratch_bytes, 0);
    fill_floats(s.z, (int64_t)s.z_bytes / 4, round % 7 ? 2 : 60, round, 3);
    fill_floats(s.h_before, (int64_t)s.row_bytes / 4, 1, round, 4);
    fill_floats(s.c_before, (int64_t)s.row_bytes / 4, round % 5 ? 2 : 30, round, 5);
    return s;
}

/* Padding is as it is in use: nothing comes in. */
static void clear_padding(const steps *s, int32_t H, int32_t U, int32_t n)
{
    for (int32_t b = 0; b < n; b++)
        for (int32_t k = H; k < U * G; k++) {
            s->h_before[b * U * G + k] = s->c_before[b * U * G + k] = 0;
            for (int g = 0; g < 4; g++) s->z[(b * U + k / G) * 4 * G + g * G + k % G] = 0;
        }
}

static vl_lstm_rows rows_of(const steps *s, bool keep)
{
    return (vl_lstm_rows){s->z, s->h_before, s->c_before, s->h, s->c, s->scratch, keep};
}

static bool is_right(const steps *s, const float *z, const weights *w, int way, int32_t H,
                     int32_t n, double *worst)
{
    const int32_t U = (H + G - 1) / G, P = U * G;
    for (int32_t b = 0; b < n; b++) {
        double x[H_MOST], out[6];
        state_of(x, s->h_before + b * P, way, H, P);
        for (int32_t k = 0; k < H; k++) {
            formulas(out, w, way, H, k, x, z + b * 4 * P, s->c_before[b * P + k]);
            double error = fabs(s->c[b * P + k] - out[4]) / fmax(1, fabs(out[4]));
            for (int g = 0; g < 4; g++)
                error = fmax(error, fabs(s->z[(b * U + k / G) * 4 * G + g * G + k % G] - out[g]));
            error = fmax(error, fabs(s->h[b * P + k] - out[5]));
            if (!(error <= 2e-6)) return false;
            *worst = fmax(*worst, error);
        }
        for (int32_t k = H; k < P; k++)
            if (s->h[b * P + k] != 0 || s->c[b * P + k] != 0) return false;
    }
    return true;
}

static bool whole(const steps *s)
{
    return intact(0, s->z, s->z_bytes) && intact(1, s->h_before, s->row_bytes) &&
           intact(2, s->c_before, s->row_bytes) && intact(3, s->h, s->row_bytes) &&
           intact(4, s->c, s->row_bytes) && intact(5, s->scratch, s->scratch_bytes);
}

/* Each row alone, and without keep: the same bits. */
static bool alone(vl_lstm_step_fn *step, const vl_lstm_recurrent *r, const steps *s, const float *z,
                  int32_t n)
{
    const int64_t P = (int64_t)r->U * G;
    _Alignas(64) float one_z[4 * H_MOST], h[H_MOST], c[H_MOST];
    for (int32_t b = 0; b < n; b++) {
        memcpy(one_z, z + b * 4 * P, (size_t)P * 16);
        memcpy(c, s->c_before + b * P, (size_t)P * 4);
        step(r, &(vl_lstm_rows){one_z, s->h_before + b * P, c, h, c, s->scratch, false}, 1);
        if (memcmp(h, s->h + b * P, (size_t)P * 4) != 0 ||
            memcmp(c, s->c + b * P, (size_t)P * 4) != 0 ||
            memcmp(one_z, z + b * 4 * P, (size_t)P * 16) != 0)
            return false;
    }
    return true;
}

typedef struct way_of_step {
    const char *name;
    vl_lstm_step_fn *step;
    int way;
    vl_isa isa;
    int same; /* must agree to the bit with this one of the list, or -1 */
} way_of_step;

static const way_of_step ways[] = {
    {"float32", vl_lstm_step_scalar, VL_LSTM_F32, VL_ISA_SCALAR, -1},
    {"bfloat16", vl_lstm_step_scalar, VL_LSTM_BF16, VL_ISA_SCALAR, -1},
    {"int8", vl_lstm_step_scalar, VL_LSTM_I8, VL_ISA_SCALAR, -1},
    {"int8 as floats", vl_lstm_step_scalar, SCALED, VL_ISA_SCALAR, 2},
    {"float32", vl_lstm_step_avx2, VL_LSTM_F32, VL_ISA_AVX2, -1},
    {"int8 as floats", vl_lstm_step_avx2, SCALED, VL_ISA_AVX2, -1},
    {"float32", vl_lstm_step_avx512, VL_LSTM_F32, VL_ISA_AVX512, 4},
    {"int8 as floats", vl_lstm_step_avx512, SCALED, VL_ISA_AVX512, 5},
    {"int8", vl_lstm_step_vnni, VL_LSTM_I8, VL_ISA_AVX512, 5},
    {"bfloat16", vl_lstm_step_bf16, VL_LSTM_BF16, VL_ISA_AVX512, -1},
};
enum { WAYS = sizeof ways / sizeof *ways };

static bool usable(const way_of_step *w)
{
    if (w->isa > vl_isa_detected()) return false;
    if (w->step == vl_lstm_step_vnni) return vl_cpu_has_vnni();
    return w->step != vl_lstm_step_bf16 || vl_cpu_has_bf16();
}

/* One round of one way; its states go to out. */
static bool agrees(const way_of_step *way, const weights *w, int32_t H, int32_t n, uint64_t round,
                   float *out, double *worst)
{
    static _Alignas(64) float z[4 * H_MOST * N_MOST];
    const vl_lstm_recurrent r = recurrent(w, way->way, H);
    const steps s = make_steps(r.U, n, round);
    clear_padding(&s, H, r.U, n);
    memcpy(z, s.z, s.z_bytes);
    const vl_lstm_rows rows = rows_of(&s, true);
    way->step(&r, &rows, n);
    memcpy(out, s.h, s.row_bytes);
    return whole(&s) && is_right(&s, z, w, way->way, H, n, worst) && alone(way->step, &r, &s, z, n);
}

static bool check_ways(int failed_of[WAYS], double worst_of[WAYS])
{
    static weights w;
    static float out[WAYS][H_MOST * N_MOST];
    bool all = true;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        int32_t H = 1 + (int32_t)random_below(round, 10, H_MOST),
                n = 1 + (int32_t)random_below(round, 11, N_MOST);
        size_t bytes = (size_t)((H + G - 1) / G * G * n) * 4;
        make_weights(&w, H, round);
        for (int i = 0; i < WAYS; i++) {
            if (!usable(&ways[i]) || failed_of[i]) continue;
            bool good = agrees(&ways[i], &w, H, n, round, out[i], &worst_of[i]);
            if (ways[i].same >= 0) good = good && memcmp(out[i], out[ways[i].same], bytes) == 0;
            if (!good) printf("# differs in round %d (%d units, %d rows)\n", (int)round, H, n);
            failed_of[i] = !good;
            all = all && good;
        }
    }
    return all;
}

/* NaN and infinity in one row are that row's alone. */
static bool contains_nan(const way_of_step *way)
{
    enum { H = 20, N = 3 };
    static weights w;
    make_weights(&w, H, 1);
    const vl_lstm_recurrent r = recurrent(&w, way->way, H);
    const steps s = make_steps(r.U, N, 1);
    clear_padding(&s, H, r.U, N);
    const vl_lstm_rows rows = rows_of(&s, false);
    s.z[4 * r.U * G + 5] = NAN;
    s.c_before[2 * r.U * G] = INFINITY;
    way->step(&r, &rows, N);
    bool good = isnan(s.h[r.U * G + 5]) && isnan(s.c[r.U * G + 5]);
    for (int k = 0; k < H; k++) good = good && isfinite(s.h[k]) && isfinite(s.h[2 * r.U * G + k]);
    return good;
}

/* ---- Speed ----------------------------------------------------------------------------------- */

static double seconds_of(const way_of_step *way, int32_t n)
{
    enum { N = 32, BLOCKS = 8 };
    static _Alignas(64) float packed[4 * H_TIMED * H_TIMED], z[BLOCKS][4 * H_TIMED * N],
        ones[4 * H_TIMED];
    static _Alignas(64) float h[2][H_TIMED * N], c[H_TIMED * N];
    static _Alignas(64) char scratch[H_TIMED * N * 4 + 512];
    vl_lstm_recurrent r = {.kind = way->way == SCALED ? VL_LSTM_F32 : (vl_lstm_kind)way->way,
                           .U = H_TIMED / G,
                           .weight = packed,
                           .bias = ones};
    double best;
    fill_floats(z[0], sizeof z / 4, 2, 1, 1);
    if (r.kind == VL_LSTM_F32) fill_floats(packed, 4 * H_TIMED * H_TIMED, 0.1f, 1, 2);
    else memset(packed, r.kind == VL_LSTM_I8 ? 130 : 0x3C, sizeof packed);
    for (int i = 0; i < 4 * H_TIMED; i++) ones[i] = 0.01f;
    if (way->way >= VL_LSTM_I8) r.scale = ones;
    BEST_SECONDS(best, 30,
                 for (int i = 0; i < BLOCKS; i++) way->step(
                     &r, &(vl_lstm_rows){z[i], h[i % 2], c, h[1 - i % 2], c, scratch, false}, n));
    return best / BLOCKS;
}

static void tell_speed(const way_of_step *way)
{
    static const int32_t sizes[] = {1, 32};
    for (int i = 0; i < 2; i++) {
        double seconds = seconds_of(way, sizes[i]), work = 8.0 * H_TIMED * H_TIMED * sizes[i];
        printf("# lstm step %s, %d texts %s: %.2f us, %.1f GFLOP/s", way->name, sizes[i],
               vl_isa_name(way->isa), seconds * 1e6, work / seconds * 1e-9);
        if (way->isa != VL_ISA_SCALAR)
            printf(" (%.0f %% of float32's peak)", work / seconds * 1e-7 / peak_gflops(way->isa));
        printf("\n");
    }
}

int check_lstm(void)
{
    int failed = 0, failed_of[WAYS] = {0};
    double worst_of[WAYS] = {0};
    check_ways(failed_of, worst_of);
    for (int i = 0; i < WAYS; i++) {
        char what[64];
        if (!usable(&ways[i])) continue;
        snprintf(what, sizeof what, "lstm step, %s", ways[i].name);
        bool good = !failed_of[i] && contains_nan(&ways[i]);
        failed += said(good, what, ways[i].isa);
        printf("# lstm step %s %s: error %.1e\n", ways[i].name, vl_isa_name(ways[i].isa),
               worst_of[i]);
        if (good) tell_speed(&ways[i]);
    }
    return failed;
}
