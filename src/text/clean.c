/* clean.c: names of passes, and running them one after the other. A pass that changes nothing hands
 * on what it got; otherwise the text moves back and forth between the two scratch buffers. */
#include "text/clean.h"

#include <assert.h>

#include "text/passes.h"

enum { FOLD = VL_CLEAN_ONE(LOWER) | VL_CLEAN_ONE(PUNCTUATION) | VL_CLEAN_ONE(SPACES) };

static const size_t max_bytes = (size_t)4 << 30;

static const char *const names[VL_CLEAN_PASSES] = {
#define NAME(name, text, what) text,
    VL_CLEAN_LIST(NAME)
#undef NAME
};

typedef vl_status (*pass_fn)(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed);

/* The passes before those of FOLD, which run together. */
static const pass_fn rewriting[VL_CLEAN_PASSES] = {
    [VL_CLEAN_BIT_HTML] = vl_pass_html,
    [VL_CLEAN_BIT_URLS] = vl_pass_urls,
    [VL_CLEAN_BIT_NAMES] = vl_pass_names,
    [VL_CLEAN_BIT_EMOTICONS] = vl_pass_emoticons,
    [VL_CLEAN_BIT_ELONGATIONS] = vl_pass_elongations,
    [VL_CLEAN_BIT_NEGATION] = vl_pass_negation,
};

static bool find_name(vl_span name, uint32_t *pass)
{
    for (int i = 0; i < VL_CLEAN_PASSES; i++)
        if (vl_span_is(name, names[i])) return *pass = 1u << i, true;
    return false;
}

/* Cuts the part before the first comma off *rest, without the spaces around it. */
static vl_span next_name(vl_span *rest)
{
    const char *comma = memchr(rest->ptr, ',', rest->len);
    vl_span name = {rest->ptr, comma ? (size_t)(comma - rest->ptr) : rest->len};
    size_t taken = name.len + (comma != NULL);
    *rest = (vl_span){rest->ptr + taken, rest->len - taken};
    while (name.len && name.ptr[name.len - 1] == ' ') name.len--;
    while (name.len && name.ptr[0] == ' ') name.ptr++, name.len--;
    return name;
}

vl_status vl_clean_parse(uint32_t *passes, vl_span list, valence_error *error)
{
    uint32_t found = 0, pass;
    if (vl_span_is(list, "none")) list.len = 0;
    while (list.len > 0) {
        vl_span name = next_name(&list);
        if (!find_name(name, &pass))
            return vl_fail(error, VALENCE_ARGUMENT, "unknown cleaning pass '%.*s'",
                           (int)(name.len < 100 ? name.len : 100), name.ptr);
        found |= pass;
    }
    *passes = found;
    return VALENCE_OK;
}

vl_status vl_clean_names(uint32_t passes, vl_buffer *out)
{
    if (passes == 0) return vl_buffer_append_text(out, "none");
    const char *separator = "";
    for (int i = 0; i < VL_CLEAN_PASSES; i++) {
        if (!(passes & 1u << i)) continue;
        VL_TRY(vl_buffer_append_text(out, separator));
        VL_TRY(vl_buffer_append_text(out, names[i]));
        separator = ",";
    }
    return VALENCE_OK;
}

void vl_clean_scratch_release(vl_clean_scratch *s)
{
    vl_buffer_release(&s->a);
    vl_buffer_release(&s->b);
}

static void prepare(vl_clean_scratch *s)
{
    if (s->a.max) return;
    vl_buffer_init(&s->a, VL_MEM_REQUEST, max_bytes);
    vl_buffer_init(&s->b, VL_MEM_REQUEST, max_bytes);
}

static vl_edits *edits_of(vl_edits *edits, int pass)
{
    return edits ? &edits[pass] : NULL;
}

vl_status vl_clean_recorded(uint32_t passes, vl_span text, vl_clean_scratch *scratch,
                            vl_edits *edits, vl_span *out)
{
    assert(passes >> VL_CLEAN_PASSES == 0);
    prepare(scratch);
    vl_buffer *free_one = &scratch->a, *other = &scratch->b;
    for (int i = 0; i < VL_CLEAN_PASSES; i++) {
        if (!(passes & 1u << i) || !rewriting[i]) continue;
        bool changed;
        vl_buffer_reset(free_one);
        VL_TRY(rewriting[i](text, free_one, edits_of(edits, i), &changed));
        if (!changed) continue;
        text = vl_buffer_span(free_one);
        vl_buffer *full = free_one;
        free_one = other;
        other = full;
    }
    if (passes & FOLD) {
        vl_buffer_reset(free_one);
        vl_edits *folded = edits_of(edits, VL_CLEAN_BIT_LOWER);
        VL_TRY(vl_pass_fold(passes & FOLD, text, free_one, folded));
        text = vl_buffer_span(free_one);
    }
    *out = text;
    return VALENCE_OK;
}

vl_status vl_clean(uint32_t passes, vl_span text, vl_clean_scratch *scratch, vl_span *out)
{
    return vl_clean_recorded(passes, text, scratch, NULL, out);
}
