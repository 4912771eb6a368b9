/* hf_names.c: one table of rows per architecture: our name, theirs, the shape in letters, and for
 * fused projections which part. BERT, RoBERTa and ELECTRA share their encoder's rows behind
 * different prefixes. Tensors that no row asks for are passed over, unless they show that the
 * checkpoint computes something else. */
#include "formats/hf_names.h"

#include <assert.h>
#include <stdio.h>

enum { NAME_MAX_BYTES = 128 };

typedef enum row_kind { ROW_TABLE, ROW_LINEAR, ROW_NORM } row_kind;

/* Whether a linear layer or a normalisation has biases. */
typedef enum row_bias { ALWAYS, IF_ATTENTION, IF_NORM, IF_HEAD, NEVER } row_bias;

typedef enum row_when { REQUIRED, IF_THERE, IF_PROJECTED, BEHIND_FIRST } row_when;

/* %d: the layer. rows and columns: E C I V P S K of hf_config.h.
 * Of a TABLE the weight has our name alone; others are NAME.weight and NAME.bias. */
typedef struct row {
    const char *ours, *theirs;
    row_kind kind;
    char rows, columns;
    row_bias bias;
    row_when when;
    int part, parts; /* theirs holds `parts` blocks of rows, ours is the part-th; 0: whole */
} row;

#define TABLE(us, they, r, c)                                                                      \
    {                                                                                              \
        .ours = us, .theirs = they, .kind = ROW_TABLE, .rows = r, .columns = c, .bias = NEVER      \
    }
#define LINEAR(us, they, r, c, ...)                                                                \
    {                                                                                              \
        .ours = us, .theirs = they, .kind = ROW_LINEAR, .rows = r, .columns = c, __VA_ARGS__       \
    }
#define NORM(us, they, r, ...)                                                                     \
    {                                                                                              \
        .ours = us, .theirs = they, .kind = ROW_NORM, .rows = r, __VA_ARGS__                       \
    }
#define END                                                                                        \
    {                                                                                              \
        .ours = NULL                                                                               \
    }

static const row bert_embeddings[] = {
    TABLE("embeddings.word", "embeddings.word_embeddings", 'V', 'E'),
    TABLE("embeddings.position", "embeddings.position_embeddings", 'P', 'E'),
    TABLE("embeddings.type", "embeddings.token_type_embeddings", 'S', 'E'),
    NORM("embeddings.norm", "embeddings.LayerNorm", 'E'),
    LINEAR("embeddings.project", "embeddings_project", 'C', 'E', .when = IF_PROJECTED),
    END,
};

static const row bert_layer[] = {
    LINEAR("attention.query", "encoder.layer.%d.attention.self.query", 'C', 'C'),
    LINEAR("attention.key", "encoder.layer.%d.attention.self.key", 'C', 'C'),
    LINEAR("attention.value", "encoder.layer.%d.attention.self.value", 'C', 'C'),
    LINEAR("attention.output", "encoder.layer.%d.attention.output.dense", 'C', 'C'),
    NORM("attention.norm", "encoder.layer.%d.attention.output.LayerNorm", 'C'),
    LINEAR("ffn.up", "encoder.layer.%d.intermediate.dense", 'I', 'C'),
    LINEAR("ffn.down", "encoder.layer.%d.output.dense", 'C', 'I'),
    NORM("ffn.norm", "encoder.layer.%d.output.LayerNorm", 'C'),
    END,
};

/* Classifiers without the pooler exist; its activation goes with it. */
static const row bert_head[] = {
    LINEAR("head.dense", "bert.pooler.dense", 'C', 'C', .when = IF_THERE),
    LINEAR("head.out", "classifier", 'K', 'C'),
    END,
};

static const row roberta_head[] = {
    LINEAR("head.dense", "classifier.dense", 'C', 'C'),
    LINEAR("head.out", "classifier.out_proj", 'K', 'C'),
    END,
};

