/* test_sentences.c: where sentences end: a table of cases (many are the golden rules of pySBD, MIT,
 * for English), bytes of every kind, and that time stays linear. */
#include "test.h"

#include <time.h>

#include "base/hash.h"
#include "base/mem.h"
#include "text/sentence_split.h"

/* A bar stands where a sentence must end; it is no part of the text. */
static const char *const cases[] = {
    /* plain */
    "Hello world. |My name is Jonas.",
    "What is your name? |My name is Jonas.",
    "There it is! |I found it.",
    "One sentence without an end",
    "  White space around.  |  And between. \n",
    "Tabs.\t|And line\nends are white space.",
    "Old line ends.\r\n|Next.",
    /* abbreviations */
    "My name is Jonas E. Smith.",
    "Please turn to p. 55.",
    "Were Jane and co. at the party?",
    "They closed the deal with Pitt, Briggs & Co. at noon.",
    "Let's ask Jane and co. |They should know.",
    "They closed the deal with Pitt, Briggs & Co. |It closed yesterday.",
    "I can see Mt. Fuji from here.",
    "St. Michael's Church is on 5th st. near the light.",
    "That is JFK Jr.'s book.",
    "I visited the U.S.A. last year.",
    "I live in the E.U. |How about you?",
    "I live in the U.S. |How about you?",
    "I work for the U.S. Government in Virginia.",
    "I have lived in the U.S. for 20 years.",
    "Mr. and Mrs. Smith met Dr. Watson. |They talked.",
    "It is good vs. the old one, i.e. better, e.g. faster.",
    "I like fruit, e.g. Bananas.",
    "Books, pens, etc. |They had everything.",
    "Books, pens, etc. are there.",
    "J. R. R. Tolkien wrote it. |It is long.",
    "J.R.R. Tolkien wrote it.",
    "J. A. Smith left.",
    "Samuel L. Jackson is great. |So is Tom.",
    "He left at 6 p.m. |Then it rained.",
    "At 5 a.m. Mr. Smith went to the bank.",
    "It opens Mon. at 9 a.m. Eastern time.",
    "Sammy Davis Jr. sang. |We wept.",
    "She has a Ph.D. in physics. |He does not.",
    "Room No. 5 was dirty. |No. |That was worse.",
    "Call Gen. Lee. |Our sales rep. |Never called back.",
    "I watched E.T. |It was good.",
    "\"Mr. Smith\" and \xE2\x80\x9CMr. Jones\xE2\x80\x9D came.",
    "I don't. |You do. |BILL WON'T. |MARY WILL.",
    "Released on Jan. 5 by Apple Inc. of Cupertino.",
    /* numbers, names, links */
    "It costs 3.5 dollars. |Or 4.",
    "I paid $5. |Never again.",
    "Version 1.2.3 is out. |Get it at www.example.com/a.b?c=d!e now.",
    "Her email is Jane.Doe@example.com. |I sent her an email.",
    "The site is: https://www.example.50.com/new-site/awesome_content.html. |Please check it out.",
    "She works at Yahoo! in the accounting department.",
    "Yahoo! is a company. |Jeopardy! is a show.",
    "I bought it at Amazon.Com today.",
    "Look at http://a.b/c.Dog now. |Or ask J.Smith or me@some.Where or read_me.Now!",
    "Node.js and ASP.NET are fine. |ok.txt too.",
    "10/10. |5 stars.",
    /* runs of marks */
    "Hello!! |Long time no see.",
    "Hello?? |Who is there?",
    "Hello!? |Is that you?",
    "Hello?! |Is that you?",
    "I met Tom!! |he was nice.",
    "Thoughts pass...quickly or... slowly.",
    "One further habit . . . if it means anything . . . was this.",
    "I never meant that.... |She left the store.",
    "It was bad\xE2\x80\xA6 |Then it got worse\xE2\x80\xA6 much worse.",
    "Is it real? !!! ? |no",
    "What\xE2\x80\xBD |Really\xE2\x81\x89 |Yes.",
    /* quotes and brackets */
    "She turned to him, 'This is great.' she said.",
    "She turned to him, \"This is great.\" she said.",
    "She turned to him, \"This is great.\" |She held the book out.",
    "\xE2\x80\x9CStop!\xE2\x80\x9D he said. |\xE2\x80\x9CNo.\xE2\x80\x9D "
    "|\xE2\x80\x9CWhy?\xE2\x80\x9D",
    "He teaches science (He worked for 5 years as an engineer.) at the university.",
    "(It was good.) |\"It was?\" |[Yes!]",
    "Was it (really?) so?! |Yes (it was).",
    "<i>Alien.</i> |<b>Great.</b> |It rules.",
    "**Loved it!** |_Hated it._ |Fine.",
    "He said it was good.\" |She agreed.",
    /* reviews, tweets and comments */
    "i loved it. |it was great! |would buy again",
    "I LOVE IT! |it works!",
    "omg!!! |so good",
    "Great acting.|The plot is thin.|But fun!|Go see it.",
    "Hello world.|Today is Tuesday.|Mr. Smith bought 1,000.|That is a lot.",
    "10/10.|Great movie.",
    "the film is great . |it has heart . |( and soul )",
    "he said \" go . \" |then he left .",
    "Great! :) |I like it. :-( |But not that.",
    "Loved it! \xF0\x9F\x98\x80\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD |Will buy "
    "again.\xE2\x9D\xA4\xEF\xB8\x8F |Bye",
    "Thanks! |@john it works. |#happy",
    "Good. |- John",
    "$5 is cheap. |$50 is not. |& more",
    "R & B. is not a sentence.",
    "Wait... what? |No way!!",
    /* paragraphs, breaks and lists */
    "A headline\n\n|A text\n \t\n|Another",
    "A headline\r\n\r\n|A text\r\r|Another\r",
    "wrapped\nat a column. |Then\r\nmore.",
    "Mr.\n\n|Smith",
    "Great movie.<br /><br />|I liked it<br><br>|a lot<br>really.<BR/>|Yes.",
    "<p>One</p><p>|Two</p>",
    "I liked:\n|- the food\n|- the view\n|* the staff\n|\xE2\x80\xA2 the pool\nand bar",
    "Pros:<br>|- cheap<br>|- good<br>really good",
    "Pros:\n|1. Cheap\n|2. Good\n|3) Small\nCons: none",
    "1. Great acting.\n|2. Bad plot.",
    "I was there in\n1998. |It was fun.",
    "-5 degrees\n-5 again\n2.5 more",
    /* words are needed */
    "... What?",
    "!!! ???",
    ":)",
    "Good. ... !!! |(Then) bad. -- ?",
    "Title\n\n***\n\n|Text",
    "<br /><br />Good.",
    "Good.<br /><br />",
    "Good. <br /> - <br /><br />|Bad.",
    /* other scripts */
    "\xE5\xA5\xBD\xE3\x80\x82|\xE5\xA5\xBD\xEF\xBC\x81|\xE5\xA5\xBD\xEF\xBC\x9F\xE2\x80\x9D|"
    "\xE5\xA5\xBD",
    "\xC3\x89t\xC3\xA9. |\xC3\x89t\xC3\xA9! |\xC2\xBFQu\xC3\xA9? |\xC3\xA9t\xC3\xA9",
    "Caf\xC3\xA9.|Tr\xC3\xA8s bon.",
    "Non-breaking.\xC2\xA0|Space.\xE2\x80\x83|Wide.",
};

