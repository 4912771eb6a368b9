/* clean_ascii_scalar.c: the ASCII sweep as it is meant; the other kernels are proven against it. */
#include "text/clean_ascii.h"

size_t vl_clean_ascii_scalar(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                             size_t len)
{
    vl_ascii_writer now = *w;
    size_t i = 0;
    for (; i < len && (unsigned char)in[i] < 0x80; i++) {
        unsigned char c = rule->out[(unsigned char)in[i]];
        if (c == VL_ASCII_DROP) continue;
        bool is_space = c == rule->space;
        *now.out = (char)c;
        now.out += !is_space || now.word;
        now.word = !is_space;
    }
    *w = now;
    return i;
}
