/* plot_curves.c: precision against recall, and accuracy against the share of texts answered. Both
 * are exact: a point for each threshold that the scores allow, thinned out for drawing only. */
#include <math.h>
#include <stdio.h>

#include "cli/plots.h"
#include "engine/ranking.h"

/* ---- Thinning -------------------------------------------------------------------------------- */

typedef struct curve {
    cli_point points[CLI_PLOT_POINTS]; /* values, then pixels */
    int count;
} curve;

/* Keeps the last point of each of CLI_PLOT_POINTS - 1 equal parts of x in [0, 1], and the first of
 * all. */
static void curve_add(curve *c, double x, double y)
{
    int part = (int)(x * (CLI_PLOT_POINTS - 2));
    bool same = c->count > 1 && (int)(c->points[c->count - 1].x * (CLI_PLOT_POINTS - 2)) == part;
    if (same) c->count--;
    if (c->count < CLI_PLOT_POINTS) c->points[c->count++] = (cli_point){x, y};
}

static void curve_draw(cli_svg *s, curve *c, const cli_axes *a, const char *class, const char *tip)
{
    for (int i = 0; i < c->count; i++)
        c->points[i] = cli_axes_at(a, c->points[i].x, c->points[i].y);
    cli_svg_path(s, class, c->points, c->count, tip);
}

/* ---- Precision and recall -------------------------------------------------------------------- */

static const cli_axes pr_axes = {.box = {74, 72, 420, 420},
                                 .x1 = 1,
                                 .y1 = 1,
                                 .x_name = "recall",
                                 .y_name = "precision",
                                 .x_steps = 5,
                                 .y_steps = 5};

/* Where 2 p r / (p + r) is one of these. */
static void draw_iso_f1(cli_svg *s)
{
    for (double f = 0.2; f < 0.95; f += f < 0.75 ? 0.2 : 0.1) {
        curve c = {.count = 0};
        char name[16];
        double least = f / (2 - f); /* recall at precision 1, and the other way round */
        for (int i = 0; i <= 60; i++) {
            double r = least + (1 - least) * i / 60;
            c.points[c.count++] = (cli_point){r, f * r / (2 * r - f)};
        }
        curve_draw(s, &c, &pr_axes, "faint", NULL);
        snprintf(name, sizeof name, "F1 %.1f", f);
        cli_point end = cli_axes_at(&pr_axes, 1, least);
        cli_svg_text(s, "small quiet", (cli_point){end.x + 4, end.y + 4}, name);
    }
}

static void pr_curve(curve *c, const uint32_t *keys, int64_t n, int64_t is)
{
    vl_rank_cut cut = {0};
    c->count = 0;
    while (vl_rank_next(&cut, keys, n))
        curve_add(c, (double)cut.yes / (double)is, (double)cut.yes / (double)cut.kept);
}

static void legend_line(cli_svg *s, int row, const char *class, const char *label, double ap)
{
    char name[160], figure[16];
    double x = 560, y = 86 + row * 22;
    cli_svg_shorten(name, sizeof name, label, 12, 130);
    snprintf(figure, sizeof figure, "%.4f", ap);
    cli_svg_line(s, class, (cli_point){x, y - 4}, (cli_point){x + 24, y - 4});
    cli_svg_text(s, "", (cli_point){x + 32, y}, name);
    cli_svg_text(s, "end", (cli_point){x + 212, y}, figure);
}

/* row: its place in the legend, which also chooses colour and dashes. */
static vl_status draw_class(cli_svg *s, const cli_plotted *p, int32_t k, int row,
                            valence_error *error)
{
    curve c;
    char class[32], tip[200];
    uint32_t *keys;
    VL_TRY(vl_evaluation_rank_class(&keys, p->e, k, error));
    double ap = vl_rank_average_precision(keys, p->e->examples);
    pr_curve(&c, keys, p->e->examples, p->e->is[k]);
    vl_free(keys);
    snprintf(class, sizeof class, "curve c%d d%d", row % CLI_SVG_COLOURS, row / CLI_SVG_COLOURS);
    snprintf(tip, sizeof tip, "%.120s: average precision %.4f", p->labels[k], ap);
    curve_draw(s, &c, &pr_axes, class, tip);
    legend_line(s, row, class, p->labels[k], ap);
    return VALENCE_OK;
}

static vl_status draw_classes(cli_svg *s, const cli_plotted *p, valence_error *error)
{
    int row = 0;
    for (int32_t k = 0; k < p->e->K && row < CLI_PLOT_CURVES; k++)
        if (p->e->is[k]) VL_TRY(draw_class(s, p, k, row++, error));
    if (row < p->f->classes_present)
        cli_svg_text(s, "quiet small", (cli_point){560, 86 + row * 22.0},
                     "further classes are left out");
    return VALENCE_OK;
}

vl_status cli_plot_precision_recall(cli_svg *s, const cli_plotted *p, valence_error *error)
{
    char figures[120];
    snprintf(figures, sizeof figures, "each class against the others, %lld texts",
             (long long)p->e->examples);
    cli_svg_open(s, 796, 550, "Precision and recall", figures);
    cli_svg_heading(s, 74, "Precision and recall", figures);
    cli_svg_text(s, "end quiet small", (cli_point){772, 62}, "average precision");
    cli_svg_axes(s, &pr_axes);
    draw_iso_f1(s);
    VL_TRY(draw_classes(s, p, error));
    return cli_svg_close(s, error);
}

