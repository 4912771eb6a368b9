/* queue_meter.c: finds the bucket by the number of bits. */
#include "serve/queue_meter.h"

void vl_size_histogram_count(vl_size_histogram *h, uint64_t size)
{
    int bucket = size <= 1 ? 0 : 64 - __builtin_clzll(size - 1);
    if (bucket > VL_SIZES) bucket = VL_SIZES;
    vl_counter_add_shared(&h->buckets[bucket], 1);
    vl_counter_add_shared(&h->sum, size);
}
