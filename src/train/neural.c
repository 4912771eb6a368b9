/* neural.c: vocabulary, tokens, what is learnt from and what is measured on, then the loop and the
 * file. */
#include "train/neural.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "engine/model_config.h"
#include "kernels/lstm_step.h"
#include "train/calibrate.h"
#include "train/word_vectors.h"

vl_neural_options vl_neural_defaults(vl_neural_kind kind)
{
    bool transformer = kind == VL_NEURAL_TRANSFORMER;
    vl_neural_options o = {.kind = kind,
                           .longest = 512,
                           .holdout = -1,
                           .pieces = vl_wordpieces_defaults(),
                           .fit = vl_fit_defaults()};
    o.pieces.framed = transformer;
    o.encoder = (vl_transformer_net_options){
        .C = 128, .I = 512, .heads = 4, .layers = 3, .word_dropout = 0.1f, .dropout = 0.1f};
    if (transformer) {
        o.longest = 256;
        o.fit.rate = 5e-4f;
        o.fit.warmup = 0.1;
    }
    o.lstm = (vl_lstm_net_options){.E = 128,
                                   .layers = 1,
                                   .language = kind == VL_NEURAL_LANGUAGE,
                                   .samples = 512,
                                   .word_dropout = 0.1f,
                                   .input_dropout = 0.2f,
                                   .dropout = 0.4f,
                                   .bf16 = vl_cpu_has_bf16(),
                                   .seed = 1};
    if (kind != VL_NEURAL_LANGUAGE) return o;
    o.lstm.word_dropout = 0;
    o.lstm.input_dropout = o.lstm.dropout = 0.1f;
    o.longest = 400;
    o.fit.batch = (vl_batch_limits){16384, 2048};
    return o;
}

/* A corpus as the loop takes it. */
typedef struct side {
    vl_token_corpus tokens;
    int32_t *label;
    float *weight;
    int64_t *index;
    vl_fit_set set;
} side;

typedef struct neural {
    const vl_neural_options *o;
    const vl_corpus *corpus, *dev_corpus;
    vl_neural_report *report;
    vl_workers *workers;
    valence_error *error;
    vl_buffer json; /* of a vocabulary made here */
    const char *tokenizer_json;
    const vl_tensor *vectors;
    vl_tokenizer *tokenizer;
    side train, dev; /* of one corpus, dev has only label, weight and index of its own */
    vl_net *net;
    vl_transformer_net_options encoder; /* as the network was opened with */
    vl_lstm_net_options lstm;           /* likewise */
    float temperature;
} neural;

static void release_side(side *s)
{
    vl_token_corpus_release(&s->tokens);
    vl_free(s->label);
    vl_free(s->weight);
    vl_free(s->index);
}

