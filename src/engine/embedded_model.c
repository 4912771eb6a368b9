/* embedded_model.c: takes the file in with the assembler's .incbin. */
#include "engine/embedded_model.h"

__asm__(".section .rodata,\"a\"\n"
        ".balign 4096\n"
        ".hidden vl_embedded_begin\n"
        ".global vl_embedded_begin\n"
        "vl_embedded_begin:\n"
        ".incbin \"models/general.safetensors\"\n"
        ".hidden vl_embedded_end\n"
        ".global vl_embedded_end\n"
        "vl_embedded_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char vl_embedded_begin[], vl_embedded_end[];

vl_span vl_embedded_model(void)
{
    return (vl_span){vl_embedded_begin, (size_t)(vl_embedded_end - vl_embedded_begin)};
}
