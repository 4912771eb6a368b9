/* test_linear_writer.c: what is written reads back as the model that was meant, as exactly as its
 * type allows; the int8 scale is the better of those tried. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "train/linear_writer.h"

enum { SLOTS = 200, K_MOST = 6 };

typedef struct made {
    float weight[SLOTS * K_MOST], bias[K_MOST], square[SLOTS], usage[SLOTS];
    vl_linear_weights w;
} made;

static void make(made *m, int32_t K, vl_linear_norm norm)
{
    int32_t C = K == 2 ? 1 : K;
    for (int i = 0; i < SLOTS * C; i++) {
        double u = (double)vl_random_at(1, (uint64_t)i) / 1.8446744073709552e19 - 0.5;
        m->weight[i] = (float)(u * u * u * 20 * (1 + i % C)); /* columns of different size */
    }
    for (int s = 0; s < SLOTS; s++) {
        m->usage[s] = (float)(vl_random_at(2, (uint64_t)s) % 50);
        m->square[s] = (float)s / 7;
    }
    for (int k = 0; k < K; k++) m->bias[k] = (float)k - 1.25f;
    m->w = (vl_linear_weights){
        m->weight, m->bias, norm == VL_NORM_L2 ? m->square : NULL, m->usage, SLOTS, K, C, norm};
}

static double loss_of(const float *weight, const float *usage, int rows, int stride, float scale)
{
    double loss = 0;
    for (int i = 0; i < rows; i++) {
        double q = rint((double)weight[i * stride] / scale);
        double e = weight[i * stride] - scale * fmax(-127, fmin(127, q));
        loss += (usage ? usage[i] : 1) * e * e;
    }
    return loss;
}

static void test_scale(void **state)
{
    (void)state;
    static made m;
    make(&m, 3, VL_NORM_NONE);
    for (int c = 0; c < 3; c++)
        for (int with = 0; with < 2; with++) {
            const float *usage = with ? m.usage : NULL;
            float max = 0, scale = vl_int8_scale(m.weight + c, usage, SLOTS, 3);
            for (int s = 0; s < SLOTS; s++) max = fmaxf(max, fabsf(m.weight[s * 3 + c]));
            assert_true(scale > 0 && scale <= max / 127 * 1.0001f);
            assert_true(loss_of(m.weight + c, usage, SLOTS, 3, scale) <=
                        loss_of(m.weight + c, usage, SLOTS, 3, max / 127) * 1.001);
        }
    /* one giant that hardly occurs among many small ones: it is cut off */
    float w[101], usage[101];
    for (int i = 0; i < 101; i++)
        w[i] = i < 100 ? 0.001f * (float)(i - 50) : 10, usage[i] = i < 100 ? 1e6f : 1e-6f;
    assert_true(vl_int8_scale(w, usage, 101, 1) < 10.0f / 127 / 3);
    for (int i = 0; i < 101; i++) w[i] = 0;
    assert_true(vl_int8_scale(w, usage, 101, 1) == 1);
    assert_true(vl_int8_scale(w, usage, 0, 1) == 1);
}

static void test_read_back(void **state)
{
    (void)state;
    static made m;
    static const vl_dtype dtypes[] = {VL_F32, VL_F16, VL_I8};
    for (int32_t K = 2; K <= K_MOST; K += 2)
        for (size_t d = 0; d < 3; d++)
            for (int norm = VL_NORM_NONE; norm <= VL_NORM_L2; norm++) {
                vl_store *s;
                vl_model *model;
                make(&m, K, (vl_linear_norm)norm);
                assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
                assert_int_equal(vl_linear_write(s, &m.w, dtypes[d], NULL), VALENCE_OK);
                vl_store_set(s, "family", vl_span_of("logistic"), NULL);
                assert_int_equal(vl_model_build(&model, s, NULL), VALENCE_OK);
                const vl_linear *l = (const vl_linear *)model;
                assert_int_equal(l->dtype, dtypes[d]);
                assert_int_equal(l->norm, norm);
                assert_int_equal(l->head.K, K);
                assert_memory_equal(l->bias, m.bias, (size_t)K * sizeof(float));
                if (norm == VL_NORM_L2) assert_memory_equal(l->square, m.square, sizeof m.square);
                for (int32_t id = 0; id < SLOTS; id++)
                    for (int32_t c = 0; c < m.w.C; c++) {
                        float is = m.weight[id * m.w.C + c];
                        float got =
                            vl_linear_contribution(l, id, K == 2 ? 2 : 1, 1, K == 2 ? 1 : c);
                        double most = dtypes[d] == VL_F32   ? 0
                                      : dtypes[d] == VL_F16 ? fabs(is) / 2048 + 1e-7
                                                            : l->scale[c] * 0.5001;
                        if (dtypes[d] == VL_I8 && fabsf(is) > 127 * l->scale[c])
                            most = fabs(is) - 127 * l->scale[c] + 1e-6; /* cut off */
                        assert_true(fabs((double)got - is) <= most);
                    }
                vl_model_close(model);
                vl_store_close(s);
            }
}

static void test_no_memory(void **state)
{
    (void)state;
    static made m;
    make(&m, 4, VL_NORM_L2);
    for (int64_t n = 1;; n++) {
        vl_store *s;
        valence_error error = {0};
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        vl_mem_fail_from(n);
        vl_status status = vl_linear_write(s, &m.w, VL_I8, &error);
        vl_mem_fail_from(0);
        vl_store_close(s);
        if (status == VALENCE_OK) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_int_equal(error.code, VALENCE_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