/* Sinusoidal positions are stored like learned ones. */
static const row distilbert_embeddings[] = {
    TABLE("embeddings.word", "embeddings.word_embeddings", 'V', 'E'),
    TABLE("embeddings.position", "embeddings.position_embeddings", 'P', 'E'),
    NORM("embeddings.norm", "embeddings.LayerNorm", 'E'),
    END,
};

static const row distilbert_layer[] = {
    LINEAR("attention.query", "transformer.layer.%d.attention.q_lin", 'C', 'C'),
    LINEAR("attention.key", "transformer.layer.%d.attention.k_lin", 'C', 'C'),
    LINEAR("attention.value", "transformer.layer.%d.attention.v_lin", 'C', 'C'),
    LINEAR("attention.output", "transformer.layer.%d.attention.out_lin", 'C', 'C'),
    NORM("attention.norm", "transformer.layer.%d.sa_layer_norm", 'C'),
    LINEAR("ffn.up", "transformer.layer.%d.ffn.lin1", 'I', 'C'),
    LINEAR("ffn.down", "transformer.layer.%d.ffn.lin2", 'C', 'I'),
    NORM("ffn.norm", "transformer.layer.%d.output_layer_norm", 'C'),
    END,
};

static const row distilbert_head[] = {
    LINEAR("head.dense", "pre_classifier", 'C', 'C'),
    LINEAR("head.out", "classifier", 'K', 'C'),
    END,
};

static const row modernbert_embeddings[] = {
    TABLE("embeddings.word", "embeddings.tok_embeddings", 'V', 'E'),
    NORM("embeddings.norm", "embeddings.norm", 'E', .bias = IF_NORM),
    NORM("final_norm", "final_norm", 'C', .bias = IF_NORM),
    END,
};

/* Wqkv is [query; key; value], Wi is [gate; up]: the first half goes through the activation. The
 * first layer has no norm before its attention: the embeddings' has just been applied. */
static const row modernbert_layer[] = {
    LINEAR("attention.query", "layers.%d.attn.Wqkv", 'C', 'C', .bias = IF_ATTENTION, .parts = 3),
    LINEAR("attention.key", "layers.%d.attn.Wqkv", 'C', 'C', .bias = IF_ATTENTION, .part = 1,
           .parts = 3),
    LINEAR("attention.value", "layers.%d.attn.Wqkv", 'C', 'C', .bias = IF_ATTENTION, .part = 2,
           .parts = 3),
    LINEAR("attention.output", "layers.%d.attn.Wo", 'C', 'C', .bias = IF_ATTENTION),
    NORM("attention.norm", "layers.%d.attn_norm", 'C', .bias = IF_NORM, .when = BEHIND_FIRST),
    LINEAR("ffn.gate", "layers.%d.mlp.Wi", 'I', 'C', .bias = NEVER, .parts = 2),
    LINEAR("ffn.up", "layers.%d.mlp.Wi", 'I', 'C', .bias = NEVER, .part = 1, .parts = 2),
    LINEAR("ffn.down", "layers.%d.mlp.Wo", 'C', 'I', .bias = NEVER),
    NORM("ffn.norm", "layers.%d.mlp_norm", 'C', .bias = IF_NORM),
    END,
};

static const row modernbert_head[] = {
    LINEAR("head.dense", "head.dense", 'C', 'C', .bias = IF_HEAD),
    NORM("head.norm", "head.norm", 'C', .bias = IF_NORM),
    LINEAR("head.out", "classifier", 'K', 'C'),
    END,
};

static const struct checkpoint {
    const char *prefix;
    const row *embeddings, *layer, *head; /* the head's names have no prefix */
} checkpoints[] = {
    [VL_HF_BERT] = {"bert.", bert_embeddings, bert_layer, bert_head},
    [VL_HF_DISTILBERT] = {"distilbert.", distilbert_embeddings, distilbert_layer, distilbert_head},
    [VL_HF_ROBERTA] = {"roberta.", bert_embeddings, bert_layer, roberta_head},
    [VL_HF_ELECTRA] = {"electra.", bert_embeddings, bert_layer, roberta_head},
    [VL_HF_MODERNBERT] = {"model.", modernbert_embeddings, modernbert_layer, modernbert_head},
};

