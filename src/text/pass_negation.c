/* pass_negation.c: the scope of a negation, after Das and Chen (2001) and Pang, Lee and
 * Vaithyanathan (2002): every word between a negation and the next punctuation mark gets a prefix.
 *
 * Here a word is what stands between white space, so that "well-made" gets one prefix, at its first
 * word character. The scope ends at . , ; : ! ? unless it stands between digits (3.5), or at the
 * text's end. A negation inside the scope prolongs it and gets no prefix. */
#include "text/passes.h"
#include "text/unicode.h"

enum { LONGEST = 8 }; /* bytes of the longest listed negation */

/* Lower case, filled up with NUL. */
static const char negations[][LONGEST] = {
    "not",      "no",     "never",   "none",  "nobody", "nothing", "nowhere", "neither",
    "nor",      "cannot", "without", "aint",  "arent",  "cant",    "couldnt", "didnt",
    "doesnt",   "dont",   "hadnt",   "hasnt", "havent", "isnt",    "mustnt",  "neednt",
    "shouldnt", "wasnt",  "werent",  "wont",  "wouldnt"};

typedef struct scope {
    vl_span text;
    vl_buffer *out;
    vl_edits *edits;
    size_t copied; /* text up to here is in out */
    bool negated;  /* a negation came since the last punctuation */
    bool fresh;    /* no word character since the last white space or punctuation */
} scope;

static bool is_digit_at(vl_span text, size_t at)
{
    return at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9';
}

static bool ends_scope(vl_span text, size_t at)
{
    if (!strchr(".,;:!?", text.ptr[at]) || text.ptr[at] == '\0') return false;
    return !(at > 0 && is_digit_at(text, at - 1) && is_digit_at(text, at + 1));
}

/* Length of an apostrophe at at: ' or U+2019; 0: none. */
static size_t apostrophe(vl_span text, size_t at)
{
    if (at < text.len && text.ptr[at] == '\'') return 1;
    return text.len - at >= 3 && memcmp(text.ptr + at, "\xE2\x80\x99", 3) == 0 ? 3 : 0;
}

/* Behind the word at at: word characters, with apostrophes between them. */
static size_t word_end(vl_span text, size_t at)
{
    for (;;) {
        at = vl_word_run(text, at);
        size_t inner = at < text.len ? apostrophe(text, at) : 0;
        if (inner == 0 || !vl_word_at(text, at + inner)) return at;
        at += inner;
    }
}

/* word ends in n't. */
static bool ends_in_nt(vl_span word)
{
    const char *end = word.ptr + word.len;
    if (word.len < 3 || (end[-1] | 0x20) != 't') return false;
    if (end[-2] == '\'') return (end[-3] | 0x20) == 'n';
    return word.len >= 5 && memcmp(end - 4, "\xE2\x80\x99", 3) == 0 && (end[-5] | 0x20) == 'n';
}

/* As all listed words do. */
static bool may_be_listed(vl_span word)
{
    char first = word.ptr[0] | 0x20, last = word.ptr[word.len - 1] | 0x20;
    return word.len <= LONGEST && (first == 'n' || last == 't');
}

static bool is_negation(vl_span word)
{
    if (ends_in_nt(word)) return true;
    if (!may_be_listed(word)) return false;
    char lower[LONGEST] = {0};
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
    }
    for (size_t i = 0; i < sizeof negations / sizeof *negations; i++)
        if (memcmp(lower, negations[i], LONGEST) == 0) return true;
    return false;
}

static vl_status prefix(scope *s, size_t at)
{
    VL_TRY(vl_buffer_append(s->out, s->text.ptr + s->copied, at - s->copied));
    s->copied = at;
    VL_TRY(vl_edits_note(s->edits, s->out->len, 4, at, 0));
    return vl_buffer_append(s->out, "not_", 4);
}

static vl_status take_word(scope *s, size_t at, size_t end)
{
    vl_status status = VALENCE_OK;
    if (is_negation((vl_span){s->text.ptr + at, end - at})) s->negated = true;
    else if (s->negated && s->fresh) status = prefix(s, at);
    s->fresh = false;
    return status;
}

/* Takes one code point between words; returns where the next one starts. */
static size_t take_other(scope *s, size_t at)
{
    int len = 1;
    uint32_t c = (unsigned char)s->text.ptr[at];
    if (c >= 0x80) c = vl_utf8_at(s->text, at, &len);
    if (vl_is_space(c)) {
        s->fresh = true;
    } else if (ends_scope(s->text, at)) {
        s->negated = false;
        s->fresh = true;
    }
    return at + (size_t)len;
}

vl_status vl_pass_negation(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed)
{
    scope s = {.text = text, .out = out, .edits = edits, .fresh = true};
    for (size_t at = 0; at < text.len;) {
        size_t end = word_end(text, at);
        if (end > at) VL_TRY(take_word(&s, at, end));
        at = end > at ? end : take_other(&s, at);
    }
    *changed = s.copied > 0;
    return *changed ? vl_buffer_append(out, text.ptr + s.copied, text.len - s.copied) : VALENCE_OK;
}
