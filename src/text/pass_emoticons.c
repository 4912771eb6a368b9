/* pass_emoticons.c: typed faces and emoji become one of three words.
 *
 * A face is eyes : ; or =, perhaps a tear ' or `, perhaps a nose -, and a mouth, which may repeat.
 * Mouths that are letters or occur in ordinary text count only between non-words: ":D" but not
 * "re:Dear", ":/" but not "http://". Also (: ): between white space, xD, ^_^, -_-, <3, </3. An
 * emoji takes along its modifiers and what is joined to it. */
#include "text/emoji.h"
#include "text/find.h"
#include "text/passes.h"
#include "text/rewrite.h"
#include "text/unicode.h"

static const bool starts[256] = {
    [':'] = true, [';'] = true, ['='] = true, ['('] = true, [')'] = true,  ['x'] = true,
    ['X'] = true, ['^'] = true, ['-'] = true, ['<'] = true, [0xE2] = true, [0xF0] = true,
};

/* The byte at at, or NUL behind the end. */
static char byte_at(vl_span text, size_t at)
{
    return at < text.len ? text.ptr[at] : '\0';
}

static size_t repeats(vl_span text, size_t at)
{
    size_t end = at;
    while (end < text.len && text.ptr[end] == text.ptr[at]) end++;
    return end - at;
}

static bool has_at(vl_span text, size_t at, const char *what)
{
    size_t len = strlen(what);
    return text.len - at >= len && memcmp(text.ptr + at, what, len) == 0;
}

static bool between_words(vl_span text, size_t at, size_t end)
{
    return !vl_word_before(text, at) && !vl_word_at(text, end);
}

static bool between_spaces(vl_span text, size_t at, size_t end)
{
    int len;
    if (at > 0 && !vl_is_space(vl_utf8_before(text, at, &len))) return false;
    return end >= text.len || vl_is_space(vl_utf8_at(text, end, &len));
}

static vl_polarity mouth_polarity(char mouth)
{
    if (mouth == '\0') return VL_POLARITY_NONE;
    if (strchr(")]}DPp*", mouth)) return VL_POSITIVE;
    if (strchr("([{/\\@", mouth)) return VL_NEGATIVE;
    return strchr("|oO", mouth) ? VL_NEUTRAL : VL_POLARITY_NONE;
}

/* Behind eyes, tear and nose. */
static size_t mouth_at(vl_span text, size_t at)
{
    at++;
    at += byte_at(text, at) == '\'' || byte_at(text, at) == '`';
    return at + (byte_at(text, at) == '-');
}

static size_t match_face(vl_span text, size_t at, vl_polarity *polarity)
{
    size_t mouth = mouth_at(text, at);
    char shape = byte_at(text, mouth);
    *polarity = mouth_polarity(shape);
    if (*polarity == VL_POLARITY_NONE) return 0;
    size_t end = mouth + repeats(text, mouth);
    bool slash = shape == '/' || shape == '\\';
    if (slash && end > mouth + 1) return 0;
    bool plain_smile = *polarity == VL_POSITIVE && strchr(")]}", shape);
    if (plain_smile && text.ptr[at] != '=') return end - at;
    bool plain_frown = strchr("([{", shape) && text.ptr[at] != '=';
    if (plain_frown) return vl_word_at(text, end) ? 0 : end - at;
    return between_words(text, at, end) ? end - at : 0;
}

/* "(:", ")-;" and so on: mouth first. */
static size_t match_reversed(vl_span text, size_t at, vl_polarity *polarity)
{
    size_t eyes = at + 1 + (byte_at(text, at + 1) == '-');
    char shape = byte_at(text, eyes);
    if (shape != ':' && shape != ';' && shape != '=') return 0;
    *polarity = text.ptr[at] == '(' ? VL_POSITIVE : VL_NEGATIVE;
    return between_spaces(text, at, eyes + 1) ? eyes + 1 - at : 0;
}

static size_t match_laugh(vl_span text, size_t at, vl_polarity *polarity)
{
    if (byte_at(text, at + 1) != 'D') return 0;
    size_t end = at + 1 + repeats(text, at + 1);
    *polarity = VL_POSITIVE;
    return between_words(text, at, end) ? end - at : 0;
}

static size_t match_heart(vl_span text, size_t at, vl_polarity *polarity)
{
    bool broken = byte_at(text, at + 1) == '/';
    size_t three = at + 1 + broken;
    if (byte_at(text, three) != '3') return 0;
    size_t end = three + repeats(text, three);
    *polarity = broken ? VL_NEGATIVE : VL_POSITIVE;
    return vl_word_at(text, end) ? 0 : end - at;
}

static size_t match_level_eyes(vl_span text, size_t at, vl_polarity *polarity)
{
    bool joy = has_at(text, at, "^_^") || has_at(text, at, "^-^");
    *polarity = joy ? VL_POSITIVE : VL_NEGATIVE;
    return (joy || has_at(text, at, "-_-")) && between_words(text, at, at + 3) ? 3 : 0;
}

/* Modifiers, and emoji behind a zero width joiner. */
static size_t match_emoji(vl_span text, size_t at, vl_polarity *polarity)
{
    enum { JOINER = 0x200D };
    int len;
    *polarity = vl_emoji_polarity(vl_utf8_at(text, at, &len));
    if (*polarity == VL_POLARITY_NONE) return 0;
    size_t end = at + (size_t)len;
    for (uint32_t before = 0; end < text.len; end += (size_t)len) {
        uint32_t c = vl_utf8_at(text, end, &len);
        bool joined = before == JOINER && c >= 0x2600 && c != VL_UTF8_BAD;
        if (!joined && c != JOINER && !vl_emoji_is_modifier(c)) break;
        before = c;
    }
    return end - at;
}

static size_t match_any(vl_span text, size_t at, vl_polarity *polarity)
{
    switch (text.ptr[at]) {
    case ':':
    case ';':
    case '=':
        return match_face(text, at, polarity);
    case '(':
    case ')':
        return match_reversed(text, at, polarity);
    case 'x':
    case 'X':
        return match_laugh(text, at, polarity);
    case '<':
        return match_heart(text, at, polarity);
    case '^':
    case '-':
        return match_level_eyes(text, at, polarity);
    default:
        return match_emoji(text, at, polarity);
    }
}

size_t vl_emoticon_length(vl_span text, size_t at)
{
    vl_polarity polarity;
    return starts[(unsigned char)text.ptr[at]] ? match_any(text, at, &polarity) : 0;
}

static size_t find(vl_span text, size_t from)
{
    return vl_find_marked(text, from, starts);
}

static size_t match(vl_span text, size_t at, vl_replacement *by)
{
    static const char *const words[] = {"", " emonegative ", " emoneutral ", " emopositive "};
    vl_polarity polarity;
    size_t len = match_any(text, at, &polarity);
    if (len) vl_replace_with(by, words[polarity]);
    return len;
}

vl_status vl_pass_emoticons(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed)
{
    return vl_rewrite(text, find, match, out, edits, changed);
}
