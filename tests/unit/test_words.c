/* test_words.c: cutting rules, Unicode rules, block borders, hashes (part of the model format), and
 * every instruction set against the scalar one right before an unreadable page. */
#include "test.h"

#include <sys/mman.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "text/words.h"

static vl_word_block block;

/* All words of a text, as "a|b|c"; words longer than 40 bytes as "<length>". Freed by the caller.
 */
static char *words_of(const char *text, size_t len, unsigned flags)
{
    char *out = calloc(1, 2 * len + 16);
    vl_span left = {text, len};
    while (left.len) {
        size_t used = vl_words_next(&block, left, flags);
        assert_in_range(used, 1, left.len);
        for (int i = 0; i < block.count; i++) {
            int n = block.end[i] - block.begin[i];
            assert_true(n > 0);
            if (*out) strcat(out, "|");
            if (n <= 40) strncat(out, block.lower + block.begin[i], (size_t)n);
            else sprintf(out + strlen(out), "<%d>", n);
        }
        left.ptr += used;
        left.len -= used;
    }
    return out;
}

static void expect_flags(const char *text, unsigned flags, const char *expected)
{
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        char *got = words_of(text, strlen(text), flags);
        if (strcmp(got, expected) != 0)
            fail_msg("%s: '%s' gives '%s', not '%s'", vl_isa_name(isa), text, got, expected);
        free(got);
    }
}

static void expect(const char *text, const char *expected)
{
    expect_flags(text, 0, expected);
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static void test_ascii(void **state)
{
    (void)state;
    expect("", "");
    expect("   \t\r\n ", "");
    expect("Good", "good");
    expect("The GOOD, the bad_1 & 42.", "the|good|the|bad_1|42");
    expect("a.b-c/d", "a|b|c|d");
    expect("@[`{", "");
    expect("AZaz09_", "azaz09_");
    expect("\x01\x1F\x7F!", "");
}

static void test_apostrophes(void **state)
{
    (void)state;
    expect("don't", "don't");
    expect("'tis the dogs' bone'", "tis|the|dogs|bone");
    expect("rock'n'roll", "rock'n'roll");
    expect("a''b", "a|b");
    expect_flags("a''b", VL_WORDS_MARKS, "a|'|'|b");
    expect_flags("'a' b'", VL_WORDS_MARKS, "'|a|'|b|'");
    /* at the border of two 64-byte rows: the apostrophe is byte 63, 64, 65 */
    for (int at = 62; at <= 66; at++) {
        char text[80], expected[80];
        memset(text, ' ', sizeof text);
        memcpy(text + at - 3, "don't", 6);
        strcpy(expected, "don't");
        expect(text, expected);
        memcpy(text + at - 3, "don' ", 6);
        expect_flags(text, VL_WORDS_MARKS, "don|'");
    }
}

static void test_marks(void **state)
{
    (void)state;
    expect_flags("Good!! (so)", VL_WORDS_MARKS, "good|!|!|(|so|)");
    expect_flags("a-b_c", VL_WORDS_MARKS, "a|-|b_c");
    expect_flags("!\"#$%&()*+,-./:;<=>?@[\\]^`{|}~\x7F", VL_WORDS_MARKS,
                 "!|\"|#|$|%|&|(|)|*|+|,|-|.|/|:|;|<|=|>|?|@|[|\\|]|^|`|{|||}|~|\x7F");
    expect_flags("a \x01\x1F b", VL_WORDS_MARKS, "a|b");
}

static void test_nul_bytes(void **state)
{
    (void)state;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        char *got = words_of("ab\0cd\0", 6, VL_WORDS_MARKS);
        assert_string_equal(got, "ab|cd");
        free(got);
        got = words_of("\0\0\0", 3, VL_WORDS_MARKS);
        assert_string_equal(got, "");
        free(got);
    }
}

static void test_unicode(void **state)
{
    (void)state;
    expect("GRÖẞE Übel", "größe|übel");
    expect("ΜΟΥΣΙΚΗ", "μουσικη"); /* code point by code point: no final sigma */
    expect("Фильм ОТЛИЧНЫЙ", "фильм|отличный");
    expect("映画です", "映画です");
    expect("don\u2019t", "don't");
    expect("\u2018quoted\u2019", "quoted");
    expect_flags("\u201Cgood\u201D", VL_WORDS_MARKS, "\"|good|\"");
    expect_flags("so\u2014so", VL_WORDS_MARKS, "so|-|so");
    expect_flags("wait\u2026", VL_WORDS_MARKS, "wait|.|.|.");
    expect("cafe\u0301", "cafe");                           /* a combining accent is dropped */
    expect("na\u00EFve", "na\u00EFve");                     /* a letter with one stays */
    expect("great\U0001F600good", "great|\U0001F600|good"); /* symbols are words */
    expect("\u2764\uFE0F", "\u2764");                       /* the variation selector is dropped */
    expect("5\u20AC", "5|\u20AC");
    expect("a\u00A0b\u3000c\u200Bd",
           "a|b|cd"); /* no-break and wide blanks cut, a joiner does not */
    expect("\u0662\u0663 \u2167", "\u0662\u0663|\u2177"); /* Nd, Nl */
    expect("x\u00B2", "x\u00B2");                         /* No */
    expect_flags("\u3001\u00BF", VL_WORDS_MARKS, "");     /* other punctuation is a blank */
    expect("\u023Aa", "\u2C65"
                      "a"); /* lower case is longer than upper case */
    expect_flags("don\xC2\x92t \xC2\x93hi\xC2\x94 \xC2\x85", VL_WORDS_MARKS,
                 "don't|\"|hi|\"|.|.|.");
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    expect("a\xFF"
           "b",
           "a|b");
    expect("a\xC3 b", "a|b");
    expect("a\xE2\x82", "a");
    expect("\xC0\xAFx", "x");
    expect("\xED\xA0\x80x", "x");     /* a surrogate */
    expect("\xF4\x90\x80\x80x", "x"); /* above U+10FFFF */
}

