/* test_clean_map.c: where cleaned bytes come from: each pass by marked examples, all of them on
 * random texts, and allocation failures. What cleaning itself does is test_clean.c's. */
#include "test.h"

#include "base/hash.h"
#include "text/clean.h"
#include "text/clean_map.h"
#include "text/edits.h"

enum { ALL = (1u << VL_CLEAN_PASSES) - 1, LONGEST = 4000 };

static vl_clean_scratch scratch;
static vl_clean_map *map;

static int open_map(void **state)
{
    (void)state;
    return vl_clean_map_open(&map, NULL);
}

static int close_map(void **state)
{
    (void)state;
    vl_clean_map_close(map);
    vl_clean_scratch_release(&scratch);
    return 0;
}

static vl_span clean_mapped(uint32_t passes, vl_span text)
{
    vl_span out;
    assert_int_equal(vl_clean_mapped(passes, text, &scratch, map, &out), VALENCE_OK);
    return out;
}

/* ---- By example -------------------------------------------------------------------------------
 */

/* Two '|' in each text: the cleaned range, and the range of the original it comes from. */
typedef struct example {
    const char *in, *out;
} example;

typedef struct marked {
    char text[500];
    size_t len, start, end;
} marked;

static marked read_marked(const char *source)
{
    marked m = {0};
    size_t *mark = &m.start;
    for (const char *p = source; *p; p++) {
        if (*p != '|') m.text[m.len++] = *p;
        else *mark = m.len, mark = &m.end;
    }
    return m;
}

static void expect_source(uint32_t passes, const example *e)
{
    marked in = read_marked(e->in), out = read_marked(e->out);
    vl_span got = clean_mapped(passes, (vl_span){in.text, in.len});
    if (!vl_span_equal(got, (vl_span){out.text, out.len}))
        fail_msg("'%s' gives '%.*s', not '%s'", e->in, (int)got.len, got.ptr, e->out);
    size_t start = out.start, end = out.end;
    vl_clean_map_range(map, &start, &end);
    if (start != in.start || end != in.end)
        fail_msg("'%s' comes from %zu..%zu of '%s'", e->out, start, end, e->in);
}

static void expect_sources(uint32_t passes, const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) expect_source(passes, &examples[i]);
}

#define EXPECT_SOURCES(passes, examples) expect_sources(passes, examples, LENGTH(examples))

static void test_no_pass(void **state)
{
    (void)state;
    static const example list[] = {
        {"a |word| b", "a |word| b"}, {"|a|", "|a|"}, {"a |b|", "a |b|"}};
    EXPECT_SOURCES(0, list);
    EXPECT_SOURCES(VL_CLEAN_ONE(HTML), list);
    EXPECT_SOURCES(VL_CLEAN_DEFAULT, list);
}

static void test_html(void **state)
{
    (void)state;
    static const example list[] = {
        {"good|<br />|bad", "good| |bad"},      {"good<br />|bad|", "good |bad|"},
        {"|good<br />bad|", "|good bad|"},      {"|good|<br />bad", "|good| bad"},
        {"caf|&eacute;| x", "caf|\xC3\xA9| x"}, {"|caf&eacute;| x", "|caf\xC3\xA9| x"},
        {"caf|&eacute;| x", "caf\xC3|\xA9| x"}, /* half a character: all of it */
        {"a|<b><!-- x -->|b", "a|  |b"},        {"a<b>|<!-- x -->|b", "a | |b"},
    };
    EXPECT_SOURCES(VL_CLEAN_ONE(HTML), list);
}

static void test_urls_and_names(void **state)
{
    (void)state;
    static const example list[] = {
        {"see |http://t.co/Ab1| now", "see | urltoken | now"},
        {"see |http://t.co/Ab1| now", "see  |urltoken|  now"},
        {"see http://t.co/Ab1 |now|", "see  urltoken  |now|"},
        {"|see http://t.co/Ab1|", "|see  url|token "},
        {"|@anna|: hi", " |usertoken| : hi"},
        {"@anna: |hi|", " usertoken : |hi|"},
        {"|http|@anna", "| urltoken | usertoken "},
        {"http|@anna|", " urltoken  |usertoken| "},
        {"|http@anna|", " |urltoken  user|token "},
    };
    EXPECT_SOURCES(VL_CLEAN_ONE(URLS) | VL_CLEAN_ONE(NAMES), list);
}

