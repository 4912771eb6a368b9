/* writer.h: results of many threads to one file, in order. Each result has a sequence number from
 * 0, without gaps; the writer owns what it keeps of those that come early. A regular file is
 * written as PATH.part and takes its name in vl_writer_finish; an existing pipe or device, and "-"
 * (stdout), are written directly. .gz and .zst are compressed, in members of about 128 KiB before
 * compression that end with a result: so PATH.part can be cut where one ends and be continued, and
 * the bytes written depend on the results only, not on when or how often that happened. */
#ifndef VL_WRITER_H
#define VL_WRITER_H

#include <stdint.h>

#include "base/span.h"
#include "base/status.h"
#include "data/source.h"

typedef struct vl_writer vl_writer;

/* What results stand for: of one result, or of all up to some place. */
typedef struct vl_progress {
    vl_source_position at;             /* where the input goes on behind them */
    uint64_t rows, bad_rows, repaired; /* as in vl_source_counts */
} vl_progress;

/* A place where PATH.part can be cut and continued. */
typedef struct vl_writer_mark {
    uint64_t sequence;    /* the results before this one .. */
    uint64_t bytes;       /* .. are the first bytes of the file as it is on disk */
    vl_progress progress; /* of those results; .at of the last one that was submitted with any */
} vl_writer_mark;

/* window: how far ahead of the next result a thread may be before it has to wait; 0: 64. */
vl_status vl_writer_open(vl_writer **out, const char *path, int window, valence_error *error);

/* The same for a regular file, but leaves PATH.part, locked, as an earlier run left it (*size bytes),
 * until vl_writer_continue says where to go on. Before that, closing does not remove it unless it is
 * empty. VALENCE_UNSUPPORTED (no message) if path is written directly. */
vl_status vl_writer_open_part(vl_writer **out, const char *path, int window, uint64_t *size,
                              valence_error *error);
/* The next result is mark->sequence, written behind mark->bytes; what stands there is dropped. A zero
 * mark begins anew. */
vl_status vl_writer_continue(vl_writer *w, const vl_writer_mark *mark, valence_error *error);

/* Writes the result if it is its turn, and those that waited for it; else keeps a copy. Waits if
 * the result is too far ahead. Any thread, each sequence number once. After a failure (disk full,
 * pipe closed, aborted) every call, waiting ones too, gives that error at once. */
vl_status vl_writer_submit(vl_writer *w, uint64_t sequence, vl_span bytes, valence_error *error);

/* The same, with what the result stands for. NULL: nothing of the input. */
vl_status vl_writer_submit_rows(vl_writer *w, uint64_t sequence, vl_span bytes,
                                const vl_progress *progress, valence_error *error);

/* After the last submit: everything is in the file, and the mark stands at its end.
 * VALENCE_ARGUMENT if a result is missing. */
vl_status vl_writer_end(vl_writer *w, valence_error *error);
/* Ends if that is not done, syncs, renames. */
vl_status vl_writer_finish(vl_writer *w, valence_error *error);

/* Any thread: stops, wakes all waiters with VALENCE_CANCELLED. The file is removed by _close. */
void vl_writer_abort(vl_writer *w);

/* From now on PATH.part stays where it is if the writer is closed unfinished. */
void vl_writer_keep(vl_writer *w);

/* When no thread uses it any more. Removes PATH.part unless finished or kept. NULL is fine. */
void vl_writer_close(vl_writer *w);

/* The furthest mark so far: with compression it lags behind by up to a member. Any thread. */
vl_writer_mark vl_writer_marked(vl_writer *w);
/* All bytes of marks taken so far are on the disk when this returns. Any thread, nobody waits for it;
 * a failure is the writer's, since the system tells it only once. */
vl_status vl_writer_sync(vl_writer *w, valence_error *error);

#endif
