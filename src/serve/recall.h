/* recall.h: answers of /predict to one text, out of the cache. The key is the body as it came, so that
 * a hit parses nothing; {"text":"a"} and { "text": "a" } are two entries. */
#ifndef VL_RECALL_H
#define VL_RECALL_H

#include "serve/ask.h"

/* The request's key. True: its answer is in x->out, and counted as a prediction. */
bool vl_recall(vl_ask *a, vl_cache_key *key);

/* Keeps x->out as the answer to that request: one prediction, the ask's last. */
void vl_recall_keep(vl_ask *a, const vl_cache_key *key);

#endif
