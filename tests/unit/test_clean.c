/* test_clean.c: names of passes, each pass by example, every instruction set at the edges of
 * memory, allocation failures, damaged UTF-8. Equality with Python is
 * tests/e2e/test_clean_python.py's. */
#include "test.h"

#include <sys/mman.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "text/clean.h"
#include "text/emoji.h"

typedef struct example {
    const char *in, *out;
} example;

static void expect(uint32_t passes, vl_span in, vl_span out)
{
    vl_clean_scratch scratch = {0};
    vl_span got;
    assert_int_equal(vl_clean(passes, in, &scratch, &got), VALENCE_OK);
    if (!vl_span_equal(got, out))
        fail_msg("'%.*s' gives '%.*s', not '%.*s'", (int)in.len, in.ptr, (int)got.len, got.ptr,
                 (int)out.len, out.ptr);
    vl_clean_scratch_release(&scratch);
}

static void expect_all(uint32_t passes, const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(passes, vl_span_of(examples[i].in), vl_span_of(examples[i].out));
}

#define EXPECT_ALL(passes, examples) expect_all(passes, examples, LENGTH(examples))

/* ---- Names ------------------------------------------------------------------------------------
 */

static void test_names(void **state)
{
    (void)state;
    uint32_t passes = 99;
    assert_int_equal(vl_clean_parse(&passes, vl_span_of(""), NULL), VALENCE_OK);
    assert_int_equal(passes, 0);
    assert_int_equal(vl_clean_parse(&passes, (vl_span){NULL, 0}, NULL), VALENCE_OK);
    assert_int_equal(vl_clean_parse(&passes, vl_span_of("none"), NULL), VALENCE_OK);
    assert_int_equal(passes, 0);
    assert_int_equal(vl_clean_parse(&passes, vl_span_of("spaces, lower,punctuation"), NULL), 0);
    assert_int_equal(passes, VL_CLEAN_DEFAULT);
}

static void test_unknown_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"lowr",         "lower,,spaces", ",",
                                      "lower spaces", "LOWER",         "none,lower"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        uint32_t passes = 99;
        valence_error error;
        assert_int_equal(vl_clean_parse(&passes, vl_span_of(bad[i]), &error), VALENCE_ARGUMENT);
        assert_int_equal(passes, 99);
    }
    valence_error error;
    uint32_t passes;
    vl_clean_parse(&passes, vl_span_of("lower,sapces"), &error);
    assert_string_equal(error.message, "unknown cleaning pass 'sapces'");
}

static void test_names_round_trip(void **state)
{
    (void)state;
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 1000);
    for (uint32_t passes = 0; passes < 1u << VL_CLEAN_PASSES; passes++) {
        uint32_t again = ~passes;
        vl_buffer_reset(&b);
        assert_int_equal(vl_clean_names(passes, &b), VALENCE_OK);
        assert_int_equal(vl_clean_parse(&again, vl_buffer_span(&b), NULL), VALENCE_OK);
        assert_int_equal(again, passes);
    }
    vl_buffer_reset(&b);
    vl_clean_names(VL_CLEAN_DEFAULT, &b);
    assert_true(vl_span_is(vl_buffer_span(&b), "lower,punctuation,spaces"));
    vl_buffer_release(&b);
}

/* ---- The passes -------------------------------------------------------------------------------
 */

static void test_no_pass_copies_nothing(void **state)
{
    (void)state;
    vl_clean_scratch scratch = {0};
    vl_span text = vl_span_of("A plain text, cleaned by passes with nothing to do"), out;
    uint32_t idle = VL_CLEAN_ONE(HTML) | VL_CLEAN_ONE(URLS) | VL_CLEAN_ONE(NAMES) |
                    VL_CLEAN_ONE(EMOTICONS) | VL_CLEAN_ONE(ELONGATIONS);
    assert_int_equal(vl_clean(0, text, &scratch, &out), VALENCE_OK);
    assert_ptr_equal(out.ptr, text.ptr);
    assert_int_equal(vl_clean(idle, text, &scratch, &out), VALENCE_OK);
    assert_ptr_equal(out.ptr, text.ptr);
    assert_null(scratch.a.data);
    vl_clean_scratch_release(&scratch);
}

