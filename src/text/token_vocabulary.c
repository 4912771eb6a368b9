/* token_vocabulary.c: a trie for the way to ids, a table of places for the way back. */
#include "text/token_vocabulary.h"

enum { NAME_MAX_SHOWN = 64 };

typedef struct place {
    uint32_t begin, len;
    uint32_t used;
} place;

vl_status vl_token_vocabulary_init(vl_token_vocabulary *v, int32_t limit)
{
    *v = (vl_token_vocabulary){.limit = limit};
    vl_buffer_init(&v->spellings, VL_MEM_MODEL, UINT32_MAX / 2);
    vl_buffer_init(&v->places, VL_MEM_MODEL, (size_t)limit * sizeof(place));
    VL_TRY(vl_byte_trie_init(&v->trie, VL_MEM_MODEL));
    return vl_byte_trie_init(&v->extra, VL_MEM_MODEL);
}

void vl_token_vocabulary_release(vl_token_vocabulary *v)
{
    vl_byte_trie_release(&v->trie);
    vl_byte_trie_release(&v->extra);
    vl_buffer_release(&v->spellings);
    vl_buffer_release(&v->places);
}

static place *places_of(const vl_token_vocabulary *v)
{
    return (place *)(void *)v->places.data;
}

static vl_status reach(vl_token_vocabulary *v, int32_t id)
{
    if (id < v->size) return VALENCE_OK;
    size_t more = ((size_t)id + 1 - (size_t)v->size) * sizeof(place);
    VL_TRY(vl_buffer_reserve(&v->places, more));
    memset(v->places.data + v->places.len, 0, more);
    v->places.len += more;
    v->size = id + 1;
    return VALENCE_OK;
}

static vl_status put(vl_token_vocabulary *v, vl_byte_trie *trie, vl_span token, int32_t id)
{
    VL_TRY(reach(v, id));
    uint32_t begin = (uint32_t)v->spellings.len;
    VL_TRY(vl_buffer_append(&v->spellings, token.ptr, token.len));
    VL_TRY(vl_byte_trie_put(trie, token, id));
    places_of(v)[id] = (place){begin, (uint32_t)token.len, 1};
    v->count++;
    return VALENCE_OK;
}

static vl_status add(vl_token_vocabulary *v, vl_byte_trie *trie, vl_span token, int64_t id,
                     valence_error *error)
{
    int shown = (int)(token.len < NAME_MAX_SHOWN ? token.len : NAME_MAX_SHOWN);
    if (id < 0 || id >= v->limit)
        return vl_fail(error, VALENCE_FORMAT, "token '%.*s' has id %lld, which is out of range",
                       shown, token.ptr, (long long)id);
    if (vl_token_vocabulary_has(v, (int32_t)id))
        return vl_fail(error, VALENCE_FORMAT, "two tokens have id %lld", (long long)id);
    if (vl_token_vocabulary_id(v, token) >= 0)
        return vl_fail(error, VALENCE_FORMAT, "token '%.*s' is there twice", shown, token.ptr);
    vl_status status = put(v, trie, token, (int32_t)id);
    if (status == VALENCE_LIMIT) return vl_fail(error, status, "the vocabulary is too large");
    if (status != VALENCE_OK) return vl_fail_memory(error, token.len, "the vocabulary");
    return VALENCE_OK;
}

vl_status vl_token_vocabulary_add(vl_token_vocabulary *v, vl_span token, int64_t id,
                                  valence_error *error)
{
    return add(v, &v->trie, token, id, error);
}

vl_status vl_token_vocabulary_add_extra(vl_token_vocabulary *v, vl_span token, int64_t id,
                                        valence_error *error)
{
    return add(v, &v->extra, token, id, error);
}

int32_t vl_token_vocabulary_id(const vl_token_vocabulary *v, vl_span token)
{
    int32_t id = vl_byte_trie_get(&v->trie, token);
    return id >= 0 ? id : vl_byte_trie_get(&v->extra, token);
}

bool vl_token_vocabulary_has(const vl_token_vocabulary *v, int32_t id)
{
    return id >= 0 && id < v->size && places_of(v)[id].used;
}

vl_span vl_token_vocabulary_token(const vl_token_vocabulary *v, int32_t id)
{
    if (!vl_token_vocabulary_has(v, id)) return (vl_span){"", 0};
    place p = places_of(v)[id];
    return (vl_span){v->spellings.data + p.begin, p.len};
}
