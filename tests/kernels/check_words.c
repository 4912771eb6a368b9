/* check_words.c: classification of bytes and positions of bits, of every instruction set, against
 * the scalar one: inputs that end before an unreadable page, guard bytes behind what may be
 * written; then the speed of words.h as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "text/words.h"

int check_words(void);

enum { TIMED = 1 << 20, ROUNDS = 3000 };

static vl_words_classify_fn *const classify_of[VL_ISA_COUNT] = {
    vl_words_classify_scalar, vl_words_classify_avx2, vl_words_classify_avx512};
static vl_words_positions_fn *const positions_of[VL_ISA_COUNT] = {
    vl_words_positions_scalar, vl_words_positions_avx2, vl_words_positions_avx512};

static vl_word_block expected, got;

/* Any length up to a whole block, all bytes, any alignment; the text ends at `end`. */
static bool classifies(vl_isa isa, char *end, uint64_t seed)
{
    int len = (int)(vl_random_at(seed, 0) % (seed % 4 ? 300 : VL_WORDS_BLOCK + 1)),
        padded = (len + 63) / 64 * 64;
    if (seed == 0) len = padded = VL_WORDS_BLOCK;
    char *text = end - len;
    for (int i = 0; i < len; i++) {
        uint64_t r = vl_random_at(seed, (uint64_t)i + 1);
        text[i] = seed % 3 == 0 ? (char)r : " 'aZ_9.,~\x7F\x80\x01\0{@["[r % 16];
    }
    memset(&got, 0x5A, sizeof got);
    vl_words_classify_scalar(&expected, text, len);
    classify_of[isa](&got, text, len);
    size_t rows = (size_t)padded / 64 * sizeof(uint64_t);
    bool good = memcmp(got.lower, expected.lower, (size_t)len) == 0 &&
                memcmp(got.word, expected.word, rows) == 0 &&
                memcmp(got.mark, expected.mark, rows) == 0 &&
                memcmp(got.apostrophe, expected.apostrophe, rows) == 0;
    for (size_t i = (size_t)padded; i < sizeof got.lower; i++) good = good && got.lower[i] == 0x5A;
    for (int i = padded / 64; i < VL_WORDS_ROWS; i++)
        good = good && got.word[i] == 0x5A5A5A5A5A5A5A5Au;
    return good;
}

static bool positions(vl_isa isa, uint64_t seed)
{
    uint64_t bits[VL_WORDS_ROWS];
    int rows = (int)(vl_random_at(seed, 0) % (VL_WORDS_ROWS + 1));
    for (int r = 0; r < rows; r++) {
        bits[r] = vl_random_at(seed, (uint64_t)r + 1);
        if (seed % 5 == 1)
            bits[r] &=
                vl_random_at(seed, (uint64_t)r + 100) & vl_random_at(seed, (uint64_t)r + 200);
        if (seed % 5 == 2) bits[r] = seed % 2 ? ~(uint64_t)0 : 0;
    }
    memset(&got, 0x5A, sizeof got);
    int n = vl_words_positions_scalar(expected.begin, bits, rows);
    bool good = positions_of[isa](got.begin, bits, rows) == n &&
                memcmp(got.begin, expected.begin, (size_t)n * sizeof *got.begin) == 0;
    for (int i = n + 64; i < VL_WORDS_BLOCK + 64; i++) good = good && got.begin[i] == 0x5A5A;
    return good;
}

static bool equals_scalar(vl_isa isa)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (VL_WORDS_BLOCK / page + 1) * page;
    char *room =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mprotect(room + size, page, PROT_NONE) != 0) return false;
    bool good = true;
    for (uint64_t seed = 0; good && seed < ROUNDS; seed++) {
        good =
            classifies(isa, room + size - (seed % 5 ? 0 : seed % 64), seed) && positions(isa, seed);
        if (!good) printf("# differs for seed %d\n", (int)seed);
    }
    munmap(room, size + page);
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
    char *text = malloc(TIMED);
    double best = 1e9;
    vl_isa before = vl_isa_active();
    fill_english(text, TIMED);
    vl_isa_limit(isa);
    for (int i = 0; i < 10; i++) {
        vl_span left = {text, TIMED};
        double start = vl_clock_seconds();
        while (left.len) {
            size_t used = vl_words_next(&got, left, VL_WORDS_MARKS);
            left.ptr += used;
            left.len -= used;
        }
        double took = vl_clock_seconds() - start;
        if (took < best) best = took;
    }
    vl_isa_limit(before);
    free(text);
    return TIMED / best * 1e-9;
}

int check_words(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = equals_scalar(isa);
        printf("%s %d - words %s\n", good ? "ok" : "not ok", (int)isa + 1, vl_isa_name(isa));
        if (good)
            printf("# words %s: %.2f GB/s, cut and hashed\n", vl_isa_name(isa),
                   gigabytes_per_second(isa));
        failed += !good;
    }
    return failed;
}
