/* safetensors.c: reading and writing the model file.
 *
 * Reading parses the JSON header into a list of entries, sorts them by offset and walks them once:
 * each must begin where the one before ended, the last must end with the file. Tensor data is never
 * touched, so opening a mapped model costs its header only. Writing lays tensors out, builds the
 * header text and sends both to a sink (a buffer or a file).
 * Stricter than the reference reader in one point: a file from which two readers could understand
 * different things (duplicate keys anywhere) is refused. */
#include "formats/safetensors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/atomic_file.h"
#include "base/decimal.h"
#include "base/json.h"
#include "base/utf8.h"

enum { MAX_HEADER = 100000000, ALIGNMENT = 64, QUOTED = 96 };

static const char metadata_key[] = "__metadata__";

/* ---- Reading -------------------------------------------------------------------------------- */

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

typedef struct entry {
    vl_span name; /* in the parser's document */
    vl_tensor tensor;
    size_t begin, end; /* in the data */
    unsigned has;
} entry;

typedef struct reader {
    const char *file; /* for messages */
    valence_error *error;
    vl_store *store;
    entry *entries;
    size_t count;
    bool has_metadata;
    vl_status status; /* why a walk over JSON was stopped */
} reader;

/* Bytes of a file made fit for a message: short, printable, UTF-8. */
static const char *quoted(char out[QUOTED], vl_span s)
{
    size_t len = s.len < QUOTED - 1 ? s.len : QUOTED - 1;
    len = vl_utf8_valid_prefix(s.ptr, len);
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F ? '?' : s.ptr[i];
    out[len] = '\0';
    return out;
}