/* The longest that a rewritten text may become is twice its length. */
static void test_plain_room(void **state)
{
    (void)state;
    static char text[VL_WORDS_BLOCK / 2], out[VL_WORDS_BLOCK + 64];
    const char *worst[] = {"\xC2\x85", "\xC2\xA9", "\u20AC", "\U0001F600",
                           "\u023A",   "\xFF",     "\u2026"};
    for (size_t w = 0; w < LENGTH(worst); w++) {
        size_t n = strlen(worst[w]), len = 0;
        for (; len + n <= sizeof text; len += n) memcpy(text + len, worst[w], n);
        memset(out, 0x5A, sizeof out);
        int made = vl_words_plain(out, text, (int)len);
        assert_in_range(made, 0, 2 * len);
        for (size_t i = (size_t)made; i < sizeof out; i++) assert_int_equal(out[i], 0x5A);
    }
}

/* ---- Hashes: computed by an independent program from the definition in words.c -----------------
 */

static void test_hashes_are_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint64_t hash;
    } golden[] = {
        {"a", 0x8952ED585372FB36u},
        {"good", 0x72417FC5677BA223u},
        {"don't", 0x948EA30207F7DC65u},
        {"sixteen_letters_", 0xC2FE0FF83C2C6980u},
        {"seventeen_letters", 0x25BBD4309A4548C7u},
        {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0x0323CBDA09305050u},
        {"größe", 0x9A6CB95651D4948Fu},
        {"!", 0xD7935B66F8F254A8u},
    };
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++)
        for (size_t i = 0; i < LENGTH(golden); i++) {
            vl_isa_limit(isa);
            vl_words_next(&block, vl_span_of(golden[i].word), VL_WORDS_MARKS);
            assert_int_equal(block.count, 1);
            assert_true(block.hash[0] == golden[i].hash);
        }
}

/* What stands behind or before a word does not change its hash. */
static void test_hash_of_place(void **state)
{
    (void)state;
    char word[40], text[256];
    for (int len = 1; len <= 35; len++) {
        for (int i = 0; i < len; i++) word[i] = (char)('a' + (i * 7 + len) % 26);
        word[len] = '\0';
        vl_words_next(&block, vl_span_of(word), 0);
        uint64_t hash = block.hash[0];
        for (int shift = 0; shift < 70; shift++) {
            int n = snprintf(text, sizeof text, "%*s%s zzzzzzzzzzzzzzzzzzzz", shift, "", word);
            vl_words_next(&block, (vl_span){text, (size_t)n}, 0);
            assert_int_equal(block.count, 2);
            assert_true(block.hash[0] == hash);
        }
        word[len / 2] ^= 32; /* upper case: the same word */
        vl_words_next(&block, vl_span_of(word), 0);
        assert_true(block.hash[0] == hash);
        word[len / 2] = '_';
        vl_words_next(&block, vl_span_of(word), 0);
        assert_true(block.hash[0] != hash);
    }
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static void test_long_runs(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 'x', sizeof text);
    char *got = words_of(text, 4096, 0);
    assert_string_equal(got, "<4096>");
    free(got);
    got = words_of(text, 9000, 0);
    assert_string_equal(got, "<4096>|<4096>|<808>");
    free(got);
    text[100] = ' '; /* the last blank of the block is where it ends */
    assert_int_equal(vl_words_next(&block, (vl_span){text, 9000}, 0), 101);
    /* without a blank no code point is cut in two */
    for (int i = 0; i + 3 <= 9999; i += 3) memcpy(text + i, "\u6620", 3);
    size_t used = vl_words_next(&block, (vl_span){text, 9000}, 0);
    assert_int_equal(used % 3, 0);
    assert_in_range(used, 2044, 2048);
    assert_int_equal(block.count, 1);
    /* nor does anything go wrong with continuation bytes only */
    memset(text, 0x80, sizeof text);
    got = words_of(text, sizeof text, VL_WORDS_MARKS);
    assert_string_equal(got, "");
    free(got);
}

