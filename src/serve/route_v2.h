/* route_v2.h: what the routes of the Open Inference Protocol v2 share. */
#ifndef VL_ROUTE_V2_H
#define VL_ROUTE_V2_H

#include "serve/ask.h"

/* Goes on with the model, and the version if there is one, that the path names:
 * /v2/models/{m}[/versions/{v}]/.. */
vl_status vl_v2_model(vl_ask *a, valence_error *error);

#endif