typedef struct mapper {
    vl_store *out;
    const vl_hf_config *c;
    vl_store *const *shards;
    int shard_count;
    valence_error *error;
} mapper;

/* ---- One tensor ------------------------------------------------------------------------------ */

static const vl_tensor *find(const mapper *m, const char *name)
{
    const vl_tensor *t = NULL;
    for (int i = 0; i < m->shard_count && !t; i++) t = vl_store_find(m->shards[i], name);
    return t;
}

static bool is_float(vl_dtype dtype)
{
    return dtype == VL_F32 || dtype == VL_F16 || dtype == VL_BF16;
}

static vl_status check(const mapper *m, const vl_tensor *t, int rank, const int64_t *shape)
{
    bool fits = t->rank == rank;
    for (int i = 0; fits && i < rank; i++) fits = t->shape[i] == shape[i];
    if (!fits) {
        char has[VL_SHAPE_TEXT], wanted[VL_SHAPE_TEXT];
        vl_shape_text(has, t->rank, t->shape);
        vl_shape_text(wanted, rank, shape);
        return vl_fail(m->error, VALENCE_FORMAT,
                       "tensor '%.100s' has shape %.100s, by config.json it should be %.100s",
                       t->name, has, wanted);
    }
    if (!is_float(t->dtype))
        return vl_fail(m->error, VALENCE_UNSUPPORTED,
                       "tensor '%.100s' has type %s; F32, F16 and BF16 are supported", t->name,
                       vl_dtype_name(t->dtype));
    return VALENCE_OK;
}

/* Adds theirs, of that shape, as ours; or, with parts, one of that many equal blocks of rows. */
static vl_status add(const mapper *m, const char *ours, const char *theirs, int rank,
                     const int64_t *shape, const row *w)
{
    const vl_tensor *t = find(m, theirs);
    if (!t) return vl_fail(m->error, VALENCE_NOT_FOUND, "tensor '%.100s' is missing", theirs);
    int64_t whole[2] = {shape[0] * (w->parts ? w->parts : 1), shape[1]};
    VL_TRY(check(m, t, rank, whole));
    vl_tensor view = *t;
    view.name = ours;
    if (w->parts) {
        view.shape[0] = shape[0];
        view.bytes = t->bytes / (size_t)w->parts;
        view.data = (const char *)t->data + view.bytes * (size_t)w->part;
    }
    return vl_store_add(m->out, &view, m->error);
}

static int64_t size_of(const vl_hf_config *c, char letter)
{
    switch (letter) {
    case 'E':
        return c->E;
    case 'C':
        return c->C;
    case 'I':
        return c->I;
    case 'V':
        return c->V;
    case 'P':
        return c->P;
    case 'S':
        return c->S;
    default:
        return c->K;
    }
}

static bool has_bias(const vl_hf_config *c, row_bias bias)
{
    switch (bias) {
    case ALWAYS:
        return true;
    case IF_ATTENTION:
        return c->attention_bias;
    case IF_NORM:
        return c->norm_bias;
    case IF_HEAD:
        return c->head_bias;
    default:
        return false;
    }
}

/* ---- One row --------------------------------------------------------------------------------- */

/* All names are short: they are made of the table and a layer's number. */
static void join(char out[NAME_MAX_BYTES], const char *a, const char *b, const char *c)
{
    int len = snprintf(out, NAME_MAX_BYTES, "%s%s%s", a, b, c);
    assert(len > 0 && len < NAME_MAX_BYTES);
    (void)len;
}