static void release(neural *n)
{
    release_side(&n->train);
    release_side(&n->dev);
    vl_tokenizer_close(n->tokenizer);
    vl_net_close(n->net);
    vl_buffer_release(&n->json);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static vl_status open_vocabulary(neural *n, const vl_store *words)
{
    if (words) {
        VL_TRY(vl_word_vectors_read(words, &n->tokenizer_json, &n->vectors, n->error));
    } else {
        VL_TRY(vl_wordpieces_build(&n->json, n->corpus, &n->o->pieces, n->error));
        if (vl_buffer_append_byte(&n->json, '\0') != VALENCE_OK)
            return vl_fail_memory(n->error, 1, "the vocabulary");
        n->tokenizer_json = n->json.data;
    }
    return vl_tokenizer_open(&n->tokenizer, vl_span_of(n->tokenizer_json), n->error);
}

static vl_status make_side(neural *n, side *s, const vl_corpus *c)
{
    size_t count = (size_t)c->count + 1;
    VL_TRY(vl_token_corpus_make(&s->tokens, c, n->tokenizer, n->o->longest, VL_PIECE_UNKNOWN,
                                n->workers, n->error));
    s->label = vl_alloc_array(VL_MEM_TRAINING, count, sizeof *s->label);
    s->weight = vl_alloc_array(VL_MEM_TRAINING, count, sizeof *s->weight);
    s->index = vl_alloc_array(VL_MEM_TRAINING, count, sizeof *s->index);
    if (!s->label || !s->weight || !s->index)
        return vl_fail_memory(n->error, count * 16, "training texts");
    for (int64_t i = 0; i < c->count; i++) {
        s->label[i] = vl_corpus_label(c, i);
        s->weight[i] = c->groups[c->examples[i].group].weight;
        if (vl_token_corpus_length(&s->tokens, i) > 0) s->index[s->set.n++] = i;
        else n->report->empty++;
    }
    s->set.texts = &s->tokens;
    s->set.label = s->label;
    s->set.weight = s->weight;
    s->set.index = s->index;
    return VALENCE_OK;
}

/* Moves the sample that the corpus would give from train to dev. */
static vl_status hold_out(neural *n)
{
    int64_t count = n->o->holdout, kept = 0;
    if (count < 0) count = n->corpus->count / 10 < 5000 ? n->corpus->count / 10 : 5000;
    if (count < 1) count = 1;
    n->dev.index = vl_alloc_array(VL_MEM_TRAINING, (size_t)count + 1, sizeof *n->dev.index);
    uint8_t *out = vl_alloc_zero(VL_MEM_TRAINING, (size_t)n->corpus->count + 1);
    bool good = n->dev.index && out;
    int64_t got = good ? vl_corpus_sample(n->corpus, n->dev.index, count) : 0;
    for (int64_t i = 0; i < got; i++) out[n->dev.index[i]] = 1;
    n->dev.set = n->train.set;
    n->dev.set.index = n->dev.index;
    n->dev.set.n = 0;
    for (int64_t i = 0; i < got; i++)
        if (vl_token_corpus_length(&n->train.tokens, n->dev.index[i]) > 0)
            n->dev.index[n->dev.set.n++] = n->dev.index[i];
    for (int64_t i = 0; good && i < n->train.set.n; i++)
        if (!out[n->train.index[i]]) n->train.index[kept++] = n->train.index[i];
    n->train.set.n = kept;
    vl_free(out);
    return good ? VALENCE_OK : vl_fail_memory(n->error, (size_t)count * 8, "held-out texts");
}

static vl_status read_texts(neural *n)
{
    VL_TRY(make_side(n, &n->train, n->corpus));
    return n->dev_corpus ? make_side(n, &n->dev, n->dev_corpus) : hold_out(n);
}

/* ---- Network --------------------------------------------------------------------------------- */

/* The LSTM layer of what is begun with: its units go before the default, and must be those asked
 * for. */
static vl_status take_units(neural *n, const vl_store *words, bool *has_layer)
{
    vl_lstm_net_options *o = &n->lstm;
    const vl_tensor *t = words ? vl_store_find(words, "lstm.0.forward.recurrent.weight") : NULL;
    *has_layer = t != NULL;
    if (t && (t->rank != 2 || t->shape[1] < 1 || t->shape[1] > VL_LSTM_UNITS_MAX))
        return vl_fail(n->error, VALENCE_FORMAT,
                       "the LSTM layer to begin with has no units, or more than %d",
                       VL_LSTM_UNITS_MAX);
    if (t && o->H && o->H != t->shape[1])
        return vl_fail(n->error, VALENCE_ARGUMENT,
                       "lstm.0.forward has %lld units in what is begun with, --units says %d",
                       (long long)t->shape[1], o->H);
    if (!o->H) o->H = t ? (int32_t)t->shape[1] : 128;
    return VALENCE_OK;
}

static vl_status open_lstm(neural *n, const vl_store *words)
{
    vl_lstm_net_options *o = &n->lstm;
    bool has_layer;
    *o = n->o->lstm;
    o->V = vl_tokenizer_size(n->tokenizer);
    o->K = n->corpus->K;
    o->seed = n->o->fit.seed;
    if (n->vectors) o->E = (int32_t)n->vectors->shape[1];
    VL_TRY(take_units(n, words, &has_layer));
    VL_TRY(vl_lstm_net_open(&n->net, o, n->vectors, n->error));
    if (has_layer) VL_TRY(vl_net_read_part(n->net, words, "lstm.0.", n->error));
    if (o->language && has_layer && vl_store_find(words, "guess.forward.weight"))
        VL_TRY(vl_net_read_part(n->net, words, "guess.", n->error));
    return VALENCE_OK;
}

static vl_status open_transformer(neural *n)
{
    vl_transformer_net_options *o = &n->encoder;
    *o = n->o->encoder;
    o->V = vl_tokenizer_size(n->tokenizer);
    o->K = n->corpus->K;
    o->longest = n->o->longest;
    o->seed = n->o->fit.seed;
    if (n->vectors) o->C = (int32_t)n->vectors->shape[1];
    return vl_transformer_net_open(&n->net, o, n->vectors, n->error);
}

/* The labels of a model that is gone on from must be the data's, in the same order. */
static vl_status check_labels(neural *n, const vl_store *model)
{
    vl_store *own;
    const char *labels = vl_store_get(model, "labels");
    VL_TRY(vl_store_open(&own, n->error));
    vl_status status = vl_model_config_write_labels(own, n->corpus->labels, n->corpus->K, n->error);
    if (status == VALENCE_OK && (!labels || strcmp(labels, vl_store_get(own, "labels")) != 0))
        status = vl_fail(n->error, VALENCE_ARGUMENT,
                         "the model to go on from has the labels %.100s, the data %.100s",
                         labels ? labels : "(none)", vl_store_get(own, "labels"));
    vl_store_close(own);
    return status;
}

static vl_status open_net(neural *n, const vl_store *words)
{
    VL_TRY(n->o->kind == VL_NEURAL_TRANSFORMER ? open_transformer(n) : open_lstm(n, words));
    if (n->o->continues) {
        VL_TRY(check_labels(n, words));
        VL_TRY(vl_net_read(n->net, words, n->error));
    }
    n->report->parameters = n->net->size + (int64_t)n->net->V * n->net->E;
    return VALENCE_OK;
}

static vl_status calibrate(neural *n)
{
    vl_neural_report *r = n->report;
    const vl_fit_set *dev = &n->dev.set;
    int32_t K = n->corpus->K;
    if (n->o->kind == VL_NEURAL_LANGUAGE) {
        r->classic = (vl_classic_report){.examples = n->corpus->count,
                                         .features = vl_tokenizer_size(n->tokenizer),
                                         .held_out = dev->n};
        return VALENCE_OK;
    }
    int32_t *label = vl_alloc_array(VL_MEM_TRAINING, (size_t)dev->n, sizeof *label);
    if (!label) return vl_fail_memory(n->error, (size_t)dev->n * 4, "calibration");
    for (int64_t i = 0; i < dev->n; i++) label[i] = dev->label[dev->index[i]];
    n->temperature = vl_calibrate_temperature(r->fit.logits, label, NULL, dev->n, K);
    r->classic = (vl_classic_report){
        .examples = n->corpus->count,
        .features = vl_tokenizer_size(n->tokenizer),
        .held_out = dev->n,
        .temperature = n->temperature,
        .held_out_accuracy = vl_calibrate_accuracy(r->fit.logits, label, dev->n, K),
        .held_out_macro_f1 = vl_calibrate_macro_f1(r->fit.logits, label, dev->n, K),
        .converged = true,
        .fit_seconds = r->fit.seconds};
    vl_free(label);
    return VALENCE_OK;
}

/* ---- The file -------------------------------------------------------------------------------- */

static vl_status set_number(neural *n, vl_store *store, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return vl_store_set(store, key, vl_span_of(text), n->error);
}

static vl_status set_temperature(neural *n, vl_store *store)
{
    char text[32];
    int64_t parts = llround((double)n->temperature * 10000); /* no locale's decimal comma */
    snprintf(text, sizeof text, "%lld.%04lld", (long long)(parts / 10000),
             (long long)(parts % 10000));
    return vl_store_set(store, "calibration.temperature", vl_span_of(text), n->error);
}

static vl_status describe_lstm(neural *n, vl_store *store)
{
    VL_TRY(set_number(n, store, "lstm.layers", n->lstm.layers));
    VL_TRY(set_number(n, store, "lstm.units", n->lstm.H));
    VL_TRY(vl_store_set(store, "lstm.pooling", vl_span_of(vl_pooling_name(n->lstm.pooling)),
                        n->error));
    return set_number(n, store, "lstm.max_length", 4096);
}

static vl_status write_store(neural *n, vl_store *store)
{
    VL_TRY(vl_net_write(n->net, store, n->error));
    if (n->o->kind == VL_NEURAL_LANGUAGE) {
        VL_TRY(vl_store_set(store, "format", vl_span_of(VL_WORDS_FORMAT), n->error));
        return vl_store_set(store, "tokenizer", vl_span_of(n->tokenizer_json), n->error);
    }
    VL_TRY(vl_store_set(store, "format", vl_span_of(VL_MODEL_FORMAT), n->error));
    VL_TRY(vl_store_set(store, "family", vl_span_of(n->net->class->family), n->error));
    VL_TRY(vl_store_set(store, "tokenizer", vl_span_of(n->tokenizer_json), n->error));
    VL_TRY(vl_model_config_write_labels(store, n->corpus->labels, n->corpus->K, n->error));
    VL_TRY(n->o->kind == VL_NEURAL_TRANSFORMER
               ? vl_transformer_net_describe(store, &n->encoder, n->error)
               : describe_lstm(n, store));
    return set_temperature(n, store);
}

static vl_status run(neural *n, vl_store *store, const vl_store *words)
{
    VL_TRY(open_vocabulary(n, words));
    VL_TRY(read_texts(n));
    VL_TRY(open_net(n, words));
    VL_TRY(vl_fit(n->net, &n->train.set, &n->dev.set, &n->o->fit, n->workers, &n->report->fit,
                  n->error));
    VL_TRY(calibrate(n));
    return write_store(n, store);
}

vl_status vl_neural_train(vl_store *store, vl_neural_report *report, const vl_corpus *corpus,
                          const vl_corpus *dev, const vl_store *words,
                          const vl_neural_options *options, vl_workers *workers,
                          valence_error *error)
{
    *report = (vl_neural_report){0};
    neural n = {.o = options,
                .corpus = corpus,
                .dev_corpus = dev,
                .report = report,
                .workers = workers,
                .error = error,
                .temperature = 1};
    vl_buffer_init(&n.json, VL_MEM_TRAINING, (size_t)1 << 30);
    vl_status status = run(&n, store, words);
    release(&n);
    return status;
}
