/* card.c: writes the card's JSON. */
#include "train/card.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/decimal.h"
#include "base/json.h"
#include "engine/model_config.h"

enum { CARD_MOST = 1 << 20 };

static void today(char text[16])
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
    struct tm day;
    if (!gmtime_r(&now, &day) || !strftime(text, 16, "%Y-%m-%d", &day)) text[0] = '\0';
}

static vl_status write_key(vl_buffer *b, const char *key)
{
    if (b->len && b->data[b->len - 1] != '{') VL_TRY(vl_buffer_append_byte(b, ','));
    VL_TRY(vl_json_write_string(b, vl_span_of(key)));
    return vl_buffer_append_byte(b, ':');
}

static vl_status write_text(vl_buffer *b, const char *key, const char *value)
{
    VL_TRY(write_key(b, key));
    return vl_json_write_string(b, vl_span_of(value));
}

static vl_status write_count(vl_buffer *b, const char *key, int64_t value)
{
    VL_TRY(write_key(b, key));
    return vl_write_integer(b, value);
}

static vl_status write_share(vl_buffer *b, const char *key, double value)
{
    VL_TRY(write_key(b, key));
    return vl_write_decimal(b, value, 4);
}

static vl_status write_classes(vl_buffer *b, const vl_corpus *corpus)
{
    VL_TRY(write_key(b, "examples_by_label"));
    VL_TRY(vl_buffer_append_byte(b, '{'));
    for (int32_t k = 0; k < corpus->K; k++) {
        int64_t n = 0;
        for (int32_t g = 0; g < corpus->group_count; g++)
            if (corpus->groups[g].label == k) n += corpus->groups[g].count;
        VL_TRY(write_count(b, corpus->labels[k], n));
    }
    return vl_buffer_append_byte(b, '}');
}

static vl_status write_held_out(vl_buffer *b, const vl_classic_report *r)
{
    if (r->held_out == 0) return VALENCE_OK;
    VL_TRY(write_key(b, "held_out"));
    VL_TRY(vl_buffer_append_byte(b, '{'));
    VL_TRY(write_count(b, "examples", r->held_out));
    VL_TRY(write_share(b, "accuracy", r->held_out_accuracy));
    VL_TRY(write_share(b, "macro_f1", r->held_out_macro_f1));
    return vl_buffer_append_byte(b, '}');
}

static vl_status write_threshold(vl_buffer *b, const vl_threshold *t)
{
    if (!(t->asked > 0)) return VALENCE_OK;
    VL_TRY(write_key(b, "decision"));
    VL_TRY(vl_buffer_append_byte(b, '{'));
    VL_TRY(write_share(b, "min_precision", t->asked));
    VL_TRY(write_share(b, "min_confidence", (double)t->confidence));
    VL_TRY(write_share(b, "held_out_precision", t->precision));
    VL_TRY(write_share(b, "held_out_coverage", t->coverage));
    return vl_buffer_append_byte(b, '}');
}

static vl_status write_sources(vl_buffer *b, const char *const *sources, int count)
{
    if (count == 0) return VALENCE_OK;
    VL_TRY(write_key(b, "data"));
    VL_TRY(vl_buffer_append_byte(b, '['));
    for (int i = 0; i < count; i++) {
        if (i) VL_TRY(vl_buffer_append_byte(b, ','));
        VL_TRY(vl_json_write_string(b, vl_span_of(sources[i])));
    }
    return vl_buffer_append_byte(b, ']');
}

/* Somebody's file has it: it is copied only if it can be read. */
static vl_status write_begun_with(vl_buffer *b, const char *card)
{
    vl_json root;
    vl_json_parser *parser = vl_json_parser_open(CARD_MOST);
    if (!parser) return VALENCE_NO_MEMORY;
    vl_status status = vl_json_parse_copy(parser, vl_span_of(card), &root, NULL);
    vl_json_parser_close(parser);
    if (status != VALENCE_OK) return status == VALENCE_NO_MEMORY ? status : VALENCE_OK;
    VL_TRY(write_key(b, "begun_with"));
    return vl_buffer_append(b, card, strlen(card));
}

static vl_status write_card(vl_buffer *b, const vl_classic_report *r, const vl_corpus *corpus,
                            const vl_card_origin *from)
{
    char date[16];
    today(date);
    VL_TRY(vl_buffer_append_byte(b, '{'));
    VL_TRY(write_count(b, "examples", r->examples));
    VL_TRY(write_classes(b, corpus));
    VL_TRY(write_count(b, "features", r->features));
    VL_TRY(write_held_out(b, r));
    VL_TRY(write_threshold(b, &r->threshold));
    VL_TRY(write_sources(b, from->sources, from->source_count));
    if (from->command) VL_TRY(write_text(b, "command", from->command));
    if (from->begun_with) VL_TRY(write_begun_with(b, from->begun_with));
    VL_TRY(write_text(b, "date", date));
    VL_TRY(write_text(b, "version", VALENCE_VERSION));
    return vl_buffer_append_byte(b, '}');
}

vl_status vl_card_write(vl_store *store, const vl_classic_report *report, const vl_corpus *corpus,
                        const vl_card_origin *origin, valence_error *error)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_TRAINING, 64 << 20);
    vl_status status = write_card(&b, report, corpus, origin);
    if (status == VALENCE_OK) status = vl_store_set(store, "card", vl_buffer_span(&b), error);
    else vl_fail(error, status, "cannot write the model card: %s", valence_status_text(status));
    vl_buffer_release(&b);
    return status == VALENCE_OK ? vl_model_config_write_checksum(store, error) : status;
}
