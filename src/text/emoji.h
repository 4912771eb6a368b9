/* emoji.h: what feeling a pictograph stands for. Typed emoticons are pass_emoticons.c's. */
#ifndef VL_EMOJI_H
#define VL_EMOJI_H

#include "base/utf8.h"

typedef enum vl_polarity { VL_POLARITY_NONE, VL_NEGATIVE, VL_NEUTRAL, VL_POSITIVE } vl_polarity;

/* NONE for what is no emoji, as skin tones and the joiners between emoji. */
vl_polarity vl_emoji_polarity(uint32_t code_point);

/* Variation selectors and skin tones: they belong to the emoji before them. */
bool vl_emoji_is_modifier(uint32_t code_point);

#endif
