/* tokenizer.c: the way of a text: added tokens are cut out, the rest is normalised, cut into words,
 * and the model makes tokens of each word. */
#include "text/tokenizer.h"

#include "text/token_chars.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

enum {
    PIECES, /* of vl_piece: what a text is cut into, in turn with SPARE */
    SPARE,
    RAW_PIECES, /* what lies between added tokens */
    WORK,
    IDS, /* what _encode gives */
    STARTS,
    ENDS,
    WORD_ENDS, /* where a word's tokens end in it */
    REPAIRED,  /* a text whose UTF-8 was bad */
    REPAIRS,   /* of repair */
    BUFFERS
};

struct vl_token_scratch {
    const vl_tokenizer *t;
    vl_buffer buffers[BUFFERS];
    vl_normal_text texts[2];
    vl_bpe_work bpe;
    vl_span text; /* the one at hand, repaired */
    bool offsets;
    int64_t count; /* tokens so far */
};

/* U+FFFD took the place of bad bytes and ends at `at`; what to add to places from there on. */
typedef struct repair {
    uint32_t at;
    int32_t shift;
} repair;

/* ---- Opening and closing
 * ------------------------------------------------------------------------- */

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
    if (status != VALENCE_OK) vl_tokenizer_close(t);
    else *out = t;
    return status;
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

vl_status vl_token_scratch_open(vl_token_scratch **out, const vl_tokenizer *t, valence_error *error)
{
    vl_token_scratch *s = *out = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a tokenizer's scratch");
    s->t = t;
    for (int i = 0; i < BUFFERS; i++) vl_buffer_init(&s->buffers[i], VL_MEM_REQUEST, SIZE_MAX / 2);
    for (int i = 0; i < 2; i++) vl_normal_text_init(&s->texts[i]);
    vl_bpe_work_init(&s->bpe);
    return VALENCE_OK;
}

void vl_token_scratch_close(vl_token_scratch *s)
{
    if (!s) return;
    for (int i = 0; i < BUFFERS; i++) vl_buffer_release(&s->buffers[i]);
    for (int i = 0; i < 2; i++) vl_normal_text_release(&s->texts[i]);
    vl_bpe_work_release(&s->bpe);
    vl_free(s);
}

/* ---- What comes out
 * ------------------------------------------------------------------------------ */

static vl_status reserve(vl_token_scratch *s, size_t more)
{
    VL_TRY(vl_buffer_reserve(&s->buffers[IDS], more * sizeof(int32_t)));
    if (!s->offsets) return VALENCE_OK;
    VL_TRY(vl_buffer_reserve(&s->buffers[STARTS], more * sizeof(uint32_t)));
    return vl_buffer_reserve(&s->buffers[ENDS], more * sizeof(uint32_t));
}

static bool is_trimmed(uint32_t c)
{
    return c == 0x120 || vl_token_is_space(c);
}

static uint32_t count_leading(vl_span token)
{
    uint32_t n = 0;
    for (size_t at = 0; at < token.len; n++) {
        int len;
        if (!is_trimmed(vl_utf8_at(token, at, &len))) break;
        at += (size_t)len;
    }
    return n;
}

static uint32_t count_trailing(vl_span token)
{
    uint32_t n = 0;
    for (size_t at = token.len; at > 0; n++) {
        int len;
        if (!is_trimmed(vl_utf8_before(token, at, &len))) break;
        at -= (size_t)len;
    }
    return n;
}

/* Moves the ends of a range inwards by so many code points of the text. */
static void trim(const vl_token_scratch *s, uint32_t leading, uint32_t trailing, vl_origin *o)
{
    int len;
    for (; leading > 0 && o->start < o->end; leading--) {
        vl_utf8_at(s->text, o->start, &len);
        o->start += (uint32_t)len;
    }
    size_t end = o->end;
    uint32_t back = 0;
    for (; back < trailing && end > 0; back++) {
        vl_utf8_before(s->text, end, &len);
        end -= (size_t)len;
    }
    if (back < trailing) return; /* Hugging Face leaves the end alone then */
    o->end = end > o->start ? (uint32_t)end : o->start;
}

