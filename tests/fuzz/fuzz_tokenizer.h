/* fuzz_tokenizer.h: what the targets of tokenisers share: fields of an input, and what any text's
 * tokens must be. */
#ifndef FUZZ_TOKENIZER_H
#define FUZZ_TOKENIZER_H

#include "fuzz/fuzz_file.h"

#include "text/tokenizer.h"

/* Cuts the input's next field off: up to a byte 0x1E, or its end. */
static inline vl_span next_field(vl_span *input)
{
    const char *end = input->len ? memchr(input->ptr, 0x1E, input->len) : NULL;
    vl_span field = {input->ptr, end ? (size_t)(end - input->ptr) : input->len};
    size_t used = field.len + (end != NULL);
    *input = (vl_span){input->ptr + used, input->len - used};
    return field;
}

/* Ids are of the vocabulary, places inside the text. */
static inline void check_tokens(const vl_tokenizer *t, const vl_tokens *tokens, vl_span text)
{
    for (int64_t i = 0; i < tokens->count; i++) {
        REQUIRE(tokens->ids[i] >= 0 && tokens->ids[i] < vl_tokenizer_size(t));
        REQUIRE(tokens->start[i] <= tokens->end[i] && tokens->end[i] <= text.len);
    }
}

/* Encodes a text with whatever opened, with and without offsets. */
static inline void check_text(const vl_tokenizer *t, vl_span text)
{
    vl_token_scratch *s;
    vl_tokens with, without;
    REQUIRE(vl_token_scratch_open(&s, t, NULL) == VALENCE_OK);
    REQUIRE(vl_tokenizer_encode(t, s, text, true, &with) == VALENCE_OK);
    check_tokens(t, &with, text);
    size_t bytes = (size_t)with.count * sizeof *with.ids;
    int32_t *ids = malloc(bytes + 1);
    memcpy(ids, with.ids, bytes);
    REQUIRE(vl_tokenizer_encode(t, s, text, false, &without) == VALENCE_OK);
    REQUIRE(with.count == without.count && memcmp(ids, without.ids, bytes) == 0);
    free(ids);
    vl_token_scratch_close(s);
}

#endif
