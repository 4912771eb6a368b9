/* limits.h: what a client may cost. All have defaults; the command line changes some. */
#ifndef VL_LIMITS_H
#define VL_LIMITS_H

#include <stddef.h>

typedef struct vl_limits {
    size_t head_bytes;       /* request line and headers: 431, or 414 for the path alone */
    size_t path_bytes;
    size_t body_bytes;       /* 413 */
    int connections;         /* of all loops; more are closed at once */
    double request_seconds;  /* from the first byte of a request to its last (streaming routes: from
                              * one read to the next): 408 */
    double idle_seconds;     /* between requests */
    double write_seconds;    /* without a byte taken by the client */
} vl_limits;

vl_limits vl_limits_defaults(void);

#endif
