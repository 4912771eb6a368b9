/* check_clean.c: the ASCII sweep of every instruction set against the scalar one, then its speed.
 * Guard bytes stand behind the room a kernel is allowed; the input's end may not be crossed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "text/clean.h"
#include "text/clean_ascii.h"

int check_clean(void);

enum { LONGEST = 300, ROOM = LONGEST + VL_ASCII_SLACK, GUARD = 32, TIMED = 1 << 20 };

static const vl_clean_ascii_fn kernels[VL_ISA_COUNT] = {vl_clean_ascii_scalar, vl_clean_ascii_avx2,
                                                        vl_clean_ascii_avx512};

static const uint32_t rules[] = {VL_CLEAN_ONE(LOWER), VL_CLEAN_ONE(PUNCTUATION),
                                 VL_CLEAN_ONE(SPACES), VL_CLEAN_DEFAULT};

/* What one call did. */
typedef struct result {
    char out[ROOM + GUARD];
    size_t written, read;
    bool word, guard_whole;
} result;

static result run(vl_clean_ascii_fn kernel, uint32_t passes, bool word, const char *in, size_t len)
{
    result r;
    memset(r.out, 0x5A, sizeof r.out);
    vl_ascii_writer w = {r.out, word};
    r.read = kernel(&w, vl_ascii_rule_of(passes), in, len);
    r.written = (size_t)(w.out - r.out);
    r.word = w.word;
    r.guard_whole = true;
    for (size_t i = len + VL_ASCII_SLACK; i < sizeof r.out; i++)
        if (r.out[i] != 0x5A) r.guard_whole = false;
    return r;
}

static bool same(const result *a, const result *b)
{
    return a->written == b->written && a->read == b->read && a->word == b->word && b->guard_whole &&
           memcmp(a->out, b->out, a->written) == 0;
}

/* kind 0: any ASCII; 1: mostly words; 2: long gaps of dropped bytes; 3: some bytes of 128 and up.
 */
static char byte_of(int kind, uint64_t random)
{
    static const char words[] = "abcdefghij ABC  ,.'\t-_9", gaps[] = ".......!?-(((. a";
    if (kind == 1) return words[random % (sizeof words - 1)];
    if (kind == 2) return gaps[random % (sizeof gaps - 1)];
    return (char)(kind == 3 && random % 61 == 0 ? 0x80 | random >> 8 : random >> 8 & 0x7F);
}

/* Every size, an input that ends where its heap block ends, alignments as they come. */
static bool equals_scalar(vl_isa isa, uint64_t seed)
{
    bool good = true;
    for (size_t len = 0; good && len <= LONGEST; len++)
        for (int kind = 0; good && kind < 4; kind++) {
            size_t shift = (size_t)(vl_random_at(seed, len) % 64);
            char *block = malloc(len + shift + 1), *in = block + shift;
            for (size_t i = 0; i < len; i++)
                in[i] = byte_of(kind, vl_random_at(seed + len * 4 + (uint64_t)kind, i));
            for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
                for (int word = 0; word < 2; word++) {
                    result a = run(kernels[VL_ISA_SCALAR], rules[r], word, in, len);
                    result b = run(kernels[isa], rules[r], word, in, len);
                    good = good && same(&a, &b);
                }
            free(block);
        }
    return good;
}

/* English-like: words of 1 to 10 letters, a capital or a mark now and then. */
static void fill_english(char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint64_t r = vl_random_at(7, i);
        for (size_t n = 1 + r % 10; n && i < len; n--, r = r * 6364136223846793005u + 1)
            text[i++] = (char)((r >> 60 == 0 ? 'A' : 'a') + (r >> 40) % 26);
        if (i < len && r >> 20 & 7) text[i++] = ' ';
        else if (i + 1 < len) text[i++] = ",.'-"[r >> 24 & 3], text[i++] = ' ';
    }
}

static double gigabytes_per_second(vl_isa isa)
{
    char *in = malloc(TIMED), *out = malloc(TIMED + VL_ASCII_SLACK);
    double best = 1e9;
    fill_english(in, TIMED);
    for (int i = 0; i < 20; i++) {
        vl_ascii_writer w = {out, false};
        double start = vl_clock_seconds();
        kernels[isa](&w, vl_ascii_rule_of(VL_CLEAN_DEFAULT), in, TIMED);
        double took = vl_clock_seconds() - start;
        if (took < best) best = took;
    }
    free(in);
    free(out);
    return TIMED / best * 1e-9;
}

int check_clean(void)
{
    static int test = 0;
    int failed = 0;
    const uint64_t seed = 20240607;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = equals_scalar(isa, seed);
        printf("%s %d - clean %s equals scalar (seed %llu)\n", good ? "ok" : "not ok", ++test,
               vl_isa_name(isa), (unsigned long long)seed);
        if (good) printf("# clean %s: %.2f GB/s\n", vl_isa_name(isa), gigabytes_per_second(isa));
        failed += !good;
    }
    return failed;
}