static vl_status refuse(reader *r, vl_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "cannot read 'FILE': <why>", kept in r->status too, for walks over JSON. */
static vl_status refuse(reader *r, vl_status code, const char *format, ...)
{
    char why[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    r->status = vl_fail(r->error, code, "cannot read '%.200s': %s", r->file, why);
    return r->status;
}

static vl_status refuse_entry(reader *r, const entry *e, const char *why)
{
    char name[QUOTED];
    return refuse(r, VALENCE_FORMAT, "tensor '%s': %s", quoted(name, e->name), why);
}

typedef struct integers { /* a JSON array of integers >= 0, read into values */
    int64_t *values;
    size_t count, max;
} integers;

static int read_integer(void *user, vl_span key, vl_json value)
{
    (void)key;
    integers *list = user;
    if (list->count == list->max) return 1;
    int64_t *to = &list->values[list->count++];
    return !vl_json_integer(value, to) || *to < 0;
}

static bool read_integers(vl_json v, integers *list)
{
    return vl_json_type_of(v) == VL_JSON_ARRAY && vl_json_each(v, read_integer, list) == 0;
}

static vl_status read_dtype(reader *r, entry *e, vl_json value)
{
    vl_span type;
    char name[QUOTED], text[QUOTED];
    if (!vl_json_string(value, &type)) return refuse_entry(r, e, "dtype is not a string");
    if (vl_dtype_parse(&e->tensor.dtype, type) == VALENCE_OK) return VALENCE_OK;
    return refuse(r, VALENCE_UNSUPPORTED, "tensor '%s': element type '%s' is not supported",
                  quoted(name, e->name), quoted(text, type));
}

static vl_status read_shape(reader *r, entry *e, vl_json value)
{
    integers shape = {e->tensor.shape, 0, VL_MAX_RANK};
    if (vl_json_type_of(value) == VL_JSON_ARRAY && vl_json_count(value) > VL_MAX_RANK)
        return refuse_entry(r, e, "more than 8 dimensions");
    if (!read_integers(value, &shape))
        return refuse_entry(r, e, "shape is not a list of integers from 0");
    e->tensor.rank = (int)shape.count;
    return VALENCE_OK;
}

static vl_status read_offsets(reader *r, entry *e, vl_json value)
{
    int64_t pair[2];
    integers offsets = {pair, 0, 2};
    if (!read_integers(value, &offsets) || offsets.count != 2 || pair[0] > pair[1])
        return refuse_entry(r, e, "data_offsets is not a pair of rising integers from 0");
    e->begin = (size_t)pair[0];
    e->end = (size_t)pair[1];
    return VALENCE_OK;
}

/* One member of a tensor's object; members we do not know are passed over. */
static int read_field(void *user, vl_span key, vl_json value)
{
    static const struct {
        const char *name;
        vl_status (*read)(reader *, entry *, vl_json);
    } fields[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    reader *r = user;
    entry *e = &r->entries[r->count];
    for (unsigned i = 0; i < 3; i++) {
        if (!vl_span_is(key, fields[i].name)) continue;
        if (e->has & 1u << i) return refuse_entry(r, e, "a key occurs twice") != VALENCE_OK;
        e->has |= 1u << i;
        return fields[i].read(r, e, value) != VALENCE_OK;
    }
    return 0;
}

static vl_status check_entry(reader *r, entry *e)
{
    if (e->has != HAS_ALL) return refuse_entry(r, e, "dtype, shape or data_offsets is missing");
    char name[QUOTED], shape[VL_SHAPE_TEXT];
    vl_shape_text(shape, e->tensor.rank, e->tensor.shape);
    if (!vl_tensor_size(&e->tensor, &e->tensor.bytes))
        return refuse(r, VALENCE_FORMAT, "tensor '%s': shape %.100s is too large",
                      quoted(name, e->name), shape);
    if (e->tensor.bytes != e->end - e->begin)
        return refuse(r, VALENCE_FORMAT, "tensor '%s': shape %.100s needs %zu bytes, it has %zu",
                      quoted(name, e->name), shape, e->tensor.bytes, e->end - e->begin);
    return VALENCE_OK;
}

/* A string of metadata. Keys and values become C strings in the store: no NUL. */
static int read_metadata(void *user, vl_span key, vl_json value)
{
    reader *r = user;
    vl_span text;
    char name[QUOTED];
    quoted(name, key);
    if (!vl_json_string(value, &text))
        return refuse(r, VALENCE_FORMAT, "metadata '%s' is not a string", name) != VALENCE_OK;
    if (memchr(key.ptr, 0, key.len) || memchr(text.ptr, 0, text.len))
        return refuse(r, VALENCE_FORMAT, "metadata '%s' holds a NUL", name) != VALENCE_OK;
    char *copy = vl_copy_string(VL_MEM_MODEL, key.ptr, key.len);
    if (!copy) return (r->status = vl_fail_memory(r->error, key.len, "metadata")) != VALENCE_OK;
    if (vl_store_get(r->store, copy)) refuse(r, VALENCE_FORMAT, "metadata '%s' occurs twice", name);
    else r->status = vl_store_set(r->store, copy, text, r->error);
    vl_free(copy);
    return r->status != VALENCE_OK;
}

static vl_status read_all_metadata(reader *r, vl_json value)
{
    if (r->has_metadata) return refuse(r, VALENCE_FORMAT, "__metadata__ occurs twice");
    r->has_metadata = true;
    if (vl_json_type_of(value) != VL_JSON_OBJECT)
        return refuse(r, VALENCE_FORMAT, "__metadata__ is not an object");
    vl_json_each(value, read_metadata, r);
    return r->status;
}

/* One member of the header: the metadata or a tensor. */
static int read_member(void *user, vl_span key, vl_json value)
{
    reader *r = user;
    if (vl_span_is(key, metadata_key)) return read_all_metadata(r, value) != VALENCE_OK;
    entry *e = &r->entries[r->count];
    *e = (entry){.name = key};
    if (memchr(key.ptr, 0, key.len))
        return refuse_entry(r, e, "the name holds a NUL") != VALENCE_OK;
    if (vl_json_type_of(value) != VL_JSON_OBJECT)
        return refuse_entry(r, e, "is not an object") != VALENCE_OK;
    if (vl_json_each(value, read_field, r) || check_entry(r, e) != VALENCE_OK) return 1;
    r->count++;
    return 0;
}

static int by_offset(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Adds a tensor whose range has been checked. The name in JSON has no NUL behind it. */
static vl_status add_tensor(reader *r, const entry *e, const char *data)
{
    char *name = vl_copy_string(VL_MEM_MODEL, e->name.ptr, e->name.len);
    if (!name) return r->status = vl_fail_memory(r->error, e->name.len, "a tensor's name");
    vl_tensor t = e->tensor;
    t.name = name;
    t.data = data + e->begin;
    bool aligned = (uintptr_t)t.data % vl_dtype_size(t.dtype) == 0;
    if (vl_store_find(r->store, name)) refuse_entry(r, e, "the name occurs twice");
    else
        r->status = aligned ? vl_store_add(r->store, &t, r->error)
                            : vl_store_add_copy(r->store, &t, r->error);
    vl_free(name);
    return r->status;
}

/* The ranges, in order, must cover the data exactly. */
static vl_status add_tensors(reader *r, vl_span data)
{
    size_t at = 0;
    if (r->count) qsort(r->entries, r->count, sizeof *r->entries, by_offset);
    for (size_t i = 0; i < r->count; i++) {
        const entry *e = &r->entries[i];
        if (e->begin < at) return refuse_entry(r, e, "its data overlaps another tensor's");
        if (e->begin > at) return refuse_entry(r, e, "there is a hole before its data");
        if (e->end > data.len) return refuse_entry(r, e, "its data lies past the end of the file");
        VL_TRY(add_tensor(r, e, data.ptr));
        at = e->end;
    }
    if (at != data.len)
        return refuse(r, VALENCE_FORMAT, "tensors take %zu bytes, the file holds %zu", at,
                      data.len);
    return VALENCE_OK;
}

static vl_status read_header(reader *r, vl_span header, vl_span data)
{
    vl_json root;
    vl_json_parser *parser = vl_json_parser_open(MAX_HEADER);
    if (!parser) return vl_fail_memory(r->error, header.len, "a header");
    valence_error why = {0};
    vl_status status = vl_json_parse_copy(parser, header, &root, &why);
    if (status != VALENCE_OK) {
        refuse(r, status, "its header is %s", why.message);
        goto done;
    }
    r->entries = vl_alloc_array(VL_MEM_MODEL, vl_json_count(root) + 1, sizeof *r->entries);
    if (!r->entries) {
        status = vl_fail_memory(r->error, header.len, "a header");
        goto done;
    }
    status = vl_json_each(root, read_member, r) ? r->status : add_tensors(r, data);
done:
    vl_free(r->entries);
    vl_json_parser_close(parser);
    return status == VALENCE_OK ? r->status : status;
}

static uint64_t load_u64(const char *p)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | (unsigned char)p[i];
    return value;
}

/* Splits the file into header and data. */
static vl_status split(reader *r, vl_span bytes, vl_span *header, vl_span *data)
{
    if (bytes.len < 8)
        return refuse(r, VALENCE_FORMAT, "not a safetensors file: %zu bytes", bytes.len);
    uint64_t n = load_u64(bytes.ptr);
    if (n > MAX_HEADER || (n > 0 && bytes.len > 8 && bytes.ptr[8] != '{'))
        return refuse(r, VALENCE_FORMAT, "not a safetensors file");
    if (n > bytes.len - 8)
        return refuse(r, VALENCE_FORMAT, "cut off: its header takes %llu bytes, %zu are there",
                      (unsigned long long)n, bytes.len - 8);
    if (n == 0) return refuse(r, VALENCE_FORMAT, "its header is empty");
    *header = (vl_span){bytes.ptr + 8, (size_t)n};
    *data = (vl_span){bytes.ptr + 8 + n, bytes.len - 8 - (size_t)n};
    return VALENCE_OK;
}

vl_status vl_safetensors_read(vl_store **out, vl_span bytes, const char *name, valence_error *error)
{
    reader r = {.file = name, .error = error};
    vl_span header = {0}, data = {0};
    *out = NULL;
    VL_TRY(split(&r, bytes, &header, &data));
    VL_TRY(vl_store_open(&r.store, error));
    vl_status status = read_header(&r, header, data);
    if (status == VALENCE_OK) *out = r.store;
    else vl_store_close(r.store);
    return status;
}

/* ---- Writing -------------------------------------------------------------------------------- */

typedef struct pair {
    const char *key, *value;
} pair;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const pair *)a)->key, ((const pair *)b)->key);
}

