/* writer.h: results of many threads to one file, in order. Each result has a sequence number from
 * 0, without gaps; the writer owns what it keeps of those that come early. A regular file is
 * written as PATH.part and takes its name in vl_writer_finish; an existing pipe or device, and "-"
 * (stdout), are written directly. .gz and .zst are compressed. */
#ifndef VL_WRITER_H
#define VL_WRITER_H

#include <stdint.h>

#include "base/span.h"
#include "base/status.h"

typedef struct vl_writer vl_writer;

/* window: how far ahead of the next result a thread may be before it has to wait; 0: 64. */
vl_status vl_writer_open(vl_writer **out, const char *path, int window, valence_error *error);

/* Writes the result if it is its turn, and those that waited for it; else keeps a copy. Waits if
 * the result is too far ahead. Any thread, each sequence number once. After a failure (disk full,
 * pipe closed, aborted) every call, waiting ones too, gives that error at once. */
vl_status vl_writer_submit(vl_writer *w, uint64_t sequence, vl_span bytes, valence_error *error);

/* After the last submit: flushes, syncs, renames. VALENCE_ARGUMENT if a result is missing. */
vl_status vl_writer_finish(vl_writer *w, valence_error *error);

/* Any thread: stops, wakes all waiters with VALENCE_CANCELLED. The file is removed by _close. */
void vl_writer_abort(vl_writer *w);

/* When no thread uses it any more. Removes PATH.part unless finished. NULL is fine. */
void vl_writer_close(vl_writer *w);

/* How far the output is: the results before *sequence are in its first *bytes bytes (as written by
 * this process; with compression the bytes before compressing). Any thread. */
void vl_writer_progress(vl_writer *w, uint64_t *sequence, uint64_t *bytes);

#endif