static void test_default(void **state)
{
    (void)state;
    static const example list[] = {
        {"", ""},
        {" \t\r\n ", ""},
        {"?!", ""},
        {"Great Movie!!!", "great movie"},
        {"  a - b  ", "a b"},
        {" ... a ... ", "a"},
        {"don't_stop", "dont_stop"},
        {"a\xC2\xA0\xC2\xA0 b\xE3\x80\x80", "a b"},
        {"\xC3\x89T\xC3\x89", "\xC3\xA9t\xC3\xA9"},
        {"\xC4\xB0", "i"}, /* its U+0307 is no word character */
        {"\xCE\x9F\xCE\xA3 \xCE\xA3\xCE\x9F",
         "\xCE\xBF\xCF\x82 \xCF\x83\xCE\xBF"}, /* final sigma */
        {"A\xCE\xA3'", "a\xCF\x82"},
        {"A\xCE\xA3'b", "a\xCF\x83"
                        "b"},
        {"caf\xC3\xA9 \xE2\x80\x94 \xE4\xB8\xAD", "caf\xC3\xA9 \xE4\xB8\xAD"},
    };
    EXPECT_ALL(VL_CLEAN_DEFAULT, list);
}

static void test_each_of_the_default(void **state)
{
    (void)state;
    static const example lower[] = {{" A-B\tc ", " a-b\tc "}, {"\xC4\xB0", "i\xCC\x87"}};
    static const example marks[] = {{" A-B\tc! ", " AB\tc "}, {"\xE2\x80\x9CZ\xE2\x80\x9D", "Z"}};
    static const example spaces[] = {{" A - B\t\tc! ", "A - B c!"}, {"\x1C\x1F", ""}};
    EXPECT_ALL(VL_CLEAN_ONE(LOWER), lower);
    EXPECT_ALL(VL_CLEAN_ONE(PUNCTUATION), marks);
    EXPECT_ALL(VL_CLEAN_ONE(SPACES), spaces);
    expect(VL_CLEAN_ONE(SPACES), (vl_span){"\0 \0", 3}, (vl_span){"\0 \0", 3});
    expect(VL_CLEAN_ONE(PUNCTUATION), (vl_span){"\0 \0", 3}, vl_span_of(" "));
}

static void test_html(void **state)
{
    (void)state;
    static const example list[] = {
        {"good<br /><br/>bad", "good  bad"},
        {"<p class=\"x\">a</p>", " a "},
        {"a<!-- x > <b> -->b", "a b"},
        {"<!DOCTYPE html>x", " x"},
        {"<o:p>x</o:p>", " x "},
        {"a < b > c", "a < b > c"},
        {"i <3 u </3", "i <3 u </3"},
        {"<me@x.org> <http://x.org>", "<me@x.org> <http://x.org>"},
        {"a <b and <i>c</i>", "a <b and  c "},
        {"<b", "<b"},
        {"<!-- open", "<!-- open"},
        {"<!-- <!-- x -->y", "<!--  y"},
        {"&lt;b&gt; &amp;amp; &quot;&#39;&apos;", "<b> &amp; \"''"},
        {"caf&eacute;&nbsp;&hellip;&#8217;&#xE9;&#150;",
         "caf\xC3\xA9\xC2\xA0\xE2\x80\xA6\xE2\x80\x99\xC3\xA9\xE2\x80\x93"},
        {"AT&T & co; R&D; &#; &#x; &#12a; &nosuch;", "AT&T & co; R&D; &#; &#x; &#12a; &nosuch;"},
        {"&#0;&#xD800;&#99999999999;", "\xEF\xBF\xBD\xEF\xBF\xBD&#99999999999;"},
    };
    EXPECT_ALL(VL_CLEAN_ONE(HTML), list);
    char far[400] = "<b ";
    memset(far + 3, 'x', 300);
    memcpy(far + 303, ">", 2);
    expect(VL_CLEAN_ONE(HTML), vl_span_of(far), vl_span_of(far));
}

