/* barrier.h: a meeting point of a fixed number of threads that meet often and at nearly the same
 * time: who arrives early spins for some microseconds before it sleeps. What a thread wrote before
 * is seen by all behind. */
#ifndef VL_BARRIER_H
#define VL_BARRIER_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct vl_barrier {
    uint32_t members;
    _Atomic uint32_t arrived, round;
} vl_barrier;

static inline void vl_barrier_init(vl_barrier *b, int members)
{
    b->members = (uint32_t)members;
    atomic_init(&b->arrived, 0);
    atomic_init(&b->round, 0);
}

/* Returns once all members have called it. */
void vl_barrier_wait(vl_barrier *b);

#endif
