/* tokenizer_parts.h: what a tokenizer consists of, for the files that build one (tokenizer_json*.c)
 * and the one that uses it (tokenizer.c). Everybody else sees tokenizer.h. */
#ifndef VL_TOKENIZER_PARTS_H
#define VL_TOKENIZER_PARTS_H

#include "base/arena.h"
#include "base/json.h"
#include "text/added_tokens.h"
#include "text/byte_bpe.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"
#include "text/wordpiece.h"

typedef enum vl_token_model { VL_MODEL_WORDPIECE, VL_MODEL_BPE } vl_token_model;

/* Cuts the white space of tokens off their offsets, as byte-level post-processors do. */
enum { VL_TRIMS_MAX = 4 };
typedef struct vl_token_trim {
    bool add_prefix_space; /* the one that the pre-tokeniser put before the text stays */
} vl_token_trim;

/* Encodes a part of a text: token_scratch.h. */
typedef vl_status vl_encode_fn(vl_token_scratch *s, size_t begin, size_t end);

struct vl_tokenizer {
    vl_arena strings; /* what patterns and steps point to */
    vl_token_vocabulary vocabulary;
    vl_normalizer normalizer;
    vl_pretokenizer pretokenizer;
    vl_token_model model;
    vl_wordpiece wordpiece;
    vl_bpe bpe;
    vl_added_tokens added_raw, added_normal;
    vl_token_template around;
    vl_token_trim trims[VL_TRIMS_MAX];
    int trim_count;
    vl_encode_fn *encode; /* chosen when all the rest is known */
};

/* ---- Reading ----------------------------------------------------------------------------- */

/* All of a tokenizer.json into an initialised tokenizer. */
vl_status vl_tokenizer_parse(vl_tokenizer *t, vl_span json, valence_error *error);

/* Its parts; null gives an empty one. */
vl_status vl_tokenizer_read_model(vl_tokenizer *t, vl_json model, valence_error *error);
vl_status vl_tokenizer_read_normalizer(vl_tokenizer *t, vl_json normalizer, valence_error *error);
vl_status vl_tokenizer_read_pretokenizer(vl_tokenizer *t, vl_json pre, valence_error *error);
vl_status vl_tokenizer_read_template(vl_tokenizer *t, vl_json post, valence_error *error);
vl_status vl_tokenizer_read_added(vl_tokenizer *t, vl_json added, valence_error *error);

/* ---- Members of objects, for all of these ------------------------------------------------ */

/* VALENCE_FORMAT with the key's name if it is missing or of another type. */
vl_status vl_json_need_string(vl_json object, const char *key, vl_span *out, valence_error *error);
vl_status vl_json_need_flag(vl_json object, const char *key, bool *out, valence_error *error);

/* A missing or null member leaves *out as it is. */
vl_status vl_json_may_string(vl_json object, const char *key, vl_span *out, valence_error *error);
vl_status vl_json_may_flag(vl_json object, const char *key, bool *out, valence_error *error);

/* The member; false if it is missing or null. */
bool vl_json_has(vl_json object, const char *key, vl_json *out);

/* The two elements of a list of two. */
bool vl_json_pair(vl_json list, vl_json out[2]);

/* The "type" of a part; VALENCE_FORMAT when there is none. */
vl_status vl_json_type_name(vl_json part, const char *what, vl_span *out, valence_error *error);

/* "the tokenizer's WHAT 'NAME' is not supported" */
vl_status vl_tokenizer_unsupported(const char *what, vl_span name, valence_error *error);

/* {"String": ".."} or {"Regex": ".."}, kept in t->strings. */
vl_status vl_tokenizer_read_pattern(vl_tokenizer *t, vl_json object, vl_pattern *out,
                                    valence_error *error);

/* A copy in t->strings. */
vl_status vl_tokenizer_keep(vl_tokenizer *t, vl_span text, vl_span *out, valence_error *error);

#endif
