/* source.c: opens a source: finds its format, its columns and its shard; and the lock around the
 * handing out of chunks. How chunks are cut is chunks.c, how they are read the *_reader.c files. */
#include "data/source.h"

#include "base/json.h"
#include "data/border.h"
#include "data/detect.h"
#include "data/source_state.h"

enum {
    CHUNK_BYTES = 256 << 10,
    PEEK_BYTES = 64 << 10,      /* looked at to tell the format */
    MAX_HEADER_BYTES = 4 << 20, /* longest first record of a stream */
    /* Given back on both sides of a chunk. Linux maps more than the page it is asked for (64 KiB; from
     * 6.18 on the whole folio, up to 2 MiB), and so pages of neighbours again that nobody would give
     * back a second time. Whoever still reads them gets them back. */
    AROUND_BYTES = 2 << 20
};
static const size_t default_max_record = (size_t)1 << 30, largest_max_record = (size_t)1 << 40,
                    largest_chunk = (size_t)1 << 32;
static const uint64_t most_shards = 1000 * 1000;

vl_source_options vl_source_options_defaults(void)
{
    return (vl_source_options){.header = -1};
}

static vl_status check_options(vl_source_options *o, valence_error *error)
{
    if (o->chunk_bytes == 0) o->chunk_bytes = CHUNK_BYTES;
    if (o->max_record == 0) o->max_record = default_max_record;
    if (o->chunk_bytes > largest_chunk || o->max_record > largest_max_record)
        return vl_fail(error, VALENCE_ARGUMENT, "chunk_bytes or max_record is too large");
    if (o->shards > most_shards || (o->shards && o->shard >= o->shards))
        return vl_fail(error, VALENCE_ARGUMENT, "shard %llu of %llu: there is none",
                       (unsigned long long)o->shard, (unsigned long long)o->shards);
    return VALENCE_OK;
}

/* ---- Format ---------------------------------------------------------------------------------- */

/* Two of these bytes begin UTF-16, whose mark takes four to be told. */
static bool may_be_utf16(vl_span view)
{
    return view.len > 0 && (unsigned char)view.ptr[0] >= 0xFE;
}

/* Has a stream read enough to know its first line, or all there is. */
static vl_status peek(vl_input *in, valence_error *error)
{
    while (!vl_input_ended(in)) {
        vl_span view = vl_input_view(in);
        if (view.len >= PEEK_BYTES) break;
        bool told = view.len >= 4 || (view.len > 0 && !may_be_utf16(view));
        if (told && memchr(view.ptr, '\n', view.len)) break;
        VL_TRY(vl_input_grow(in, PEEK_BYTES, error));
    }
    return VALENCE_OK;
}

