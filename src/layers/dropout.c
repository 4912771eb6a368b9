/* dropout.c: one 64-bit random number serves four neighbouring numbers, 16 bits each. */
#include "layers/dropout.h"

#include <string.h>

#include "base/hash.h"

uint64_t vl_dropout_seed(uint64_t seed, uint64_t step, uint64_t layer)
{
    return vl_random_at(vl_random_at(seed, step), layer);
}

static uint32_t limit_of(float p)
{
    return (uint32_t)(p * 65536.0f);
}

void vl_dropout_run(float *x, const vl_dropout *d, int64_t first, int64_t R, int64_t N)
{
    if (!(d->p > 0)) return;
    uint32_t limit = limit_of(d->p);
    float keep = 1 / (1 - d->p);
    uint64_t per_row = (uint64_t)(N + 3) / 4;
    for (int64_t r = 0; r < R; r++)
        for (int64_t n = 0; n < N; n += 4) {
            uint64_t random =
                vl_random_at(d->seed, (uint64_t)(first + r) * per_row + (uint64_t)n / 4);
            float *at = x + r * N + n;
            for (int64_t k = 0; k < 4 && n + k < N; k++, random >>= 16)
                at[k] = (random & 0xFFFF) < limit ? 0 : at[k] * keep;
        }
}

void vl_dropout_rows(float *x, const vl_dropout *d, int64_t first, int64_t R, int64_t N)
{
    if (!(d->p > 0)) return;
    uint32_t limit = limit_of(d->p);
    float keep = 1 / (1 - d->p);
    for (int64_t r = 0; r < R; r++) {
        bool out = (vl_random_at(d->seed, (uint64_t)(first + r)) & 0xFFFF) < limit;
        if (out) memset(x + r * N, 0, (size_t)N * sizeof *x);
        else
            for (int64_t n = 0; n < N; n++) x[r * N + n] *= keep;
    }
}
