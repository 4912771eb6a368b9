/* added_tokens.c: where no token can begin is skipped by byte, then a walk through the trie. */
#include "text/added_tokens.h"

#include "base/utf8.h"
#include "text/token_chars.h"
#include "text/unicode.h"

enum { TOKENS_MAX = 1 << 20 };

vl_status vl_added_tokens_init(vl_added_tokens *a)
{
    *a = (vl_added_tokens){0};
    vl_buffer_init(&a->tokens, VL_MEM_MODEL, TOKENS_MAX * sizeof(vl_added_token));
    return vl_byte_trie_init(&a->trie, VL_MEM_MODEL);
}

void vl_added_tokens_release(vl_added_tokens *a)
{
    vl_byte_trie_release(&a->trie);
    vl_buffer_release(&a->tokens);
}

vl_status vl_added_tokens_add(vl_added_tokens *a, vl_span spelling, vl_added_token token,
                              valence_error *error)
{
    if (spelling.len == 0) return vl_fail(error, VALENCE_FORMAT, "an added token is empty");
    if (spelling.len > VL_ADDED_LENGTH_MAX)
        return vl_fail(error, VALENCE_LIMIT, "an added token has more than %d bytes",
                       VL_ADDED_LENGTH_MAX);
    if (vl_byte_trie_get(&a->trie, spelling) >= 0)
        return vl_fail(error, VALENCE_FORMAT, "the added token '%.*s' is there twice",
                       (int)(spelling.len < 64 ? spelling.len : 64), spelling.ptr);
    int32_t index = (int32_t)(a->tokens.len / sizeof token);
    vl_status status = vl_byte_trie_put(&a->trie, spelling, index);
    if (status == VALENCE_OK) status = vl_buffer_append(&a->tokens, &token, sizeof token);
    if (status != VALENCE_OK) return vl_fail(error, status, "no room for an added token");
    unsigned char first = (unsigned char)spelling.ptr[0];
    a->begin_count += !a->begins[first];
    a->begin = first;
    a->begins[first] = true;
    return VALENCE_OK;
}

/* The next byte at or after at with which a token may begin. */
static size_t skip(const vl_added_tokens *a, vl_span text, size_t at)
{
    if (a->begin_count == 1) {
        const char *p = at < text.len ? memchr(text.ptr + at, a->begin, text.len - at) : NULL;
        return p ? (size_t)(p - text.ptr) : text.len;
    }
    while (at < text.len && !a->begins[(unsigned char)text.ptr[at]]) at++;
    return at;
}

static bool word_before(vl_span text, size_t at)
{
    if (at == 0) return false;
    int len;
    return vl_token_is_word(vl_utf8_before(text, at, &len));
}

static bool word_behind(vl_span text, size_t at)
{
    if (at == text.len) return false;
    int len;
    return vl_token_is_word(vl_utf8_at(text, at, &len));
}

static size_t space_left(vl_span text, size_t at)
{
    for (int len; at > 0 && vl_token_is_space(vl_utf8_before(text, at, &len));) at -= (size_t)len;
    return at;
}

static size_t space_right(vl_span text, size_t at)
{
    for (int len; at < text.len && vl_token_is_space(vl_utf8_at(text, at, &len));)
        at += (size_t)len;
    return at;
}

/* As Hugging Face does it: a token found in the white space that the one before took is added once
 * more, and what is behind it counts from its end. */
vl_status vl_added_tokens_split(const vl_added_tokens *a, vl_span text, size_t begin, size_t end,
                                vl_buffer *pieces)
{
    if (vl_added_tokens_none(a)) return vl_piece_add(pieces, begin, end, -1);
    vl_span part = {text.ptr + begin, end - begin};
    size_t done = 0, len = 0;
    for (size_t at = 0; (at = skip(a, part, at)) < part.len; at += len) {
        vl_span rest = {part.ptr + at, part.len - at};
        int32_t index = vl_byte_trie_longest(&a->trie, VL_TRIE_ROOT, rest, &len);
        if (index < 0) len = 1;
        if (index < 0) continue;
        const vl_added_token *token = (vl_added_token *)(void *)a->tokens.data + index;
        size_t start = at, stop = at + len;
        if (token->single_word && (word_before(part, start) || word_behind(part, stop))) continue;
        if (token->left) {
            start = space_left(part, start);
            if (start < done) start = done;
        }
        if (token->right) stop = space_right(part, stop);
        if (done < start) VL_TRY(vl_piece_add(pieces, begin + done, begin + start, -1));
        VL_TRY(vl_piece_add(pieces, begin + start, begin + stop, token->id));
        done = stop;
    }
    return done < part.len ? vl_piece_add(pieces, begin + done, end, -1) : VALENCE_OK;
}