static void test_urls(void **state)
{
    (void)state;
    static const example list[] = {
        {"see http://t.co/Ab1 now", "see  urltoken  now"},
        {"(HTTPS://x.org/a?b=c).", "( urltoken )."},
        {"www.x.com, and Www.Y.com!", " urltoken , and  urltoken !"},
        {"readhttp://x.org", "read urltoken "},
        {"so http", "so  urltoken "},
        {"http...", " urltoken ..."},
        {"http:/ x", " urltoken  x"},
        {"http:/t.co x", " urltoken  x"},
        {"<a>http://x</a>", "<a> urltoken </a>"},
        {"http://x\xC2\xA0y", " urltoken \xC2\xA0y"},
        {"httpd height awww. www www.", "httpd height awww. www www."},
    };
    EXPECT_ALL(VL_CLEAN_ONE(URLS), list);
}

static void test_user_names(void **state)
{
    (void)state;
    static const example list[] = {
        {"@Anna_1: hi", " usertoken : hi"},
        {".@anna", ". usertoken "},
        {"mail bob@x.org", "mail bob@x.org"},
        {"caf\xC3\xA9@x", "caf\xC3\xA9@x"},
        {"\xF0\x9F\x98\x80@x", "\xF0\x9F\x98\x80 usertoken "},
        {"@ 5pm @@ @", "@ 5pm @@ @"},
        {"@\xC3\xA9ric!", " usertoken !"},
    };
    EXPECT_ALL(VL_CLEAN_ONE(NAMES), list);
}

#define POS " emopositive "
#define NEG " emonegative "
#define NEU " emoneutral "

static void test_emoticons(void **state)
{
    (void)state;
    static const example list[] = {
        {":) :-) =) ;) :D :P XD :))", POS " " POS " " POS " " POS " " POS " " POS " " POS " " POS},
        {":( :-( :'( :[ =(", NEG " " NEG " " NEG " " NEG " " NEG},
        {"meh :/ :| :o", "meh " NEG " " NEU " " NEU},
        {"great:)thanks", "great" POS "thanks"},
        {"<3 </3 <333", POS " " NEG " " POS},
        {"<30 a<3b", "<30 a<3b"},
        {"(: hi ):", POS " hi " NEG},
        {"(see here): fine (a:b)", "(see here): fine (a:b)"},
        {"^_^ -_-", POS " " NEG},
        {"http://x 10:30 re:Dear xDy 3:1 a=b a=(b) :(1) ==",
         "http://x 10:30 re:Dear xDy 3:1 a=b a=(b) :(1) =="},
        {"\xF0\x9F\x98\x80\xF0\x9F\x98\xA1", POS NEG},
        {"\xE2\x9D\xA4\xEF\xB8\x8F!", POS "!"},                  /* heart, variation selector */
        {"\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", POS},               /* thumbs up, skin tone */
        {"\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB", NEU},   /* woman, joiner, computer */
        {"\xE2\x80\x99\xE2\x98\x85", "\xE2\x80\x99\xE2\x98\x85"} /* quote, star: no emoji */
    };
    EXPECT_ALL(VL_CLEAN_ONE(EMOTICONS), list);
}

static void test_emoji_table(void **state)
{
    (void)state;
    assert_int_equal(vl_emoji_polarity(0x1F600), VL_POSITIVE);
    assert_int_equal(vl_emoji_polarity(0x1F494), VL_NEGATIVE);
    assert_int_equal(vl_emoji_polarity(0x1F697), VL_NEUTRAL);
    assert_int_equal(vl_emoji_polarity('a'), VL_POLARITY_NONE);
    assert_int_equal(vl_emoji_polarity(0x1F3FD), VL_POLARITY_NONE);
    assert_int_equal(vl_emoji_polarity(VL_UTF8_BAD), VL_POLARITY_NONE);
}

static void test_elongations(void **state)
{
    (void)state;
    static const example list[] = {
        {"soooo goooood", "soo good"},
        {"SOOO sOoOo good", "SOO sOoOo good"},
        {"1000 !!! ...", "1000 !!! ..."},
        {"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9!", "\xC3\xA9\xC3\xA9!"},
        {"\xE2\x80\x94\xE2\x80\x94\xE2\x80\x94", "\xE2\x80\x94\xE2\x80\x94\xE2\x80\x94"},
        {"aaa", "aa"},
    };
    EXPECT_ALL(VL_CLEAN_ONE(ELONGATIONS), list);
}

