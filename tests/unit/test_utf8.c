/* test_utf8.c: every code point there and back, every class of damage, and as many U+FFFD as
 * Python's bytes.decode('utf-8', 'replace') gives. */
#include "test.h"

#include "base/hash.h"
#include "base/utf8.h"

static void test_all_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char bytes[4];
        int len, n = vl_utf8_encode(bytes, c);
        uint32_t back = vl_utf8_decode(bytes, bytes + n, &len);
        if (c >= 0xD800 && c <= 0xDFFF) { /* a surrogate: three bytes that are not UTF-8 */
            if (back != VL_UTF8_BAD || len != 1) fail_msg("U+%04X accepted", c);
        } else if (back != c || len != n || vl_utf8_valid_prefix(bytes, (size_t)n) != (size_t)n) {
            fail_msg("U+%04X came back as %X", c, back);
        }
    }
}

/* A sequence cut short is bad whatever lies behind the end, and gives as length what is there. */
static void test_cut_sequences(void **state)
{
    (void)state;
    const uint32_t points[] = {0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF};
    for (size_t i = 0; i < LENGTH(points); i++) {
        char bytes[4];
        int len, n = vl_utf8_encode(bytes, points[i]);
        for (int cut = 1; cut < n; cut++) {
            assert_true(vl_utf8_decode(bytes, bytes + cut, &len) == VL_UTF8_BAD);
            assert_int_equal(len, cut);
            assert_int_equal(vl_utf8_valid_prefix(bytes, (size_t)cut), 0);
        }
    }
}

/* text, what Python makes of it (\xEF\xBF\xBD is U+FFFD), how many were replaced. Made with
 * python3.11: repr(bytes.decode('utf-8', 'replace').encode()). */
#define R "\xEF\xBF\xBD"
static const struct {
    const char *text, *wanted;
    int replaced;
} damage[] = {
    {"plain", "plain", 0},
    {"\x80", R, 1}, /* lone continuation */
    {"\xBF\xBF", R R, 2},
    {"\xC0\xAF", R R, 2}, /* overlong / */
    {"\xC1\xBF", R R, 2},
    {"\xE0\x80\xAF", R R R, 3}, /* overlong, three bytes */
    {"\xE0\x9F\xBF", R R R, 3},
    {"\xF0\x80\x80\xAF", R R R R, 4}, /* overlong, four bytes */
    {"\xF0\x8F\xBF\xBF", R R R R, 4},
    {"\xED\xA0\x80", R R R, 3}, /* surrogates */
    {"\xED\xBF\xBF", R R R, 3},
    {"\xF4\x90\x80\x80", R R R R, 4}, /* above U+10FFFF */
    {"\xF5\x80\x80\x80", R R R R, 4},
    {"\xF8\x88\x80\x80\x80", R R R R R, 5},
    {"\xFE\xFF", R R, 2},
    {"\xC3", R, 1}, /* cut short: the maximal subpart is one */
    {"\xE2\x82", R, 1},
    {"\xF0\x9F\x98", R, 1},
    {"\xE2\x82"
     "a",
     R "a", 1},
    {"\xF0\x9F\x98"
     "a",
     R "a", 1},
    {"\xF0\x9F"
     "a",
     R "a", 1},
    {"\xE2\xE2\x82\xAC", R "\xE2\x82\xAC", 1},
    {"\xC3\xC3\xA9", R "\xC3\xA9", 1},
    {"a\xF1\x80\x80\xE1\x80\xC2"
     "b",
     "a" R R R "b", 3}, /* Unicode 15, table 3-8 */
    {"abcdefgh\xFFijklmnop", "abcdefgh" R "ijklmnop", 1},
};
#undef R

static void test_repair(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(damage); i++) {
        vl_buffer out;
        uint64_t replaced = 0;
        vl_buffer_init(&out, VL_MEM_IO, 1000);
        assert_int_equal(vl_utf8_repair(&out, vl_span_of(damage[i].text), &replaced), VALENCE_OK);
        if (!vl_span_is(vl_buffer_span(&out), damage[i].wanted) ||
            replaced != (uint64_t)damage[i].replaced)
            fail_msg("row %zu: %.*s, %d replaced", i, (int)out.len, out.data, (int)replaced);
        vl_buffer_release(&out);
    }
}

static void test_repair_edges(void **state)
{
    (void)state;
    vl_buffer out;
    uint64_t replaced = 5;
    vl_buffer_init(&out, VL_MEM_IO, 4);
    assert_int_equal(vl_utf8_repair(&out, (vl_span){NULL, 0}, &replaced), VALENCE_OK);
    assert_int_equal(replaced, 5); /* it counts on */
    assert_int_equal(vl_utf8_repair(&out, vl_span_of("\xFF\xFF"), &replaced), VALENCE_LIMIT);
    vl_buffer_release(&out);
    assert_int_equal(vl_utf8_valid_prefix(NULL, 0), 0);
}

/* A bad byte at every distance from the start and the end of runs that go eight at a time. */
static void test_valid_prefix_positions(void **state)
{
    (void)state;
    char text[40];
    for (size_t len = 1; len < sizeof text; len++)
        for (size_t bad = 0; bad < len; bad++) {
            memset(text, 'x', sizeof text);
            text[bad] = '\xFF';
            assert_int_equal(vl_utf8_valid_prefix(text, len), bad);
            assert_int_equal(vl_utf8_valid_prefix(text, bad), bad);
        }
}

/* Repaired text is valid, and repairing it again changes nothing. Seed 11. */
static void test_random(void **state)
{
    (void)state;
    static const unsigned char likely[] = {0x41, 0x80, 0xA0, 0xBF, 0xC2, 0xE0, 0xE2,
                                           0xED, 0xEF, 0xF0, 0xF4, 0xFF, 0x9F, 0x8F};
    vl_buffer a, b;
    vl_buffer_init(&a, VL_MEM_IO, 1000);
    vl_buffer_init(&b, VL_MEM_IO, 1000);
    for (uint64_t round = 0; round < 20000; round++) {
        char text[20];
        size_t len = vl_random_at(11, round) % sizeof text;
        for (size_t i = 0; i < len; i++)
            text[i] = (char)likely[vl_random_at(round + 100, i) % LENGTH(likely)];
        uint64_t first = 0, second = 0;
        vl_buffer_reset(&a);
        vl_buffer_reset(&b);
        vl_utf8_repair(&a, (vl_span){text, len}, &first);
        vl_utf8_repair(&b, vl_buffer_span(&a), &second);
        assert_int_equal(vl_utf8_valid_prefix(a.data, a.len), a.len);
        assert_true(second == 0 && vl_span_equal(vl_buffer_span(&a), vl_buffer_span(&b)));
        assert_int_equal(first > 0, vl_utf8_valid_prefix(text, len) < len);
    }
    vl_buffer_release(&a);
    vl_buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_code_points),
        cmocka_unit_test(test_cut_sequences),
        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_repair_edges),
        cmocka_unit_test(test_valid_prefix_positions),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
