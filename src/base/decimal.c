/* decimal.c: fixed-point printing in integers. A double is m * 2^-e with m < 2^53, so m * 10^digits
 * fits 83 bits: one exact 128-bit product, one rounding shift, and two digits per division. */
#include "base/decimal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static const uint32_t power_of_ten[10] = {1,      10,      100,      1000,      10000,
                                          100000, 1000000, 10000000, 100000000, 1000000000};

/* Writes n so that it ends before end; returns its first digit. */
static char *write_digits(char *end, uint64_t n)
{
    for (; n >= 100; n /= 100) memcpy(end -= 2, pairs + n % 100 * 2, 2);
    if (n >= 10) return memcpy(end - 2, pairs + n * 2, 2);
    *--end = (char)('0' + n);
    return end;
}

/* magnitude * 10^digits, rounded to nearest, ties to even; magnitude in [0, 1e9). */
static uint64_t scaled(double magnitude, int digits)
{
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    int shift = 1075 - (int)(bits >> 52); /* magnitude = m * 2^-shift; shift >= 23 below 2^30 */
    if (shift > 100) return 0;            /* so far below, also where it is subnormal */
    unsigned __int128 m = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    m *= power_of_ten[digits];
    uint64_t whole = (uint64_t)(m >> shift);
    unsigned __int128 rest = m & (((unsigned __int128)1 << shift) - 1);
    unsigned __int128 half = (unsigned __int128)1 << (shift - 1);
    return whole + (rest > half || (rest == half && (whole & 1)));
}

static vl_status write_small(vl_buffer *out, double value, int digits)
{
    char text[32], *end = text + sizeof text;
    uint64_t n = scaled(fabs(value), digits);
    char *p = write_digits(end, n % power_of_ten[digits]);
    while (end - p < digits) *--p = '0';
    *--p = '.';
    p = write_digits(p, n / power_of_ten[digits]);
    if (n != 0 && value < 0) *--p = '-';
    return vl_buffer_append(out, p, (size_t)(end - p));
}

/* From 1e9 up: printf, with whatever the locale put between the digits made a point. */
static vl_status write_large(vl_buffer *out, double value, int digits)
{
    char text[400];
    int len = snprintf(text, sizeof text, "%.*f", digits, value);
    size_t whole = strspn(text, "-0123456789");
    VL_TRY(vl_buffer_append(out, text, whole));
    VL_TRY(vl_buffer_append_byte(out, '.'));
    return vl_buffer_append(out, text + len - digits, (size_t)digits);
}

vl_status vl_write_decimal(vl_buffer *out, double value, int digits)
{
    assert(digits >= 1 && digits <= 9);
    if (isnan(value)) return vl_buffer_append(out, "nan", 3);
    if (isinf(value)) return vl_buffer_append_text(out, value < 0 ? "-inf" : "inf");
    if (fabs(value) < 1e9) return write_small(out, value, digits);
    return write_large(out, value, digits);
}

vl_status vl_write_integer(vl_buffer *out, int64_t value)
{
    char text[24], *end = text + sizeof text;
    char *p = write_digits(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0) *--p = '-';
    return vl_buffer_append(out, p, (size_t)(end - p));
}
