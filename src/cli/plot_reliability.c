/* plot_reliability.c: is 80 % sure right in 80 % of the cases? Texts in bins of confidence: a bar
 * for the share that is right, the gap to the mean confidence in another colour (their weighted
 * mean is the ECE), and below how many texts a bin has. */
#include <stdio.h>

#include "cli/plots.h"

static const cli_axes upper = {
    .box = {74, 92, 440, 330}, .x1 = 1, .y1 = 1, .y_name = "accuracy", .x_steps = 5, .y_steps = 5};

typedef struct bin {
    double from, to, confidence, accuracy;
    int64_t texts;
} bin;

static bin bin_at(const vl_evaluation *e, int b)
{
    double texts = (double)e->bin_count[b];
    bin v = {.from = (double)b / VL_EVAL_BINS,
             .to = (double)(b + 1) / VL_EVAL_BINS,
             .texts = e->bin_count[b]};
    if (v.texts) v.confidence = e->bin_score[b] / texts;
    if (v.texts) v.accuracy = (double)e->bin_right[b] / texts;
    return v;
}

/* Between two heights of a bin, a pixel apart from its neighbours. */
static cli_box bar_box(const cli_axes *a, const bin *v, double low, double high)
{
    cli_point p = cli_axes_at(a, v->from, high), q = cli_axes_at(a, v->to, low);
    return (cli_box){p.x + 1, p.y, q.x - p.x - 2, q.y - p.y};
}

static void draw_bin(cli_svg *s, const bin *v)
{
    char tip[160];
    if (!v->texts) return;
    double opacity = v->texts < CLI_PLOT_FEW ? 0.3 : 1;
    bool over = v->confidence > v->accuracy;
    snprintf(tip, sizeof tip,
             "confidence %.3f to %.3f: %lld texts, mean confidence %.4f, accuracy %.4f", v->from,
             v->to, (long long)v->texts, v->confidence, v->accuracy);
    cli_svg_rect(s, "c0 bar", bar_box(&upper, v, 0, v->accuracy), opacity, tip);
    cli_svg_rect(
        s, "c1 gap",
        bar_box(&upper, v, over ? v->accuracy : v->confidence, over ? v->confidence : v->accuracy),
        opacity, tip);
}

static void draw_legend(cli_svg *s)
{
    cli_svg_rect(s, "c0", (cli_box){74, 64, 11, 11}, 1, NULL);
    cli_svg_text(s, "small", (cli_point){90, 74}, "accuracy of the bin");
    cli_svg_rect(s, "c1", (cli_box){212, 64, 11, 11}, 1, NULL);
    cli_svg_text(s, "small", (cli_point){228, 74}, "gap to its mean confidence");
    cli_svg_text(s, "quiet small", (cli_point){390, 74}, "pale: fewer than 10 texts");
}

/* A scale for the largest share: 10 %, 20 %, 50 %, 100 %. */
static double scale_of(double largest)
{
    static const double steps[] = {0.1, 0.2, 0.5};
    for (int i = 0; i < 3; i++)
        if (largest <= steps[i]) return steps[i];
    return 1;
}

static void draw_histogram(cli_svg *s, const vl_evaluation *e)
{
    char tip[96];
    double n = (double)(e->examples ? e->examples : 1), largest = 0;
    for (int b = 0; b < VL_EVAL_BINS; b++)
        if ((double)e->bin_count[b] / n > largest) largest = (double)e->bin_count[b] / n;
    cli_axes a = {.box = {74, 458, 440, 84},
                  .x1 = 1,
                  .y1 = scale_of(largest),
                  .x_steps = 5,
                  .y_steps = 2,
                  .y_percent = true,
                  .x_name = "confidence of the prediction",
                  .y_name = "texts"};
    cli_svg_axes(s, &a);
    for (int b = 0; b < VL_EVAL_BINS; b++) {
        bin v = bin_at(e, b);
        snprintf(tip, sizeof tip, "%lld texts, %.2f %%", (long long)v.texts,
                 100 * (double)v.texts / n);
        if (v.texts)
            cli_svg_rect(s, "c0 count", bar_box(&a, &v, 0, (double)v.texts / n), 0.75, tip);
    }
}

vl_status cli_plot_reliability(cli_svg *s, const cli_plotted *p, valence_error *error)
{
    char figures[160];
    snprintf(figures, sizeof figures, "ECE %.4f, accuracy %.4f, mean confidence %.4f, %lld texts",
             p->f->ece, p->f->accuracy, p->f->confidence, (long long)p->e->examples);
    cli_svg_open(s, 540, 596, "Reliability diagram", figures);
    cli_svg_heading(s, 74, "Reliability", figures);
    draw_legend(s);
    cli_svg_axes(s, &upper);
    for (int b = 0; b < VL_EVAL_BINS; b++) {
        bin v = bin_at(p->e, b);
        draw_bin(s, &v);
    }
    cli_svg_line(s, "diagonal", cli_axes_at(&upper, 0, 0), cli_axes_at(&upper, 1, 1));
    draw_histogram(s, p->e);
    return cli_svg_close(s, error);
}