/* ---- Coverage -------------------------------------------------------------------------------- */

/* The axis ends at 1 and begins where the whole curve is seen but for its wild start, a few texts.
 */
static void choose_y_axis(cli_axes *a, const uint32_t *keys, int64_t n)
{
    static const struct {
        double span;
        int steps;
    } choices[] = {{0.01, 5}, {0.02, 4}, {0.05, 5}, {0.1, 5}, {0.2, 4}, {0.3, 3},
                   {0.4, 4},  {0.5, 5},  {0.6, 3},  {0.8, 4}, {1, 5}};
    vl_rank_cut cut = {0};
    double lowest = 1;
    size_t i = 0;
    while (vl_rank_next(&cut, keys, n)) {
        double accuracy = (double)cut.yes / (double)cut.kept;
        if ((double)cut.kept >= 0.02 * (double)n && accuracy < lowest) lowest = accuracy;
    }
    while (1 - lowest > choices[i].span) i++;
    a->y0 = 1 - choices[i].span;
    a->y1 = 1;
    a->y_steps = choices[i].steps;
}

/* A dot; its threshold beside it unless the last one that was told, at *last, is too near. */
static void mark(cli_svg *s, const cli_axes *a, const vl_rank_cut *cut, int64_t n, double least,
                 const char *class, cli_point *last)
{
    char text[32], tip[160];
    double coverage = (double)cut->kept / (double)n,
           accuracy = (double)cut->yes / (double)cut->kept;
    if (accuracy < a->y0) return;
    cli_point at = cli_axes_at(a, coverage, accuracy);
    snprintf(tip, sizeof tip, "confidence %.4f and above: %.2f %% of the texts, accuracy %.4f",
             least, 100 * coverage, accuracy);
    cli_svg_circle(s, class, at, 4, tip);
    if (!last || fabs(at.x - last->x) < 34) return;
    snprintf(text, sizeof text, "%.4g", least);
    cli_svg_text(s, "small mid over", (cli_point){at.x, at.y - 9}, text);
    *last = at;
}

/* Dots where the confidence asked for is a round number, and where the model abstains. */
static void mark_thresholds(cli_svg *s, const cli_axes *a, const uint32_t *keys,
                            const vl_evaluation *e)
{
    static const double round_ones[] = {0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3};
    vl_rank_cut cut = {0}, before = {0};
    cli_point last = {-100, 0};
    size_t i = 0;
    while (vl_rank_next(&cut, keys, e->examples)) {
        for (; i < sizeof round_ones / sizeof *round_ones && (double)cut.score < round_ones[i]; i++)
            if (before.kept) mark(s, a, &before, e->examples, round_ones[i], "c0 halo", &last);
        before = cut;
    }
    cut.kept = e->answered;
    cut.yes = e->answered_right;
    if (e->min_confidence > 0 && e->answered)
        mark(s, a, &cut, e->examples, (double)e->min_confidence, "c1 halo own", NULL);
}

static void draw_coverage(cli_svg *s, const cli_plotted *p, const uint32_t *keys)
{
    int64_t n = p->e->examples;
    curve c = {.count = 0};
    vl_rank_cut cut = {0};
    cli_axes a = {.box = {74, 92, 550, 330},
                  .x1 = 1,
                  .x_steps = 5,
                  .x_percent = true,
                  .y_percent = true,
                  .x_name = "share of texts answered (the most confident ones)",
                  .y_name = "accuracy of the answers"};
    choose_y_axis(&a, keys, n);
    while (vl_rank_next(&cut, keys, n)) {
        double accuracy = (double)cut.yes / (double)cut.kept;
        if (accuracy >= a.y0) curve_add(&c, (double)cut.kept / (double)n, accuracy);
    }
    cli_svg_axes(s, &a);
    curve_draw(s, &c, &a, "curve c0", NULL);
    mark_thresholds(s, &a, keys, p->e);
}

vl_status cli_plot_coverage(cli_svg *s, const cli_plotted *p, valence_error *error)
{
    char figures[160], own[120];
    uint32_t *keys;
    VL_TRY(vl_evaluation_rank_confidence(&keys, p->e, error));
    snprintf(figures, sizeof figures,
             "accuracy %.4f when all are answered, mean error along the curve "
             "%.4f, %lld texts",
             p->f->accuracy, vl_rank_mean_risk(keys, p->e->examples), (long long)p->e->examples);
    cli_svg_open(s, 660, 478, "Accuracy against coverage", figures);
    cli_svg_heading(s, 74, "Accuracy of confident answers", figures);
    snprintf(own, sizeof own, "dots: answering from this confidence on");
    if (p->e->min_confidence > 0)
        snprintf(own, sizeof own,
                 "dots: answering from this confidence on; as now set: %.1f %% answered, "
                 "%.4f right",
                 100 * p->f->coverage, p->f->selective_accuracy);
    cli_svg_text(s, "quiet small", (cli_point){74, 68}, own);
    draw_coverage(s, p, keys);
    vl_free(keys);
    return cli_svg_close(s, error);
}
