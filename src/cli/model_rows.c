/* model_rows.c: opens each model for its description, then has it measured or finds that it was. */
#include "cli/model_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "cli/measure_cache.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "engine/engine_model.h"
#include "engine/model_list.h"

const char cli_rows_latency[] = "one text of about 200 bytes, one thread, warm";
const char cli_rows_memory[] =
    "what a process grows by opening and predicting, pages of the mapped file included";
const char cli_rows_accuracy[] =
    "each model's own, on texts held out of its own data: not comparable across data";

enum { CARD_MAX = 64 << 20, STRINGS_MAX = 256 << 20 };

/* ---- The card -------------------------------------------------------------------------------- */

static double number_of(vl_json object, const char *key)
{
    vl_json value;
    double number;
    return vl_json_get(object, key, &value) && vl_json_number(value, &number) ? number : NAN;
}

/* A card may state anything. */
static double share_of(vl_json object, const char *key)
{
    double share = number_of(object, key);
    return share >= 0 && share <= 1 ? share : NAN;
}

typedef struct data_list {
    vl_buffer json;
    vl_span first;
    int count;
    vl_status status;
} data_list;

static vl_status add_data(data_list *l, vl_span source)
{
    if (l->count++ == 0) l->first = source;
    else VL_TRY(vl_buffer_append_byte(&l->json, ','));
    return vl_json_write_string(&l->json, source);
}

static int take_data(void *user, vl_span key, vl_json value)
{
    (void)key;
    data_list *l = user;
    vl_span source;
    if (vl_json_string(value, &source)) l->status = add_data(l, source);
    return l->status != VALENCE_OK;
}

/* A data specification is PATH[@LABELS][:OPTIONS]; this is the path, fit for a terminal. */
static char *plain_path(vl_arena *strings, vl_span source)
{
    size_t len = 0;
    while (len < source.len && len < 200 && !strchr("@:", source.ptr[len])) len++;
    char *path = vl_arena_copy_string(strings, source.ptr, len);
    for (char *p = path; p && *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127) *p = '?';
    return path;
}

static vl_status read_data(cli_model_row *row, vl_json card, vl_arena *strings)
{
    data_list l = {.first = {"", 0}};
    vl_json list;
    vl_buffer_init(&l.json, VL_MEM_REQUEST, CARD_MAX);
    l.status = vl_buffer_append_byte(&l.json, '[');
    if (l.status == VALENCE_OK && vl_json_get(card, "data", &list))
        vl_json_each(list, take_data, &l);
    if (l.status == VALENCE_OK) l.status = vl_buffer_append_byte(&l.json, ']');
    if (l.status == VALENCE_OK) {
        row->data = vl_arena_copy_string(strings, l.json.data, l.json.len);
        row->first_data = plain_path(strings, l.first);
        row->data_count = l.count;
        if (!row->data || !row->first_data) l.status = VALENCE_NO_MEMORY;
    }
    vl_buffer_release(&l.json);
    return l.status;
}

static vl_status read_card(cli_model_row *row, const char *text, vl_arena *strings)
{
    vl_json card, held_out;
    vl_json_parser *parser = vl_json_parser_open(CARD_MAX);
    row->accuracy = row->macro_f1 = row->held_out = NAN;
    row->data = "[]";
    row->first_data = "";
    if (!parser) return VALENCE_NO_MEMORY;
    vl_status status = vl_json_parse_copy(parser, vl_span_of(text), &card, NULL);
    if (status == VALENCE_OK) {
        if (vl_json_get(card, "held_out", &held_out)) {
            row->accuracy = share_of(held_out, "accuracy");
            row->macro_f1 = share_of(held_out, "macro_f1");
            row->held_out = number_of(held_out, "examples");
        }
        status = read_data(row, card, strings);
    }
    vl_json_parser_close(parser);
    return status == VALENCE_NO_MEMORY ? status : VALENCE_OK; /* no card: a model without figures */
}

/* ---- The model ------------------------------------------------------------------------------- */

static char *copy(vl_arena *strings, const char *text)
{
    return vl_arena_copy_string(strings, text, strlen(text));
}

