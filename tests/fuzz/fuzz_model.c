/* Asserts: any bytes as a model file's tensors and metadata give an error with a message, or a
 * model of any family that answers: a text gets the same logits alone and beside another, at each
 * instruction set. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "formats/safetensors.h"
#include "models/model.h"

enum { TEXTS = 2, TOKENS = 8 };

static void expect(int truth)
{
    if (!truth) abort();
}

static float *answer(const vl_model *m, const int32_t *ids, const int32_t *offsets, int32_t B)
{
    const vl_batch batch = {ids, NULL, offsets, B};
    void *scratch = vl_alloc(VL_MEM_BATCH, m->class->scratch(m, B, offsets[B], 1));
    float *logits = vl_alloc(VL_MEM_BATCH, (size_t)B * (size_t)m->K * sizeof *logits);
    expect(scratch && logits);
    expect(m->class->forward(m, &batch, &(vl_run){.scratch = scratch}, logits) == VALENCE_OK);
    vl_free(scratch);
    return logits;
}

static void check(const vl_model *m)
{
    expect(m->K >= 1 && m->inputs >= 1 && m->longest >= 0);
    const int32_t most = m->longest && m->longest < TOKENS / 2 ? m->longest : TOKENS / 2;
    const int32_t offsets[TEXTS + 1] = {0, 1, 1 + most};
    int32_t ids[1 + TOKENS];
    for (int32_t i = 0; i < 1 + TOKENS; i++) ids[i] = (i * 7 + 1) % m->inputs;
    float *both = answer(m, ids, offsets, TEXTS);
    for (int b = 0; b < TEXTS; b++) {
        const int32_t own[] = {0, offsets[b + 1] - offsets[b]};
        float *alone = answer(m, ids + offsets[b], own, 1);
        for (int32_t k = 0; k < m->K; k++) {
            float x = alone[k], y = both[b * m->K + k];
            expect(memcmp(&x, &y, sizeof x) == 0 || (isnan(x) && isnan(y)));
        }
        vl_free(alone);
    }
    vl_free(both);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vl_store *s;
    vl_model *m;
    if (vl_safetensors_read(&s, (vl_span){(const char *)data, size}, "fuzz", NULL) != VALENCE_OK)
        return 0;
    for (int isa = (int)vl_isa_detected(); isa >= 0; isa--) { /* oneDNN keeps the first */
        valence_error error = {0};
        vl_isa_limit((vl_isa)isa);
        if (vl_model_build(&m, s, &error) == VALENCE_OK) {
            check(m);
            vl_model_close(m);
        } else {
            expect(m == NULL && error.code != VALENCE_OK && error.message[0]);
        }
    }
    vl_store_close(s);
    return 0;
}
