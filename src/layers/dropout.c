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

/* Without branches: nothing could foretell them. */
static inline void drop_four(float *x, uint64_t random, uint32_t limit, float keep)
{
    for (int k = 0; k < 4; k++) {
        uint32_t stays = 0u - (uint32_t)((uint32_t)(random >> 16 * k & 0xFFFF) >= limit), bits;
        float kept = x[k] * keep;
        memcpy(&bits, &kept, sizeof bits);
        bits &= stays;
        memcpy(x + k, &bits, sizeof bits);
    }
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
            float *at = x + r * N + n, last[4] = {0};
            size_t bytes = (size_t)(N - n) * sizeof *x;
            if (n + 4 <= N) {
                drop_four(at, random, limit, keep);
            } else {
                memcpy(last, at, bytes);
                drop_four(last, random, limit, keep);
                memcpy(at, last, bytes);
            }
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