static void test_emoticons(void **state)
{
    (void)state;
    static const example list[] = {
        {"great |:-)| thanks", "great | emopositive | thanks"},
        {"great :-) |thanks|", "great  emopositive  |thanks|"},
        {":(|\xF0\x9F\x98\x80|:(", " emonegative  |emopositive|  emonegative "},
        {":(\xF0\x9F\x98\x80|:(|", " emonegative  emopositive | emonegative |"},
    };
    EXPECT_SOURCES(VL_CLEAN_ONE(EMOTICONS), list);
}

static void test_elongations(void **state)
{
    (void)state;
    static const example list[] = {
        {"|soooo| good", "|soo| good"},
        {"s|oooo| good", "s|o|o good"},
        {"s|oooo| good", "so|o| good"},
        {"soooo |good|", "soo |good|"},
        {"|\xC3\xA9\xC3\xA9\xC3\xA9|!", "|\xC3\xA9|\xC3\xA9!"},
        {"aaa|bbb|ccc", "aa|b|bcc"},
    };
    EXPECT_SOURCES(VL_CLEAN_ONE(ELONGATIONS), list);
}

static void test_negation(void **state)
{
    (void)state;
    static const example list[] = {
        {"not |good| film", "not |not_good| not_film"},
        {"not good |film|", "not not_good |not_film|"},
        {"not ||good film", "not |not_|good not_film"},
        {"not ||good film", "not n|ot|_good not_film"},
        {"not |g|ood film", "not not|_g|ood not_film"},
        {"not |good |film", "not |not_good not|_film"},
        {"|not |good film", "|not not_|good not_film"},
        {"|not good| film", "|not not_good| not_film"},
        {"not a. |b|", "not not_a. |b|"},
    };
    EXPECT_SOURCES(VL_CLEAN_ONE(NEGATION), list);
}

static void test_default_passes(void **state)
{
    (void)state;
    static const example list[] = {
        {"Great, |MOVIE|!!!", "great |movie|"},
        {"|Don't| go", "|dont| go"},
        {"Don'|t| go", "don|t| go"},
        {"(|well-made|)", "|wellmade|"},
        {" \t |a -  b| ", "|a b|"},
        {" \t a -  |b| ", "a |b|"},
        {"a\xC2\xA0|b|", "a |b|"},
        {"a|\xC2\xA0|b", "a| |b"},
        {"|\xC4\xB0| x", "|i| x"}, /* I with a dot: two bytes, of which one stays */
        {"\xC4\xB0 |x|", "i |x|"},
        {"\xC8\xBA |x|", "\xE2\xB1\xA5 |x|"}, /* A with stroke: its lower case has three bytes */
        {"|\xC8\xBA| x", "\xE2|\xB1|\xA5 x"},
        {"|CAF\xC3\x89|", "|caf\xC3\xA9|"},
        {"\xFF|B|\xE2\x82", "|b|"},
    };
    EXPECT_SOURCES(VL_CLEAN_DEFAULT, list);
}

static void test_invalid_bytes(void **state)
{
    (void)state;
    static const example list[] = {
        {"a|\xFF|\xE2\x82z", "a|\xEF\xBF\xBD|\xEF\xBF\xBDz"},
        {"a\xFF|\xE2\x82|z", "a\xEF\xBF\xBD\xEF|\xBF|\xBDz"},
        {"a\xFF\xE2\x82|z|", "a\xEF\xBF\xBD\xEF\xBF\xBD|z|"},
    };
    EXPECT_SOURCES(VL_CLEAN_ONE(LOWER), list);
}

