/* sentence_split.c: where sentences end, by rules. What they are to give is in
 * tests/unit/test_sentences.c, which follows the golden rules of pySBD and, where a choice is open,
 * Punkt.
 *
 * A sentence can end in two places. At a stop: marks . ! ? ... with the quotes, brackets and faces
 * behind them. Behind an ordinary word that is an end if white space and something that can begin a
 * sentence follow. A full stop behind an abbreviation asks for more (abbreviations.h). An ellipsis
 * does not end before lower case; neither does a closing quote ("Stop!" he said) nor a name with a
 * mark of its own ("Yahoo! is"). Behind an ordinary word lower case is no hindrance: much of what
 * people write has no capitals. And at a break: an empty line, two <br>, a <p> or <li>, or one line
 * end before a list's bullet.
 *
 * A sentence without a word joins the one before, at the start of the text the one after.
 *
 * Linear time: looking ahead passes white space, openers or faces only, up to the next mark, and
 * looking back is limited to LOOK_BACK bytes. */
#include "text/sentence_split.h"

#include <utf8proc.h>

#include "text/abbreviations.h"
#include "text/find.h"
#include "text/passes.h"
#include "text/unicode.h"

enum { LOOK_BACK = 64, MAX_BULLET_DIGITS = 3 };

/* The byte at at, or NUL behind the end. */
static char byte_at(vl_span text, size_t at)
{
    return at < text.len ? text.ptr[at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Length of the white space character at at, or 0. */
static size_t space_length(vl_span text, size_t at)
{
    if (at >= text.len) return 0;
    int len;
    return vl_is_space(vl_utf8_at(text, at, &len)) ? (size_t)len : 0;
}

static bool ends_or_space(vl_span text, size_t at)
{
    return at >= text.len || space_length(text, at) > 0;
}

/* ---- Breaks ---------------------------------------------------------------------------------- */

/* White space, <br> and block tags. */
typedef struct gap {
    size_t next;     /* behind it */
    size_t tags_end; /* behind its last tag; 0: it has none */
    size_t feeds, returns, brs;
    bool block; /* <p>, <div> or <li>, opening or closing */
} gap;

typedef enum tag_class { OTHER_TAG, BR_TAG, BLOCK_TAG } tag_class;

static bool name_is(vl_span tag, size_t at, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if ((byte_at(tag, at + i) | 0x20) != name[i]) return false;
    return !is_letter(byte_at(tag, at + len)) && !is_digit(byte_at(tag, at + len));
}

static tag_class tag_kind(vl_span text, size_t at, size_t len)
{
    vl_span t = {text.ptr + at, len};
    size_t name = byte_at(t, 1) == '/' ? 2 : 1;
    if (name_is(t, name, "br")) return BR_TAG;
    bool block = name_is(t, name, "p") || name_is(t, name, "li") || name_is(t, name, "div");
    return block ? BLOCK_TAG : OTHER_TAG;
}

/* The tag at at that may be part of a gap: its length, or 0. */
static size_t gap_tag(gap *g, vl_span text, size_t at)
{
    if (byte_at(text, at) != '<') return 0;
    size_t len = vl_html_tag_length(text, at);
    tag_class kind = len ? tag_kind(text, at, len) : OTHER_TAG;
    if (kind == OTHER_TAG) return 0;
    g->brs += kind == BR_TAG;
    g->block |= kind == BLOCK_TAG;
    g->tags_end = at + len;
    return len;
}

/* The gap at at, perhaps empty. */
static gap gap_at(vl_span text, size_t at)
{
    gap g = {0};
    for (size_t len;; at += len) {
        len = space_length(text, at);
        if (len == 0) len = gap_tag(&g, text, at);
        if (len == 0) break;
        g.feeds += text.ptr[at] == '\n';
        g.returns += text.ptr[at] == '\r';
    }
    g.next = at;
    return g;
}

/* A list's bullet: - * or a dot before a word or white space, "1." or "1)" before white space. */
static bool is_bullet(vl_span text, size_t at)
{
    size_t digits = at;
    while (is_digit(byte_at(text, digits)) && digits - at <= MAX_BULLET_DIGITS) digits++;
    char behind = byte_at(text, digits);
    if (digits - at > MAX_BULLET_DIGITS) return false;
    if (digits > at) return (behind == '.' || behind == ')') && ends_or_space(text, digits + 1);
    if (behind == '-' || behind == '*') {
        char next = byte_at(text, at + 1);
        return is_letter(next) || is_blank(next);
    }
    int len = 0;
    return at < text.len && vl_utf8_at(text, at, &len) == 0x2022;
}

static bool is_break(vl_span text, const gap *g)
{
    size_t lines = g->feeds > g->returns ? g->feeds : g->returns; /* \n, \r\n or \r */
    if (g->block || g->brs >= 2 || lines >= 2) return true;
    return (g->brs || lines) && is_bullet(text, g->next);
}

/* ---- Stops ----------------------------------------------------------------------------------- */

typedef enum mark { NO_MARK, DOT, ELLIPSIS, STRONG, WIDE } mark;

/* Marks, and what closes behind them. */
typedef struct stop {
    size_t at, end;
    mark kind;    /* the strongest of its marks; dots are an ELLIPSIS if more than one */
    size_t marks; /* how many */
    bool closed;  /* with a quote or bracket */
} stop;

/* ! ? and their kin behind which no white space is needed. */
static mark unicode_mark(uint32_t c)
{
    if (c == 0x2026) return ELLIPSIS;
    if (c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF61) return WIDE;
    bool strong = c == 0x203C || c == 0x203D || (c >= 0x2047 && c <= 0x2049);
    return strong ? STRONG : NO_MARK;
}

static mark mark_at(vl_span text, size_t at, size_t *len)
{
    *len = 1;
    char c = byte_at(text, at);
    if (c == '.') return DOT;
    if (c == '!' || c == '?') return STRONG;
    if ((unsigned char)c < 0xE2) return NO_MARK;
    int n;
    mark m = unicode_mark(vl_utf8_at(text, at, &n));
    *len = (size_t)n;
    return m;
}

static bool is_closing_code_point(uint32_t c)
{
    static const uint16_t list[] = {0xBB,   0x2018, 0x2019, 0x201C, 0x201D, 0x203A, 0x3009, 0x300B,
                                    0x300D, 0x300F, 0x3011, 0xFF02, 0xFF07, 0xFF09, 0xFF3D};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (c == list[i]) return true;
    return false;
}

/* Length of the quote or bracket at at that may close a sentence, or 0. */
static size_t closer_length(vl_span text, size_t at)
{
    if (at >= text.len) return 0;
    char c = text.ptr[at];
    if (!(c & 0x80)) return c && strchr("\"')]}", c) ? 1 : 0;
    int len;
    return is_closing_code_point(vl_utf8_at(text, at, &len)) ? (size_t)len : 0;
}

/* </b>, or the * and _ of Markdown. */
static size_t markup_end_length(vl_span text, size_t at)
{
    char c = byte_at(text, at);
    if (c == '*' || c == '_') return 1;
    if (c != '<' || byte_at(text, at + 1) != '/') return 0;
    size_t len = vl_html_tag_length(text, at);
    return len && tag_kind(text, at, len) == OTHER_TAG ? len : 0;
}

/* A face, or a closing quote between white space, perhaps after blanks: their length with them. */
static size_t face_length(vl_span text, size_t at)
{
    size_t p = at;
    while (is_blank(byte_at(text, p))) p++;
    if (p >= text.len) return 0;
    size_t len = vl_emoticon_length(text, p);
    if (len == 0 && p > at) {
        while (closer_length(text, p + len)) len += closer_length(text, p + len);
        if (!ends_or_space(text, p + len)) return 0;
    }
    return len ? p + len - at : 0;
}

/* Takes one more mark at s->end, or the next of ". . ."; false if there is none. */
static bool take_mark(stop *s, vl_span text)
{
    size_t len, at = s->end;
    bool apart = s->marks && s->kind <= ELLIPSIS && s->at > 0 && text.ptr[s->at - 1] == ' ';
    if (apart && byte_at(text, at) == ' ' && byte_at(text, at + 1) == '.') at++;
    mark m = mark_at(text, at, &len);
    if (m == NO_MARK) return false;
    if (m == DOT && s->marks) m = ELLIPSIS;
    if (m > s->kind) s->kind = m;
    s->marks++;
    s->end = at + len;
    return true;
}

static stop read_stop(vl_span text, size_t at)
{
    stop s = {.at = at, .end = at};
    for (size_t len;; s.end += len) {
        while (take_mark(&s, text)) {
        }
        len = s.marks ? closer_length(text, s.end) : 0;
        s.closed |= len > 0;
        if (len == 0) len = markup_end_length(text, s.end);
        if (len == 0) len = face_length(text, s.end);
        if (len == 0) return s;
    }
}

/* ---- What may begin a sentence --------------------------------------------------------------- */

typedef enum start { NO_START, LOWER, UPPER, DIGIT, SYMBOL } start;

static start unicode_start(uint32_t c)
{
    if (is_closing_code_point(c)) return NO_START;
    if (c == VL_UTF8_BAD) return SYMBOL;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
        return UPPER;
    case UTF8PROC_CATEGORY_LL:
        return LOWER;
    default:
        return SYMBOL;
    }
}

static start start_kind(vl_span text, size_t at)
{
    char c = byte_at(text, at);
    if (is_letter(c)) return is_upper(c) ? UPPER : LOWER;
    if (is_digit(c)) return DIGIT;
    if (!(c & 0x80)) return c && strchr(".!?,;:)]}%/\\=|>", c) ? NO_START : SYMBOL;
    int len;
    return unicode_start(vl_utf8_at(text, at, &len));
}

/* Length of what opens a quote, a bracket or markup at at, or 0. */
static size_t opener_length(vl_span text, size_t at)
{
    char c = byte_at(text, at);
    if (c && strchr("\"'([{*_", c)) return 1;
    if (c == '<') return vl_html_tag_length(text, at);
    if (!(c & 0x80)) return 0;
    int len;
    switch (vl_utf8_at(text, at, &len)) {
    case 0xA1:
    case 0xAB:
    case 0xBF:
    case 0x2018:
    case 0x2019: /* of 'tis */
    case 0x201C:
    case 0x201E:
    case 0x2039:
        return (size_t)len;
    default:
        return 0;
    }
}

/* What stands at at behind openers; *word: where. */
static start start_at(vl_span text, size_t at, size_t *word)
{
    *word = at;
    for (size_t len; (len = opener_length(text, *word)) > 0;) *word += len;
    return start_kind(text, *word);
}

/* ---- Whether a stop ends the sentence -------------------------------------------------------- */

/* Only digits since the sentence's start: "1. Great acting". */
static bool is_list_number(vl_span text, size_t from, size_t dot)
{
    if (dot == from || dot - from > MAX_BULLET_DIGITS) return false;
    for (size_t i = from; i < dot; i++)
        if (!is_digit(text.ptr[i])) return false;
    return true;
}

static bool full_stop_ends(vl_span text, size_t from, size_t dot, start next, size_t word)
{
    if (is_list_number(text, from, dot)) return false;
    switch (vl_abbreviation_before((vl_span){text.ptr + from, text.len - from}, dot - from)) {
    case VL_ABBREVIATION_NEVER:
        return false;
    case VL_ABBREVIATION_STARTER:
        return next == UPPER && vl_is_sentence_starter(text, word);
    case VL_ABBREVIATION_CAPITAL:
        return next == UPPER || next == SYMBOL;
    case VL_ABBREVIATION_NUMBER:
        return next != DIGIT;
    default:
        return true;
    }
}

/* A capitalised word before the mark: Yahoo! but not WOW! */
static bool is_name_before(vl_span text, size_t from, size_t at)
{
    size_t p = at;
    while (p > from && at - p < LOOK_BACK && is_letter(text.ptr[p - 1])) p--;
    return at - p >= 2 && is_upper(text.ptr[p]) && !is_upper(text.ptr[at - 1]);
}

/* The same with white space, or nothing needed, before what is next. */
static bool stop_ends(vl_span text, size_t from, const stop *s, start next, size_t word)
{
    if (next == NO_START) return false;
    if (s->kind == WIDE) return true;
    if (next == LOWER && s->closed) return false;
    if (s->kind == DOT) return full_stop_ends(text, from, s->at, next, word);
    if (next != LOWER) return true;
    return s->kind == STRONG && (s->marks > 1 || !is_name_before(text, from, s->at));
}

/* The bytes of a token that make it something else than words: links, paths, names of files. */
static bool is_technical(char c)
{
    return c && strchr("/\\@=_&:#~.", c);
}

/* Before the marks stands a word of small letters, or a rating such as 10/10. */
static bool plain_before(vl_span text, size_t from, size_t at)
{
    size_t letters = 0, digits = 0, technical = 0, p = at;
    for (; p > from && at - p < LOOK_BACK && (unsigned char)text.ptr[p - 1] > ' '; p--) {
        letters += (text.ptr[p - 1] & 0x80) || is_letter(text.ptr[p - 1]);
        digits += is_digit(text.ptr[p - 1]);
        technical += is_technical(text.ptr[p - 1]);
    }
    if (letters == 0) return digits >= 2;
    char last = text.ptr[at - 1];
    return letters >= 2 && !technical && ((last & 0x80) || (is_letter(last) && !is_upper(last)));
}

/* A capitalised word at at, or "I" and "A"; not "Com", not the B of "a.B.c". */
static bool plain_behind(vl_span text, size_t at)
{
    size_t end = at + 1;
    if (!is_upper(byte_at(text, at))) return false;
    while (end - at < LOOK_BACK && is_letter(byte_at(text, end)) && !is_upper(text.ptr[end])) end++;
    char behind = byte_at(text, end);
    bool dotted = is_technical(behind) && !ends_or_space(text, end + 1);
    if (dotted || is_digit(behind) || is_upper(behind) || vl_is_name_ending(text, at)) return false;
    return end > at + 1 || ((text.ptr[at] == 'I' || text.ptr[at] == 'A') && behind == ' ');
}

/* "I loved it.The acting": no white space, but hardly anything else. */
static bool joins_sentences(vl_span text, size_t from, const stop *s)
{
    return !s->closed && plain_behind(text, s->end) && plain_before(text, from, s->at);
}

static bool is_end(vl_span text, size_t from, const stop *s, const gap *g)
{
    size_t word;
    if (g->next == text.len || is_break(text, g)) return true;
    start next = start_at(text, g->next, &word);
    bool apart = g->next > s->end || s->kind == WIDE || joins_sentences(text, from, s);
    return apart && stop_ends(text, from, s, next, word);
}

/* ---- Sentences ------------------------------------------------------------------------------- */

/* Where marks, line ends and tags begin. */
static const bool marked[256] = {
    ['.'] = true, ['!'] = true,  ['?'] = true,  ['\n'] = true, ['\r'] = true,
    ['<'] = true, [0xE2] = true, [0xE3] = true, [0xEF] = true,
};

/* Whether the sentence that starts at from ends at the marked byte at at: then *end is where.
 * Otherwise *end is where to go on. */
static bool ends_at(vl_span text, size_t from, size_t at, size_t *end)
{
    size_t len;
    if (mark_at(text, at, &len) != NO_MARK) {
        stop s = read_stop(text, at);
        gap g = gap_at(text, s.end);
        *end = s.end;
        if (!is_end(text, from, &s, &g)) return false;
        if (g.tags_end) *end = g.tags_end;
        return true;
    }
    gap g = gap_at(text, at);
    bool ends = g.next > at && is_break(text, &g);
    *end = ends && g.tags_end ? g.tags_end : ends ? at : g.next > at ? g.next : at + len;
    return ends;
}

/* The end of the sentence that starts at from, if it lies at or behind `at` and its marks before
 * limit; else text.len. */
static size_t find_end(vl_span text, size_t from, size_t at, size_t limit)
{
    size_t end = at;
    for (;;) {
        at = vl_find_marked((vl_span){text.ptr, limit}, end, marked);
        if (at >= limit) return text.len;
        if (ends_at(text, from, at, &end)) return end;
        if (end >= limit) return text.len;
    }
}

/* The first letter or digit at or after at, not of a tag between sentences; text.len: none. */
static size_t find_word(vl_span text, size_t at)
{
    gap ignored = {0};
    int len;
    for (; at < text.len; at += (size_t)len) {
        size_t tag = gap_tag(&ignored, text, at);
        uint32_t c = vl_utf8_at(text, at, &len);
        if (tag) len = (int)tag;
        else if (c != VL_UTF8_BAD && vl_is_word(c)) return at;
    }
    return text.len;
}

/* From the first end of a sentence to behind all that follows without a word. */
static size_t join_wordless(vl_span text, size_t end)
{
    size_t word = find_word(text, end);
    if (word == text.len) return text.len;
    for (;;) {
        size_t from = gap_at(text, end).next;
        size_t next = from < word ? find_end(text, from, from, word) : text.len;
        if (next > word) return end;
        end = next;
    }
}

static size_t without_space_behind(vl_span text, size_t from, size_t end)
{
    while (end > from) {
        int len;
        if (!vl_is_space(vl_utf8_before(text, end, &len))) return end;
        end -= (size_t)len;
    }
    return end;
}

bool vl_sentence_next(vl_span text, size_t *at, vl_span *sentence)
{
    size_t from = *at;
    for (size_t len; (len = space_length(text, from)) > 0;) from += len;
    if (from >= text.len) return false;
    size_t end = find_end(text, from, find_word(text, from), text.len);
    end = without_space_behind(text, from, join_wordless(text, end));
    *sentence = (vl_span){text.ptr + from, end - from};
    *at = end;
    return true;
}