static char random_byte(int kind, uint64_t r)
{
    static const char english[] = "abcdefghijklmnopqrstuvwxyzABCDE 0'   '_.,!";
    static const char mixed[] = "ab \xC3\xA9\xE2\x80\x99\xF0\x9F\x98\x80\xFF'\0. ";
    if (kind == 0) return (char)r;
    if (kind == 1) return english[r % (sizeof english - 1)];
    if (kind == 2) return mixed[r % (sizeof mixed - 1)];
    return (char)(r % 128);
}

/* A text given whole has the words of its pieces cut at any blank. */
static void test_pieces(void **state)
{
    (void)state;
    static char text[20000];
    const uint64_t seed = 31;
    for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < sizeof text; i++)
            text[i] =
                i % 97 == 96 ? ' ' : random_byte(kind, vl_random_at(seed + (uint64_t)kind, i));
        for (unsigned flags = 0; flags <= VL_WORDS_MARKS; flags++) {
            char *whole = words_of(text, sizeof text, flags);
            char *joined = calloc(1, 3 * sizeof text);
            for (size_t from = 0, n = 1; from < sizeof text; n++) {
                size_t to = from + 97 * (1 + vl_random_at(seed, n) % 60);
                if (to > sizeof text) to = sizeof text;
                char *part = words_of(text + from, to - from, flags);
                if (*joined && *part) strcat(joined, "|");
                strcat(joined, part);
                free(part);
                from = to;
            }
            assert_true(strlen(whole) > 1000);
            assert_string_equal(whole, joined);
            free(whole);
            free(joined);
        }
    }
}

/* ---- A plain cutter of ASCII text, written from words.h ----------------------------------------
 */

static int is_word(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char *plain_words(const char *text, size_t len, unsigned flags)
{
    char *out = calloc(1, 2 * len + 16), *o = out;
    bool open = false;
    for (size_t i = 0; i < len; i++) {
        int c = text[i];
        bool inner = c == '\'' && i && i + 1 < len && is_word(text[i - 1]) && is_word(text[i + 1]);
        bool mark = !is_word(c) && !inner && c > ' ' && flags;
        if (is_word(c) || inner || mark) {
            if ((!open || mark) && o > out) *o++ = '|';
            *o++ = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        open = is_word(c) || inner;
    }
    return out;
}

static void test_against_plain(void **state)
{
    (void)state;
    const uint64_t seed = 77;
    char text[600];
    for (uint64_t round = 0; round < 2000; round++) {
        size_t len = vl_random_at(seed, round) % 300;
        for (size_t i = 0; i < len; i++)
            text[i] = random_byte(1 + 2 * (round & 1), vl_random_at(seed + round, i));
        char *expected = plain_words(text, len, round & 2 ? VL_WORDS_MARKS : 0);
        char *got = words_of(text, len, round & 2 ? VL_WORDS_MARKS : 0);
        if (len < 41 || strchr(got, '<') == NULL) assert_string_equal(got, expected);
        free(expected);
        free(got);
    }
}

/* ---- Instruction sets --------------------------------------------------------------------------
 */

static void expect_same_block(const vl_word_block *a, const vl_word_block *b)
{
    assert_int_equal(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        assert_int_equal(a->begin[i], b->begin[i]);
        assert_int_equal(a->end[i], b->end[i]);
        assert_true(a->hash[i] == b->hash[i]);
        assert_memory_equal(a->lower + a->begin[i], b->lower + a->begin[i],
                            (size_t)(a->end[i] - a->begin[i]));
    }
}

static void compare(const char *text, size_t len)
{
    static vl_word_block plain;
    for (unsigned flags = 0; flags <= VL_WORDS_MARKS; flags++)
        for (vl_span left = {text, len}; left.len;) {
            vl_isa_limit(VL_ISA_SCALAR);
            size_t used = vl_words_next(&plain, left, flags);
            for (vl_isa isa = VL_ISA_AVX2; isa <= vl_isa_detected(); isa++) {
                vl_isa_limit(isa);
                assert_int_equal(vl_words_next(&block, left, flags), used);
                expect_same_block(&plain, &block);
            }
            left.ptr += used;
            left.len -= used;
        }
}

static void test_instruction_sets(void **state)
{
    (void)state;
    enum { MOST = 9000 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (MOST / page + 1) * page;
    char *room =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + size, page, PROT_NONE), 0);
    const uint64_t seed = 20240611;
    for (uint64_t round = 0; round < 360; round++) {
        size_t len = round <= 300 ? round : 4000 + vl_random_at(seed, round) % 5000;
        for (int kind = 0; kind < 4; kind++) {
            char *text = room + size - len; /* any alignment; ends where reading is forbidden */
            for (size_t i = 0; i < len; i++)
                text[i] =
                    random_byte(kind, vl_random_at(seed + round * 4 + (uint64_t)kind, i) >> 7);
            compare(text, len);
        }
    }
    munmap(room, size + page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_apostrophes),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_unicode),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_plain_room),
        cmocka_unit_test(test_hashes_are_the_format),
        cmocka_unit_test(test_hash_of_place),
        cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_against_plain),
        cmocka_unit_test(test_instruction_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
