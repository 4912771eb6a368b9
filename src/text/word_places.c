/* word_places.c: the offset of a word goes back through up to three stages: from the block to the
 * cleaned text (another length where non-ASCII text was rewritten, words_unicode.c), from there to
 * the piece of the original that was cleaned (clean_map.h), and from the piece to the text. */
#include "text/word_places.h"

#include "base/utf8.h"

static size_t code_point_end(vl_span text, size_t at)
{
    int len;
    vl_utf8_decode(text.ptr + at, text.ptr + text.len, &len);
    return at + (size_t)len;
}

/* Offsets in the block's text of a word that stands at [begin, end) of what it was rewritten to.
 * What the rewriting left out behind a word, as accents, belongs to it. */
static void original_word(const vl_ngram_block *b, const uint16_t *origin, int begin, int end,
                          size_t *from, size_t *to)
{
    size_t last = code_point_end(b->text, origin[end - 1]);
    *from = origin[begin];
    *to = origin[end] > last ? origin[end] : last;
}

static void find_rewritten(size_t *starts, size_t *ends, uint16_t *origin, const vl_ngram_block *b,
                           size_t base)
{
    const vl_word_block *w = b->words;
    vl_words_origin(origin, b->text.ptr, (int)b->text.len);
    for (int i = 0; i < w->count; i++) {
        size_t from, to;
        original_word(b, origin, w->begin[i], w->end[i], &from, &to);
        starts[i] = base + from;
        ends[i] = base + to;
    }
}

static void find_plain(size_t *starts, size_t *ends, const vl_word_block *w, size_t base)
{
    for (int i = 0; i < w->count; i++) {
        starts[i] = base + w->begin[i];
        ends[i] = base + w->end[i];
    }
}

/* From the cleaned piece to the original. */
static void map_words(size_t *starts, size_t *ends, const vl_ngram_block *b, vl_clean_map *map)
{
    for (int i = 0; i < b->words->count; i++) {
        size_t start = starts[i] - b->piece, end = ends[i] - b->piece;
        vl_clean_map_range(map, &start, &end);
        starts[i] = b->piece + start;
        ends[i] = b->piece + end;
    }
}

void vl_word_places(size_t *starts, size_t *ends, vl_word_origin *scratch, const vl_ngram_block *b,
                    vl_clean_map *map)
{
    size_t base = b->piece + b->cleaned;
    if (b->words->rewritten) find_rewritten(starts, ends, scratch->origin, b, base);
    else find_plain(starts, ends, b->words, base);
    if (map) map_words(starts, ends, b, map);
}
