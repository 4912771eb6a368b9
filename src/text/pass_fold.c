/* pass_fold.c: lower case, punctuation and spaces in one sweep, with Python's meaning. ASCII runs
 * go to a kernel of clean_ascii.h, all other code points through unicode.h one by one.
 *
 * Room: before each step the buffer has space for the rest of the text and VL_ASCII_SLACK bytes.
 * A step that writes more than it reads (only U+0130, U+023A, U+023E and invalid bytes do) makes
 * more, so that a text needs little more than its own size.
 *
 * To record edits the same rules run in steps of one code point, each of which is one edit if what
 * it wrote is not as long as what it read. */
#include "text/clean_ascii.h"
#include "text/passes.h"
#include "text/unicode.h"

typedef struct fold {
    vl_span text;
    vl_buffer *out;
    vl_ascii_writer writer;
    uint32_t passes;
} fold;

static vl_status make_room(fold *f, size_t left)
{
    f->out->len = f->out->data ? (size_t)(f->writer.out - f->out->data) : 0;
    VL_TRY(vl_buffer_reserve(f->out, left + VL_ASCII_SLACK));
    f->writer.out = f->out->data + f->out->len;
    return VALENCE_OK;
}

static bool runs(const fold *f, uint32_t pass)
{
    return (f->passes & pass) != 0;
}

static void put(fold *f, uint32_t c)
{
    bool folds = runs(f, VL_CLEAN_ONE(SPACES)) && vl_is_space(c);
    if (folds) {
        if (f->writer.word) *f->writer.out++ = ' ';
    } else if (runs(f, VL_CLEAN_ONE(PUNCTUATION)) && !vl_is_word(c) && !vl_is_space(c)) {
        return;
    } else {
        f->writer.out += vl_utf8_encode(f->writer.out, c);
    }
    f->writer.word = !folds;
}

/* One code point at at, not ASCII; returns its length. Writes at most 4 bytes. */
static size_t fold_code_point(fold *f, size_t at)
{
    int len, n = 1;
    uint32_t c = vl_utf8_at(f->text, at, &len), lower[VL_LOWER_MAX] = {c};
    if (c == VL_UTF8_BAD) lower[0] = VL_UNICODE_REPLACEMENT;
    else if (c == 0x3A3 && runs(f, VL_CLEAN_ONE(LOWER))) lower[0] = vl_lower_sigma(f->text, at);
    else if (runs(f, VL_CLEAN_ONE(LOWER))) n = vl_lower(lower, c);
    for (int i = 0; i < n; i++) put(f, lower[i]);
    return (size_t)len;
}

static vl_status fold_other(fold *f, size_t *at)
{
    const char *before = f->writer.out;
    size_t read = fold_code_point(f, *at);
    *at += read;
    bool grew = (size_t)(f->writer.out - before) > read;
    return grew ? make_room(f, f->text.len - *at) : VALENCE_OK;
}

static vl_status fold_others(fold *f, size_t *at)
{
    while (*at < f->text.len && f->text.ptr[*at] & 0x80) VL_TRY(fold_other(f, at));
    return VALENCE_OK;
}

static vl_status fold_all(fold *f)
{
    const vl_ascii_rule *rule = vl_ascii_rule_of(f->passes);
    vl_clean_ascii_fn clean_ascii = vl_clean_ascii_active();
    for (size_t at = 0; at < f->text.len;) {
        at += clean_ascii(&f->writer, rule, f->text.ptr + at, f->text.len - at);
        VL_TRY(fold_others(f, &at));
    }
    return VALENCE_OK;
}

static size_t written(const fold *f)
{
    return (size_t)(f->writer.out - f->out->data);
}

static vl_status fold_and_record(fold *f, vl_edits *edits)
{
    const vl_ascii_rule *rule = vl_ascii_rule_of(f->passes);
    for (size_t at = 0; at < f->text.len;) {
        size_t in_at = at, out_at = written(f);
        at += vl_clean_ascii_scalar(&f->writer, rule, f->text.ptr + at, 1);
        if (at == in_at) VL_TRY(fold_other(f, &at));
        size_t in_len = at - in_at, out_len = written(f) - out_at;
        if (in_len != out_len) VL_TRY(vl_edits_add(edits, out_at, out_len, in_at, in_len));
    }
    return VALENCE_OK;
}

/* The space's edit, if it has one, stays: it lies behind the text, where no range ends. */
static void strip_end(fold *f)
{
    bool folded = runs(f, VL_CLEAN_ONE(SPACES)) && f->out->len > 0 && !f->writer.word;
    if (folded) f->out->len--;
}

vl_status vl_pass_fold(uint32_t passes, vl_span text, vl_buffer *out, vl_edits *edits)
{
    fold f = {.text = text, .out = out, .writer.out = out->data, .passes = passes};
    VL_TRY(make_room(&f, text.len));
    VL_TRY(edits ? fold_and_record(&f, edits) : fold_all(&f));
    out->len = written(&f);
    strip_end(&f);
    return VALENCE_OK;
}
