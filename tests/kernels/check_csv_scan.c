/* check_csv_scan.c: each scan against the plain one over odd sizes, unaligned starts, all states
 * and rules, with the bytes right before an unreadable page; then its speed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "data/csv_scan.h"

int check_csv_scan(void);

enum { MOST = 4096, ROUNDS = 20000, TIMED_BYTES = 256 << 10, TIMED_ROUNDS = 200 };

static const char alphabet[] = "\"\"\"\"\n\n,,,\t\rab\0\xFF";

/* Text with quotes of every density: none, rare, everywhere. */
static void fill(char *bytes, size_t len, uint64_t seed)
{
    uint64_t rare = 1 + vl_random_at(seed, 0) % 60;
    for (size_t i = 0; i < len; i++) {
        uint64_t r = vl_random_at(seed, i + 1);
        bytes[i] = r % rare ? 'x' : alphabet[r / rare % (sizeof alphabet - 1)];
    }
}

/* One random input; bytes end at `end`, behind which nothing may be read. */
static bool agrees(vl_csv_scan_fn scan, char *end, uint64_t seed)
{
    static vl_csv_masks expected[MOST / 64 + 1], got[MOST / 64 + 1];
    size_t len = vl_random_at(seed, 100) % (seed % 4 ? 200 : MOST), blocks = (len + 63) / 64;
    vl_csv_rules rules = {"\t,\n"[seed % 3], seed % 2 == 0};
    vl_csv_state state = (vl_csv_state)(vl_random_at(seed, 101) % 4);
    if (!rules.quoting && (state == VL_CSV_QUOTED || state == VL_CSV_QUOTE)) state = VL_CSV_START;
    char *bytes = end - len;
    fill(bytes, len, seed);
    memset(got, 0xA5, sizeof got);
    vl_csv_state after = vl_csv_scan_scalar(expected, bytes, len, rules, state);
    if (scan(got, bytes, len, rules, state) != after) return false;
    vl_csv_masks untouched;
    memset(&untouched, 0xA5, sizeof untouched);
    return memcmp(got, expected, blocks * sizeof *got) == 0 &&
           memcmp(&got[blocks], &untouched, sizeof untouched) == 0;
}

static bool check(vl_csv_scan_fn scan)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (MOST / page + 1) * page;
    char *block =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED || mprotect(block + size, page, PROT_NONE) != 0) return false;
    bool good = true;
    for (uint64_t seed = 0; good && seed < ROUNDS; seed++) {
        good = agrees(scan, block + size - (seed % 5 ? 0 : seed % 64), seed);
        if (!good) printf("# differs for seed %d\n", (int)seed);
    }
    munmap(block, size + page);
    return good;
}

static double speed(vl_csv_scan_fn scan, vl_csv_rules rules, const char *bytes)
{
    static vl_csv_masks masks[64];
    double best = 0;
    for (int round = 0; round < TIMED_ROUNDS; round++) {
        vl_csv_state state = VL_CSV_START;
        double start = vl_clock_seconds();
        for (size_t i = 0; i < TIMED_BYTES; i += 4096)
            state = scan(masks, bytes + i, 4096, rules, state);
        double rate = TIMED_BYTES / (vl_clock_seconds() - start) / 1e9;
        if (rate > best && state <= VL_CSV_QUOTE) best = rate;
    }
    return best;
}

/* Rows as reviews have them: a quoted text with a doubled quote and commas, then a label. */
static void fill_reviews(char *bytes)
{
    static const char row[] =
        "\"This film, which I saw twice, was \"\"great\"\": the cast, the music and "
        "the pictures are all that one could wish for.\nGo and see it!\",positive\n";
    for (size_t i = 0; i < TIMED_BYTES; i++) bytes[i] = row[i % (sizeof row - 1)];
}

int check_csv_scan(void)
{
    static char bytes[TIMED_BYTES];
    int failed = 0;
    fill_reviews(bytes);
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_csv_scan_fn scan = vl_csv_scan_of(isa);
        bool good = check(scan);
        failed += !good;
        printf("%s %d - csv scan %s\n", good ? "ok" : "not ok", (int)isa + 1, vl_isa_name(isa));
        if (!good) continue;
        printf("# csv scan %s: %.2f GB/s with quotes, %.1f GB/s without\n", vl_isa_name(isa),
               speed(scan, (vl_csv_rules){',', true}, bytes),
               speed(scan, (vl_csv_rules){'\t', false}, bytes));
    }
    return failed;
}
