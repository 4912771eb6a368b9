/* model_names.c: features.names is a JSON list of [slot, "n gram"]. It may come from anyone: all of
 * it is checked. */
#include "engine/model_names.h"

#include <assert.h>
#include <string.h>

#include "base/json.h"

static const char key[] = "features.names";

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct name_reader {
    vl_name *names;
    char *next; /* where the next text goes */
    int64_t count, slots;
} name_reader;

typedef struct name_parts {
    vl_json slot, text;
    int count;
} name_parts;

static int take_part(void *user, vl_span member, vl_json value)
{
    (void)member;
    name_parts *p = user;
    if (p->count == 0) p->slot = value;
    else p->text = value;
    return ++p->count > 2;
}

/* Control characters are in no word, and would reach the reader's terminal. */
static bool is_name(vl_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ') return false;
    return text.len > 0 && text.len <= VL_NAME_BYTES;
}

static int take_name(void *user, vl_span member, vl_json value)
{
    (void)member;
    name_reader *r = user;
    name_parts p = {0};
    int64_t slot, least = r->count ? (int64_t)r->names[r->count - 1].slot + 1 : 0;
    vl_span text;
    if (vl_json_type_of(value) != VL_JSON_ARRAY || vl_json_each(value, take_part, &p) ||
        p.count != 2)
        return 1;
    if (!vl_json_integer(p.slot, &slot) || slot < least || slot >= r->slots) return 1;
    if (!vl_json_string(p.text, &text) || !is_name(text)) return 1;
    r->names[r->count++] = (vl_name){(int32_t)slot, r->next};
    memcpy(r->next, text.ptr, text.len);
    r->next[text.len] = '\0';
    r->next += text.len + 1;
    return 0;
}

/* A text and its NUL are never longer than the text in quotes. */
static vl_status take_names(name_reader *r, vl_json_parser *parser, const char *text,
                            valence_error *error)
{
    vl_json root;
    VL_TRY(vl_json_parse_copy(parser, vl_span_of(text), &root, error));
    bool is_list = vl_json_type_of(root) == VL_JSON_ARRAY;
    size_t count = is_list ? vl_json_count(root) : 0;
    if (!is_list || count > VL_NAMES_MAX)
        return vl_fail(error, VALENCE_FORMAT,
                       "the metadata's '%s' is no list of at most %d n-grams", key, VL_NAMES_MAX);
    r->names = vl_alloc(VL_MEM_MODEL, count * sizeof *r->names + strlen(text));
    if (!r->names) return vl_fail_memory(error, strlen(text), "n-grams' names");
    r->next = (char *)(r->names + count);
    if (vl_json_each(root, take_name, r) == 0) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT,
                   "the metadata's '%s' is damaged: its entry %lld is no [place, "
                   "\"n-gram\"] behind the one before",
                   key, (long long)r->count + 1);
}

vl_status vl_model_names_read(vl_name **names, int64_t *count, const vl_store *store, int64_t slots,
                              valence_error *error)
{
    const char *text = vl_store_get(store, key);
    name_reader r = {.slots = slots};
    *names = NULL;
    *count = 0;
    if (!text) return VALENCE_OK;
    vl_json_parser *parser = vl_json_parser_open(64 << 20);
    if (!parser) return vl_fail_memory(error, 0, "a JSON parser");
    vl_status status = take_names(&r, parser, text, error);
    vl_json_parser_close(parser);
    if (status != VALENCE_OK) {
        vl_free(r.names);
        return status;
    }
    *names = r.names;
    *count = r.count;
    return VALENCE_OK;
}

const char *vl_model_names_find(const vl_name *names, int64_t count, int32_t slot)
{
    int64_t lo = 0, hi = count;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (names[mid].slot < slot) lo = mid + 1;
        else hi = mid;
    }
    return lo < count && names[lo].slot == slot ? names[lo].text : NULL;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static vl_status append_names(vl_buffer *out, const vl_name *names, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        VL_TRY(vl_buffer_printf(out, "%s[%d,", i ? "," : "[", names[i].slot));
        VL_TRY(vl_json_write_string(out, vl_span_of(names[i].text)));
        VL_TRY(vl_buffer_append_byte(out, ']'));
    }
    return vl_buffer_append_byte(out, ']');
}

vl_status vl_model_names_write(vl_store *store, const vl_name *names, int64_t count,
                               valence_error *error)
{
    vl_buffer text;
    assert(count <= VL_NAMES_MAX);
    if (count == 0) return VALENCE_OK;
    vl_buffer_init(&text, VL_MEM_TRAINING, 64 << 20);
    vl_status status = append_names(&text, names, count);
    if (status == VALENCE_OK) status = vl_store_set(store, key, vl_buffer_span(&text), error);
    else
        vl_fail(error, status, "cannot write the names of %lld n-grams: %s", (long long)count,
                valence_status_text(status));
    vl_buffer_release(&text);
    return status;
}
