/* tokenizer.c: the way of a text: added tokens are cut out, the rest is normalised, cut into words,
 * and the model makes tokens of each word. This is the way of any tokenizer; those of BERT and
 * RoBERTa have faster ones, which give the same. */
#include "text/tokenizer.h"

#include <assert.h>

#include "text/token_scratch.h"
#include "text/unicode.h"

vl_status vl_tokenizer_open(vl_tokenizer **out, vl_span json, valence_error *error)
{
    *out = NULL;
    vl_tokenizer *t = vl_alloc_zero(VL_MEM_MODEL, sizeof *t);
    if (!t) return vl_fail_memory(error, sizeof *t, "a tokenizer");
    vl_arena_init(&t->strings, VL_MEM_MODEL, 4096, (size_t)1 << 30);
    t->around.pad = -1;
    vl_status status = vl_added_tokens_init(&t->added_raw);
    if (status == VALENCE_OK) status = vl_added_tokens_init(&t->added_normal);
    if (status != VALENCE_OK) vl_fail_memory(error, sizeof *t, "a tokenizer");
    if (status == VALENCE_OK) status = vl_tokenizer_parse(t, json, error);
    if (status != VALENCE_OK) return vl_tokenizer_close(t), status;
    t->encode = vl_encode_bert_fits(t)    ? vl_encode_bert
                : vl_encode_bytes_fits(t) ? vl_encode_bytes
                                          : vl_encode_any;
    *out = t;
    return VALENCE_OK;
}

void vl_tokenizer_close(vl_tokenizer *t)
{
    if (!t) return;
    vl_arena_release(&t->strings);
    vl_token_vocabulary_release(&t->vocabulary);
    vl_bpe_release(&t->bpe);
    vl_added_tokens_release(&t->added_raw);
    vl_added_tokens_release(&t->added_normal);
    vl_free(t);
}

int32_t vl_tokenizer_size(const vl_tokenizer *t)
{
    return t->vocabulary.size;
}

vl_span vl_tokenizer_token(const vl_tokenizer *t, int32_t id)
{
    return vl_token_vocabulary_token(&t->vocabulary, id);
}

int32_t vl_tokenizer_id(const vl_tokenizer *t, vl_span token)
{
    return vl_token_vocabulary_id(&t->vocabulary, token);
}

const vl_token_template *vl_tokenizer_template(const vl_tokenizer *t)
{
    return &t->around;
}

/* ---- Words ------------------------------------------------------------------------------- */

/* The origin of bytes [begin, end) of a normalised text, begin < end. */
static vl_origin origin_of(const vl_normal_text *n, size_t begin, size_t end)
{
    return (vl_origin){vl_normal_origin(n, begin).start, vl_normal_origin(n, end - 1).end};
}

static vl_status encode_word(vl_token_scratch *s, const vl_normal_text *n, vl_piece p)
{
    vl_span word = {n->bytes.data + p.begin, p.end - p.begin};
    vl_buffer *buffer = &s->buffers[VL_SCRATCH_WORD_ENDS];
    vl_buffer_reset(buffer);
    VL_TRY(vl_buffer_reserve(buffer, word.len * sizeof(uint32_t)));
    uint32_t *ends = (uint32_t *)(void *)buffer->data;
    int32_t *ids = vl_scratch_ids(s) + s->count;
    size_t count;
    VL_TRY(vl_scratch_word(s, word, ids, ends, &count));
    if (!s->offsets) return vl_scratch_commit(s, count), VALENCE_OK;
    for (size_t i = 0; i < count; i++) {
        uint32_t begin = p.begin + (i ? ends[i - 1] : 0);
        vl_span spelling = vl_token_vocabulary_token(&s->t->vocabulary, ids[i]);
        vl_scratch_emit(s, ids[i], spelling, origin_of(n, begin, p.begin + ends[i]));
    }
    return VALENCE_OK;
}

