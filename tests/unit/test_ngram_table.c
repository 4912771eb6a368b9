/* test_ngram_table.c: insertion, full buckets, the look-up kernels against vl_ngram_find, and how
 * often an unknown n-gram is taken for a known one. */
#include "test.h"

#include <sys/mman.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "text/ngram_table.h"

/* An n-gram number with that bucket's upper bits and that fingerprint. */
static uint64_t ngram_of(uint32_t bucket, uint32_t buckets, uint16_t fingerprint)
{
    uint64_t high = (((uint64_t)bucket << 32) + buckets - 1) / buckets +
                    512; /* the fingerprint takes 8 bits of it */
    uint64_t ngram = high << 32;
    ngram = (ngram & ~((uint64_t)0xFFFF << 24)) | (uint64_t)fingerprint << 24;
    return ngram;
}

static void test_bucket_and_fingerprint(void **state)
{
    (void)state;
    assert_int_equal(vl_ngram_bucket(0, 1000), 0);
    assert_int_equal(vl_ngram_bucket(UINT64_MAX, 1000), 999);
    assert_int_equal(vl_ngram_bucket(UINT64_MAX, VL_NGRAM_BUCKETS_MAX), VL_NGRAM_BUCKETS_MAX - 1);
    assert_int_equal(vl_ngram_bucket((uint64_t)1 << 63, 1000), 500);
    assert_int_equal(vl_ngram_bucket((uint64_t)1 << 63, 1), 0);
    assert_int_equal(vl_ngram_fingerprint((uint64_t)0xABCD << 24), 0xABCD);
    /* 0 means empty: such a fingerprint is 1 */
    assert_int_equal(vl_ngram_fingerprint(0), 1);
    assert_int_equal(vl_ngram_fingerprint(~((uint64_t)0xFFFF << 24)), 1);
    assert_int_equal(vl_ngram_fingerprint((uint64_t)1 << 24), 1);
}

static void test_full_bucket(void **state)
{
    (void)state;
    enum { BUCKETS = 5 };
    for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
        uint16_t f[BUCKETS * VL_BUCKET] = {0};
        vl_ngram_table t = {f, BUCKETS};
        for (uint16_t i = 0; i < VL_BUCKET; i++) {
            uint64_t g = ngram_of(bucket, BUCKETS, (uint16_t)(100 + i));
            assert_int_equal(vl_ngram_find(&t, g), -1);
            assert_int_equal(vl_ngram_insert(f, BUCKETS, g), bucket * VL_BUCKET + i);
            assert_int_equal(vl_ngram_insert(f, BUCKETS, g), bucket * VL_BUCKET + i); /* again */
            assert_int_equal(vl_ngram_find(&t, g), bucket * VL_BUCKET + i);
        }
        uint64_t more = ngram_of(bucket, BUCKETS, 999);
        assert_int_equal(vl_ngram_insert(f, BUCKETS, more), -1);
        assert_int_equal(vl_ngram_find(&t, more), -1);
        for (int i = 0; i < BUCKETS * VL_BUCKET; i++)
            assert_int_equal(f[i] != 0, i / VL_BUCKET == (int)bucket);
    }
}

static void test_fingerprint_zero(void **state)
{
    (void)state;
    uint16_t f[2 * VL_BUCKET] = {0};
    vl_ngram_table t = {f, 2};
    uint64_t zero = ngram_of(1, 2, 0);
    int32_t slots[32];
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) { /* not the empty places */
        vl_isa_limit(isa);
        uint64_t nine[9] = {zero, zero, zero, zero, zero, zero, zero, zero, zero};
        assert_int_equal(vl_ngram_lookup(slots, &t, nine, 9), 0);
    }
    assert_int_equal(vl_ngram_find(&t, zero), -1);
    assert_int_equal(vl_ngram_insert(f, 2, zero), VL_BUCKET);
    assert_int_equal(f[VL_BUCKET], 1);
    assert_int_equal(vl_ngram_find(&t, zero), VL_BUCKET);
    assert_int_equal(vl_ngram_find(&t, ngram_of(1, 2, 1)), VL_BUCKET); /* the same place */
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        uint64_t nine[9] = {zero, zero, zero, zero, zero, zero, zero, zero, zero};
        assert_int_equal(vl_ngram_lookup(slots, &t, nine, 9), 9);
        for (int i = 0; i < 9; i++) assert_int_equal(slots[i], VL_BUCKET);
    }
}

/* All kernels on tables of several sizes that end right before an unreadable page. */
static void test_kernels(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 256, 1000, 4097};
    static uint64_t ngrams[400];
    static int32_t expected[400 + 16], got[400 + 32];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 40 * page;
    char *memory =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + room, page, PROT_NONE), 0);
    const uint64_t seed = 9;
    for (size_t z = 0; z < LENGTH(sizes); z++) {
        size_t bytes = sizes[z] * VL_BUCKET * sizeof(uint16_t);
        assert_true(bytes <= room);
        uint16_t *f = (uint16_t *)(void *)(memory + room - bytes);
        memset(f, 0, bytes);
        for (uint64_t i = 0; i < sizes[z] * 6; i++)
            vl_ngram_insert(f, sizes[z], vl_random_at(seed + z, i));
        vl_ngram_table t = {f, sizes[z]};
        for (int count = 0; count <= 330; count++) {
            for (int i = 0; i < count; i++) { /* every second one is known, some repeat */
                uint64_t r = vl_random_at(seed + 100 + (uint64_t)count, (uint64_t)i);
                ngrams[i] = r % 2 ? vl_random_at(seed + z, r % (sizes[z] * 6)) : r;
                if (r % 37 == 0) ngrams[i] &= ~((uint64_t)0xFFFF << 24);
            }
            int n = 0;
            for (int i = 0; i < count; i++) {
                int32_t slot = vl_ngram_find(&t, ngrams[i]);
                if (slot >= 0) expected[n++] = slot;
            }
            for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
                vl_isa_limit(isa);
                memset(got, 0x5A, sizeof got);
                assert_int_equal(vl_ngram_lookup(got, &t, ngrams, count), n);
                assert_memory_equal(got, expected, (size_t)n * sizeof *got);
                for (size_t i = (size_t)count + 16; i < LENGTH(got); i++)
                    assert_int_equal(got[i], 0x5A5A5A5A);
            }
        }
    }
    munmap(memory, room + page);
}

/* About 8 / 65536 at most: as many as the bucket's eight fingerprints allow. */
static void test_false_positives(void **state)
{
    (void)state;
    enum { BUCKETS = 4096, ASKED = 2000000 };
    uint16_t *f = calloc(BUCKETS * VL_BUCKET, sizeof *f);
    vl_ngram_table t = {f, BUCKETS};
    int64_t inserted = 0, wrong = 0;
    for (uint64_t i = 0; i < BUCKETS * 16; i++) vl_ngram_insert(f, BUCKETS, vl_random_at(1, i));
    for (int i = 0; i < BUCKETS * VL_BUCKET; i++) inserted += f[i] != 0;
    assert_true(inserted > BUCKETS * VL_BUCKET * 99 / 100);
    for (uint64_t i = 0; i < ASKED; i++) wrong += vl_ngram_find(&t, vl_random_at(2, i)) >= 0;
    double rate = (double)wrong / ASKED;
    assert_true(rate < 1.1 * VL_BUCKET / 65536);
    assert_true(rate > 0.9 * VL_BUCKET / 65536); /* and the bits are well mixed, not wasted */
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_and_fingerprint), cmocka_unit_test(test_full_bucket),
        cmocka_unit_test(test_fingerprint_zero),       cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_false_positives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