static void test_all_passes(void **state)
{
    (void)state;
#define IN(a, b, c, d, e, f, g, h)                                                                 \
    "<b>" a "Not" b "</b> " c "soooo" d "  GOOD " e ":(" f " &lt;3 " g "http://t.co" h " @you, ok"
#define OUT(a, b, c, d, e, f, g, h)                                                                \
    a "not" b " " c "not_soo" d " not_good " e "not_emonegative" f " not_emopositive " g           \
      "not_urltoken" h " not_usertoken ok"
    static const example list[] = {
        {IN("|", "|", , , , , , ), OUT("|", "|", , , , , , )},
        {IN(, , "|", "|", , , , ), OUT(, , "|", "|", , , , )},
        {IN(, , , , "|", "|", , ), OUT(, , , , "|", "|", , )},
        {IN(, , , , , , "|", "|"), OUT(, , , , , , "|", "|")},
        {IN("|", , , , , "|", , ), OUT("|", , , , , "|", , )},
        {"not |&lt;3|, &eacute;t", "not |not_emopositive| \xC3\xA9t"},
        {"not :) |&eacute;tat|", "not not_emopositive |not_\xC3\xA9tat|"},
        {"not ||&eacute;tat", "not |not_|\xC3\xA9tat"},
        {"not |:)|", "not |not_|emopositive"}, /* added within what was replaced */
        {"not -|:)| x", "not no|t_|emopositive not_x"},
        {"|not| - good", "|not| not_good"},
        {"not| |- good", "not| not_|good"},
        {"|n&ouml;&ouml;&ouml;&ouml;| !", "|n\xC3\xB6\xC3\xB6|"},
    };
    EXPECT_SOURCES(ALL, list);
}

/* ---- One list ---------------------------------------------------------------------------------
 */

static void expect_way_back(vl_edits *e, const size_t from[2], const size_t to[2])
{
    size_t start = from[0], end = from[1];
    vl_edits_source(e, &start, &end);
    assert_int_equal(start, to[0]);
    assert_int_equal(end, to[1]);
}

/* "abcdef" -> "aXYf": an empty range is empty unless it cuts XY. */
static void test_empty_ranges(void **state)
{
    (void)state;
    static const size_t ways[][2][2] = {{{0, 0}, {0, 0}}, {{1, 1}, {1, 1}}, {{2, 2}, {1, 5}},
                                        {{3, 3}, {5, 5}}, {{4, 4}, {6, 6}}, {{1, 3}, {1, 5}},
                                        {{0, 4}, {0, 6}}, {{3, 4}, {5, 6}}};
    vl_edits e;
    vl_edits_init(&e, 1000);
    assert_int_equal(vl_edits_add(&e, 1, 2, 1, 4), VALENCE_OK);
    for (size_t i = 0; i < LENGTH(ways); i++) expect_way_back(&e, ways[i][0], ways[i][1]);
    vl_edits_release(&e);
}

static void test_list_limits(void **state)
{
    (void)state;
    vl_edits e;
    vl_edits_init(&e, 2 * sizeof(vl_edit));
    assert_int_equal(vl_edits_add(&e, (size_t)UINT32_MAX + 1, 0, 0, 1), VALENCE_LIMIT);
    assert_int_equal(vl_edits_add(&e, 0, 0, UINT32_MAX, 1), VALENCE_LIMIT);
    assert_int_equal(vl_edits_add(&e, 0, 0, 0, 1), VALENCE_OK);
    assert_int_equal(vl_edits_add(&e, 0, 0, 1, 1), VALENCE_OK); /* joins the first */
    assert_int_equal(vl_edits_add(&e, 5, 1, 7, 2), VALENCE_OK);
    assert_int_equal(vl_edits_add(&e, 6, 1, 9, 2), VALENCE_LIMIT);
    assert_int_equal(e.list.len, 2 * sizeof(vl_edit));
    vl_edits_release(&e);
}

/* ---- Random texts -----------------------------------------------------------------------------
 */

/* A word that no other piece contains and no pass changes but LOWER, and where it stands. */
typedef struct landmark {
    char name[16];
    size_t at;
} landmark;

typedef struct sample {
    char text[LONGEST + 100];
    size_t len, landmarks;
    landmark marks[LONGEST];
} sample;

static const char *const pieces[] = {
    "<b>",        "<!-- x -->", "<",     "&eacute;", "&lt;", "&amp;", "&#",   "http://x",
    "www.x.org/", "http ",      "@anna", "@",        ":-)",  ":(",    "<3",   "xD ",
    " ",          "  ",         "\t\n",  "oooo",     "AAA",  "not ",  "n't ", "no-",
    ".",          ", ",         "!?",    "3.5",      "'",
};