static vl_origin trimmed(const vl_token_scratch *s, vl_span token, vl_origin o)
{
    for (int i = 0; i < s->t->trim_count; i++) {
        uint32_t leading = count_leading(token), trailing = count_trailing(token);
        bool first = s->count == 0 || o.start == 0;
        if (first && s->t->trims[i].add_prefix_space && leading == 1) leading = 0;
        trim(s, leading, trailing, &o);
    }
    return o;
}

/* Room is there. token: its spelling, for trimming. */
static void emit(vl_token_scratch *s, int32_t id, vl_span token, vl_origin o)
{
    ((int32_t *)(void *)s->buffers[IDS].data)[s->count] = id;
    if (s->offsets) {
        if (s->t->trim_count) o = trimmed(s, token, o);
        ((uint32_t *)(void *)s->buffers[STARTS].data)[s->count] = o.start;
        ((uint32_t *)(void *)s->buffers[ENDS].data)[s->count] = o.end;
    }
    s->count++;
    s->buffers[IDS].len = (size_t)s->count * sizeof id;
    if (s->offsets)
        s->buffers[STARTS].len = s->buffers[ENDS].len = (size_t)s->count * sizeof(uint32_t);
}

/* The origin of bytes [begin, end) of a normalised text, begin < end. */
static vl_origin origin_of(const vl_normal_text *n, size_t begin, size_t end)
{
    return (vl_origin){vl_normal_origin(n, begin).start, vl_normal_origin(n, end - 1).end};
}

/* ---- The model
 * ----------------------------------------------------------------------------------- */

static vl_status encode_word(vl_token_scratch *s, vl_span word, int32_t *ids, uint32_t *ends,
                             size_t *count)
{
    const vl_tokenizer *t = s->t;
    if (t->model == VL_MODEL_BPE)
        return vl_bpe_encode(&t->bpe, &t->vocabulary, &s->bpe, word, ids, ends, count);
    *count = vl_wordpiece_encode(&t->wordpiece, &t->vocabulary, word, ids, ends);
    return VALENCE_OK;
}

static vl_status encode_piece(vl_token_scratch *s, const vl_normal_text *n, vl_piece p)
{
    vl_span word = {n->bytes.data + p.begin, p.end - p.begin};
    VL_TRY(reserve(s, word.len));
    if (p.token >= 0) return emit(s, p.token, word, origin_of(n, p.begin, p.end)), VALENCE_OK;
    vl_buffer_reset(&s->buffers[WORD_ENDS]);
    VL_TRY(vl_buffer_reserve(&s->buffers[WORD_ENDS], word.len * sizeof(uint32_t)));
    int32_t *ids = (int32_t *)(void *)s->buffers[IDS].data + s->count;
    uint32_t *ends = (uint32_t *)(void *)s->buffers[WORD_ENDS].data;
    size_t count, begin = 0;
    VL_TRY(encode_word(s, word, ids, ends, &count));
    for (size_t i = 0; i < count; i++) {
        size_t end = ends[i];
        vl_origin o = s->offsets ? origin_of(n, p.begin + begin, p.begin + end) : (vl_origin){0, 0};
        emit(s, ids[i], s->offsets ? vl_token_vocabulary_token(&s->t->vocabulary, ids[i]) : word,
             o);
        begin = end;
    }
    return VALENCE_OK;
}

/* ---- From text to words
 * -------------------------------------------------------------------------- */

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
        else VL_TRY(vl_split(out, step, text, p, &s->buffers[WORK]));
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