/* What a reader would cut otherwise; here as it is cut, so that a change is seen. */
static const char *const hard_cases[] = {
    "He left the bank at 6 P.M. Mr. Smith then went to the store.", /* two: after P.M. */
    "It has vitamin C. Great stuff.",                               /* two: after C. */
    "I saw Robert Downey Jr. Great film.",                          /* two: after Jr. */
    "Wow! that was great.",                                         /* two, as "Yahoo! is" is one */
    "I met Tom! he was nice.",                                      /* two, likewise */
    "Yahoo! |Finance is a site.",                                   /* one */
    "1. The first item 2. |The second item.",                       /* two: before 2. */
    "I wasn't really ... well, what I mean...see . . . |I didn't mean it.", /* one */
    "the end . |mr . |smith left .",                                        /* two */
    "Loved it \xF0\x9F\x98\x80 Will buy again",     /* two: after the face */
    "He said \"It was fine.\"Then he left.",        /* two */
    "You can find it at N\xC2\xB0. |1026.253.553.", /* one */
    "A headline\nA text",                           /* two */
    "She said \"Go. |Now.\" and left.",             /* one, says pySBD */
    "good price fast delivery recommended",         /* three, perhaps */
};

enum { MOST = 64 };

typedef struct pieces {
    char text[400];
    vl_span is[MOST], wanted[MOST];
    int count, wanted_count;
} pieces;

static vl_span trimmed(vl_span s)
{
    static const char *const spaces[] = {" ", "\t", "\n", "\r", "\xC2\xA0", "\xE2\x80\x83"};
    for (size_t i = 0; i < LENGTH(spaces); i++) {
        size_t n = strlen(spaces[i]);
        bool before = s.len >= n && memcmp(s.ptr, spaces[i], n) == 0;
        bool behind = s.len >= n && memcmp(s.ptr + s.len - n, spaces[i], n) == 0;
        if (!before && !behind) continue;
        return trimmed((vl_span){s.ptr + (before ? n : 0), s.len - n});
    }
    return s;
}

/* The text without its bars, cut at them and by the splitter. */
static void cut(pieces *p, const char *marked)
{
    size_t n = 0, from = 0, at = 0;
    p->count = p->wanted_count = 0;
    for (const char *c = marked;; c++) {
        if (*c && *c != '|') {
            p->text[n++] = *c;
            continue;
        }
        p->wanted[p->wanted_count++] = trimmed((vl_span){p->text + from, n - from});
        from = n;
        if (!*c) break;
    }
    while (p->count < MOST && vl_sentence_next((vl_span){p->text, n}, &at, &p->is[p->count]))
        p->count++;
}

