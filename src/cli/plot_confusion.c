/* plot_confusion.c: which classes are taken for which: a cell per pair, shaded by its share of the
 * row's texts. Of very many classes only the most confused. */
#include <stdio.h>

#include "cli/plots.h"

enum { LABEL_PIXELS = 150, LABEL_BYTES = 256 };

typedef struct matrix {
    const cli_plotted *p;
    int32_t *classes; /* (n) */
    int64_t *counts;  /* (n,n) true x predicted */
    int32_t n;
    double x, y, cell; /* of the first cell; a cell's side */
    int turned;        /* degrees: column labels do not fit side by side */
} matrix;

static void label_text(char out[LABEL_BYTES], const matrix *m, int32_t i, double width)
{
    cli_svg_shorten(out, LABEL_BYTES, m->p->labels[m->classes[i]], 12, width);
}

static double widest_label(const matrix *m)
{
    char text[LABEL_BYTES];
    double widest = 0;
    for (int32_t i = 0; i < m->n; i++) {
        label_text(text, m, i, LABEL_PIXELS);
        double w = cli_svg_text_width(text, 12);
        if (w > widest) widest = w;
    }
    return widest;
}

static void lay_out(matrix *m)
{
    static const double least = 14, most = 92, whole = 640;
    double widest = widest_label(m);
    m->cell = whole / m->n < least ? least : whole / m->n > most ? most : whole / m->n;
    m->turned = widest < m->cell - 6 ? 0 : m->cell >= 18 ? -45 : -90;
    m->x = 48 + widest;
    m->y = !m->turned ? 102 : m->turned == -45 ? 90 + 0.75 * widest : 94 + widest;
}

/* What stands in a cell: its count and share where there is room, its share alone, or nothing. */
static void draw_numbers(cli_svg *s, const matrix *m, cli_box c, int64_t count, double share,
                         bool dark)
{
    char text[32];
    const char *class = dark ? "mid on" : "mid";
    double x = c.x + c.w / 2, y = c.y + c.h / 2;
    if (m->cell >= 56) {
        snprintf(text, sizeof text, "%lld", (long long)count);
        cli_svg_text(s, class, (cli_point){x, y - 1}, text);
        snprintf(text, sizeof text, "%.1f %%", 100 * share);
        cli_svg_text(s, dark ? "mid small on" : "mid small", (cli_point){x, y + 14}, text);
    } else if (m->cell >= 24 && count) {
        snprintf(text, sizeof text, "%.0f", 100 * share);
        cli_svg_text(s, dark ? "mid small on" : "mid small", (cli_point){x, y + 4}, text);
    }
}

static void draw_cell(cli_svg *s, const matrix *m, int32_t i, int32_t j)
{
    char tip[400];
    const cli_plotted *p = m->p;
    int32_t is = m->classes[i], said = m->classes[j];
    int64_t count = m->counts[i * m->n + j];
    double share = p->e->is[is] ? (double)count / (double)p->e->is[is] : 0;
    cli_box box = {m->x + j * m->cell + 0.5, m->y + i * m->cell + 0.5, m->cell - 1, m->cell - 1};
    snprintf(tip, sizeof tip, "%.120s said to be %.120s: %lld texts, %.2f %% of %lld",
             p->labels[is], p->labels[said], (long long)count, 100 * share,
             (long long)p->e->is[is]);
    cli_svg_rect(s, i == j ? "c0 cell" : "c1 cell", box, count ? 0.1 + 0.9 * share : 0.03, tip);
    draw_numbers(s, m, box, count, share, i == j && share > 0.85);
}

static void draw_labels(cli_svg *s, const matrix *m)
{
    char text[LABEL_BYTES];
    double middle = m->n * m->cell / 2;
    for (int32_t i = 0; i < m->n; i++) {
        double at = (i + 0.5) * m->cell;
        label_text(text, m, i, LABEL_PIXELS);
        cli_svg_text(s, "end", (cli_point){m->x - 8, m->y + at + 4}, text);
        cli_point above = {m->x + at + (m->turned ? 3 : 0), m->y - 8};
        if (m->turned) cli_svg_turned_text(s, "", above, m->turned, text);
        else cli_svg_text(s, "mid", above, text);
    }
    cli_svg_turned_text(s, "mid quiet", (cli_point){24, m->y + middle}, -90, "true");
    cli_svg_text(s, "mid quiet", (cli_point){m->x + middle, 70}, "predicted");
}

static void draw(cli_svg *s, matrix *m)
{
    char figures[200];
    const vl_evaluation *e = m->p->e;
    lay_out(m);
    int n = snprintf(figures, sizeof figures, "%lld of %lld texts right", (long long)e->right,
                     (long long)e->examples);
    if (m->n < e->K)
        snprintf(figures + n, sizeof figures - (size_t)n, "; the %d most confused of %d classes",
                 m->n, e->K);
    else if (m->cell >= 24 && m->cell < 56)
        snprintf(figures + n, sizeof figures - (size_t)n, "; numbers: %% of the row");
    double heading = cli_svg_text_width(figures, 12) + 44, right = m->x + m->n * m->cell + 24;
    if (m->turned == -45) right += 60;
    cli_svg_open(s, right > heading ? right : heading, m->y + m->n * m->cell + 24,
                 "Confusion matrix", figures);
    cli_svg_heading(s, 20, "Confusion matrix", figures);
    draw_labels(s, m);
    for (int32_t i = 0; i < m->n; i++)
        for (int32_t j = 0; j < m->n; j++) draw_cell(s, m, i, j);
}

vl_status cli_plot_confusion(cli_svg *s, const cli_plotted *p, valence_error *error)
{
    int32_t K = p->e->K, n = K <= VL_EVAL_CONFUSION_MAX ? K : CLI_PLOT_CONFUSED;
    size_t cells = (size_t)n * (size_t)n;
    matrix m = {.p = p, .n = n};
    m.classes = vl_alloc_array(VL_MEM_REQUEST, (size_t)n, sizeof *m.classes);
    m.counts = vl_alloc_array(VL_MEM_REQUEST, cells, sizeof *m.counts);
    vl_status status =
        m.classes && m.counts ? VALENCE_OK : vl_fail_memory(error, cells * 8, "a plot");
    if (status == VALENCE_OK)
        status = vl_evaluation_most_confused(m.classes, m.counts, n, p->e, error);
    if (status == VALENCE_OK) {
        draw(s, &m);
        status = cli_svg_close(s, error);
    }
    vl_free(m.classes);
    vl_free(m.counts);
    return status;
}
