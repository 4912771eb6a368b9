/* normalizer.c: the steps but for normal_forms.c's. */
#include "text/normalizer.h"

#include "text/byte_letters.h"
#include "text/token_chars.h"

/* A code point of a text, and where it stands. */
typedef struct reader {
    const vl_normal_text *in;
    size_t at, next;
    uint32_t c;
    vl_origin origin;
} reader;

static bool read_next(reader *r)
{
    r->at = r->next;
    if (r->at >= r->in->bytes.len) return false;
    int len;
    const char *text = r->in->bytes.data;
    r->c = vl_utf8_decode(text + r->at, text + r->in->bytes.len, &len);
    r->origin = vl_normal_origin(r->in, r->at);
    r->next = r->at + (size_t)len;
    return true;
}

static vl_status clean(vl_normal_text *out, const vl_normal_text *in)
{
    for (reader r = {.in = in}; read_next(&r);) {
        bool blank = r.c == '\t' || r.c == '\n' || r.c == '\r';
        if (!blank && (r.c == 0xFFFD || vl_token_is_other(r.c))) continue;
        VL_TRY(vl_normal_text_put(out, vl_token_is_space(r.c) ? ' ' : r.c, r.origin));
    }
    return VALENCE_OK;
}

/* As the original BERT has it; the gap before U+2B920 is Hugging Face's. */
static bool is_chinese(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static vl_status chinese(vl_normal_text *out, const vl_normal_text *in)
{
    for (reader r = {.in = in}; read_next(&r);) {
        bool alone = is_chinese(r.c);
        if (alone) VL_TRY(vl_normal_text_put(out, ' ', r.origin));
        VL_TRY(vl_normal_text_put(out, r.c, r.origin));
        if (alone) VL_TRY(vl_normal_text_put(out, ' ', r.origin));
    }
    return VALENCE_OK;
}

static vl_status drop(vl_normal_text *out, const vl_normal_text *in, bool (*is)(uint32_t c))
{
    for (reader r = {.in = in}; read_next(&r);)
        if (!is(r.c)) VL_TRY(vl_normal_text_put(out, r.c, r.origin));
    return VALENCE_OK;
}

static vl_status lower(vl_normal_text *out, const vl_normal_text *in)
{
    uint32_t to[VL_TOKEN_LOWER_MAX];
    for (reader r = {.in = in}; read_next(&r);) {
        int n = vl_token_lower(to, r.c);
        for (int i = 0; i < n; i++) VL_TRY(vl_normal_text_put(out, to[i], r.origin));
    }
    return VALENCE_OK;
}

static vl_status strip(vl_normal_text *out, const vl_normal_text *in, const vl_normal_step *step)
{
    size_t begin = in->bytes.len, end = 0;
    for (reader r = {.in = in}; read_next(&r);) {
        if (vl_token_is_space(r.c)) continue;
        if (r.at < begin) begin = r.at;
        end = r.next;
    }
    if (!step->left) begin = 0;
    if (!step->right) end = in->bytes.len;
    return begin < end ? vl_normal_text_copy(out, in, begin, end) : VALENCE_OK;
}

static vl_status put_all(vl_normal_text *out, vl_span content, vl_origin origin)
{
    for (size_t at = 0; at < content.len;) {
        int len;
        uint32_t c = vl_utf8_decode(content.ptr + at, content.ptr + content.len, &len);
        VL_TRY(vl_normal_text_put(out, c, origin));
        at += (size_t)len;
    }
    return VALENCE_OK;
}

static vl_status prepend(vl_normal_text *out, const vl_normal_text *in, vl_span content)
{
    size_t len = in->bytes.len;
    if (len > 0) VL_TRY(put_all(out, content, vl_normal_origin(in, 0)));
    return vl_normal_text_copy(out, in, 0, len);
}

static vl_status replace(vl_normal_text *out, const vl_normal_text *in, const vl_normal_step *step)
{
    vl_span text = vl_buffer_span(&in->bytes);
    size_t copied = 0, start, end;
    while (vl_pattern_find(&step->pattern, text, copied, &start, &end)) {
        VL_TRY(vl_normal_text_copy(out, in, copied, start));
        VL_TRY(put_all(out, step->content, vl_normal_origin(in, end - 1)));
        copied = end;
    }
    return vl_normal_text_copy(out, in, copied, text.len);
}

static vl_status bytes(vl_normal_text *out, const vl_normal_text *in)
{
    for (size_t at = 0; at < in->bytes.len; at++) {
        uint32_t letter = vl_byte_letter((unsigned char)in->bytes.data[at]);
        VL_TRY(vl_normal_text_put(out, letter, vl_normal_origin(in, at)));
    }
    return VALENCE_OK;
}

static vl_status apply(const vl_normal_step *step, vl_normal_text *out, const vl_normal_text *in)
{
    switch (step->kind) {
    case VL_NORMAL_CLEAN:
        return clean(out, in);
    case VL_NORMAL_CHINESE:
        return chinese(out, in);
    case VL_NORMAL_DROP_NONSPACING:
        return drop(out, in, vl_token_is_nonspacing);
    case VL_NORMAL_DROP_COMBINING:
        return drop(out, in, vl_token_is_combining);
    case VL_NORMAL_LOWER:
        return lower(out, in);
    case VL_NORMAL_STRIP:
        return strip(out, in, step);
    case VL_NORMAL_PREPEND:
        return prepend(out, in, step->content);
    case VL_NORMAL_REPLACE:
        return replace(out, in, step);
    case VL_NORMAL_BYTES:
        return bytes(out, in);
    default:
        return vl_normal_form(out, in, step->kind);
    }
}

vl_status vl_normalize(const vl_normalizer *n, vl_normal_text **text, vl_normal_text **spare)
{
    for (int i = 0; i < n->count; i++) {
        vl_normal_text *in = *text, *out = *spare;
        vl_normal_text_reset(out, in->keeps_origins);
        VL_TRY(apply(&n->steps[i], out, in));
        *text = out;
        *spare = in;
    }
    return VALENCE_OK;
}

bool vl_normalizer_keeps(const vl_normalizer *n, vl_span text)
{
    for (int i = 0; i < n->count; i++) {
        vl_normal_kind kind = n->steps[i].kind;
        if (kind < VL_NORMAL_NFD || kind > VL_NORMAL_NFKC || !vl_normal_form_has(kind, text))
            return false;
    }
    return true;
}
