/* gpt_split.h: the regular expressions by which GPT-2 and its heirs cut text, written by hand. */
#ifndef VL_GPT_SPLIT_H
#define VL_GPT_SPLIT_H

#include <stdint.h>

#include "base/span.h"

/* Of GPT-2 (RoBERTa, ModernBERT), and of GPT-4 with numbers of at most 3, 1 or any many digits. */
#define VL_GPT2_REGEX                                                                              \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define VL_GPT4_REGEX(digits)                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" digits                     \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* The end of the match that begins at at (< text.len); there always is one. Text is valid UTF-8. */
size_t vl_gpt2_match(vl_span text, size_t at);
size_t vl_gpt4_match(vl_span text, size_t at, uint32_t most_digits);

#endif
