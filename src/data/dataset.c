/* dataset.c: takes FILE[@MAP][:weight=W] apart from the right, asking the file system where the
 * text could be read in two ways. */
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

static const char weight_key[] = ":weight=";

enum { MAX_PAIRS = 10000 };

static bool exists(const char *path)
{
    return strcmp(path, "-") == 0 || access(path, F_OK) == 0;
}

/* The last place where key stands in text, or NULL. */
static char *find_last(char *text, const char *key)
{
    char *found = NULL;
    for (char *p = strstr(text, key); p; p = strstr(p + 1, key)) found = p;
    return found;
}

static vl_status parse_weight(vl_dataset_spec *d, char *text, valence_error *error)
{
    char *at = find_last(text, weight_key);
    if (!at) return VALENCE_OK;
    char *number = at + strlen(weight_key), *end;
    d->weight = strtod(number, &end);
    if (end == number || *end || !isfinite(d->weight) || d->weight <= 0)
        return vl_fail(error, VALENCE_ARGUMENT, "bad weight '%.60s' in '%.200s': want a number > 0",
                       number, text);
    *at = '\0';
    return VALENCE_OK;
}

/* Where FILE ends: the first '@' with an existing file before it and a '=' behind it; if there is
 * none, the last '@' with a '=' behind it. NULL: no MAP. */
static char *find_map(char *text)
{
    char *last = NULL;
    for (char *p = strchr(text, '@'); p; p = strchr(p + 1, '@')) {
        if (!strchr(p, '=')) break;
        *p = '\0';
        bool file = exists(text);
        *p = '@';
        if (file) return p;
        last = p;
    }
    return last;
}

static bool has_pair(const vl_dataset_spec *d, vl_span from)
{
    for (int i = 0; i < d->pair_count; i++)
        if (vl_span_equal(d->pairs[i].from, from)) return true;
    return false;
}

/* One `from=to` of the MAP, which ends at end. */
static vl_status add_pair(vl_dataset_spec *d, const char *p, const char *end, valence_error *error)
{
    const char *equal = memchr(p, '=', (size_t)(end - p));
    if (!equal || equal == p)
        return vl_fail(error, VALENCE_ARGUMENT,
                       "bad label map of '%.200s': '%.*s' is not LABEL=NAME", d->path,
                       (int)(end - p < 60 ? end - p : 60), p);
    vl_span from = {p, (size_t)(equal - p)};
    if (has_pair(d, from))
        return vl_fail(error, VALENCE_ARGUMENT,
                       "bad label map of '%.200s': label '%.*s' is there twice", d->path,
                       (int)(from.len < 60 ? from.len : 60), from.ptr);
    d->pairs[d->pair_count++] = (vl_label_pair){from, {equal + 1, (size_t)(end - equal - 1)}};
    return VALENCE_OK;
}

static vl_status parse_map(vl_dataset_spec *d, const char *map, valence_error *error)
{
    size_t pairs = 1;
    for (const char *p = map; *p; p++) pairs += *p == ',';
    if (pairs > MAX_PAIRS)
        return vl_fail(error, VALENCE_LIMIT, "label map of '%.200s' has more than %d pairs",
                       d->path, MAX_PAIRS);
    d->pairs = vl_alloc_array(VL_MEM_IO, pairs, sizeof *d->pairs);
    if (!d->pairs) return vl_fail_memory(error, pairs * sizeof *d->pairs, "a label map");
    for (;;) {
        const char *end = map + strcspn(map, ",");
        VL_TRY(add_pair(d, map, end, error));
        if (*end == '\0') return VALENCE_OK;
        map = end + 1;
    }
}

/* In place: path, map and weight end where the next begins. */
static vl_status parse_parts(vl_dataset_spec *d, char *text, valence_error *error)
{
    d->path = text;
    if (exists(text)) return VALENCE_OK;
    VL_TRY(parse_weight(d, text, error));
    if (exists(text)) return VALENCE_OK;
    char *map = find_map(text);
    if (!map) return VALENCE_OK;
    *map = '\0';
    return parse_map(d, map + 1, error);
}

vl_status vl_dataset_parse(vl_dataset_spec *d, const char *text, valence_error *error)
{
    *d = (vl_dataset_spec){.weight = 1};
    d->storage = vl_copy_string(VL_MEM_IO, text, strlen(text));
    if (!d->storage) return vl_fail_memory(error, strlen(text), "a file name");
    vl_status status = parse_parts(d, d->storage, error);
    if (status == VALENCE_OK && *d->path == '\0')
        status = vl_fail(error, VALENCE_ARGUMENT, "no file in '%.200s'", text);
    if (status != VALENCE_OK) vl_dataset_release(d);
    return status;
}

void vl_dataset_release(vl_dataset_spec *d)
{
    vl_free(d->pairs);
    vl_free(d->storage);
    *d = (vl_dataset_spec){.weight = 1};
}

vl_status vl_dataset_label(const vl_dataset_spec *d, vl_span label, vl_span *out,
                           valence_error *error)
{
    *out = (vl_span){NULL, 0};
    if (!label.ptr || label.len == 0) return VALENCE_OK;
    if (d->pair_count == 0) {
        *out = label;
        return VALENCE_OK;
    }
    for (int i = 0; i < d->pair_count; i++) {
        if (!vl_span_equal(d->pairs[i].from, label)) continue;
        if (d->pairs[i].to.len) *out = d->pairs[i].to;
        return VALENCE_OK;
    }
    return vl_fail(error, VALENCE_NOT_FOUND,
                   "label '%.*s' of '%.200s' is not in its map: add %.*s=NAME, or %.*s= to drop it",
                   (int)(label.len < 40 ? label.len : 40), label.ptr, d->path,
                   (int)(label.len < 40 ? label.len : 40), label.ptr,
                   (int)(label.len < 40 ? label.len : 40), label.ptr);
}
