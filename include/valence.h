/* valence.h: the public interface of valence, a sentiment-analysis engine.
 *
 * Ownership in one sentence: what a function hands out through a pointer-to-pointer belongs to the
 * caller until the matching _close; everything a result points at belongs to the model.
 *
 *     valence_error error;
 *     valence_model *model;
 *     if (valence_model_open(&model, "general", NULL, &error) != VALENCE_OK) {
 *         fprintf(stderr, "%s\n", error.message);
 *         return 1;
 *     }
 *     valence_prediction p;
 *     valence_predict(model, "I loved it", 10, &p, &error);
 *     printf("%s %.2f\n", p.label, p.score);
 *     valence_model_close(model);
 *
 * Strings are UTF-8. Every function may be called from any thread; a model is constant once open
 * and may be shared by all threads, a context belongs to one thread at a time. */
#ifndef VALENCE_H
#define VALENCE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VALENCE_VERSION "0.1.0"

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- Errors ---------------------------------------------------------------------------------- */

/* code, number, what it means */
#define VALENCE_STATUS_LIST(X)                                                                     \
    X(OK, 0, "no error")                                                                           \
    X(NO_MEMORY, 1, "out of memory")                                                               \
    X(IO, 2, "the system refused a read, a write or an open")                                      \
    X(FORMAT, 3, "bytes that break their format")                                                  \
    X(ARGUMENT, 4, "an argument that cannot be used")                                              \
    X(LIMIT, 5, "a stated maximum was passed")                                                     \
    X(UNSUPPORTED, 6, "valid, but not supported")                                                  \
    X(NOT_FOUND, 7, "no such model, column, file or label")                                        \
    X(CANCELLED, 8, "stopped on request")

typedef enum valence_status {
#define VALENCE_STATUS_ENUM(name, number, text) VALENCE_##name = number,
    VALENCE_STATUS_LIST(VALENCE_STATUS_ENUM)
#undef VALENCE_STATUS_ENUM
} valence_status;

/* Where and why something failed. line and byte count from 1; 0 means "does not apply". */
typedef struct valence_error {
    valence_status code;
    uint64_t line;
    uint64_t byte;
    char message[400];
} valence_error;

/* The status' name ("FORMAT") and its sentence. Never NULL. */
const char *valence_status_name(valence_status status);
const char *valence_status_text(valence_status status);

/* ---- Models ---------------------------------------------------------------------------------- */

typedef struct valence_model valence_model;

/* What becomes of a text with more tokens than a model of the transformer family can read. */
typedef enum valence_truncation {
    VALENCE_AS_MODEL,            /* as the model was opened; for opening itself: VALENCE_WINDOWS */
    VALENCE_WINDOWS,             /* read whole, in overlapping windows whose logits are averaged */
    VALENCE_TRUNCATE_RIGHT,      /* the end is left out */
    VALENCE_TRUNCATE_LEFT,       /* the beginning is left out */
    VALENCE_TRUNCATE_HEAD_TAIL,  /* the middle is left out: a quarter of the room is for the head */
    VALENCE_TRUNCATE_NEVER       /* VALENCE_LIMIT, with both numbers in the message */
} valence_truncation;

typedef struct valence_model_options {
    double neutral_band;   /* two-class models: below this distance |p - 1/2| the label is "neutral".
                            * 0: never */
    double min_confidence; /* below this probability the label is "uncertain". 0: never; negative:
                            * as the model file says (train --min-precision), else never */
    int max_length;                /* tokens of a text, special ones included; 0: all the model can */
    valence_truncation truncation; /* of longer ones */
    int threads; /* that share one call of a context, for models that profit; 0 counts as 1 */
} valence_model_options;

valence_model_options valence_model_defaults(void);

/* Opens a model: a path to a .safetensors file, a folder as Hugging Face has them (config.json,
 * model.safetensors, tokenizer.json), or the name of a shipped model ("general" is part of the library; others are looked for in $VALENCE_MODELS, beside the program, and in
 * share/valence/models). options NULL: the defaults. The file is mapped, not copied; replace model
 * files by rename. Errors name the file and what is wrong with it. */
valence_status valence_model_open(valence_model **model, const char *name_or_path,
                                  const valence_model_options *options, valence_error *error);

/* Closes it; every context of it must be closed before. NULL is fine. */
void valence_model_close(valence_model *model);

typedef struct valence_model_info {
    const char *name;   /* as given to valence_model_open */
    const char *path;   /* the file, or "embedded" */
    const char *family; /* "naive-bayes", "logistic", "transformer" */
    const char *architecture; /* of a transformer: "bert", "distilbert", "roberta", ..; else "" */
    const char *dtype;  /* of the weights: "I8", "F16", "BF16", "F32" */
    int label_count;
    const char *const *labels; /* (label_count) */
    uint64_t bytes;            /* of the file */
    uint64_t features;         /* n-grams or tokens it knows places for */
    double temperature;
    double min_confidence; /* in force: of the options, else of the file; 0: never abstains */
    const char *card; /* JSON: data, accuracy, command, date; "{}" if it has none */
    double load_seconds;
    const char *checksum; /* 16 hexadecimal digits that the file states of itself, or "" */
    int slow;        /* 1: an answer takes milliseconds, and texts are better answered together */
    int max_length;  /* in force: tokens of a text, special ones included; 0: no limit */
    int multi_label; /* 1: classes do not exclude each other; probabilities do not add up to 1 */
} valence_model_info;

/* Fills info; its strings belong to the model. */
void valence_model_describe(const valence_model *model, valence_model_info *info);

/* ---- Prediction ------------------------------------------------------------------------------ */