static vl_status encode_piece(vl_token_scratch *s, const vl_normal_text *n, vl_piece p)
{
    vl_span piece = {n->bytes.data + p.begin, p.end - p.begin};
    VL_TRY(vl_scratch_reserve(s, piece.len));
    if (p.token < 0) return encode_word(s, n, p);
    vl_scratch_emit(s, p.token, piece, origin_of(n, p.begin, p.end));
    return VALENCE_OK;
}

/* ---- From text to words ------------------------------------------------------------------ */

/* Copies text and pieces, with a space before each piece that does not begin with one. */
static vl_status add_spaces(vl_buffer *out, const vl_buffer *in, vl_normal_text **text,
                            vl_normal_text **spare)
{
    vl_normal_text *from = *text, *to = *spare;
    vl_normal_text_reset(to, from->keeps_origins);
    for (size_t i = 0; i < vl_piece_count(in); i++) {
        vl_piece p = *vl_piece_at(in, i);
        size_t begin = to->bytes.len;
        if (p.token < 0 && from->bytes.data[p.begin] != ' ')
            VL_TRY(vl_normal_text_put(to, ' ', vl_normal_origin(from, p.begin)));
        VL_TRY(vl_normal_text_copy(to, from, p.begin, p.end));
        VL_TRY(vl_piece_add(out, begin, to->bytes.len, p.token));
    }
    *text = to;
    *spare = from;
    return VALENCE_OK;
}

static vl_status pretokenize_step(vl_token_scratch *s, const vl_split_step *step, vl_buffer *out,
                                  const vl_buffer *in, vl_span text)
{
    for (size_t i = 0; i < vl_piece_count(in); i++) {
        vl_piece p = *vl_piece_at(in, i);
        if (p.token >= 0) VL_TRY(vl_piece_add(out, p.begin, p.end, p.token));
        else VL_TRY(vl_split(out, step, text, p, &s->buffers[VL_SCRATCH_WORK]));
    }
    return VALENCE_OK;
}

/* *pieces and *spare are swapped as they are filled. */
static vl_status pretokenize(vl_token_scratch *s, vl_normal_text **text, vl_normal_text **spare,
                             vl_buffer **pieces, vl_buffer **spare_pieces)
{
    const vl_pretokenizer *p = &s->t->pretokenizer;
    for (int i = 0; i < p->count; i++) {
        vl_buffer *in = *pieces, *out = *spare_pieces;
        vl_buffer_reset(out);
        if (p->steps[i].space_before) VL_TRY(add_spaces(out, in, text, spare));
        else VL_TRY(pretokenize_step(s, &p->steps[i], out, in, vl_buffer_span(&(*text)->bytes)));
        *pieces = out;
        *spare_pieces = in;
    }
    return VALENCE_OK;
}

vl_status vl_encode_any(vl_token_scratch *s, size_t begin, size_t end)
{
    vl_normal_text *text = &s->texts[0], *spare = &s->texts[1];
    vl_buffer *pieces = &s->buffers[VL_SCRATCH_PIECES], *spare_pieces = pieces + 1;
    vl_normal_text_reset(text, s->offsets);
    vl_buffer_reset(pieces);
    VL_TRY(vl_normal_text_load(text, (vl_span){s->text.ptr + begin, end - begin}, begin));
    VL_TRY(vl_normalize(&s->t->normalizer, &text, &spare));
    size_t len = vl_normal_text_len(text);
    if (len == 0) return VALENCE_OK;
    VL_TRY(
        vl_added_tokens_split(&s->t->added_normal, vl_buffer_span(&text->bytes), 0, len, pieces));
    VL_TRY(pretokenize(s, &text, &spare, &pieces, &spare_pieces));
    for (size_t i = 0; i < vl_piece_count(pieces); i++)
        VL_TRY(encode_piece(s, text, *vl_piece_at(pieces, i)));
    return VALENCE_OK;
}

