/* tokenizer.h: subword tokenisers as Hugging Face's tokenizer.json describes them: WordPiece and
 * byte-level BPE. Text to ids, each id with the bytes of the original text it came from. Special
 * tokens around a text, truncation and windows are token_windows.h's.
 * Ownership: a tokenizer is constant once open and shared by all threads; a scratch belongs to one
 * thread at a time, and what _encode gives lives in it until its next text. */
#ifndef VL_TOKENIZER_H
#define VL_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

typedef struct vl_tokenizer vl_tokenizer;
typedef struct vl_token_scratch vl_token_scratch;

/* From the text of a tokenizer.json (no padding needed behind; nothing of it is kept).
 * VALENCE_UNSUPPORTED for Unigram and for parts it does not know, by name; VALENCE_FORMAT for
 * anything malformed: ids out of range or given twice, merges of unknown tokens, bad UTF-8. */
vl_status vl_tokenizer_open(vl_tokenizer **out, vl_span json, valence_error *error);
void vl_tokenizer_close(vl_tokenizer *t); /* NULL is fine */

/* The tokenizer.json that the older files amount to, appended to out. config: the text of
 * tokenizer_config.json, or empty: do_lower_case, tokenize_chinese_chars, strip_accents,
 * add_prefix_space and the special tokens' spelling are read from it. */
vl_status vl_tokenizer_json_of_wordpiece(vl_buffer *out, vl_span vocab_txt, vl_span config,
                                         valence_error *error);
vl_status vl_tokenizer_json_of_bpe(vl_buffer *out, vl_span vocab_json, vl_span merges_txt,
                                   vl_span config, valence_error *error);

/* Ids are below this. */
int32_t vl_tokenizer_size(const vl_tokenizer *t);

/* A token's spelling as the vocabulary has it ("##ing", "\xC4\xA0good"); empty for an id without one. */
vl_span vl_tokenizer_token(const vl_tokenizer *t, int32_t id);

/* The id of a spelling, added tokens included; -1: none. */
int32_t vl_tokenizer_id(const vl_tokenizer *t, vl_span token);

/* What the post-processor puts around one text ([CLS] A [SEP], <s> A </s>), and between the two of
 * a pair: A, middle, B, suffix. */
enum { VL_TEMPLATE_MAX = 8 };
typedef struct vl_token_template {
    int32_t prefix[VL_TEMPLATE_MAX], suffix[VL_TEMPLATE_MAX], middle[VL_TEMPLATE_MAX];
    int prefix_count, suffix_count, middle_count;
    int32_t pad; /* the padding token's id, or -1 */
} vl_token_template;
const vl_token_template *vl_tokenizer_template(const vl_tokenizer *t);

vl_status vl_token_scratch_open(vl_token_scratch **out, const vl_tokenizer *t, valence_error *error);
void vl_token_scratch_close(vl_token_scratch *s); /* NULL is fine */

typedef struct vl_tokens {
    const int32_t *ids;          /* (count), without the template's */
    const uint32_t *start, *end; /* (count) bytes of the original text; NULL unless asked for */
    int64_t count;
} vl_tokens;

/* Exactly the ids (and, as bytes, the offsets) of Hugging Face's tokenizers with
 * add_special_tokens=False (but for offsets behind a byte that a byte-level vocabulary has no token
 * for, which it should not be). Invalid UTF-8 counts as U+FFFD, a maximal subpart each. Allocates only
 * when a text needs more room than any before; that can fail with VALENCE_NO_MEMORY. VALENCE_LIMIT:
 * a text of 2 GiB and more. */
vl_status vl_tokenizer_encode(const vl_tokenizer *t, vl_token_scratch *s, vl_span text, bool offsets,
                              vl_tokens *out);

#endif
