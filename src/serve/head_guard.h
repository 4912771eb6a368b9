/* head_guard.h: strictness about the head of a request that llhttp 8 lacks: a CR that no LF follows
 * (CVE-2025-23167), a bare LF, folded header lines. Finds where the head ends. No state outside the
 * struct; any bytes, in any pieces. */
#ifndef VL_HEAD_GUARD_H
#define VL_HEAD_GUARD_H

#include <stdbool.h>
#include <stddef.h>

typedef enum vl_head_state { VL_HEAD_START, VL_HEAD_LINE, VL_HEAD_CR, VL_HEAD_NEXT, VL_HEAD_LAST_CR } vl_head_state;

typedef struct vl_head_guard {
    vl_head_state state; /* zeroed: before a request */
} vl_head_guard;

/* Passes bytes of the head. Returns how many belong to it (all, while it has not ended); *ended: the
 * empty line was the last of them. *bad: the head breaks the rules. */
size_t vl_head_pass(vl_head_guard *g, const char *bytes, size_t len, bool *ended, bool *bad);

#endif
