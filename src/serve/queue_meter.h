/* queue_meter.h: what is counted of a slow model's queue: times, sizes of batches, what was
 * dropped. Workers and loops count in the same place (some thousand times a second at most),
 * readers are any. A zeroed struct is empty. */
#ifndef VL_QUEUE_METER_H
#define VL_QUEUE_METER_H

#include "serve/histogram.h"

/* Sizes in powers of two: 1, 2, 4 .. 2^20. */
enum { VL_SIZES = 21 };

typedef struct vl_size_histogram {
    vl_counter buckets[VL_SIZES + 1]; /* not cumulative; the last: larger than all bounds */
    vl_counter sum;
} vl_size_histogram;

void vl_size_histogram_count(vl_size_histogram *h, uint64_t size); /* any thread */

typedef struct vl_queue_meter {
    vl_histogram waited;    /* a text, from the queue's end to its front */
    vl_histogram tokenized; /* a text */
    vl_histogram inferred;  /* a batch */
    vl_size_histogram batch_items, batch_tokens;
    vl_counter gone, late; /* texts dropped before anything was computed */
} vl_queue_meter;

#endif
