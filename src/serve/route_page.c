/* route_page.c: GET /: the page of page.html, part of the program. Its scripts and styles carry a
 * number drawn for each answer, and nothing else may run or be fetched from elsewhere (its icon is
 * inside it, too). */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "serve/route_list.h"

__asm__(".section .rodata\n"
        ".global vl_page_begin\n"
        ".global vl_page_end\n"
        "vl_page_begin:\n"
        ".incbin \"src/serve/page.html\"\n"
        "vl_page_end:\n"
        ".previous\n");

extern const char vl_page_begin[], vl_page_end[];

enum { NONCE_BYTES = 16 };

static bool draw(char text[2 * NONCE_BYTES + 1])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[NONCE_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return false;
    for (int i = 0; i < NONCE_BYTES; i++) {
        text[2 * i] = hex[bytes[i] >> 4];
        text[2 * i + 1] = hex[bytes[i] & 15];
    }
    text[2 * NONCE_BYTES] = '\0';
    return true;
}

/* The page with each @NONCE@ replaced. */
static vl_status write_page(vl_buffer *out, const char *nonce)
{
    static const char mark[] = "@NONCE@";
    const char *at = vl_page_begin;
    while (at < vl_page_end) {
        const char *next = memmem(at, (size_t)(vl_page_end - at), mark, sizeof mark - 1);
        const char *stop = next ? next : vl_page_end;
        VL_TRY(vl_buffer_append(out, at, (size_t)(stop - at)));
        if (!next) break;
        VL_TRY(vl_buffer_append_text(out, nonce));
        at = next + sizeof mark - 1;
    }
    return VALENCE_OK;
}

void vl_route_page(vl_exchange *x)
{
    char nonce[2 * NONCE_BYTES + 1], policy[300];
    if (!draw(nonce) || write_page(x->out, nonce) != VALENCE_OK) {
        vl_exchange_error(x, 503, "Backend", 0, "out of memory");
        return;
    }
    snprintf(policy, sizeof policy,
             "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; img-src data:; "
             "connect-src 'self'; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             nonce, nonce);
    vl_exchange_header(x, "Content-Security-Policy", vl_span_of(policy));
    vl_exchange_header(x, "X-Content-Type-Options", vl_span_of("nosniff"));
    vl_exchange_header(x, "Referrer-Policy", vl_span_of("no-referrer"));
    vl_exchange_answer(x, 200, "text/html; charset=utf-8");
}