/* Among them: changes of length, white space, a joiner, emoji, damage. */
static const char *const wide_pieces[] = {
    "caf\xC3\xA9",      "\xC3\x89",         "\xC4\xB0",     "\xC8\xBA", "\xC2\xA0",
    "\xE2\x80\x99",     "\xCE\xA3",         "\xE3\x80\x80", "\xCC\x87", "\xE2\x80\x8D",
    "\xF0\x9F\x98\x80", "\xF0\x9F\x92\xBB", "\xFF",         "\xE2\x80",
};

static void add_piece(sample *s, const char *piece)
{
    size_t len = strlen(piece);
    memcpy(s->text + s->len, piece, len);
    s->len += len;
}

static void add_landmark(sample *s, bool upper)
{
    landmark *m = &s->marks[s->landmarks++];
    m->at = s->len;
    snprintf(m->name, sizeof m->name, upper ? "KQ%zuZ" : "kq%zuz", s->landmarks);
    add_piece(s, m->name);
}

static void fill_sample(sample *s, uint64_t seed)
{
    size_t goal = vl_random_at(seed, 0) % (seed % 8 ? 120 : LONGEST);
    s->len = s->landmarks = 0;
    for (uint64_t n = 1; s->len < goal; n++) {
        uint64_t r = vl_random_at(seed, n);
        if (r % 4 == 0) add_landmark(s, r & 64);
        else if (r % 4 == 1) add_piece(s, wide_pieces[r / 4 % LENGTH(wide_pieces)]);
        else add_piece(s, pieces[r / 4 % LENGTH(pieces)]);
    }
}

typedef struct range {
    size_t start, end;
} range;

static range source_of(size_t start, size_t end)
{
    range r = {start, end};
    vl_clean_map_range(map, &r.start, &r.end);
    return r;
}

/* Where the lower-case name stands once in out, case aside; out.len: nowhere, or more than once. */
static size_t find_once(vl_span out, const char *name)
{
    size_t len = strlen(name), found = out.len;
    for (size_t i = 0; i + len <= out.len; i++) {
        if (strncasecmp(out.ptr + i, name, len) != 0) continue;
        if (found < out.len) return out.len;
        found = i;
    }
    return found;
}

static void check_landmarks(const sample *s, vl_span out, size_t *seen)
{
    for (size_t i = 0; i < s->landmarks && i < 30; i++) {
        size_t len = strlen(s->marks[i].name), at = find_once(out, s->marks[i].name);
        if (at == out.len) continue; /* part of a link, a tag, a name */
        range r = source_of(at, at + len);
        assert_int_equal(r.start, s->marks[i].at);
        assert_int_equal(r.end, s->marks[i].at + len);
        ++*seen;
    }
}

/* bytes[i]: what byte i of out comes from; in order, and within the original. */
static void check_bytes(const sample *s, vl_span out, range *bytes)
{
    range before = {0, 0};
    for (size_t i = 0; i < out.len; i++) {
        bytes[i] = source_of(i, i + 1);
        assert_true(bytes[i].start <= bytes[i].end && bytes[i].end <= s->len);
        assert_true(before.start <= bytes[i].start && before.end <= bytes[i].end);
        before = bytes[i];
    }
}

/* Nothing but the bytes that come from something, from the first to the last of them. */
static range hull_of(const range *bytes, size_t start, size_t end)
{
    while (end - start > 1 && bytes[start].start == bytes[start].end) start++;
    while (end - start > 1 && bytes[end - 1].start == bytes[end - 1].end) end--;
    return (range){bytes[start].start, bytes[end - 1].end};
}

/* Anywhere, so that the search runs forwards and back. */
static void check_ranges(vl_span out, const range *bytes, uint64_t seed)
{
    for (uint64_t n = 0; n < 40 && out.len > 0; n++) {
        size_t start = vl_random_at(seed, 2 * n) % out.len;
        size_t end = start + 1 + vl_random_at(seed, 2 * n + 1) % (out.len - start);
        range r = source_of(start, end), hull = hull_of(bytes, start, end);
        assert_int_equal(r.start, hull.start);
        assert_int_equal(r.end, hull.end);
    }
}

static size_t check_sample(const sample *s, uint32_t passes, uint64_t seed)
{
    static range bytes[13 * LONGEST];
    vl_clean_scratch plain = {0};
    vl_span text = {s->text, s->len}, out = clean_mapped(passes, text), expected;
    size_t seen = 0;
    assert_int_equal(vl_clean(passes, text, &plain, &expected), VALENCE_OK);
    assert_true(vl_span_equal(out, expected));
    assert_true(out.len <= LENGTH(bytes));
    check_bytes(s, out, bytes);
    check_ranges(out, bytes, seed);
    check_landmarks(s, out, &seen);
    vl_clean_scratch_release(&plain);
    return seen;
}

