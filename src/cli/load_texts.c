/* load_texts.c: {"text":".."} of every text. */
#include "cli/load_texts.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/sample_texts.h"
#include "data/source.h"

enum { TEXTS_MAX = 100000, BYTES_MAX = 256 << 20, TEXT_MAX = 8 << 20 };

static bool is_full(const cli_load_texts *t)
{
    return cli_load_texts_count(t) >= TEXTS_MAX || t->bytes.len > BYTES_MAX;
}

static vl_status add(cli_load_texts *t, vl_span text)
{
    VL_TRY(vl_buffer_append_text(&t->bytes, "{\"text\":"));
    VL_TRY(vl_json_write_string(&t->bytes, text));
    VL_TRY(vl_buffer_append_byte(&t->bytes, '}'));
    return vl_buffer_append(&t->ends, &t->bytes.len, sizeof t->bytes.len);
}

static size_t first_sentence(const char *text)
{
    size_t len = strcspn(text, ".!?");
    return text[len] ? len + 1 : len;
}

static vl_status add_samples(cli_load_texts *t)
{
    for (int i = 0; i < CLI_SAMPLE_TEXTS; i++) {
        char together[4096];
        const char *text = cli_sample_texts[i];
        int len = snprintf(together, sizeof together, "%s %s %s %s", text,
                           cli_sample_texts[(i + 1) % CLI_SAMPLE_TEXTS],
                           cli_sample_texts[(i + 2) % CLI_SAMPLE_TEXTS],
                           cli_sample_texts[(i + 3) % CLI_SAMPLE_TEXTS]);
        if ((size_t)len >= sizeof together) len = sizeof together - 1;
        VL_TRY(add(t, (vl_span){text, first_sentence(text)}));
        VL_TRY(add(t, vl_span_of(text)));
        VL_TRY(add(t, (vl_span){together, (size_t)len}));
    }
    return VALENCE_OK;
}

static vl_status add_records(cli_load_texts *t, vl_cursor *cursor, valence_error *error)
{
    vl_record record;
    for (bool more = true; !is_full(t);) {
        vl_status status = vl_cursor_next(cursor, &record, &more, error);
        if (status == VALENCE_FORMAT) continue;
        VL_TRY(status);
        if (!more) return VALENCE_OK;
        if (record.text.len <= TEXT_MAX && add(t, record.text) != VALENCE_OK)
            return vl_fail_memory(error, t->bytes.len, "texts");
    }
    return VALENCE_OK;
}

static vl_status add_chunks(cli_load_texts *t, vl_source *source, vl_cursor *cursor,
                            valence_error *error)
{
    vl_chunk chunk = {0};
    vl_status status = VALENCE_OK;
    for (bool more = true; status == VALENCE_OK && !is_full(t);) {
        status = vl_source_next(source, &chunk, &more, error);
        if (status != VALENCE_OK || !more) break;
        vl_cursor_start(cursor, &chunk);
        status = add_records(t, cursor, error);
        vl_source_return(source, &chunk);
    }
    vl_chunk_release(&chunk);
    return status;
}

static vl_status add_file(cli_load_texts *t, const char *path, const char *column,
                          valence_error *error)
{
    vl_source_options options = vl_source_options_defaults();
    vl_source *source;
    vl_cursor *cursor = NULL;
    options.label = "";
    options.text = column;
    VL_TRY(vl_source_open(&source, path, &options, error));
    vl_status status = vl_cursor_open(&cursor, source, error);
    if (status == VALENCE_OK) status = add_chunks(t, source, cursor, error);
    if (status == VALENCE_OK && cli_load_texts_count(t) == 0)
        status = vl_fail(error, VALENCE_ARGUMENT, "'%.200s' holds no text", path);
    vl_cursor_close(cursor);
    vl_source_close(source);
    return status;
}

vl_status cli_load_texts_open(cli_load_texts *t, const char *path, const char *column,
                              valence_error *error)
{
    vl_buffer_init(&t->bytes, VL_MEM_BATCH, (size_t)1 << 30);
    vl_buffer_init(&t->ends, VL_MEM_BATCH, TEXTS_MAX * sizeof(size_t));
    if (path) return add_file(t, path, column, error);
    return add_samples(t) == VALENCE_OK ? VALENCE_OK : vl_fail_memory(error, t->bytes.len, "texts");
}

void cli_load_texts_release(cli_load_texts *t)
{
    vl_buffer_release(&t->bytes);
    vl_buffer_release(&t->ends);
}

vl_span cli_load_texts_body(const cli_load_texts *t, size_t i)
{
    const size_t *ends = (const size_t *)(const void *)t->ends.data;
    size_t start = i ? ends[i - 1] : 0;
    return (vl_span){t->bytes.data + start, ends[i] - start};
}
