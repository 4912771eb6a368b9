/* publish.h: hands a new set of models to all loops. */
#ifndef VL_PUBLISH_H
#define VL_PUBLISH_H

#include "serve/loop.h"
#include "serve/model_set.h"

/* Makes a view for each loop, here; then each goes on with its own, between two requests, and calls
 * told. On failure no loop has heard of it. Any thread but the loops'. */
vl_status vl_publish(vl_loop *loops, int count, vl_model_set *set, void (*told)(void *user),
                     void *user, valence_error *error);

#endif