static void test_random_texts(void **state)
{
    (void)state;
    static const uint32_t sets[] = {0, VL_CLEAN_DEFAULT, ALL, ALL & ~VL_CLEAN_DEFAULT};
    static sample s;
    size_t seen = 0;
    print_message("seeds 1 to 3000\n");
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        fill_sample(&s, seed);
        uint32_t any = (uint32_t)(vl_random_at(seed, 1 << 20) & ALL);
        seen += check_sample(&s, any, seed);
        seen += check_sample(&s, 1u << seed % VL_CLEAN_PASSES, seed);
        seen += check_sample(&s, sets[seed % LENGTH(sets)], seed);
    }
    assert_true(seen > 10000); /* otherwise the landmarks prove nothing */
}

/* Many edits, asked for in every direction: quick only if a search is. */
static void test_long_text(void **state)
{
    (void)state;
    enum { WORDS = 200000 };
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_REQUEST, 100 * WORDS);
    for (int i = 0; i < WORDS; i++) vl_buffer_append(&text, "It's, x ", 8);
    vl_span out = clean_mapped(VL_CLEAN_DEFAULT, vl_buffer_span(&text));
    assert_int_equal(out.len, 6 * WORDS - 1);
    for (uint64_t n = 0; n < 2 * WORDS; n++) {
        size_t word = n < WORDS ? n : vl_random_at(1, n) % WORDS;
        range r = source_of(6 * word, 6 * word + 3);
        assert_int_equal(r.start, 8 * word);
        assert_int_equal(r.end, 8 * word + 4);
    }
    vl_buffer_release(&text);
}

/* ---- Memory -----------------------------------------------------------------------------------
 */

static void test_too_long(void **state)
{
    (void)state;
    vl_span out, text = {"x", ((size_t)1 << 30) + 1};
    assert_int_equal(vl_clean_mapped(0, text, &scratch, map, &out), VALENCE_LIMIT);
}

static vl_status open_and_clean(vl_span text)
{
    vl_clean_scratch own = {0};
    vl_clean_map *m = NULL;
    vl_span out;
    vl_status status = vl_clean_map_open(&m, NULL);
    if (status == VALENCE_OK) status = vl_clean_mapped(ALL, text, &own, m, &out);
    vl_clean_map_close(m);
    vl_clean_scratch_release(&own);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    static char text[5000];
    static const char piece[] = "<b>Not</b> soooo :( http://x @you &lt; \xC4\xB0\xC8\xBA ";
    for (size_t i = 0; i < sizeof text; i++) text[i] = piece[i % (sizeof piece - 1)];
    int64_t before = vl_mem_usage_total().current;
    vl_status status = VALENCE_NO_MEMORY;
    int n = 1;
    for (; status != VALENCE_OK && n < 1000; n++) {
        vl_mem_fail_from(n);
        status = open_and_clean((vl_span){text, sizeof text});
        vl_mem_fail_from(0);
        assert_true(status == VALENCE_OK || status == VALENCE_NO_MEMORY);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    assert_true(n > 10 && n < 1000);
}

static void test_no_allocation_when_warm(void **state)
{
    (void)state;
    vl_span text = vl_span_of("<p>Not sooo bad</p> &eacute;, is it? :) http://x @you");
    clean_mapped(ALL, text);
    int64_t before = vl_mem_usage_total().allocations;
    for (int i = 0; i < 100; i++) clean_mapped(ALL, text);
    assert_int_equal(vl_mem_usage_total().allocations, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_pass),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_urls_and_names),
        cmocka_unit_test(test_emoticons),
        cmocka_unit_test(test_elongations),
        cmocka_unit_test(test_negation),
        cmocka_unit_test(test_default_passes),
        cmocka_unit_test(test_invalid_bytes),
        cmocka_unit_test(test_all_passes),
        cmocka_unit_test(test_empty_ranges),
        cmocka_unit_test(test_list_limits),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_no_allocation_when_warm),
    };
    return cmocka_run_group_tests(tests, open_map, close_map);
}
