/* route_openapi.c: GET /openapi.json: openapi.json beside this file, taken in by the assembler. */
#include "serve/route_list.h"

__asm__(".section .rodata,\"a\"\n"
        ".hidden vl_openapi\n"
        ".global vl_openapi\nvl_openapi:\n"
        ".incbin \"src/serve/openapi.json\"\n"
        ".byte 0\n"
        ".previous\n");

extern const char vl_openapi[];

void vl_route_openapi(vl_exchange *x)
{
    if (vl_buffer_append_text(x->out, vl_openapi) != VALENCE_OK)
        vl_exchange_error(x, 503, "Backend", 0, "out of memory");
    else vl_exchange_answer(x, 200, "application/json");
}
