/* hf_labels.c: {"0": "negative", "1": "positive"} or {"negative": 0, ..}, put in order of the ids.
 */
#include "formats/hf_labels.h"

#include "base/decimal.h"

enum { MAX_LABELS = 65536, MAX_TEXT = 1 << 26 };

typedef struct label_list {
    vl_span *names; /* (K) in the document; ptr NULL: not seen yet */
    size_t K;
} label_list;

static bool parse_id(vl_span text, size_t *id)
{
    if (text.len == 0 || text.len > 6) return false;
    *id = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        *id = *id * 10 + (size_t)(text.ptr[i] - '0');
    }
    return true;
}

/* Non-zero when the id is too large or taken. */
static int take(label_list *l, size_t id, vl_span name)
{
    static const char empty[] = "";
    if (id >= l->K || l->names[id].ptr) return 1;
    l->names[id] = name.len ? name : (vl_span){empty, 0};
    return 0;
}

static int take_id2label(void *user, vl_span key, vl_json value)
{
    size_t id;
    vl_span name;
    if (!parse_id(key, &id) || !vl_json_string(value, &name)) return 1;
    return take(user, id, name);
}

static int take_label2id(void *user, vl_span key, vl_json value)
{
    int64_t id;
    if (!vl_json_integer(value, &id) || id < 0) return 1;
    return take(user, (size_t)id, key);
}

/* Names that nobody gave are LABEL_0, LABEL_1, .. */
static vl_status write_name(vl_buffer *out, const label_list *l, size_t k)
{
    if (l->names) return vl_json_write_string(out, l->names[k]);
    return vl_buffer_printf(out, "\"LABEL_%zu\"", k);
}

static vl_status write_list(vl_buffer *out, const label_list *l)
{
    VL_TRY(vl_buffer_append_byte(out, '['));
    for (size_t k = 0; k < l->K; k++) {
        if (k) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(write_name(out, l, k));
    }
    return vl_buffer_append_byte(out, ']');
}

static vl_status set_labels(vl_store *store, const label_list *l, valence_error *error)
{
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_MODEL, MAX_TEXT);
    vl_status status = write_list(&text, l);
    if (status == VALENCE_OK) status = vl_store_set(store, "labels", vl_buffer_span(&text), error);
    else vl_fail(error, status, "cannot keep the labels: %s", valence_status_text(status));
    vl_buffer_release(&text);
    return status;
}

static vl_status check_count(int64_t K, valence_error *error)
{
    if (K == 1)
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "config.json: one label (a regression or a ranking): only classifiers are "
                       "supported");
    if (K < 1 || K > MAX_LABELS)
        return vl_fail(error, VALENCE_FORMAT, "config.json: %lld labels, not 2 to %d", (long long)K,
                       MAX_LABELS);
    return VALENCE_OK;
}

/* object: K names by id, or ids by name. */
static vl_status read_object(label_list *l, vl_store *store, vl_json object, const char *key,
                             int (*take_member)(void *, vl_span, vl_json), valence_error *error)
{
    bool is_object = vl_json_type_of(object) == VL_JSON_OBJECT;
    l->K = is_object ? vl_json_count(object) : 0;
    if (is_object) VL_TRY(check_count((int64_t)l->K, error));
    l->names = vl_alloc_zero(VL_MEM_MODEL, (l->K + 1) * sizeof *l->names);
    if (!l->names) return vl_fail_memory(error, l->K * sizeof *l->names, "labels");
    vl_status status =
        is_object && vl_json_each(object, take_member, l) == 0
            ? set_labels(store, l, error)
            : vl_fail(error, VALENCE_FORMAT,
                      "config.json: '%s' does not name each class 0 to n-1 once", key);
    vl_free(l->names);
    return status;
}

static vl_status read_count(label_list *l, vl_store *store, vl_json config, valence_error *error)
{
    vl_json value;
    int64_t K = 2;
    bool given =
        vl_json_get(config, "num_labels", &value) || vl_json_get(config, "_num_labels", &value);
    if (given && vl_json_type_of(value) != VL_JSON_NULL && !vl_json_integer(value, &K))
        return vl_fail(error, VALENCE_FORMAT, "config.json: 'num_labels' is not an integer");
    VL_TRY(check_count(K, error));
    l->K = (size_t)K;
    return set_labels(store, l, error);
}

static bool find(vl_json config, const char *key, vl_json *out)
{
    return vl_json_get(config, key, out) && vl_json_type_of(*out) != VL_JSON_NULL;
}

vl_status vl_hf_labels_read(int32_t *K, vl_store *store, vl_json config, valence_error *error)
{
    label_list l = {0};
    vl_json value;
    if (find(config, "id2label", &value))
        VL_TRY(read_object(&l, store, value, "id2label", take_id2label, error));
    else if (find(config, "label2id", &value))
        VL_TRY(read_object(&l, store, value, "label2id", take_label2id, error));
    else VL_TRY(read_count(&l, store, config, error));
    *K = (int32_t)l.K;
    return VALENCE_OK;
}
