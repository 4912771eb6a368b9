/* api_keys.h: who may ask. Keys come from a file, one per line; '#' begins a comment line. A request
 * shows one as "Authorization: Bearer KEY". Comparing takes the same time whichever key is meant and
 * however much of it is right. Constant after opening: any thread. */
#ifndef VL_API_KEYS_H
#define VL_API_KEYS_H

#include "base/span.h"
#include "base/status.h"

typedef struct vl_api_keys vl_api_keys;

enum { VL_API_KEY_BYTES = 256, VL_API_KEYS_MAX = 1000 };

/* path NULL: *out NULL, everybody may ask. Errors: no such file, no key in it, a key that is too long
 * or holds anything but visible ASCII, too many. A file that others may read is told to vl_log. */
vl_status vl_api_keys_open(vl_api_keys **out, const char *path, valence_error *error);
void vl_api_keys_close(vl_api_keys *k); /* overwrites them; NULL is fine */

/* authorization: the header's value, ptr NULL if there is none. k NULL: true. */
bool vl_api_keys_admit(const vl_api_keys *k, vl_span authorization);

#endif
