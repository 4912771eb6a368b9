/* cors.h: which pages of other sites may ask from a browser (fetch.spec.whatwg.org, "CORS protocol").
 * No cookies are used here, so credentials are never allowed. */
#ifndef VL_CORS_H
#define VL_CORS_H

#include "serve/exchange.h"

typedef struct vl_cors { /* borrowed; zeroed: no other site */
    const char *const *origins; /* (count) "https://example.org", or "*" for all */
    int count;
} vl_cors;

/* VALENCE_ARGUMENT for what no browser sends as an origin. */
vl_status vl_cors_check(const vl_cors *c, valence_error *error);

bool vl_cors_allows(const vl_cors *c, vl_span origin);

/* Adds the headers that every answer needs; preflight: those of an answer to OPTIONS, too. */
void vl_cors_headers(const vl_cors *c, vl_exchange *x, bool preflight);

#endif
