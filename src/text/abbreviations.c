/* abbreviations.c: the word lists, each word in eight bytes, so that comparing is one instruction.
 * A longer word is in no list. */
#include "text/abbreviations.h"

#include "text/unicode.h"

enum { WORD = 8 };

typedef char word[WORD]; /* lower case, filled up with NUL */

static const word never[] = {"mr",  "mrs", "ms",  "mx", "dr", "prof", "messrs", "mme", "mlle", "vs",
                             "e.g", "eg",  "i.e", "ie", "cf", "viz",  "approx", "esp", "feat"};

/* Before a name when capitalised; else as common words: "a sales rep." */
static const word ranks[] = {"capt", "cmdr", "col",  "cpl", "fr",   "ft",  "gen", "gov",
                             "hon",  "lt",   "maj",  "mt",  "pres", "pvt", "rep", "reps",
                             "rev",  "sen",  "sens", "sgt", "supt", "det", "insp"};

static const word before_starter[] = {"al",   "assn", "ave", "blvd", "bros", "co",  "corp",
                                      "dept", "esq",  "hwy", "inc",  "jr",   "llc", "ltd",
                                      "ph.d", "plc",  "rd",  "sr",   "st",   "univ"};

static const word before_capital[] = {
    "apr",  "apt", "asst", "aug",  "avg",  "dec",   "ed",  "eds",  "est", "etc", "excl",
    "ext",  "feb", "fri",  "hr",   "hrs",  "incl",  "jan", "jul",  "jun", "lb",  "lbs",
    "max",  "min", "mins", "misc", "mon",  "nov",   "oct", "orig", "oz",  "ref", "secs",
    "sept", "sq",  "tbsp", "tel",  "temp", "thurs", "tsp", "tues", "yr",  "yrs"};

static const word before_number[] = {"ch", "eq", "fig", "figs", "no",  "nos", "nr",
                                     "p",  "pp", "sec", "v",    "ver", "vol", "vols"};

static const word starters[] = {
    "a",       "after",   "all",   "also",    "an",     "and",     "another", "any",     "anyway",
    "are",     "as",      "at",    "because", "before", "both",    "but",     "by",      "can",
    "despite", "did",     "didn",  "do",      "does",   "don",     "during",  "each",    "even",
    "every",   "finally", "first", "for",     "from",   "get",     "had",     "has",     "have",
    "he",      "her",     "here",  "his",     "how",    "however", "i",       "if",      "in",
    "instead", "is",      "it",    "its",     "just",   "last",    "later",   "maybe",   "many",
    "most",    "my",      "never", "next",    "no",     "nobody",  "not",     "nothing", "now",
    "of",      "on",      "once",  "one",     "only",   "or",      "our",     "overall", "perhaps",
    "please",  "she",     "since", "so",      "some",   "still",   "such",    "thank",   "thanks",
    "that",    "the",     "their", "then",    "there",  "these",   "they",    "this",    "those",
    "though",  "thus",    "to",    "today",   "until",  "very",    "was",     "we",      "well",
    "were",    "what",    "when",  "where",   "which",  "while",   "who",     "why",     "with",
    "would",   "yes",     "yet",   "you",     "your"};

static const word name_endings[] = {"asp", "ca",  "co",  "com",  "de", "edu", "exe",
                                    "fm",  "gov", "htm", "html", "io", "js",  "net",
                                    "org", "pdf", "tv",  "txt",  "uk"};

#define HAS(list, w) has(list, sizeof(list) / sizeof *(list), w)

static bool has(const word *list, size_t count, const word w)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(list[i], w, WORD) == 0) return true;
    return false;
}

static bool is_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The letters at at, as in a list; false if there are too many or the word is not plain ASCII. */
static bool read_word(word w, vl_span text, size_t at)
{
    size_t n = 0;
    memset(w, 0, WORD);
    for (; at + n < text.len && is_letter(text.ptr[at + n]); n++) {
        if (n == WORD - 1) return false;
        w[n] = lower(text.ptr[at + n]);
    }
    return n > 0 && !vl_word_at(text, at + n);
}

bool vl_is_sentence_starter(vl_span text, size_t at)
{
    word w;
    if (!read_word(w, text, at)) return false;
    size_t end = at + strlen(w);
    bool initial = end < text.len && text.ptr[end] == '.'; /* the A of "J. A. Smith" */
    return !initial && HAS(starters, w);
}

bool vl_is_name_ending(vl_span text, size_t at)
{
    word w;
    return read_word(w, text, at) && HAS(name_endings, w);
}

/* ---- Abbreviations --------------------------------------------------------------------------- */

/* An apostrophe with a word before it: at is the t of "don't". */
static bool behind_apostrophe(vl_span text, size_t at)
{
    int len;
    uint32_t c = vl_utf8_before(text, at, &len);
    return (c == '\'' || c == 0x2019) && vl_word_before(text, at - (size_t)len);
}

/* Letters and inner full stops that end at dot; 0 if too many, or part of a longer word. */
static size_t letters_before(vl_span text, size_t dot)
{
    size_t n = 0;
    while (n < dot && (is_letter(text.ptr[dot - n - 1]) || text.ptr[dot - n - 1] == '.'))
        if (++n == WORD) return 0;
    while (n && text.ptr[dot - n] == '.') n--;
    if (n == 0 || n == dot) return n;
    return vl_word_before(text, dot - n) || behind_apostrophe(text, dot - n) ? 0 : n;
}

/* U.S, J.R.R, p.m: single letters between full stops. */
static bool is_initialism(const word w)
{
    size_t n = strlen(w);
    for (size_t i = 0; i < n; i++)
        if ((w[i] == '.') != (i % 2 == 1)) return false;
    return n > 2 && n % 2 == 1;
}

vl_abbreviation vl_abbreviation_before(vl_span text, size_t dot)
{
    word w = {0};
    size_t n = letters_before(text, dot);
    if (n == 0) return VL_ABBREVIATION_NONE;
    const char *p = text.ptr + dot - n;
    bool capital = *p >= 'A' && *p <= 'Z';
    for (size_t i = 0; i < n; i++) w[i] = lower(p[i]);
    if (HAS(never, w)) return VL_ABBREVIATION_NEVER;
    if (HAS(ranks, w)) return capital ? VL_ABBREVIATION_NEVER : VL_ABBREVIATION_CAPITAL;
    if (HAS(before_capital, w)) return VL_ABBREVIATION_CAPITAL;
    bool initial = capital && n == 1;
    if (HAS(before_number, w) && !initial) return VL_ABBREVIATION_NUMBER;
    if (initial || is_initialism(w) || HAS(before_starter, w)) return VL_ABBREVIATION_STARTER;
    return VL_ABBREVIATION_NONE;
}