static void test_negation(void **state)
{
    (void)state;
    static const example list[] = {
        {"this is not good at all. fine", "this is not not_good not_at not_all. fine"},
        {"I don't like it, sorry", "I don't not_like not_it, sorry"},
        {"I DON\xE2\x80\x99T care", "I DON\xE2\x80\x99T not_care"},
        {"did n't work", "did n't not_work"},
        {"cannot dont never", "cannot dont never"},
        {"not a well-made (film)", "not not_a not_well-made (not_film)"},
        {"not 3.5 stars: yes", "not not_3.5 not_stars: yes"},
        {"no,bad no", "no,bad no"},
        {"knot another", "knot another"},
        {"No \xC3\xA9tat", "No not_\xC3\xA9tat"},
    };
    EXPECT_ALL(VL_CLEAN_ONE(NEGATION), list);
}

static void test_passes_run_in_order(void **state)
{
    (void)state;
    uint32_t all = (1u << VL_CLEAN_PASSES) - 1;
    expect(all, vl_span_of("<b>Not</b> soooo  GOOD :( &lt;3 http://t.co @you, ok"),
           vl_span_of("not not_soo not_good not_emonegative not_emopositive not_urltoken "
                      "not_usertoken ok"));
}

/* ---- Memory -----------------------------------------------------------------------------------
 */

/* Two pages, the second unreadable; gives the end of the first. */
static char *page_end(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE) != 0) exit(1);
    return p + page;
}

static void page_done(char *end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(end - page, 2 * page);
}

static const uint32_t sets[] = {
    VL_CLEAN_ONE(HTML),      VL_CLEAN_ONE(URLS),         VL_CLEAN_ONE(NAMES),
    VL_CLEAN_ONE(EMOTICONS), VL_CLEAN_ONE(ELONGATIONS),  VL_CLEAN_ONE(NEGATION),
    VL_CLEAN_ONE(LOWER),     VL_CLEAN_ONE(PUNCTUATION),  VL_CLEAN_ONE(SPACES),
    VL_CLEAN_DEFAULT,        (1u << VL_CLEAN_PASSES) - 1};

/* Every size, ending at the page's end, on every instruction set: the same as scalar. */
static void check_page_end(const char *source, size_t longest)
{
    char *end = page_end();
    vl_clean_scratch one = {0}, two = {0};
    for (size_t len = 0; len <= longest; len++) {
        memcpy(end - len, source + longest - len, len);
        for (size_t i = 0; i < LENGTH(sets); i++) {
            vl_span plain, fast, in = {end - len, len};
            vl_isa_limit(VL_ISA_SCALAR);
            assert_int_equal(vl_clean(sets[i], in, &one, &plain), VALENCE_OK);
            for (vl_isa isa = VL_ISA_AVX2; isa <= vl_isa_detected(); isa++) {
                vl_isa_limit(isa);
                assert_int_equal(vl_clean(sets[i], in, &two, &fast), VALENCE_OK);
                assert_true(vl_span_equal(plain, fast));
            }
        }
    }
    vl_clean_scratch_release(&one);
    vl_clean_scratch_release(&two);
    page_done(end);
}

static void test_page_end(void **state)
{
    (void)state;
    static char text[301];
    static const char *const pieces[] = {
        "<",  "<b", "&am",           "http:/",  "www.",         "@",
        ":-", "x",  "ooo",           "not ",    "caf\xC3\xA9 ", "\xE2\x80",
        " ",  "A",  "n\xE2\x80\x99", "\xCE\xA3"};
    for (uint64_t round = 0; round < 40; round++) {
        memset(text, ' ', 300);
        for (size_t i = 0, n = 0; i < 300; n++) {
            const char *piece = pieces[vl_random_at(round, n) % LENGTH(pieces)];
            size_t len = strlen(piece);
            memcpy(text + i, piece, i + len > 300 ? 300 - i : len);
            i += len;
        }
        check_page_end(text, round ? 80 : 300);
    }
    vl_isa_limit(vl_isa_detected());
}

