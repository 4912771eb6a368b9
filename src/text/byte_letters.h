/* byte_letters.h: GPT-2's alphabet for bytes: visible Latin-1 stands for itself, the other 68 bytes
 * are U+0100 onwards, so that ' ' is U+0120. */
#ifndef VL_BYTE_LETTERS_H
#define VL_BYTE_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool vl_byte_is_visible(uint32_t b)
{
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
}

static inline uint32_t vl_byte_letter(unsigned char b)
{
    if (vl_byte_is_visible(b)) return b;
    if (b < 0x21) return 0x100u + b;
    if (b == 0xAD) return 0x143;
    return 0x100u + 0x21 + (b - 0x7Fu);
}

#endif