static vl_status find_format(vl_source *s, vl_data_format wanted, valence_error *error)
{
    vl_input *in = &s->input;
    VL_TRY(peek(in, error));
    if (vl_looks_utf16(vl_input_view(in)))
        return vl_fail(error, VALENCE_FORMAT,
                       "cannot read '%.250s': it is UTF-16, convert it to UTF-8", s->layout.path);
    vl_input_skip(in, vl_bom_length(vl_input_view(in)));
    if (wanted == VL_DATA_AUTO) wanted = vl_format_of_name(s->layout.path);
    if (wanted == VL_DATA_AUTO) {
        const char *text = s->layout.text ? s->layout.text : "text";
        wanted = vl_format_of_content(vl_input_view(in), text);
    }
    vl_layout_set_format(&s->layout, wanted);
    return VALENCE_OK;
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* Moves behind the header and keeps the line numbers right. */
static void skip_header(vl_source *s, size_t bytes)
{
    const char *p = vl_input_view(&s->input).ptr;
    for (size_t i = 0; i < bytes; i++) s->line += p[i] == '\n';
    vl_input_skip(&s->input, bytes);
}

static vl_status find_table_columns(vl_source *s, bool header, valence_error *error)
{
    vl_input *in = &s->input;
    for (;;) {
        size_t used;
        bool whole = vl_input_ended(in);
        vl_span view = vl_input_view(in);
        VL_TRY(vl_layout_read_header(&s->layout, view, header, &whole, &used, error));
        if (whole) {
            skip_header(s, used);
            return VALENCE_OK;
        }
        if (view.len > MAX_HEADER_BYTES)
            return vl_fail_at(error, VALENCE_FORMAT, 1, 1,
                              "cannot read '%.250s': the first record is longer than %d bytes",
                              s->layout.path, MAX_HEADER_BYTES);
        VL_TRY(vl_input_grow(in, view.len > PEEK_BYTES ? view.len : PEEK_BYTES, error));
    }
}

typedef struct name_adder {
    vl_layout *layout;
    vl_status status;
    valence_error *error;
} name_adder;

static int add_member(void *user, vl_span key, vl_json value)
{
    (void)value;
    name_adder *a = user;
    a->status = vl_layout_add_name(a->layout, key, a->error);
    return a->status != VALENCE_OK;
}

/* Names the columns of JSONL after the first record's members; a bad first record: none. */
static vl_status find_members(vl_source *s, valence_error *error)
{
    vl_span view = vl_input_view(&s->input);
    while (view.len && (view.ptr[0] == '\n' || view.ptr[0] == '\r')) view.ptr++, view.len--;
    const char *newline = view.len ? memchr(view.ptr, '\n', view.len) : NULL;
    if (newline) view.len = (size_t)(newline - view.ptr);
    if (view.len == 0 || view.len > MAX_HEADER_BYTES) return VALENCE_OK;
    vl_json_parser *parser = vl_json_parser_open(MAX_HEADER_BYTES);
    if (!parser) return vl_fail_memory(error, 0, "a JSON parser");
    vl_json root;
    name_adder a = {&s->layout, VALENCE_OK, error};
    vl_status status = vl_json_parse_copy(parser, view, &root, NULL);
    if (status == VALENCE_OK && vl_json_type_of(root) == VL_JSON_OBJECT)
        vl_json_each(root, add_member, &a);
    if (status == VALENCE_NO_MEMORY) a.status = vl_fail_memory(error, view.len, "a first record");
    vl_json_parser_close(parser);
    return a.status;
}

static vl_status find_columns(vl_source *s, const vl_source_options *o, valence_error *error)
{
    switch (s->layout.format) {
    case VL_DATA_CSV:
    case VL_DATA_TSV:
        return find_table_columns(s, o->header != 0, error);
    case VL_DATA_JSONL:
        return o->keep_columns ? find_members(s, error) : VALENCE_OK;
    default:
        return VALENCE_OK;
    }
}

/* ---- Shards ---------------------------------------------------------------------------------- */

static uint64_t part(uint64_t whole, uint64_t index, uint64_t count)
{
    return (uint64_t)((unsigned __int128)whole * index / count);
}

/* From the cuts to the next records' starts. An empty file has no map, only position 0. */
static vl_status find_borders(vl_source *s, vl_shard *shard, valence_error *error)
{
    vl_input *in = &s->input;
    vl_span bytes = {in->map.data, in->map.size};
    size_t first = (size_t)in->position;
    shard->begin = vl_record_border(bytes, first, (size_t)shard->begin, s->layout.rules);
    shard->end = vl_record_border(bytes, first, (size_t)shard->end, s->layout.rules);
    in->position = shard->begin;
    return shard->begin <= shard->end ? VALENCE_OK : vl_bad_border(s, shard->end, error);
}

static vl_status find_shard(vl_source *s, const vl_source_options *o, valence_error *error)
{
    vl_shard *shard = &s->layout.shard;
    if (o->shards == 0) return VALENCE_OK;
    uint64_t whole = s->folder ? vl_folder_count(s->folder) : s->input.map.size;
    *shard = (vl_shard){.index = o->shard,
                        .count = o->shards,
                        .by_byte = !s->folder && s->input.mapped,
                        .by_row = !s->folder && !s->input.mapped,
                        .begin = part(whole, o->shard, o->shards),
                        .end = part(whole, o->shard + 1, o->shards)};
    if (s->folder) s->row = s->line = shard->begin + 1;
    return shard->by_byte ? find_borders(s, shard, error) : VALENCE_OK;
}

/* ---- Open, close ----------------------------------------------------------------------------- */

static vl_status open_file(vl_source *s, const vl_source_options *o, valence_error *error)
{
    size_t most = o->max_record + 2 * o->chunk_bytes + 3 * (size_t)MAX_HEADER_BYTES;
    VL_TRY(vl_input_open(&s->input, s->layout.path, most, o->stop, error));
    if (s->input.mapped) vl_mapped_file_sequential(&s->input.map);
    VL_TRY(find_format(s, o->format, error));
    VL_TRY(find_columns(s, o, error));
    return vl_input_check(&s->input, error);
}

static vl_status open_folder(vl_source *s, valence_error *error)
{
    vl_layout_set_format(&s->layout, VL_DATA_FOLDER);
    return vl_folder_open(&s->folder, s->layout.path, error);
}

static vl_status open_source(vl_source *s, const char *path, vl_source_options o,
                             valence_error *error)
{
    VL_TRY(check_options(&o, error));
    VL_TRY(vl_layout_init(&s->layout, path, &o, error));
    s->chunk_bytes = o.chunk_bytes;
    s->row = s->line = 1;
    bool folder = o.format == VL_DATA_FOLDER || (o.format == VL_DATA_AUTO && vl_is_folder(path));
    VL_TRY(folder ? open_folder(s, error) : open_file(s, &o, error));
    return find_shard(s, &o, error);
}

vl_status vl_source_open(vl_source **out, const char *path, const vl_source_options *options,
                         valence_error *error)
{
    *out = NULL;
    vl_source *s = vl_alloc_zero(VL_MEM_IO, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a data source");
    pthread_mutex_init(&s->lock, NULL);
    vl_source_options o = options ? *options : vl_source_options_defaults();
    vl_status status = open_source(s, path, o, error);
    if (status != VALENCE_OK) {
        vl_source_close(s);
        return status;
    }
    *out = s;
    return VALENCE_OK;
}

void vl_source_close(vl_source *s)
{
    if (!s) return;
    vl_input_release(&s->input);
    vl_folder_close(s->folder);
    vl_layout_release(&s->layout);
    pthread_mutex_destroy(&s->lock);
    vl_free(s);
}

vl_data_format vl_source_format(const vl_source *s)
{
    return s->layout.format;
}

int vl_source_columns(const vl_source *s, const vl_span **names)
{
    *names = s->layout.names;
    return s->layout.column_count;
}

/* Of a mapped file or its shard; of a stream all that is on disk. */
static uint64_t bytes_total(const vl_source *s)
{
    const vl_shard *shard = &s->layout.shard;
    return shard->by_byte ? shard->end - shard->begin : s->input.disk_size;
}

vl_source_counts vl_source_counted(const vl_source *s)
{
    return (vl_source_counts){.rows = atomic_load(&s->rows),
                              .bad_rows = atomic_load(&s->bad_rows),
                              .repaired = atomic_load(&s->repaired),
                              .bytes_read = atomic_load(&s->bytes_read),
                              .bytes_total = bytes_total(s)};
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

/* With the lock held. */
static vl_status next_chunk(vl_source *s, vl_chunk *chunk, bool *more)
{
    if (s->failed) return s->failure.code;
    vl_status status = vl_chunk_cut(s, chunk, more, &s->failure);
    s->failed = status != VALENCE_OK;
    if (s->folder) return status;
    uint64_t before = s->layout.shard.by_byte ? s->layout.shard.begin : 0;
    atomic_store(&s->bytes_read, vl_input_consumed(&s->input) - before);
    return status;
}

vl_status vl_source_next(vl_source *s, vl_chunk *chunk, bool *more, valence_error *error)
{
    *more = false;
    pthread_mutex_lock(&s->lock);
    vl_status status = next_chunk(s, chunk, more);
    if (status != VALENCE_OK) {
        *more = false;
        if (error) *error = s->failure;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void vl_source_return(vl_source *s, vl_chunk *chunk)
{
    if (s->folder || !s->input.mapped || chunk->bytes.len == 0) return;
    size_t from = (size_t)(chunk->bytes.ptr - s->input.map.data), to = from + chunk->bytes.len;
    from = from > AROUND_BYTES ? from - AROUND_BYTES : 0;
    to = to + AROUND_BYTES < s->input.map.size ? to + AROUND_BYTES : s->input.map.size;
    vl_mapped_file_give_back(&s->input.map, from, to);
    chunk->bytes = (vl_span){"", 0};
}

void vl_chunk_release(vl_chunk *chunk)
{
    vl_buffer_release(&chunk->owned);
}