/* The weight or bias (ending) of theirs; the oldest checkpoints call a norm's gamma and beta. */
static vl_status add_named(const mapper *m, const row *w, const char *ours, const char *theirs,
                           bool bias)
{
    char from[NAME_MAX_BYTES], old[NAME_MAX_BYTES], to[NAME_MAX_BYTES];
    const char *ending = bias ? ".bias" : ".weight";
    int64_t shape[2] = {size_of(m->c, w->rows), size_of(m->c, w->columns)};
    join(from, theirs, ending, "");
    join(old, theirs, bias ? ".beta" : ".gamma", "");
    join(to, ours, w->kind == ROW_TABLE ? "" : ending, "");
    bool is_old = w->kind == ROW_NORM && !find(m, from) && find(m, old);
    return add(m, to, is_old ? old : from, bias || w->kind == ROW_NORM ? 1 : 2, shape, w);
}

static bool is_there(const mapper *m, const char *theirs)
{
    char weight[NAME_MAX_BYTES], bias[NAME_MAX_BYTES];
    join(weight, theirs, ".weight", "");
    join(bias, theirs, ".bias", "");
    return find(m, weight) || find(m, bias);
}

static bool is_wanted(const mapper *m, const row *w, const char *theirs, int layer)
{
    switch (w->when) {
    case IF_PROJECTED:
        return m->c->E != m->c->C;
    case BEHIND_FIRST:
        return layer > 0;
    case IF_THERE:
        return is_there(m, theirs);
    default:
        return true;
    }
}

/* layer < 0: a row outside the layers. */
static vl_status add_row(const mapper *m, const row *w, const char *prefix, int layer)
{
    char ours[NAME_MAX_BYTES], theirs[NAME_MAX_BYTES], number[16], head[NAME_MAX_BYTES];
    const char *place = strstr(w->theirs, "%d");
    snprintf(number, sizeof number, "%d", layer);
    if (place) {
        snprintf(head, sizeof head, "%s%.*s", prefix, (int)(place - w->theirs), w->theirs);
        join(theirs, head, number, place + 2);
        snprintf(head, sizeof head, "layer.%d.", layer);
        join(ours, head, w->ours, "");
    } else {
        join(theirs, prefix, w->theirs, "");
        join(ours, w->ours, "", "");
    }
    if (!is_wanted(m, w, theirs, layer)) return VALENCE_OK;
    VL_TRY(add_named(m, w, ours, theirs, false));
    return has_bias(m->c, w->bias) ? add_named(m, w, ours, theirs, true) : VALENCE_OK;
}

static vl_status add_rows(const mapper *m, const row *rows, const char *prefix, int layer)
{
    for (; rows->ours; rows++) VL_TRY(add_row(m, rows, prefix, layer));
    return VALENCE_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Parts of names that show weights which the plain ones are not complete without. */
static vl_status refuse_strange(const mapper *m)
{
    static const char *const signs[] = {
        "lora_",
        "relative_attention_bias",
        "distance_embedding",
        ".adapter",
        "quant_state",
        ".weight_scale",
        ".SCB",
        ".qweight",
        "parametrizations.",
    };
    for (int i = 0; i < m->shard_count; i++)
        for (size_t k = 0; k < vl_store_count(m->shards[i]); k++) {
            const char *name = vl_store_at(m->shards[i], k)->name;
            for (size_t s = 0; s < sizeof signs / sizeof signs[0]; s++)
                if (strstr(name, signs[s]))
                    return vl_fail(m->error, VALENCE_UNSUPPORTED,
                                   "tensor '%.150s': checkpoints with '%s' are not supported", name,
                                   signs[s]);
        }
    return VALENCE_OK;
}

vl_status vl_hf_names_map(vl_store *out, const vl_hf_config *c, vl_store *const *shards,
                          int shard_count, valence_error *error)
{
    const mapper m = {out, c, shards, shard_count, error};
    const struct checkpoint *names = &checkpoints[c->architecture];
    VL_TRY(refuse_strange(&m));
    VL_TRY(add_rows(&m, names->embeddings, names->prefix, -1));
    for (int32_t i = 0; i < c->layers; i++) VL_TRY(add_rows(&m, names->layer, names->prefix, i));
    VL_TRY(add_rows(&m, names->head, "", -1));
    if (!vl_store_find(out, "head.dense.weight")) return VALENCE_OK;
    return vl_store_set(out, "transformer.head", vl_span_of(c->head), error);
}