static vl_status copy_labels(cli_model_row *row, const valence_model_info *i, vl_arena *strings)
{
    size_t K = (size_t)i->label_count;
    const char **labels = vl_arena_alloc(strings, K * sizeof *labels, sizeof *labels);
    for (size_t k = 0; labels && k < K; k++)
        if (!(labels[k] = copy(strings, i->labels[k]))) return VALENCE_NO_MEMORY;
    row->labels = labels;
    row->label_count = i->label_count;
    return labels ? VALENCE_OK : VALENCE_NO_MEMORY;
}

/* The checksum that the file states, which was tested when it was opened; else one of the bytes. */
static const char *checksum_of(const valence_model *m, vl_arena *strings)
{
    char text[17];
    const char *stated = vl_store_get(m->store, "checksum");
    if (stated && *stated) return copy(strings, stated);
    snprintf(text, sizeof text, "%016" PRIx64, vl_hash64(m->bytes.ptr, m->bytes.len, 0));
    return copy(strings, text);
}

static vl_status copy_description(cli_model_row *row, const valence_model *m, vl_arena *strings)
{
    valence_model_info i;
    valence_model_describe(m, &i);
    row->path = copy(strings, i.path);
    row->family = copy(strings, i.family);
    row->dtype = copy(strings, i.dtype);
    row->checksum = checksum_of(m, strings);
    row->bytes = (double)i.bytes;
    if (!row->path || !row->family || !row->dtype || !row->checksum) return VALENCE_NO_MEMORY;
    VL_TRY(copy_labels(row, &i, strings));
    return read_card(row, i.card, strings);
}

/* Nothing stays open: a measuring child shall find no model in memory but its own. */
static void describe(cli_model_row *row, vl_arena *strings)
{
    valence_model *m;
    if (valence_model_open(&m, row->name, NULL, &row->error) != VALENCE_OK) return;
    row->usable = copy_description(row, m, strings) == VALENCE_OK;
    if (!row->usable)
        vl_fail(&row->error, VALENCE_NO_MEMORY, "out of memory describing '%.200s'", row->name);
    valence_model_close(m);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static vl_status add_row(cli_model_rows *t, const char *name, bool given)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->rows[i].name, name) != 0) continue;
        t->rows[i].given |= given;
        return VALENCE_OK;
    }
    if (t->count == CLI_ROWS_MAX) return VALENCE_LIMIT;
    char *own = copy(&t->strings, name);
    if (!own) return VALENCE_NO_MEMORY;
    t->rows[t->count++] = (cli_model_row){.name = own, .given = given};
    return VALENCE_OK;
}

static vl_status add_shipped(cli_model_rows *t, valence_error *error)
{
    vl_model_list list;
    VL_TRY(vl_model_list_open(&list, error));
    vl_status status = VALENCE_OK;
    for (size_t i = 0; i < list.count && status == VALENCE_OK; i++)
        status = add_row(t, list.names[i], false);
    vl_model_list_release(&list);
    return status;
}

static vl_status add_all(cli_model_rows *t, const cli_rows_options *o, valence_error *error)
{
    vl_status status = o->only ? VALENCE_OK : add_shipped(t, error);
    for (int i = 0; i < o->name_count && status == VALENCE_OK; i++)
        status = add_row(t, o->names[i], true);
    if (status == VALENCE_LIMIT) return vl_fail(error, status, "more than %d models", CLI_ROWS_MAX);
    return status == VALENCE_OK ? status : vl_fail_memory(error, 64, "the names of models");
}

static void measure(cli_model_row *row, cli_cache *cache, bool again)
{
    const cli_measurement *known = again ? NULL : cli_cache_find(cache, row->checksum);
    row->cached = known != NULL;
    if (known) {
        row->cost = *known;
        return;
    }
    row->usable = cli_model_measure(&row->cost, row->name, &row->error) == VALENCE_OK;
    if (row->usable) cli_cache_put(cache, row->checksum, &row->cost);
}

