/* token_scratch.h: what one thread needs to encode texts, for the files that do: tokenizer.c (any
 * tokenizer) and encode_bert.c, encode_bytes.c (the usual ones, faster). */
#ifndef VL_TOKEN_SCRATCH_H
#define VL_TOKEN_SCRATCH_H

#include "text/bert_words.h"
#include "text/tokenizer_parts.h"
#include "text/word_cache.h"

enum {
    VL_SCRATCH_PIECES, /* of vl_piece: what a text is cut into, in turn with SPARE */
    VL_SCRATCH_SPARE,
    VL_SCRATCH_RAW,  /* of vl_piece: the text between added tokens */
    VL_SCRATCH_WORK, /* of a pre-tokeniser's step */
    VL_SCRATCH_IDS,  /* what _encode gives */
    VL_SCRATCH_STARTS,
    VL_SCRATCH_ENDS,
    VL_SCRATCH_WORD_ENDS, /* where a word's tokens end in it */
    VL_SCRATCH_REPAIRED,  /* a text whose UTF-8 was bad */
    VL_SCRATCH_REPAIRS,
    VL_SCRATCH_BUFFERS
};

struct vl_token_scratch {
    const vl_tokenizer *t;
    vl_buffer buffers[VL_SCRATCH_BUFFERS];
    vl_normal_text texts[2];
    vl_bpe_work bpe;
    vl_word_cache cache;
    vl_bert_block block;
    vl_span text; /* the one at hand, repaired */
    bool offsets;
    int64_t count; /* tokens so far */
};

/* ---- What comes out ---------------------------------------------------------------------- */

static inline int32_t *vl_scratch_ids(const vl_token_scratch *s)
{
    return (int32_t *)(void *)s->buffers[VL_SCRATCH_IDS].data;
}

static inline uint32_t *vl_scratch_starts(const vl_token_scratch *s)
{
    return (uint32_t *)(void *)s->buffers[VL_SCRATCH_STARTS].data;
}

static inline uint32_t *vl_scratch_ends(const vl_token_scratch *s)
{
    return (uint32_t *)(void *)s->buffers[VL_SCRATCH_ENDS].data;
}

/* Room for more tokens behind those there are. */
vl_status vl_scratch_reserve(vl_token_scratch *s, size_t more);

/* Takes over count tokens that were written behind those there are. */
void vl_scratch_commit(vl_token_scratch *s, size_t count);

/* Appends a token; room is there. spelling: of an added one as it stands in the text, for trimming;
 * of others the vocabulary's. */
void vl_scratch_emit(vl_token_scratch *s, int32_t id, vl_span spelling, vl_origin origin);

/* Appends an added token that stands as it is in the text. */
vl_status vl_scratch_added(vl_token_scratch *s, vl_piece p);

/* ---- Words ------------------------------------------------------------------------------- */

/* The tokens of a word (not empty): ids and ends have room for one a byte. */
vl_status vl_scratch_word(vl_token_scratch *s, vl_span word, int32_t *ids, uint32_t *ends,
                          size_t *count);

/* Fills the cache's entry of a word that is not there; *out is NULL when it does not fit one. */
vl_status vl_scratch_learn(vl_token_scratch *s, vl_span word, vl_word_key key,
                           const vl_cached_word **out);

/* ---- Texts ------------------------------------------------------------------------------- */

/* Bytes [begin, end) of the text, none of them an added token that is looked for before. */
vl_status vl_encode_any(vl_token_scratch *s, size_t begin, size_t end);   /* tokenizer.c */
vl_status vl_encode_bert(vl_token_scratch *s, size_t begin, size_t end);  /* encode_bert.c */
vl_status vl_encode_bytes(vl_token_scratch *s, size_t begin, size_t end); /* encode_bytes.c */

/* Which of the two can encode any text as vl_encode_any would. */
bool vl_encode_bert_fits(const vl_tokenizer *t);
bool vl_encode_bytes_fits(const vl_tokenizer *t);

#endif
