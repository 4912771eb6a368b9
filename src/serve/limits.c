/* limits.c: what is allowed if nobody says otherwise. */
#include "serve/limits.h"

vl_limits vl_limits_defaults(void)
{
    return (vl_limits){.head_bytes = 16 << 10,
                       .path_bytes = 4 << 10,
                       .body_bytes = 10 << 20,
                       .connections = 20000,
                       .request_seconds = 30,
                       .idle_seconds = 75,
                       .write_seconds = 30};
}
