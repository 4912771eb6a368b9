/* pass_fold.c: lower case, punctuation and spaces in one sweep, with Python's meaning. ASCII runs
 * go to a kernel of clean_ascii.h, all other code points through unicode.h one by one.
 *
 * Room: before each step the buffer has space for the rest of the text and VL_ASCII_SLACK bytes.
 * A step that writes more than it reads (only U+0130, U+023A, U+023E and invalid bytes do) makes
 * more, so that a text needs little more than its own size. */
#include "text/clean.h"
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

static vl_status fold_others(fold *f, size_t *at)
{
    while (*at < f->text.len && f->text.ptr[*at] & 0x80) {
        const char *before = f->writer.out;
        size_t read = fold_code_point(f, *at);
        *at += read;
        if ((size_t)(f->writer.out - before) > read) VL_TRY(make_room(f, f->text.len - *at));
    }
    return VALENCE_OK;
}

static void strip_end(fold *f)
{
    bool folded = runs(f, VL_CLEAN_ONE(SPACES)) && f->out->len > 0 && !f->writer.word;
    if (folded) f->out->len--;
}

vl_status vl_pass_fold(uint32_t passes, vl_span text, vl_buffer *out)
{
    fold f = {.text = text, .out = out, .writer.out = out->data, .passes = passes};
    const vl_ascii_rule *rule = vl_ascii_rule_of(passes);
    vl_clean_ascii_fn clean_ascii = vl_clean_ascii_active();
    VL_TRY(make_room(&f, text.len));
    for (size_t at = 0; at < text.len;) {
        at += clean_ascii(&f.writer, rule, text.ptr + at, text.len - at);
        VL_TRY(fold_others(&f, &at));
    }
    out->len = (size_t)(f.writer.out - out->data);
    strip_end(&f);
    return VALENCE_OK;
}