static int by_layout(const void *a, const void *b)
{
    const vl_tensor *x = *(const vl_tensor *const *)a, *y = *(const vl_tensor *const *)b;
    size_t sx = vl_dtype_size(x->dtype), sy = vl_dtype_size(y->dtype);
    return sx != sy ? (sx > sy ? -1 : 1) : strcmp(x->name, y->name);
}

/* The writer of JSON would repair a damaged name, and two names might become one. */
static vl_status check_utf8(const char *text, valence_error *error)
{
    char name[QUOTED];
    vl_span s = vl_span_of(text);
    if (vl_utf8_valid_prefix(s.ptr, s.len) == s.len) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "cannot write '%s': not UTF-8", quoted(name, s));
}

static vl_status write_metadata(vl_buffer *out, const pair *pairs, size_t count,
                                valence_error *error)
{
    VL_TRY(vl_buffer_append_text(out, "\"__metadata__\":{"));
    for (size_t i = 0; i < count; i++) {
        VL_TRY(check_utf8(pairs[i].key, error));
        VL_TRY(check_utf8(pairs[i].value, error));
        if (i) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(pairs[i].key)));
        VL_TRY(vl_buffer_append_byte(out, ':'));
        VL_TRY(vl_json_write_string(out, vl_span_of(pairs[i].value)));
    }
    return vl_buffer_append_byte(out, '}');
}

static vl_status write_sorted_metadata(const vl_store *s, vl_buffer *out, valence_error *error)
{
    size_t count = vl_store_meta_count(s);
    pair *pairs = vl_alloc_array(VL_MEM_MODEL, count, sizeof *pairs);
    if (!pairs) return VALENCE_NO_MEMORY;
    for (size_t i = 0; i < count; i++) vl_store_meta_at(s, i, &pairs[i].key, &pairs[i].value);
    qsort(pairs, count, sizeof *pairs, by_key);
    vl_status status = write_metadata(out, pairs, count, error);
    vl_free(pairs);
    return status;
}

