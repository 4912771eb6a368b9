/* heat.c: spreads weights over bytes by a difference array, then sums them up word by word. */
#include "cli/heat.h"

#include <math.h>

#include "base/mem.h"

/* change[i]: by how much the weight per byte rises at byte i. (len + 1) */
static void spread(double *change, size_t len, const valence_explanation *e)
{
    for (size_t i = 0; i < e->place_count; i++) {
        const valence_place *p = &e->places[i];
        const valence_reason *r = &e->reasons[p->reason];
        if (p->start >= p->end || p->end > len) continue;
        double share = (double)r->weight / r->count / (double)(p->end - p->start);
        change[p->start] += share;
        change[p->end] -= share;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What falls on white space inside an n-gram goes to the word before it. */
static vl_status gather(vl_buffer *words, vl_span text, const double *change)
{
    double density = 0;
    cli_heat_word word = {0};
    for (size_t i = 0; i < text.len; i++) {
        bool begins = !is_blank(text.ptr[i]) && (i == 0 || is_blank(text.ptr[i - 1]));
        density += change[i];
        if (begins) {
            if (word.end) VL_TRY(vl_buffer_append(words, &word, sizeof word));
            word = (cli_heat_word){.start = i};
        }
        word.weight += density;
        if (!is_blank(text.ptr[i])) word.end = i + 1;
    }
    return word.end ? vl_buffer_append(words, &word, sizeof word) : VALENCE_OK;
}

/* A model's weights can be so large that their sums are infinite, or no numbers: shown as nothing. */
static int level_of(double weight, double most)
{
    double share = fabs(weight) / most;
    return share <= 1 ? (int)(share * CLI_HEAT_LEVELS + 0.5) : 0;
}

static void rank(vl_buffer *words)
{
    cli_heat_word *w = (cli_heat_word *)(void *)words->data;
    size_t count = words->len / sizeof *w;
    double most = 1e-9;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs(w[i].weight));
    for (size_t i = 0; i < count; i++) w[i].level = level_of(w[i].weight, most);
}

vl_status cli_heat(vl_buffer *words, vl_span text, const valence_explanation *e)
{
    if (text.len > CLI_HEAT_TEXT_MAX) text.len = CLI_HEAT_TEXT_MAX;
    double *change = vl_alloc_zero(VL_MEM_IO, (text.len + 1) * sizeof *change);
    if (!change) return VALENCE_NO_MEMORY;
    spread(change, text.len, e);
    vl_buffer_reset(words);
    vl_status status = gather(words, text, change);
    vl_free(change);
    if (status == VALENCE_OK) rank(words);
    return status;
}
