/* numeric.c: see numeric.h. */
#include "numeric.h"

#include <immintrin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"

uint64_t numeric_seed(void)
{
    static uint64_t seed;
    if (seed) return seed;
    const char *wanted = getenv("VALENCE_SEED");
    seed = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)time(NULL);
    if (!seed) seed = 1;
    printf("# VALENCE_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

uint64_t random_below(uint64_t round, uint64_t i, uint64_t limit)
{
    return vl_random_at(numeric_seed() + round * 0x9E3779B97F4A7C15u, i) % limit;
}

float random_float(uint64_t round, uint64_t i)
{
    return (float)random_below(round, i, 1 << 24) * 0x1p-23f - 1.0f;
}

void fill_floats(float *x, int64_t n, float range, uint64_t round, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = random_float(round, (stream << 32) + (uint64_t)i) * range;
}

static char *memory_of(int which)
{
    static char *memory[GUARDED];
    if (memory[which]) return memory[which];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *all = mmap(NULL, GUARDED_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + page, GUARDED_BYTES, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        exit(1);
    }
    return memory[which] = all + page;
}

enum { GUARD = 0xA5, GUARD_BYTES = 256 };

void *guarded(int which, size_t bytes, size_t gap)
{
    char *memory = memory_of(which);
    if (bytes + gap > GUARDED_BYTES) abort();
    char *array = memory + GUARDED_BYTES - gap - bytes;
    char *from = array - memory > GUARD_BYTES ? array - GUARD_BYTES : memory;
    memset(from, GUARD, (size_t)(memory + GUARDED_BYTES - from));
    return array;
}

bool intact(int which, const void *array, size_t bytes)
{
    const char *memory = memory_of(which), *begin = array, *end = begin + bytes;
    for (const char *p = begin - memory > GUARD_BYTES ? begin - GUARD_BYTES : memory; p < begin;
         p++)
        if ((unsigned char)*p != GUARD) return false;
    for (const char *p = end; p < memory + GUARDED_BYTES; p++)
        if ((unsigned char)*p != GUARD) return false;
    return true;
}

bool near(double got, double expected, double bound)
{
    if (isnan(expected)) return isnan(got);
    return got == expected || fabs(got - expected) <= bound;
}

double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { CHAINS = 10, STEPS = 200000 };

__attribute__((target("avx512f"))) static double fma_512(void)
{
    __m512 sum[CHAINS], x = _mm512_set1_ps(0.999f);
    for (int c = 0; c < CHAINS; c++) sum[c] = _mm512_set1_ps((float)c);
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 10
        for (int c = 0; c < CHAINS; c++) sum[c] = _mm512_fmadd_ps(sum[c], x, x);
    }
    for (int c = 1; c < CHAINS; c++) sum[0] = _mm512_add_ps(sum[0], sum[c]);
    return 16 * 2 + (_mm512_cvtss_f32(sum[0]) < 0);
}

__attribute__((target("avx2,fma"))) static double fma_256(void)
{
    __m256 sum[CHAINS], x = _mm256_set1_ps(0.999f);
    for (int c = 0; c < CHAINS; c++) sum[c] = _mm256_set1_ps((float)c);
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 10
        for (int c = 0; c < CHAINS; c++) sum[c] = _mm256_fmadd_ps(sum[c], x, x);
    }
    for (int c = 1; c < CHAINS; c++) sum[0] = _mm256_add_ps(sum[0], sum[c]);
    return 8 * 2 + (_mm256_cvtss_f32(sum[0]) < 0);
}

double peak_gflops(vl_isa isa)
{
    static double peak[VL_ISA_COUNT];
    if (isa == VL_ISA_SCALAR) return 1;
    if (peak[isa] > 0) return peak[isa];
    double best, operations = 0;
    BEST_SECONDS(best, 20, operations = isa == VL_ISA_AVX512 ? fma_512() : fma_256());
    return peak[isa] = operations * CHAINS * STEPS / best * 1e-9;
}

int said(bool good, const char *what, vl_isa isa)
{
    printf("%s - %s %s\n", good ? "ok" : "not ok", what, vl_isa_name(isa));
    return !good;
}
