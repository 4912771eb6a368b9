/* chunks.c: cuts the input into chunks of whole records.
 *
 * A chunk ends behind the last record that ends within chunk_bytes; if none does, it grows until
 * one ends. Mapped files are cut where they lie. A stream is read into the chunk's own buffer, and
 * what follows the last whole record waits in the input for the next chunk; a pipe that has no more
 * just now does not delay the records it has given. A record of a stream that passes max_record is
 * read to its end and thrown away; a chunk marked `oversized` stands for it. */
#include "data/source_state.h"

/* Numbers a chunk whose bytes were taken off the input already. */
static void number_chunk(vl_source *s, vl_chunk *chunk, const vl_cutter *cut)
{
    chunk->sequence = s->sequence++;
    chunk->first_row = s->row;
    chunk->first_line = s->line;
    chunk->rows = cut->rows;
    s->row += cut->rows;
    s->line += cut->lines;
    chunk->next = vl_source_position_now(s);
}

/* ---- Mapped files ---------------------------------------------------------------------------- */

/* The bytes left of the file or the shard. */
static vl_span mapped_view(const vl_source *s)
{
    const vl_shard *shard = &s->layout.shard;
    vl_span view = vl_input_view(&s->input);
    if (shard->count && view.len) view.len = (size_t)(shard->end - s->input.position);
    return view;
}

vl_status vl_bad_border(const vl_source *s, uint64_t at, valence_error *error)
{
    return vl_fail_at(error, VALENCE_FORMAT, 0, at + 1,
                      "cannot split '%.150s' at byte %llu: the quotes there do not tell where a "
                      "record begins; use no --shard, another number of shards, or quote every "
                      "value that holds a quote", s->layout.path, (unsigned long long)at + 1);
}

/* At the end of a shard that is not the file's: a record must end there, as the next shard takes it
 * for granted. A file that was cut short meanwhile reads as zeros, and that is told instead. */
static vl_status check_border(const vl_source *s, const vl_cutter *cut, valence_error *error)
{
    const vl_input *in = &s->input;
    uint64_t end = s->layout.shard.end;
    if (in->position + cut->end == end || end == in->map.size) return VALENCE_OK;
    VL_TRY(vl_input_check(in, error));
    return vl_bad_border(s, end, error);
}

static vl_status cut_mapped(vl_source *s, vl_chunk *chunk, bool *more, valence_error *error)
{
    vl_input *in = &s->input;
    vl_span view = mapped_view(s);
    *more = view.len > 0;
    if (!*more) return vl_input_check(in, error);
    vl_cutter cut;
    vl_cutter_init(&cut, s->layout.rules, s->layout.skip_blank);
    while (cut.end == 0 && cut.scanned < view.len) {
        size_t left = view.len - cut.scanned;
        vl_cutter_scan(&cut, view.ptr,
                       cut.scanned + (left < s->chunk_bytes ? left : s->chunk_bytes));
    }
    if (cut.scanned == view.len) {
        if (s->layout.shard.by_byte) VL_TRY(check_border(s, &cut, error));
        vl_cutter_finish(&cut, view.ptr);
    }
    chunk->bytes = (vl_span){view.ptr, cut.end};
    chunk->first_byte = in->position;
    chunk->oversized = false;
    vl_input_skip(in, cut.end);
    number_chunk(s, chunk, &cut);
    return vl_input_check(in, error);
}

/* ---- Streams --------------------------------------------------------------------------------- */

/* The pending bytes belong to one record that is longer than allowed: throws them away, and what
 * comes up to its end. */
static vl_status drop_record(vl_source *s, vl_cutter *cut, valence_error *error)
{
    vl_input *in = &s->input;
    bool over = false;
    vl_input_skip(in, cut->scanned);
    while (!over && !vl_input_ended(in)) {
        VL_TRY(vl_input_grow(in, s->chunk_bytes, error));
        vl_input_skip(in, vl_cutter_drop(cut, vl_input_view(in), &over));
    }
    cut->rows = 1;
    cut->lines = cut->newlines;
    return VALENCE_OK;
}

/* Reads until the pending bytes hold whole records. *paused: the last read gave less than it could:
 * the records that are there must not wait. What was pending before counts as such a read. */
static vl_status read_records(vl_source *s, vl_cutter *cut, bool *too_long, valence_error *error)
{
    vl_input *in = &s->input;
    bool paused = true;
    *too_long = false;
    for (;;) {
        vl_span view = vl_input_view(in);
        vl_cutter_scan(cut, view.ptr, view.len);
        if (cut->end > 0 && (paused || view.len >= s->chunk_bytes)) return VALENCE_OK;
        *too_long = cut->end == 0 && view.len > s->layout.max_record;
        if (*too_long) return VALENCE_OK;
        if (vl_input_ended(in)) {
            vl_cutter_finish(cut, view.ptr);
            return VALENCE_OK;
        }
        size_t have = view.len;
        size_t want = have < s->chunk_bytes ? s->chunk_bytes - have : s->chunk_bytes;
        VL_TRY(vl_input_grow(in, want, error));
        paused = vl_input_view(in).len - have < want;
    }
}

static vl_status cut_stream(vl_source *s, vl_chunk *chunk, bool *more, valence_error *error)
{
    vl_input *in = &s->input;
    vl_cutter cut;
    vl_cutter_init(&cut, s->layout.rules, s->layout.skip_blank);
    chunk->first_byte = in->position;
    VL_TRY(read_records(s, &cut, &chunk->oversized, error));
    *more = cut.end > 0 || chunk->oversized;
    if (!*more) return VALENCE_OK;
    if (chunk->oversized) VL_TRY(drop_record(s, &cut, error));
    else VL_TRY(vl_input_take(in, cut.end, &chunk->owned, error));
    chunk->bytes = chunk->oversized ? (vl_span){"", 0} : vl_buffer_span(&chunk->owned);
    number_chunk(s, chunk, &cut);
    return VALENCE_OK;
}

/* ---- Folders --------------------------------------------------------------------------------- */

enum { TYPICAL_DOCUMENT = 4096 };

/* The chunk only names the files; the cursor reads them. */
static void cut_folder(vl_source *s, vl_chunk *chunk, bool *more)
{
    uint64_t count = vl_folder_count(s->folder), first = s->row - 1;
    uint64_t end = s->layout.shard.count ? s->layout.shard.end : count;
    uint64_t files = s->chunk_bytes / TYPICAL_DOCUMENT + 1;
    *more = first < end;
    if (!*more) return;
    vl_cutter cut = {.rows = files < end - first ? files : end - first};
    cut.lines = cut.rows;
    chunk->bytes = (vl_span){"", 0};
    chunk->first_byte = 0;
    chunk->oversized = false;
    number_chunk(s, chunk, &cut);
}

vl_status vl_chunk_cut(vl_source *s, vl_chunk *chunk, bool *more, valence_error *error)
{
    if (s->folder) {
        cut_folder(s, chunk, more);
        return VALENCE_OK;
    }
    return s->input.mapped ? cut_mapped(s, chunk, more, error) : cut_stream(s, chunk, more, error);
}
