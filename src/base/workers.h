/* workers.h: a fixed pool of threads that shares out the indices of a loop.
 * Which thread runs which index is not fixed, so a result may depend only on the index. */
#ifndef VL_WORKERS_H
#define VL_WORKERS_H

#include <stdint.h>

#include "base/status.h"

typedef struct vl_workers vl_workers;

/* Body of the loop: index in [0, count), thread in [0, vl_workers_threads()). */
typedef void (*vl_work_fn)(void *argument, int64_t index, int thread);

/* threads <= 0: as many as vl_cpu_count(). One of them is the caller of vl_workers_run. */
vl_status vl_workers_open(vl_workers **out, int threads, valence_error *error);
void vl_workers_close(vl_workers *w); /* NULL is fine */

int vl_workers_threads(const vl_workers *w); /* NULL: 1 */

/* Runs fn for all indices, returns when all are done. w NULL: in the calling thread. Not reentrant:
 * one loop at a time per pool. */
void vl_workers_run(vl_workers *w, vl_work_fn fn, void *argument, int64_t count);

#endif
