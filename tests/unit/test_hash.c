/* test_hash.c: XXH3's published values, the running hash, splitmix64. */
#include "test.h"

#include "base/hash.h"

static void test_known_values(void **state)
{
    (void)state;
    /* XXH3_64bits of the empty input, from xxHash's specification; it is part of no model format,
     * but a cache written by one build must be readable by another. */
    assert_true(vl_hash64("", 0, 0) == 0x2D06800538D394C2u);
    assert_true(vl_hash64("a", 1, 0) == 0xE6C632B61E964E1Fu);
    assert_true(vl_hash64("abc", 3, 0) == 0x78AF5F94892F3950u);
    assert_true(vl_hash64("abc", 3, 1) != vl_hash64("abc", 3, 2));
}

static void test_pieces(void **state)
{
    (void)state;
    unsigned char bytes[3000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)vl_random_at(7, i);
    for (size_t piece = 1; piece < sizeof bytes; piece = piece * 3 + 1) {
        vl_hasher *h = vl_hasher_open();
        assert_non_null(h);
        for (size_t at = 0; at < sizeof bytes; at += piece)
            vl_hasher_add(h, bytes + at, at + piece < sizeof bytes ? piece : sizeof bytes - at);
        assert_true(vl_hasher_value(h) == vl_hash64(bytes, sizeof bytes, 0));
        vl_hasher_close(h);
    }
    vl_hasher_close(NULL);
}

static void test_splitmix(void **state)
{
    (void)state;
    /* splitmix64.c by Sebastiano Vigna, state 1234567: its first five outputs. */
    const uint64_t known[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                              4593380528125082431u, 16408922859458223821u};
    for (size_t i = 0; i < LENGTH(known); i++) assert_true(vl_random_at(1234567, i) == known[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_splitmix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
