/* cmd_tokenize.c: `valence tokenize`: the words a model sees in a text, and what it knows of them. */
#include <stdio.h>

#include "base/decimal.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/text_job.h"
#include "cli/token_rows.h"
#include "engine/engine_model.h"
#include "text/word_places.h"

typedef struct tokenize_options {
    const char *model;
    bool json, pad;
    cli_length_options length;
    const vl_features *features;
    cli_text_job texts;
} tokenize_options;

static const char usage[] = "valence tokenize [-m MODEL] TEXT... | - | -i FILE [-o FILE] [--json]";
static const char about[] =
    "Shows the words that a model finds in each text, after its cleaning passes and in lower case: a\n"
    "line for each text. With --json also where they stand in the text (bytes), which of them the model\n"
    "knows, and how many of the text's n-grams it knows (of those in n-grams; the same one twice\n"
    "counts twice).\n"
    "Of a model that reads tokens (a transformer): its tokens, special ones included; with --json their\n"
    "ids and places.\n"
    "Example: valence tokenize --json \"Not good at all!\"";

static int parse(tokenize_options *o, int argc, char **argv)
{
    cli_text_job *t = &o->texts;
    const cli_option table[] = {
        {CLI_TEXT, "model", 'm', "MODEL", "a model file, or a shipped model's name (general)", &o->model},
        {CLI_TEXT, "input", 'i', "FILE", "the texts of a file; - is standard input", &t->input},
        {CLI_TEXT, "output", 'o', "FILE", "where they go (standard output)", &t->output},
        {CLI_TEXT, "text", 0, "COLUMN", "column of the text (text)", &t->source.text},
        {CLI_FLAG, "json", 0, NULL, "a JSON object for each text, with places and what is known", &o->json},
        CLI_LENGTH_OPTIONS(&o->length),
        {CLI_FLAG, "pad", 0, NULL, "tokens: fill up to --max-length with the padding token", &o->pad},
        {CLI_FLAG, "skip-bad", 0, NULL, "malformed rows are no failure", &t->skip_bad},
        {CLI_INTEGER, "threads", 't', "N", "threads (all processors)", &t->threads},
        {CLI_FLAG, "memory", 0, NULL, "print memory by category at the end", &t->memory},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    return cli_parse(argc, argv, usage, about, table);
}

/* ---- One text -------------------------------------------------------------------------------- */

/* A thread's own. */
typedef struct tokenizer {
    vl_feature_scratch *scratch;
    vl_clean_map *map; /* NULL: the model has no cleaning passes */
    vl_word_origin origin;
    size_t starts[VL_WORDS_BLOCK], ends[VL_WORDS_BLOCK]; /* of the block's words */
    bool known[VL_WORDS_BLOCK];
    const tokenize_options *options;
    /* The present text: */
    vl_buffer *out;
    uint64_t words, ngrams, known_ngrams;
} tokenizer;

static bool is_known(const tokenizer *t, uint64_t ngram)
{
    return vl_ngram_find(&t->options->features->table, ngram) >= 0;
}

static vl_status write_json_word(tokenizer *t, vl_span word, int i)
{
    VL_TRY(vl_buffer_append_text(t->out, t->words ? ",{\"text\":" : "{\"text\":"));
    VL_TRY(vl_json_write_string(t->out, word));
    VL_TRY(vl_buffer_append_text(t->out, ",\"start\":"));
    VL_TRY(vl_write_integer(t->out, (int64_t)t->starts[i]));
    VL_TRY(vl_buffer_append_text(t->out, ",\"end\":"));
    VL_TRY(vl_write_integer(t->out, (int64_t)t->ends[i]));
    bool known = t->known[i];
    return vl_buffer_append_text(t->out, known ? ",\"known\":true}" : ",\"known\":false}");
}

static vl_status write_plain_word(tokenizer *t, vl_span word)
{
    if (t->words) VL_TRY(vl_buffer_append_byte(t->out, ' '));
    return vl_buffer_append(t->out, word.ptr, word.len);
}

static vl_status write_words(tokenizer *t, const vl_word_block *w)
{
    for (int i = 0; i < w->count; i++) {
        vl_span word = {w->lower + w->begin[i], (size_t)(w->end[i] - w->begin[i])};
        if (t->options->json) VL_TRY(write_json_word(t, word, i));
        else VL_TRY(write_plain_word(t, word));
        t->words++;
    }
    return VALENCE_OK;
}

/* Single words stand first among a block's n-grams. */
static void look_up(tokenizer *t, const vl_ngram_block *b)
{
    for (int i = 0; i < b->count; i++) {
        bool known = is_known(t, b->ngrams[i]);
        if (i < b->words->count) t->known[i] = known;
        t->known_ngrams += known;
    }
    t->ngrams += (uint64_t)b->count;
}

static vl_status take_block(void *user, const vl_ngram_block *b)
{
    tokenizer *t = user;
    if (t->options->json) {
        vl_word_places(t->starts, t->ends, &t->origin, b, t->map);
        look_up(t, b);
    }
    return write_words(t, b->words);
}

static vl_status write_words_of(tokenizer *t, vl_span text)
{
    t->words = t->ngrams = t->known_ngrams = 0;
    return vl_feature_blocks(t->options->features, t->scratch, t->map, text, take_block, t, NULL);
}

static vl_status write_plain(tokenizer *t, const vl_record *r)
{
    VL_TRY(write_words_of(t, r->text));
    return vl_buffer_append_byte(t->out, '\n');
}

static vl_status write_json(tokenizer *t, const vl_record *r)
{
    VL_TRY(vl_buffer_append_text(t->out, "{\"id\":"));
    if (r->id.ptr) VL_TRY(vl_json_write_string(t->out, r->id));
    else VL_TRY(vl_write_integer(t->out, (int64_t)r->row));
    VL_TRY(vl_buffer_append_text(t->out, ",\"words\":["));
    VL_TRY(write_words_of(t, r->text));
    VL_TRY(vl_buffer_append_text(t->out, "],\"known_ngrams\":"));
    VL_TRY(vl_write_integer(t->out, (int64_t)t->known_ngrams));
    VL_TRY(vl_buffer_append_text(t->out, ",\"ngrams\":"));
    VL_TRY(vl_write_integer(t->out, (int64_t)t->ngrams));
    return vl_buffer_append_text(t->out, "}\n");
}

static vl_status tokenize_record(void *user, void *state, const vl_record *record, vl_buffer *out,
                                 valence_error *error)
{
    tokenizer *t = state;
    (void)user;
    t->out = out;
    vl_status status = t->options->json ? write_json(t, record) : write_plain(t, record);
    if (status == VALENCE_OK) return status;
    return vl_fail(error, status, "out of memory for a text of %zu bytes", record->text.len);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static vl_status close_tokenizer(void *user, void *state, valence_error *error)
{
    (void)user, (void)error;
    tokenizer *t = state;
    vl_feature_scratch_close(t->scratch);
    vl_clean_map_close(t->map);
    vl_free(t);
    return VALENCE_OK;
}

static vl_status open_tokenizer(void *user, void **state, valence_error *error)
{
    const tokenize_options *o = user;
    tokenizer *t = vl_alloc_zero(VL_MEM_REQUEST, sizeof *t);
    if (!t) return vl_fail_memory(error, sizeof *t, "a thread");
    t->options = o;
    vl_status status = vl_feature_scratch_open(&t->scratch, o->features, error);
    if (status == VALENCE_OK && o->json && o->features->passes)
        status = vl_clean_map_open(&t->map, error);
    if (status == VALENCE_OK) *state = t;
    else close_tokenizer(NULL, t, NULL);
    return status;
}

int cmd_tokenize(int argc, char **argv)
{
    tokenize_options o = {.texts = {.command = "tokenize", .source = vl_source_options_defaults()}};
    valence_model_options decide = valence_model_defaults();
    valence_error error;
    valence_model *model;
    int first = parse(&o, argc, argv);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (cli_text_job_input(&o.texts, argv + first, argc - first)) return CLI_USAGE;
    if (cli_length_apply(&o.length, "tokenize", &decide)) return CLI_USAGE;
    if (valence_model_open(&model, o.model ? o.model : "general", &decide, &error) != VALENCE_OK)
        return cli_fail("%s", error.message);
    o.features = &model->features;
    cli_token_style style = {.model = model, .json = o.json, .pad = o.pad};
    if (model->tokenizer) o.texts.job = cli_token_job(&style);
    else o.texts.job = (cli_job){.what = "tokenizing", .user = &o, .open = open_tokenizer,
                                 .record = tokenize_record, .close = close_tokenizer};
    int code = cli_text_job_run(&o.texts, argv + first, argc - first);
    valence_model_close(model);
    return code;
}
