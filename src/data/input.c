/* input.c: maps or streams. */
#include "data/input.h"

#include <string.h>

#include "base/json.h" /* VL_JSON_PADDING: lines of a stream can be parsed where they lie */

static vl_status open_stream(vl_input *in, valence_error *error)
{
    in->mapped = false;
    VL_TRY(vl_stream_open(&in->stream, in->path, error));
    vl_stream_set_stop(in->stream, in->stop);
    return VALENCE_OK;
}

static vl_status open_mapped(vl_input *in, valence_error *error)
{
    vl_status status = vl_mapped_file_open(&in->map, in->path, error);
    if (status == VALENCE_UNSUPPORTED) return open_stream(in, error);
    VL_TRY(status);
    in->disk_size = in->map.size;
    vl_span start = {in->map.data, in->map.size < 4 ? in->map.size : 4};
    if (!vl_bytes_compressed(start)) return VALENCE_OK;
    vl_mapped_file_release(&in->map);
    return open_stream(in, error);
}

vl_status vl_input_open(vl_input *in, const char *path, size_t max_pending, const atomic_int *stop,
                        valence_error *error)
{
    *in = (vl_input){.path = path, .stop = stop, .mapped = true, .map = {.slot = -1}};
    vl_buffer_init(&in->pending, VL_MEM_IO, max_pending);
    return strcmp(path, "-") == 0 ? open_stream(in, error) : open_mapped(in, error);
}

void vl_input_release(vl_input *in)
{
    vl_mapped_file_release(&in->map);
    vl_stream_close(in->stream);
    vl_buffer_release(&in->pending);
}

vl_span vl_input_view(const vl_input *in)
{
    if (!in->mapped) return vl_buffer_span(&in->pending);
    if (in->position >= in->map.size) return (vl_span){"", 0};
    return (vl_span){in->map.data + in->position, in->map.size - in->position};
}

bool vl_input_ended(const vl_input *in)
{
    return in->mapped || in->ended;
}

static vl_status no_room(const vl_input *in, vl_status status, size_t bytes, valence_error *error)
{
    return vl_fail(error, status, "cannot read '%.250s': no room for %zu bytes", in->path, bytes);
}

vl_status vl_input_grow(vl_input *in, size_t more, valence_error *error)
{
    if (vl_input_ended(in)) return VALENCE_OK;
    vl_status status = vl_buffer_reserve(&in->pending, more + VL_JSON_PADDING);
    if (status != VALENCE_OK) return no_room(in, status, in->pending.len + more, error);
    size_t got;
    VL_TRY(vl_stream_read(in->stream, in->pending.data + in->pending.len, more, &got, error));
    in->pending.len += got;
    in->ended = got == 0;
    return VALENCE_OK;
}

void vl_input_skip(vl_input *in, size_t n)
{
    in->position += n;
    if (in->mapped || n == 0) return;
    in->pending.len -= n;
    memmove(in->pending.data, in->pending.data + n, in->pending.len);
}

vl_status vl_input_take(vl_input *in, size_t n, vl_buffer *out, valence_error *error)
{
    vl_buffer taken = in->pending;
    size_t rest = taken.len - n;
    out->max = taken.max;
    out->category = taken.category;
    vl_buffer_reset(out);
    vl_status status = vl_buffer_append(out, taken.data + n, rest);
    if (status != VALENCE_OK) return no_room(in, status, rest, error);
    taken.len = n;
    in->pending = *out;
    in->position += n;
    *out = taken;
    return VALENCE_OK;
}

vl_status vl_input_check(const vl_input *in, valence_error *error)
{
    if (!vl_mapped_file_truncated(&in->map)) return VALENCE_OK;
    return vl_fail(error, VALENCE_IO,
                   "cannot read '%.250s': it was cut short, or its disk failed, while being read",
                   in->path);
}

uint64_t vl_input_consumed(const vl_input *in)
{
    return in->mapped ? in->position : vl_stream_consumed(in->stream);
}
