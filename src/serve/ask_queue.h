/* ask_queue.h: how an ask has its texts answered by a slow model's queue. Used by ask.c and by
 * routes whose asks are parts of a stream. */
#ifndef VL_ASK_QUEUE_H
#define VL_ASK_QUEUE_H

#include "serve/ask.h"

/* Encodes a text, to be submitted with the others. */
vl_status vl_ask_prepare(vl_ask *a, vl_span text, valence_error *error);

/* Gives all texts to the queue: the writer is called when they are answered. VALENCE_LIMIT with
 * a->trouble VL_QUEUE_FULL: it may be tried again. */
vl_status vl_ask_submit(vl_ask *a, valence_error *error);

/* Nobody wants the answer: what has not begun is dropped, and the ask closes itself once the queue
 * lets go of it. Only after vl_ask_submit. */
void vl_ask_abandon(vl_ask *a);

/* Before the ask is used again. */
void vl_ask_drop_questions(vl_ask *a);

/* One text is answered: counts it and has it written. */
vl_status vl_ask_write(vl_ask *a, const vl_result *r, double seconds, valence_error *error);

/* The deadline passed before the model began. */
vl_status vl_ask_too_late(vl_ask *a, valence_error *error);

#endif
