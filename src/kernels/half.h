/* half.h: IEEE 754 binary16 to and from float, in plain integer arithmetic. */
#ifndef VL_HALF_H
#define VL_HALF_H

#include <stdint.h>
#include <string.h>

static inline float vl_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3FF;
    uint32_t bits;
    float f;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24 */
        f = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    } else if (exponent == 31) {
        bits = sign | 0x7F800000u | mantissa << 13;
    } else {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    }
    memcpy(&f, &bits, 4);
    return f;
}

/* Rounds to nearest, ties to even; too large becomes infinity. */
static inline uint16_t vl_float_to_half(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return (uint16_t)(sign | 0x7E00);       /* NaN */
    if (magnitude >= 0x477FF000u) return (uint16_t)(sign | 0x7C00);      /* >= 65520 */
    if (magnitude < 0x38800000u) {                                       /* below 2^-14 */
        float scaled;
        memcpy(&scaled, &magnitude, 4);
        scaled += 0.5f; /* lets the adder round to a multiple of 2^-24 */
        memcpy(&bits, &scaled, 4);
        return (uint16_t)(sign | (bits - 0x3F000000u));
    }
    uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t)(sign | ((magnitude + 0xFFF + odd - 0x38000000u) >> 13));
}

#endif