static vl_status measure_all(cli_model_rows *t, bool again, valence_error *error)
{
    cli_cache cache;
    cli_progress progress;
    VL_TRY(cli_cache_open(&cache, error));
    snprintf(t->cpu, sizeof t->cpu, "%s", cache.cpu);
    cli_progress_start(&progress);
    for (size_t i = 0; i < t->count; i++) {
        cli_progress_update(&progress, "measuring", (double)i, (double)t->count, 0, "models");
        if (t->rows[i].usable) measure(&t->rows[i], &cache, again);
    }
    cli_progress_end(&progress);
    cli_cache_close(&cache);
    return VALENCE_OK;
}

vl_status cli_rows_open(cli_model_rows *t, const cli_rows_options *options, valence_error *error)
{
    *t = (cli_model_rows){.rows = vl_alloc_array(VL_MEM_REQUEST, CLI_ROWS_MAX, sizeof *t->rows)};
    vl_arena_init(&t->strings, VL_MEM_REQUEST, 1 << 14, STRINGS_MAX);
    if (!t->rows) return vl_fail_memory(error, CLI_ROWS_MAX * sizeof *t->rows, "a table of models");
    VL_TRY(add_all(t, options, error));
    for (size_t i = 0; i < t->count; i++) describe(&t->rows[i], &t->strings);
    return measure_all(t, options->measure, error);
}

void cli_rows_release(cli_model_rows *t)
{
    vl_free(t->rows);
    vl_arena_release(&t->strings);
}

size_t cli_rows_complain(const cli_model_rows *t)
{
    size_t bad = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (t->rows[i].usable) continue;
        cli_fail("%s", t->rows[i].error.message);
        bad++;
    }
    return bad;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static vl_status write_texts(vl_buffer *b, const cli_model_row *row)
{
    const char *const texts[][2] = {
        {"name", row->name}, {"path", row->path}, {"family", row->family}, {"type", row->dtype}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        VL_TRY(vl_buffer_printf(b, "%s\"%s\":", i ? "," : "{", texts[i][0]));
        VL_TRY(vl_json_write_string(b, vl_span_of(texts[i][1])));
    }
    return VALENCE_OK;
}

static vl_status write_labels(vl_buffer *b, const cli_model_row *row)
{
    VL_TRY(vl_buffer_printf(b, ",\"classes\":%d,\"labels\":[", row->label_count));
    for (int k = 0; k < row->label_count; k++) {
        VL_TRY(vl_buffer_append_text(b, k ? "," : ""));
        VL_TRY(vl_json_write_string(b, vl_span_of(row->labels[k])));
    }
    return vl_buffer_append_byte(b, ']');
}

/* digits after the point; NaN becomes null. */
static vl_status write_numbers(vl_buffer *b, const cli_model_row *row)
{
    const cli_measurement *c = &row->cost;
    const struct {
        const char *key;
        double value, unit;
    } numbers[] = {{"bytes", row->bytes, 1},
                   {"load_ms", c->load_seconds, 1e-3},
                   {"latency_p50_us", c->p50, 1e-6},
                   {"latency_p99_us", c->p99, 1e-6},
                   {"texts_per_second", c->texts_per_second, 1},
                   {"memory_bytes", c->memory_bytes, 1},
                   {"memory_private_bytes", c->private_bytes, 1},
                   {"accuracy", row->accuracy, 1},
                   {"macro_f1", row->macro_f1, 1},
                   {"held_out_examples", row->held_out, 1}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double value = numbers[i].value / numbers[i].unit;
        if (fabs(value) >= 1e-3) value = round(value * 1e6) / 1e6; /* no digits that mean nothing */
        VL_TRY(vl_buffer_printf(b, ",\"%s\":", numbers[i].key));
        VL_TRY(vl_json_write_number(b, value));
    }
    return VALENCE_OK;
}

vl_status cli_row_write_json(vl_buffer *b, const cli_model_row *row)
{
    VL_TRY(write_texts(b, row));
    VL_TRY(write_labels(b, row));
    VL_TRY(write_numbers(b, row));
    return vl_buffer_printf(b, ",\"data\":%s,\"cached\":%s", row->data,
                            row->cached ? "true" : "false");
}