static vl_status encode_text(vl_token_scratch *s)
{
    vl_buffer *raw = &s->buffers[VL_SCRATCH_RAW];
    vl_buffer_reset(raw);
    if (s->text.len == 0) return VALENCE_OK;
    VL_TRY(vl_added_tokens_split(&s->t->added_raw, s->text, 0, s->text.len, raw));
    for (size_t i = 0; i < vl_piece_count(raw); i++) {
        vl_piece p = *vl_piece_at(raw, i);
        if (p.token >= 0) VL_TRY(vl_scratch_added(s, p));
        else VL_TRY(s->t->encode(s, p.begin, p.end));
    }
    return VALENCE_OK;
}

/* ---- Bad UTF-8 --------------------------------------------------------------------------- */

/* U+FFFD took the place of bad bytes and ends at `at`; what to add to places from there on. */
typedef struct repair {
    uint32_t at;
    int32_t shift;
} repair;

static vl_status repair_text(vl_token_scratch *s, vl_span text)
{
    vl_buffer *out = &s->buffers[VL_SCRATCH_REPAIRED];
    vl_buffer_reset(out);
    int64_t shift = 0;
    for (size_t at = 0; at < text.len;) {
        size_t good = vl_utf8_valid_prefix(text.ptr + at, text.len - at);
        VL_TRY(vl_buffer_append(out, text.ptr + at, good));
        at += good;
        if (at == text.len) break;
        int len;
        vl_utf8_at(text, at, &len);
        at += (size_t)len;
        VL_TRY(vl_buffer_append(out, "\xEF\xBF\xBD", 3));
        shift += len - 3;
        repair r = {(uint32_t)out->len, (int32_t)shift};
        VL_TRY(vl_buffer_append(&s->buffers[VL_SCRATCH_REPAIRS], &r, sizeof r));
    }
    s->text = vl_buffer_span(out);
    return s->text.len > INT32_MAX ? VALENCE_LIMIT : VALENCE_OK;
}

static uint32_t unrepaired(const vl_buffer *repairs, uint32_t place)
{
    const repair *r = (const repair *)(const void *)repairs->data;
    size_t lo = 0, hi = repairs->len / sizeof *r; /* r[lo - 1].at <= place < r[hi].at */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r[mid].at <= place) lo = mid + 1;
        else hi = mid;
    }
    return lo ? (uint32_t)((int64_t)place + r[lo - 1].shift) : place;
}

static void unrepair(vl_token_scratch *s)
{
    const vl_buffer *repairs = &s->buffers[VL_SCRATCH_REPAIRS];
    uint32_t *starts = vl_scratch_starts(s), *ends = vl_scratch_ends(s);
    for (int64_t i = 0; i < s->count; i++) {
        starts[i] = unrepaired(repairs, starts[i]);
        ends[i] = unrepaired(repairs, ends[i]);
    }
}

vl_status vl_tokenizer_encode(const vl_tokenizer *t, vl_token_scratch *s, vl_span text,
                              bool offsets, vl_tokens *out)
{
    *out = (vl_tokens){0};
    if (text.len > INT32_MAX) return VALENCE_LIMIT;
    assert(s->t == t);
    s->text = text;
    s->offsets = offsets;
    s->count = 0;
    vl_scratch_commit(s, 0);
    vl_buffer *repairs = &s->buffers[VL_SCRATCH_REPAIRS];
    vl_buffer_reset(repairs);
    VL_TRY(vl_scratch_reserve(s, 1)); /* so that nothing is NULL */
    if (vl_utf8_valid_prefix(text.ptr, text.len) < text.len) VL_TRY(repair_text(s, text));
    VL_TRY(encode_text(s));
    if (offsets && repairs->len) unrepair(s);
    out->ids = vl_scratch_ids(s);
    out->count = s->count;
    if (!offsets) return VALENCE_OK;
    out->start = vl_scratch_starts(s);
    out->end = vl_scratch_ends(s);
    return VALENCE_OK;
}