typedef struct valence_prediction {
    const char *label; /* of the most probable class, or "neutral" / "uncertain" by the options */
    int label_index;   /* of the most probable class */
    double score;      /* its probability */
    int empty;         /* 1: the text has no words; the answer is the prior */
    int tokens;        /* read, special ones included; 0 where the model has no tokens */
    int windows;       /* 1, or more for a long text read in windows */
    int truncated;     /* 1: a part of the text was not read */
    const float *probabilities; /* (label_count), by label order */
    const float *logits;        /* (label_count), before temperature */
} valence_prediction;

/* Predicts one text of len bytes. probabilities and logits are NULL in the answer: those need a
 * context. Invalid UTF-8 counts as white space. Thread-safe; takes a context from the model's own
 * reserve. */
valence_status valence_predict(valence_model *model, const char *text, size_t len,
                               valence_prediction *prediction, valence_error *error);

/* Working memory for one thread; allocates nothing per prediction (with a model that has cleaning
 * passes: nothing unless a text is longer than all before). */
typedef struct valence_context valence_context;

valence_status valence_context_open(valence_context **context, const valence_model *model,
                                    valence_error *error);
void valence_context_close(valence_context *context); /* NULL is fine */

/* As valence_predict; probabilities and logits live until the context's next prediction. */
valence_status valence_context_predict(valence_context *context, const char *text, size_t len,
                                       valence_prediction *prediction, valence_error *error);

/* How many of the model's threads (valence_model_options) the context's next calls may use; answers do not
 * depend on it. 1: only the caller's, as suits a busy server; else all of them. */
void valence_context_threads(valence_context *context, int threads);

/* ---- Many texts at once ---------------------------------------------------------------------- */

/* A text as its model reads it: cleaned, cut into tokens or n-grams. Encoding is cheap beside
 * answering with a slow model, and tells how much work the answer will be. An encoding is constant
 * and outlives its context, not its model; contexts of the same model may answer it. */
typedef struct valence_encoding valence_encoding;

valence_status valence_context_encode(valence_context *context, const char *text, size_t len,
                                      valence_truncation truncation, valence_encoding **encoding,
                                      valence_error *error);
void valence_encoding_close(valence_encoding *encoding); /* NULL is fine */

/* What the model has to read: tokens of all windows, special ones included; of classic models the
 * known n-grams. At least 1. */
int64_t valence_encoding_tokens(const valence_encoding *encoding);

/* Answers count encodings together, in their order, without padding: predictions (count). An answer
 * does not depend on the others. probabilities and logits live until the context's next call. */
valence_status valence_context_predict_encodings(valence_context *context,
                                                 const valence_encoding *const *encodings,
                                                 size_t count, valence_prediction *predictions,
                                                 valence_error *error);

/* Where the time of a context's forward passes goes, for models whose passes have parts. Turning it on
 * sets all times to 0. times gives at most max of them and says how many: seconds of all threads. */
typedef struct valence_time {
    const char *part;
    double seconds;
} valence_time;

void valence_context_trace(valence_context *context, int on);
int valence_context_times(const valence_context *context, valence_time *times, int max);

/* ---- Explanation ----------------------------------------------------------------------------- */

/* One n-gram of the text that the model knows; of models that read tokens one word (or, of a text with
 * very many, a run of words). Offsets are bytes of the original text. */
typedef struct valence_reason {
    size_t start, end; /* the first place where it stands */
    float weight;      /* what it adds to the class' logit, all its places together */
    uint32_t count;    /* how often it stands in the text */
} valence_reason;

typedef struct valence_place {
    size_t start, end;
    uint32_t reason; /* index into reasons */
} valence_place;

/* logit = bias + the sum of all weights (up to float rounding), before temperature. A linear model's
 * weights are its own; for others a word's weight is what the logit loses when the word is left out, and
 * bias is what then remains. Reasons and places
 * come as the text is read, in blocks of a few thousand bytes: of each its words, then its pairs of
 * words, then its triples, each in the order of the text. Of very many places the first million. */
typedef struct valence_explanation {
    int label_index; /* the class explained */
    double bias, logit;
    const valence_reason *reasons; /* (reason_count) */
    size_t reason_count;
    const valence_place *places; /* (place_count) */
    size_t place_count;
} valence_explanation;

/* Predicts a text and says what each of its n-grams adds to the logit of a class: label_index, or
 * with -1 the most probable one. What the answer points at lives until the context's next call.
 * VALENCE_ARGUMENT for a label_index that is none. The context's first explanation allocates. */
valence_status valence_context_explain(valence_context *context, const char *text, size_t len,
                                       int label_index, valence_prediction *prediction,
                                       valence_explanation *explanation, valence_error *error);

/* The n-grams that weigh most for a class, strongest first: at most `max` of them into terms, whose
 * texts belong to the model. Only n-grams whose spelling the file kept are known (train keeps it for
 * the strongest); *count may be 0. */
typedef struct valence_term {
    const char *text;
    float weight; /* what it adds to the class' logit where it stands alone */
} valence_term;

valence_status valence_model_terms(const valence_model *model, int label_index, valence_term *terms,
                                   int max, int *count, valence_error *error);

/* ---- Sentences ------------------------------------------------------------------------------- */

typedef struct valence_sentence {
    size_t start, end; /* bytes of the original text, without white space around */
    const char *label;
    int label_index;
    double score;
    int empty;
    const float *probabilities; /* (label_count) */
} valence_sentence;

/* Predicts each sentence of a text, and the document as their aggregate; its label is "mixed" where
 * sentences disagree strongly. A text without words has no sentences and document->empty. Arrays
 * live until the context's next call; document->logits is NULL. */
valence_status valence_context_sentences(valence_context *context, const char *text, size_t len,
                                         valence_prediction *document,
                                         const valence_sentence **sentences, size_t *count,
                                         valence_error *error);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
