/* check_ngram_lookup.c: the look-up of every instruction set against vl_ngram_find: all counts,
 * tables that end before an unreadable page, guard values behind the slots; then its speed in a
 * table of the size of a shipped model's. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "text/ngram_table.h"

int check_ngram_lookup(void);

enum { MOST = 600, SIZES = 5, TIMED_BUCKETS = 31250, TIMED = 1 << 18 };

static vl_ngram_lookup_fn *const lookup_of[VL_ISA_COUNT] = {
    vl_ngram_lookup_scalar, vl_ngram_lookup_avx2, vl_ngram_lookup_avx512};
static vl_ngram_locate_fn *const locate_of[VL_ISA_COUNT] = {
    vl_ngram_locate_scalar, vl_ngram_locate_avx2, vl_ngram_locate_avx512};

static const uint32_t sizes[SIZES] = {1, 2, 7, 1000, 4096};

/* Half of them known; some with fingerprint 0. */
static void ask(uint64_t *ngrams, int count, uint64_t known, uint64_t seed)
{
    for (int i = 0; i < count; i++) {
        uint64_t r = vl_random_at(seed, (uint64_t)i);
        ngrams[i] = r & 1 ? vl_random_at(0, r % known) : r;
        if (r % 31 == 0) ngrams[i] &= ~((uint64_t)0xFFFF << 24);
    }
}

static bool untouched_behind(const int32_t *got, int count)
{
    bool good = true;
    for (int i = count + 16; i < MOST + 64; i++) good = good && got[i] == 0x5A5A5A5A;
    return good;
}

static bool agrees(vl_isa isa, const vl_ngram_table *t, int count, uint64_t seed)
{
    static uint64_t ngrams[MOST + 1];
    static int32_t expected[MOST], places[MOST], got[MOST + 64], where[MOST + 64];
    uint64_t *start = ngrams + seed % 2; /* aligned to 8 bytes only */
    int n = 0;
    ask(start, count, (uint64_t)t->buckets * 6, seed);
    for (int i = 0; i < count; i++) {
        int32_t slot = vl_ngram_find(t, start[i]);
        if (slot < 0) continue;
        places[n] = i;
        expected[n++] = slot;
    }
    size_t bytes = (size_t)n * sizeof *got;
    memset(got, 0x5A, sizeof got);
    bool good = lookup_of[isa](got, t, start, count) == n && memcmp(got, expected, bytes) == 0;
    good = good && untouched_behind(got, count);
    memset(got, 0x5A, sizeof got);
    memset(where, 0x5A, sizeof where);
    good = good && locate_of[isa](got, where, t, start, count) == n;
    good = good && memcmp(got, expected, bytes) == 0 && memcmp(where, places, bytes) == 0;
    return good && untouched_behind(got, count) && untouched_behind(where, count);
}

static bool check(vl_isa isa)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 20 * page;
    char *memory =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + room, page, PROT_NONE) != 0) return false;
    bool good = true;
    for (int z = 0; good && z < SIZES; z++) {
        size_t bytes = sizes[z] * VL_BUCKET * sizeof(uint16_t);
        uint16_t *f = (uint16_t *)(void *)(memory + room - bytes);
        memset(f, 0, bytes);
        for (uint64_t i = 0; i < sizes[z] * 6; i++)
            vl_ngram_insert(f, sizes[z], vl_random_at(0, i));
        vl_ngram_table t = {f, sizes[z]};
        for (int count = 0; good && count <= MOST; count += count < 70 ? 1 : 53) {
            good = agrees(isa, &t, count, (uint64_t)(count + 1000 * z));
            if (!good) printf("# differs for %d n-grams in %d buckets\n", count, (int)sizes[z]);
        }
    }
    munmap(memory, room + page);
    return good;
}

static double millions_per_second(vl_ngram_lookup_fn *lookup)
{
    uint16_t *f = calloc(TIMED_BUCKETS * VL_BUCKET, sizeof *f);
    uint64_t *ngrams = malloc(TIMED * sizeof *ngrams);
    int32_t *slots = malloc((TIMED + 16) * sizeof *slots);
    double best = 1e9;
    for (uint64_t i = 0; i < TIMED_BUCKETS * 6; i++)
        vl_ngram_insert(f, TIMED_BUCKETS, vl_random_at(0, i));
    vl_ngram_table t = {f, TIMED_BUCKETS};
    ask(ngrams, TIMED, TIMED_BUCKETS * 6, 1);
    for (int i = 0; i < 10; i++) {
        double start = vl_clock_seconds();
        for (int k = 0; k < TIMED; k += 4096) lookup(slots, &t, ngrams + k, 4096);
        double took = vl_clock_seconds() - start;
        if (took < best) best = took;
    }
    free(f);
    free(ngrams);
    free(slots);
    return TIMED / best * 1e-6;
}

int check_ngram_lookup(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = check(isa);
        printf("%s %d - ngram lookup %s\n", good ? "ok" : "not ok", (int)isa + 1, vl_isa_name(isa));
        if (good)
            printf("# ngram lookup %s: %.0f million n-grams/s\n", vl_isa_name(isa),
                   millions_per_second(lookup_of[isa]));
        failed += !good;
    }
    return failed;
}
