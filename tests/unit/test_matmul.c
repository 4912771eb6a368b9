/* test_matmul.c: products by oneDNN against the plain loops, one process for each instruction set:
 * int8 exactly, float32 and bfloat16 within rounding; rows do not depend on how many there are;
 * oneDNN starts no threads; sizes that are refused. */
#include <dirent.h>
#include <math.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "base/mem.h"
#include "kernels/matmul.h"
#include "test.h"

enum { ROWS = 131 };

static const int64_t src_bytes[] = {4, 2, 1};
static const int64_t shapes[][2] = {{1, 1},   {2, 3},    {3, 768},  {64, 64},
                                    {65, 63}, {97, 130}, {384, 96}, {16, 257}};

/* Bytes, small floats or small bfloat16 numbers by kind. */
static void fill(void *data, vl_matmul_kind kind, bool weight, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t r = vl_random_at(seed, (uint64_t)i);
        float x = (float)(r >> 40) * 0x1p-23f - 1;
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        if (kind == VL_MATMUL_F32) ((float *)data)[i] = x;
        else if (kind == VL_MATMUL_BF16) ((uint16_t *)data)[i] = (uint16_t)(bits >> 16);
        else if (weight)
            ((int8_t *)data)[i] = (int8_t)((int)(r % 255) - 127); /* extremes included */
        else ((uint8_t *)data)[i] = (uint8_t)(1 + r % 127);
    }
}

static double difference(vl_matmul_kind kind, const void *a, const void *b, int64_t n)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = kind == VL_MATMUL_I8
                       ? (double)((const int32_t *)a)[i] - ((const int32_t *)b)[i]
                       : (double)((const float *)a)[i] - (double)((const float *)b)[i];
        worst = fmax(worst, fabs(d));
    }
    return worst;
}

/* 0, or the number of what is wrong. */
static int check_shape(vl_matmul_kind kind, int64_t N, int64_t K)
{
    size_t rows = (size_t)vl_matmul_rows(ROWS);
    void *weight = vl_alloc(VL_MEM_MODEL, (size_t)(N * K) * 4),
         *src = vl_alloc_zero(VL_MEM_MODEL, rows * (size_t)K * 4);
    void *out = vl_alloc(VL_MEM_MODEL, rows * (size_t)N * 4),
         *plain = vl_alloc(VL_MEM_MODEL, rows * (size_t)N * 4);
    void *few = vl_alloc(VL_MEM_MODEL, rows * (size_t)N * 4);
    vl_matmul *m;
    valence_error error;
    int wrong = 0;
    fill(weight, kind, true, N * K, 1);
    fill(src, kind, false, ROWS * K, 2);
    if (vl_matmul_pack(&m, kind, weight, N, K, &error) != VALENCE_OK) {
        fprintf(stderr, "# %s\n", error.message);
        return 1;
    }
    vl_matmul_plain(kind, plain, src, weight, ROWS, N, K);
    if (vl_matmul_run(m, out, src, ROWS) != VALENCE_OK) wrong = 2;
    double tolerance = kind == VL_MATMUL_I8 ? 0 : 1e-6 * (double)K;
    if (!wrong && !(difference(kind, out, plain, ROWS * N) <= tolerance)) wrong = 3;
    for (int64_t M = 1; M < ROWS && !wrong;
         M += 1 + M / 3) { /* the first rows alone: the same bits */
        if (vl_matmul_run(m, few, src, M) != VALENCE_OK) wrong = 4;
        else if (memcmp(few, out, (size_t)(M * N) * 4) != 0) wrong = 5;
    }
    for (int64_t r = 1; r < ROWS; r++) /* one row everywhere: the same sums */
        memcpy((char *)src + r * K * src_bytes[kind], src, (size_t)(K * src_bytes[kind]));
    if (!wrong && vl_matmul_run(m, out, src, ROWS) != VALENCE_OK) wrong = 6;
    for (int64_t r = 1; r < ROWS && !wrong; r++)
        if (memcmp(out, (char *)out + r * N * 4, (size_t)N * 4) != 0) wrong = 7;
    vl_matmul_close(m);
    vl_free(weight), vl_free(src), vl_free(out), vl_free(plain), vl_free(few);
    return wrong;
}

static int count_threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

static int check_isa(void *isa)
{
    int before = count_threads();
    vl_isa_limit(*(vl_isa *)isa);
    for (int kind = 0; kind < VL_MATMUL_KINDS; kind++) {
        if (kind == VL_MATMUL_BF16 && !vl_cpu_has_bf16()) continue;
        for (size_t i = 0; i < LENGTH(shapes); i++) {
            int wrong = check_shape((vl_matmul_kind)kind, shapes[i][0], shapes[i][1]);
            if (wrong) fprintf(stderr, "# kind %d, shape %zu: wrong %d\n", kind, i, wrong);
            if (wrong) return 1 + wrong;
        }
    }
    return count_threads() == before ? 0 : 1;
}

static void test_against_plain(void **state)
{
    (void)state;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        int code = test_in_child(check_isa, &isa);
        if (code) fail_msg("%s: %d", vl_isa_name(isa), code);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(vl_matmul_kind_for(VL_I8), VL_MATMUL_I8);
    assert_int_equal(vl_matmul_kind_for(VL_F32), VL_MATMUL_F32);
    assert_int_equal(vl_matmul_kind_for(VL_F16), VL_MATMUL_F32);
    assert_int_equal(vl_matmul_kind_for(VL_BF16),
                     vl_cpu_has_bf16() ? VL_MATMUL_BF16 : VL_MATMUL_F32);
}

static void test_refused(void **state)
{
    (void)state;
    static const int64_t wrong[][2] = {{0, 4}, {4, 0}, {-1, 4}, {1 << 20, 4}, {4, INT64_MAX}};
    vl_matmul *m;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        assert_int_equal(vl_matmul_pack(&m, VL_MATMUL_F32, "", wrong[i][0], wrong[i][1], NULL),
                         VALENCE_LIMIT);
        assert_null(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_plain),
                                       cmocka_unit_test(test_kinds),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