static vl_status write_tensor_entry(vl_buffer *out, const vl_tensor *t, size_t begin,
                                    valence_error *error)
{
    if (strcmp(t->name, metadata_key) == 0)
        return vl_fail(error, VALENCE_ARGUMENT, "a tensor cannot be called '%s'", metadata_key);
    VL_TRY(check_utf8(t->name, error));
    VL_TRY(vl_json_write_string(out, vl_span_of(t->name)));
    VL_TRY(vl_buffer_append_text(out, ":{\"dtype\":\""));
    VL_TRY(vl_buffer_append_text(out, vl_dtype_name(t->dtype)));
    VL_TRY(vl_buffer_append_text(out, "\",\"shape\":["));
    for (int i = 0; i < t->rank; i++) {
        if (i) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_write_integer(out, t->shape[i]));
    }
    VL_TRY(vl_buffer_append_text(out, "],\"data_offsets\":["));
    VL_TRY(vl_write_integer(out, (int64_t)begin));
    VL_TRY(vl_buffer_append_byte(out, ','));
    VL_TRY(vl_write_integer(out, (int64_t)(begin + t->bytes)));
    return vl_buffer_append_text(out, "]}");
}

static vl_status write_json(const vl_store *s, const vl_tensor *const *order, vl_buffer *out,
                            valence_error *error)
{
    size_t begin = 0, count = vl_store_count(s);
    VL_TRY(vl_buffer_append_byte(out, '{'));
    if (vl_store_meta_count(s)) VL_TRY(write_sorted_metadata(s, out, error));
    for (size_t i = 0; i < count; i++) {
        if (i || vl_store_meta_count(s)) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(write_tensor_entry(out, order[i], begin, error));
        begin += order[i]->bytes;
    }
    VL_TRY(vl_buffer_append_byte(out, '}'));
    while (out->len % ALIGNMENT) VL_TRY(vl_buffer_append_byte(out, ' '));
    return VALENCE_OK;
}

/* The whole header, its length in front. error holds a message when the fault is the store's. */
static vl_status write_header(const vl_store *s, const vl_tensor *const *order, vl_buffer *out,
                              valence_error *error)
{
    static const char room[8];
    VL_TRY(vl_buffer_append(out, room, sizeof room));
    VL_TRY(write_json(s, order, out, error));
    uint64_t n = out->len - sizeof room;
    for (size_t i = 0; i < sizeof room; i++) out->data[i] = (char)(n >> 8 * i);
    return VALENCE_OK;
}

typedef struct sink { /* one of the two */
    vl_buffer *buffer;
    vl_atomic_file *file;
} sink;

static vl_status put(const sink *to, const void *bytes, size_t len, valence_error *error)
{
    if (to->file) return vl_atomic_file_append(to->file, bytes, len, error);
    vl_status status = vl_buffer_append(to->buffer, bytes, len);
    if (status == VALENCE_OK) return VALENCE_OK;
    return vl_fail(error, status, "cannot hold a model in memory: %s", valence_status_text(status));
}

static vl_status write_to(const vl_store *s, const sink *to, valence_error *error)
{
    size_t count = vl_store_count(s);
    vl_buffer header;
    valence_error why = {0};
    vl_buffer_init(&header, VL_MEM_MODEL, MAX_HEADER + 8);
    const vl_tensor **order = vl_alloc_array(VL_MEM_MODEL, count, sizeof *order);
    if (!order) return vl_fail_memory(error, count * sizeof *order, "a header");
    for (size_t i = 0; i < count; i++) order[i] = vl_store_at(s, i);
    qsort(order, count, sizeof *order, by_layout);
    vl_status status = write_header(s, order, &header, &why);
    if (status != VALENCE_OK) {
        vl_fail(error, status, "%s",
                why.message[0] ? why.message : "cannot write a safetensors header: no room");
        goto done;
    }
    VL_TRY_DONE(put(to, header.data, header.len, error));
    for (size_t i = 0; i < count; i++) VL_TRY_DONE(put(to, order[i]->data, order[i]->bytes, error));
done:
    vl_free(order);
    vl_buffer_release(&header);
    return status;
}

vl_status vl_safetensors_encode(const vl_store *s, vl_buffer *out, valence_error *error)
{
    return write_to(s, &(sink){.buffer = out}, error);
}

vl_status vl_safetensors_write(const vl_store *s, const char *path, valence_error *error)
{
    vl_atomic_file file;
    VL_TRY(vl_atomic_file_open(&file, path, error));
    vl_status status = write_to(s, &(sink){.file = &file}, error);
    if (status == VALENCE_OK) return vl_atomic_file_commit(&file, error);
    vl_atomic_file_abandon(&file);
    return status;
}