static void test_allocation_failures(void **state)
{
    (void)state;
    static char text[5000];
    static const char piece[] = "<b>Not</b> soooo :( http://x @you &lt; \xC4\xB0\xC8\xBA ";
    for (size_t i = 0; i < 5000; i++) text[i] = piece[i % (sizeof piece - 1)];
    uint32_t all = (1u << VL_CLEAN_PASSES) - 1;
    int64_t before = vl_mem_usage_total().current;
    vl_status status = VALENCE_NO_MEMORY;
    int n = 1;
    for (; status != VALENCE_OK && n < 1000; n++) {
        vl_clean_scratch scratch = {0};
        vl_span out;
        vl_mem_fail_from(n);
        status = vl_clean(all, (vl_span){text, sizeof text}, &scratch, &out);
        vl_mem_fail_from(0);
        assert_true(status == VALENCE_OK || status == VALENCE_NO_MEMORY);
        vl_clean_scratch_release(&scratch);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    assert_true(n > 3 && n < 1000);
}

static void test_limit(void **state)
{
    (void)state;
    vl_clean_scratch scratch = {0};
    vl_span out, text = vl_span_of("@a @b @c @d @e @f @g @h @i @j");
    assert_int_equal(vl_clean(VL_CLEAN_DEFAULT, text, &scratch, &out), VALENCE_OK);
    scratch.a.max = scratch.b.max = 300;
    char longer[400];
    memset(longer, 'x', sizeof longer);
    vl_span x = {longer, sizeof longer};
    assert_int_equal(vl_clean(VL_CLEAN_DEFAULT, x, &scratch, &out), VALENCE_LIMIT);
    assert_int_equal(vl_clean(VL_CLEAN_ONE(NAMES), text, &scratch, &out), VALENCE_OK);
    vl_clean_scratch_release(&scratch);
}

static void test_no_allocation_when_warm(void **state)
{
    (void)state;
    vl_clean_scratch scratch = {0};
    vl_span out, text = vl_span_of("<p>Not sooo bad</p> &eacute;, is it? :) http://x @you");
    uint32_t all = (1u << VL_CLEAN_PASSES) - 1;
    assert_int_equal(vl_clean(all, text, &scratch, &out), VALENCE_OK);
    int64_t before = vl_mem_usage_total().allocations;
    for (int i = 0; i < 100; i++) vl_clean(all, text, &scratch, &out);
    assert_int_equal(vl_mem_usage_total().allocations, before);
    vl_clean_scratch_release(&scratch);
}

static void test_damaged_utf8(void **state)
{
    (void)state;
    expect(VL_CLEAN_DEFAULT,
           vl_span_of("a\xFF"
                      "B \xE2\x82 c\xC3"),
           vl_span_of("ab c"));
    expect(VL_CLEAN_ONE(LOWER),
           vl_span_of("A\xFF\xE2\x82"
                      "B\xC3"),
           vl_span_of("a\xEF\xBF\xBD\xEF\xBF\xBD"
                      "b\xEF\xBF\xBD"));
    char noise[300];
    vl_clean_scratch scratch = {0};
    for (uint64_t round = 0; round < 2000; round++) {
        size_t len = vl_random_at(round, 1000) % sizeof noise;
        for (size_t i = 0; i < len; i++) noise[i] = (char)(vl_random_at(round, i) >> 13);
        for (size_t i = 0; i < LENGTH(sets); i++) {
            vl_span out;
            assert_int_equal(vl_clean(sets[i], (vl_span){noise, len}, &scratch, &out), VALENCE_OK);
            if (sets[i] >= VL_CLEAN_ONE(LOWER))
                assert_int_equal(vl_utf8_valid_prefix(out.ptr, out.len), out.len);
        }
    }
    vl_clean_scratch_release(&scratch);
}

/* Only invalid bytes grow threefold: the room must follow. */
static void test_growth(void **state)
{
    (void)state;
    vl_clean_scratch scratch = {0};
    vl_span out;
    static char text[10000];
    memset(text, 0xFF, sizeof text);
    vl_span in = {text, sizeof text};
    assert_int_equal(vl_clean(VL_CLEAN_ONE(LOWER), in, &scratch, &out), VALENCE_OK);
    assert_int_equal(out.len, 3 * sizeof text);
    vl_clean_scratch_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_names_round_trip),
        cmocka_unit_test(test_no_pass_copies_nothing),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_each_of_the_default),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_user_names),
        cmocka_unit_test(test_emoticons),
        cmocka_unit_test(test_emoji_table),
        cmocka_unit_test(test_elongations),
        cmocka_unit_test(test_negation),
        cmocka_unit_test(test_passes_run_in_order),
        cmocka_unit_test(test_page_end),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_no_allocation_when_warm),
        cmocka_unit_test(test_damaged_utf8),
        cmocka_unit_test(test_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