/* Bytes [begin, end) of the text, none of them an added token that is looked for before. */
static vl_status encode_range(vl_token_scratch *s, size_t begin, size_t end)
{
    vl_normal_text *text = &s->texts[0], *spare = &s->texts[1];
    vl_buffer *pieces = &s->buffers[PIECES], *spare_pieces = &s->buffers[SPARE];
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

static vl_status encode_added(vl_token_scratch *s, vl_piece p)
{
    VL_TRY(reserve(s, 1));
    vl_span spelling = {s->text.ptr + p.begin, p.end - p.begin};
    emit(s, p.token, spelling, (vl_origin){p.begin, p.end});
    return VALENCE_OK;
}

static vl_status encode_text(vl_token_scratch *s)
{
    const vl_added_tokens *added = &s->t->added_raw;
    if (s->text.len == 0) return VALENCE_OK;
    if (vl_added_tokens_none(added)) return encode_range(s, 0, s->text.len);
    vl_buffer *raw = &s->buffers[RAW_PIECES];
    vl_buffer_reset(raw);
    VL_TRY(vl_added_tokens_split(added, s->text, 0, s->text.len, raw));
    for (size_t i = 0; i < vl_piece_count(raw); i++) {
        vl_piece p = *vl_piece_at(raw, i);
        if (p.token >= 0) VL_TRY(encode_added(s, p));
        else VL_TRY(encode_range(s, p.begin, p.end));
    }
    return VALENCE_OK;
}

/* ---- Bad UTF-8
 * ----------------------------------------------------------------------------------- */

static vl_status repair_text(vl_token_scratch *s, vl_span text)
{
    vl_buffer_reset(&s->buffers[REPAIRED]);
    int64_t shift = 0;
    for (size_t at = 0; at < text.len;) {
        size_t good = vl_utf8_valid_prefix(text.ptr + at, text.len - at);
        VL_TRY(vl_buffer_append(&s->buffers[REPAIRED], text.ptr + at, good));
        at += good;
        if (at == text.len) break;
        int len;
        vl_utf8_at(text, at, &len);
        at += (size_t)len;
        VL_TRY(vl_buffer_append(&s->buffers[REPAIRED], "\xEF\xBF\xBD", 3));
        shift += len - 3;
        repair r = {(uint32_t)s->buffers[REPAIRED].len, (int32_t)shift};
        VL_TRY(vl_buffer_append(&s->buffers[REPAIRS], &r, sizeof r));
    }
    s->text = vl_buffer_span(&s->buffers[REPAIRED]);
    return s->text.len > INT32_MAX ? VALENCE_LIMIT : VALENCE_OK;
}

static uint32_t unrepaired(const vl_token_scratch *s, uint32_t place)
{
    const repair *r = (const repair *)(const void *)s->buffers[REPAIRS].data;
    size_t lo = 0, hi = s->buffers[REPAIRS].len / sizeof *r; /* r[lo - 1].at <= place < r[hi].at */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r[mid].at <= place) lo = mid + 1;
        else hi = mid;
    }
    return lo ? (uint32_t)((int64_t)place + r[lo - 1].shift) : place;
}

static void unrepair(vl_token_scratch *s)
{
    uint32_t *starts = (uint32_t *)(void *)s->buffers[STARTS].data,
             *ends = (uint32_t *)(void *)s->buffers[ENDS].data;
    for (int64_t i = 0; i < s->count; i++) {
        starts[i] = unrepaired(s, starts[i]);
        ends[i] = unrepaired(s, ends[i]);
    }
}

vl_status vl_tokenizer_encode(const vl_tokenizer *t, vl_token_scratch *s, vl_span text,
                              bool offsets, vl_tokens *out)
{
    *out = (vl_tokens){0};
    if (text.len > INT32_MAX) return VALENCE_LIMIT;
    s->t = t;
    s->text = text;
    s->offsets = offsets;
    s->count = 0;
    vl_buffer_reset(&s->buffers[IDS]);
    vl_buffer_reset(&s->buffers[STARTS]);
    vl_buffer_reset(&s->buffers[ENDS]);
    vl_buffer_reset(&s->buffers[REPAIRS]);
    if (vl_utf8_valid_prefix(text.ptr, text.len) < text.len) VL_TRY(repair_text(s, text));
    VL_TRY(encode_text(s));
    if (offsets && s->buffers[REPAIRS].len) unrepair(s);
    VL_TRY(reserve(s, 1)); /* so that nothing is NULL */
    out->ids = (const int32_t *)(const void *)s->buffers[IDS].data;
    out->count = s->count;
    if (!offsets) return VALENCE_OK;
    out->start = (const uint32_t *)(const void *)s->buffers[STARTS].data;
    out->end = (const uint32_t *)(const void *)s->buffers[ENDS].data;
    return VALENCE_OK;
}
