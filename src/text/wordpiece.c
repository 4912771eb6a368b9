/* wordpiece.c: greedy longest match by walking the trie. */
#include "text/wordpiece.h"

static uint64_t count_chars(vl_span word)
{
    uint64_t n = 0;
    for (size_t i = 0; i < word.len; i++) n += ((unsigned char)word.ptr[i] & 0xC0) != 0x80;
    return n;
}

static size_t unknown(const vl_wordpiece *m, vl_span word, int32_t *ids, uint32_t *ends)
{
    ids[0] = m->unknown;
    ends[0] = (uint32_t)word.len;
    return 1;
}

size_t vl_wordpiece_encode(const vl_wordpiece *m, const vl_token_vocabulary *v, vl_span word,
                           int32_t *ids, uint32_t *ends)
{
    if (word.len > m->max_chars && count_chars(word) > m->max_chars)
        return unknown(m, word, ids, ends);
    size_t count = 0;
    for (size_t at = 0, len; at < word.len; at += len) {
        vl_span rest = {word.ptr + at, word.len - at};
        int32_t id = -1;
        if (at == 0 || m->continues)
            id = vl_byte_trie_longest(&v->trie, at ? m->continuing : VL_TRIE_ROOT, rest, &len);
        if (id < 0) return unknown(m, word, ids, ends);
        ids[count] = id;
        ends[count++] = (uint32_t)(at + len);
    }
    return count;
}