static int check(const char *marked)
{
    pieces p;
    cut(&p, marked);
    bool same = p.count == p.wanted_count;
    for (int i = 0; same && i < p.count; i++)
        same = p.is[i].ptr == p.wanted[i].ptr && p.is[i].len == p.wanted[i].len;
    if (same) return 0;
    print_error("wanted: %s\n", marked);
    for (int i = 0; i < p.count; i++) print_error("  is: [%.*s]\n", (int)p.is[i].len, p.is[i].ptr);
    return 1;
}

static void test_cases(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < LENGTH(cases); i++) wrong += check(cases[i]);
    for (size_t i = 0; i < LENGTH(hard_cases); i++) wrong += check(hard_cases[i]);
    assert_int_equal(wrong, 0);
}

static void test_nothing(void **state)
{
    (void)state;
    size_t at = 0;
    vl_span s;
    assert_false(vl_sentence_next((vl_span){NULL, 0}, &at, &s));
    assert_false(vl_sentence_next(vl_span_of(" \n\t\r\n \xC2\xA0\xE2\x80\xA8"), &at, &s));
    at = 0;
    assert_true(vl_sentence_next(vl_span_of("."), &at, &s));
    assert_int_equal(s.len, 1);
    assert_false(vl_sentence_next(vl_span_of("."), &at, &s));
}

/* ---- Any bytes ------------------------------------------------------------------------------- */

/* Sentences are not empty, in order, and only white space lies between; returns their number. */
static size_t check_cover(vl_span text)
{
    size_t at = 0, end = 0, count = 0;
    vl_span s;
    while (vl_sentence_next(text, &at, &s)) {
        size_t start = (size_t)(s.ptr - text.ptr);
        assert_true(s.len > 0 && start >= end && start + s.len <= text.len);
        assert_int_equal(trimmed((vl_span){text.ptr + end, start - end}).len, 0);
        assert_ptr_equal(trimmed(s).ptr, s.ptr);
        assert_int_equal(trimmed(s).len, s.len);
        end = start + s.len;
        count++;
    }
    assert_int_equal(trimmed((vl_span){text.ptr + end, text.len - end}).len, 0);
    return count;
}

/* Random strings of what the rules look at, each in a block of its own size. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char *const parts[] = {
        ".", "!",  "?",   "...", " ",    "  ",   "\n",   "\r\n", "<br>", "<p>", "</b>", "<",
        "a", "B",  "Mr",  "The", "e.g.", "U.S",  "5",    "\"",   "(",    ")",   "'",    "*",
        "=", "- ", "I",   ":)",  ":D",   "word", "1. ",  "\xE2", "\xE3", "\xC2", "\xFF",
        "\xE2\x80\xA6", "\xE2\x80\x9D", "\xE3\x80\x82", "\xF0\x9F\x98\x80", "\xC3\x89"};
    for (uint64_t seed = 0; seed < 20000; seed++) {
        char text[128];
        size_t n = 0;
        for (uint64_t i = 0; i < 1 + seed % 20; i++) {
            const char *part = parts[vl_random_at(seed, i) % LENGTH(parts)];
            memcpy(text + n, part, strlen(part));
            n += strlen(part);
        }
        char *exact = malloc(n);
        if (!exact) exit(1);
        memcpy(exact, text, n);
        check_cover((vl_span){exact, n});
        free(exact);
    }
}

/* Of processor time: others may be using the machine. */
static double seconds_for(const char *unit, size_t bytes, size_t *count)
{
    char *text = malloc(bytes);
    size_t len = strlen(unit), at = 0;
    vl_span s;
    if (!text) exit(1);
    for (size_t i = 0; i < bytes; i++) text[i] = unit[i % len];
    clock_t start = clock();
    for (*count = 0; vl_sentence_next((vl_span){text, bytes}, &at, &s);) ++*count;
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    free(text);
    return seconds;
}

/* Sixteen times the text takes about sixteen times as long: with quadratic time it would be 256. */
static void test_linear(void **state)
{
    (void)state;
    static const char *const units[] = {
        "A b. ", "! ",     ". . ",  ". (",     "e.g. ",         "\n ",         "<br> ", "<p ",
        "a.",    "\"!\" ", ":( ! ", "(",       ".\xE2\x80\x9C", "5.",          "- \n",  "!:((",
        ".)",    "a\n",    "J. ",   "!     (", "<b>. ",         "\xE2\x80\xA6"};
    for (size_t i = 0; i < LENGTH(units); i++) {
        enum { SHORT = 1 << 16, FACTOR = 16 };
        size_t few, many;
        double one = seconds_for(units[i], SHORT, &few);
        for (int tries = 0; tries < 3; tries++) {
            double all = seconds_for(units[i], SHORT * FACTOR, &many);
            if (all < 0.05 || all < one * FACTOR * 5) break;
            if (tries == 2)
                fail_msg("'%s': %.4f s, %d times as much %.4f s", units[i], one, FACTOR, all);
        }
    }
    size_t count;
    seconds_for("A b. ", 5000000, &count);
    assert_int_equal(count, 1000000);
}

static void test_allocates_nothing(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().allocations;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        pieces p;
        cut(&p, cases[i]);
    }
    assert_int_equal(vl_mem_usage_total().allocations, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
