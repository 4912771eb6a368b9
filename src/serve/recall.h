/* recall.h: answers to one text, out of the cache. The key is the body as it came, so that a hit
 * parses nothing and asks no model; {"text":"a"} and { "text": "a" } are two entries. */
#ifndef VL_RECALL_H
#define VL_RECALL_H

#include "serve/ask.h"

/* Whose bodies these are: the same one means different things to different routes. */
typedef enum vl_recall_route {
    VL_RECALL_PREDICT,
    VL_RECALL_HF,
    VL_RECALL_V2,
    VL_RECALL_ROUTES
} vl_recall_route;

/* True: the answer is in a->out, and counted as a prediction. Else a->keep: it may be kept once it
 * is there. The model is known where the path names it. */
bool vl_recall(vl_ask *a, vl_recall_route route);

/* Keeps a->out as the answer to that request, if it had one text. */
void vl_recall_keep(vl_ask *a);

#endif
