/* normal_forms.c: Unicode's normalisation forms (UAX #15), one code point at a time. A run of
 * combining marks is put in order and composed in a small window; a longer one, which only hostile
 * text has, in memory that is fetched for it.
 *
 * Origins follow unicode-normalization-alignments, whose iterators yield each code point with a
 * change: 0 replaces a code point of the input, 1 is inserted, -n replaces one and swallows n
 * behind it. Reordering moves changes along with their code points, and origins are then dealt out
 * from the left. */
#include "text/normalizer.h"

#include "text/token_chars.h"

typedef struct part {
    uint32_t c;
    int32_t class, change;
} part;

typedef struct form {
    vl_normal_text *out;
    const vl_normal_text *in;
    size_t taken;     /* bytes of in whose origins are dealt out */
    vl_origin origin; /* of the last code point taken */
    part *parts;      /* a starter (if any) and the marks behind it */
    size_t count;
    part few[32];
    size_t room;
    vl_buffer many; /* in the place of few once that is full */
} form;

static void take_one(form *f)
{
    if (f->taken >= f->in->bytes.len) return;
    int len;
    const char *text = f->in->bytes.data;
    vl_utf8_decode(text + f->taken, text + f->in->bytes.len, &len);
    f->origin = vl_normal_origin(f->in, f->taken);
    f->taken += (size_t)len;
}

static vl_status emit(form *f, part p)
{
    if (p.change <= 0) take_one(f);
    vl_origin origin = f->origin;
    for (int32_t i = p.change; i < 0; i++) take_one(f);
    return vl_normal_text_put(f->out, p.c, origin);
}

static vl_status add_part(form *f, part p)
{
    if (f->count == f->room) {
        size_t used = f->count * sizeof p;
        if (f->parts == f->few) VL_TRY(vl_buffer_append(&f->many, f->few, used));
        f->many.len = used;
        VL_TRY(vl_buffer_reserve(&f->many, used));
        f->parts = (part *)(void *)f->many.data;
        f->room *= 2;
    }
    f->parts[f->count++] = p;
    return VALENCE_OK;
}

/* Stable, by class: by insertion, and a run that is too long for that by counting. */
static vl_status sort_marks(part *p, size_t n)
{
    if (n <= 64) {
        for (size_t i = 1; i < n; i++) {
            part moved = p[i];
            size_t j = i;
            for (; j > 0 && p[j - 1].class > moved.class; j--) p[j] = p[j - 1];
            p[j] = moved;
        }
        return VALENCE_OK;
    }
    part *sorted = vl_alloc_array(VL_MEM_REQUEST, n, sizeof *p);
    if (!sorted) return VALENCE_NO_MEMORY;
    size_t first[257] = {0};
    for (size_t i = 0; i < n; i++) first[p[i].class + 1]++;
    for (int i = 0; i < 256; i++) first[i + 1] += first[i];
    for (size_t i = 0; i < n; i++) sorted[first[p[i].class]++] = p[i];
    memcpy(p, sorted, n * sizeof *p);
    vl_free(sorted);
    return VALENCE_OK;
}

static vl_status flush(form *f)
{
    for (size_t i = 0; i < f->count; i++) VL_TRY(emit(f, f->parts[i]));
    f->count = 0;
    return VALENCE_OK;
}

/* Composes the marks (in order) with the starter before them where nothing stands between. */
static void compose_marks(form *f)
{
    if (f->count == 0 || f->parts[0].class != 0) return;
    size_t kept = 1;
    int32_t last = 0; /* class of the last one kept behind the starter */
    for (size_t i = 1; i < f->count; i++) {
        part p = f->parts[i];
        uint32_t both = kept == 1 || last < p.class ? vl_token_compose(f->parts[0].c, p.c) : 0;
        if (both) {
            f->parts[0].c = both;
            f->parts[0].change += p.change - 1;
            continue;
        }
        f->parts[kept++] = p;
        last = p.class;
    }
    f->count = kept;
}

/* The parts there are end before a starter. */
static vl_status finish_run(form *f)
{
    size_t starter = f->count > 0 && f->parts[0].class == 0;
    return sort_marks(f->parts + starter, f->count - starter);
}

static vl_status add(form *f, part p, bool composes)
{
    if (p.class != 0) return add_part(f, p);
    VL_TRY(finish_run(f));
    if (composes) compose_marks(f);
    uint32_t both = composes && f->count == 1 && f->parts[0].class == 0
                        ? vl_token_compose(f->parts[0].c, p.c)
                        : 0;
    if (both) {
        f->parts[0].c = both;
        f->parts[0].change += p.change - 1;
        return VALENCE_OK;
    }
    VL_TRY(flush(f));
    return add_part(f, p);
}

static vl_status run(form *f, bool compatible, bool composes)
{
    const char *text = f->in->bytes.data, *end = text + f->in->bytes.len;
    for (size_t at = 0; at < f->in->bytes.len;) {
        int len;
        uint32_t to[VL_DECOMPOSE_MAX], c = vl_utf8_decode(text + at, end, &len);
        at += (size_t)len;
        int n = vl_token_decompose(to, c, compatible);
        for (int i = 0; i < n; i++)
            VL_TRY(add(f, (part){to[i], vl_token_combining_class(to[i]), i > 0}, composes));
    }
    VL_TRY(finish_run(f));
    if (composes) compose_marks(f);
    return flush(f);
}

vl_status vl_normal_form(vl_normal_text *out, const vl_normal_text *in, vl_normal_kind kind)
{
    form f = {.out = out, .in = in};
    f.parts = f.few;
    f.room = sizeof f.few / sizeof *f.few;
    vl_buffer_init(&f.many, VL_MEM_REQUEST, (size_t)UINT32_MAX * sizeof(part));
    vl_status status = run(&f, kind == VL_NORMAL_NFKD || kind == VL_NORMAL_NFKC,
                           kind == VL_NORMAL_NFC || kind == VL_NORMAL_NFKC);
    vl_buffer_release(&f.many);
    return status;
}

/* Ranges that NFC leaves alone and that compose with nothing among themselves: what could change
 * them, combining marks and vowel signs, is outside. */
static bool is_stable(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x2FF},    {0x400, 0x482},   {0x5D0, 0x5EA},   {0x2010, 0x2027},
                  {0x2030, 0x205E}, {0x20A0, 0x20BF}, {0x2190, 0x2328}, {0x232B, 0x27BF},
                  {0x3041, 0x3096}, {0x30A1, 0x30FA}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3},
                  {0xE000, 0xF8FF}, {0xFE0F, 0xFE0F}, {0xFFFD, 0xFFFD}, {0x1F300, 0x1FAFF}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c <= ranges[i].last) return c >= ranges[i].first;
    return false;
}

bool vl_normal_form_has(vl_normal_kind kind, vl_span text)
{
    const char *p = text.ptr, *end = p + text.len;
    while (p < end) {
        uint64_t block = 0;
        memcpy(&block, p, end - p >= 8 ? 8 : (size_t)(end - p));
        if (!(block & 0x8080808080808080u)) {
            p += end - p >= 8 ? 8 : end - p;
            continue;
        }
        int len;
        uint32_t c = vl_utf8_decode(p, end, &len);
        if (c >= 0x80 && (kind != VL_NORMAL_NFC || !is_stable(c))) return false;
        p += len;
    }
    return true;
}
