/* train_curve.c: writes the curve. */
#include "cli/train_curve.h"

#include <stdio.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/decimal.h"
#include "base/json.h"
#include "cli/plot_svg.h"

enum { PATH_MAX_BYTES = 4096, WIDTH = 640, HEIGHT = 400, LINE_POINTS = 2000 };

static vl_status write_number(vl_buffer *b, double x, char behind)
{
    VL_TRY(vl_json_write_number(b, x)); /* no locale's comma */
    return vl_buffer_append_byte(b, behind);
}

static vl_status write_table(vl_buffer *b, const vl_fit_point *c, int64_t points)
{
    VL_TRY(vl_buffer_append_text(b, "step,epoch,tokens,seconds,rate,loss,dev_loss,dev_accuracy\n"));
    for (int64_t i = 0; i < points; i++) {
        const double row[] = {c[i].step, c[i].epoch, c[i].tokens,   c[i].seconds,
                              c[i].rate, c[i].loss,  c[i].dev_loss, c[i].dev_accuracy};
        for (int k = 0; k < 8; k++) VL_TRY(write_number(b, row[k], k < 7 ? ',' : '\n'));
    }
    return VALENCE_OK;
}

static void draw_line(cli_svg *s, const cli_axes *a, const vl_fit_point *c, int64_t points,
                      size_t offset, const char *class, const char *tip)
{
    static cli_point line[LINE_POINTS];
    int n = 0;
    for (int64_t i = 0; i < points && n < LINE_POINTS; i++) {
        double y;
        memcpy(&y, (const char *)&c[i] + offset, sizeof y);
        line[n++] = cli_axes_at(a, c[i].epoch, y);
    }
    cli_svg_path(s, class, line, n, tip);
}

static double largest_loss(const vl_fit_point *c, int64_t points)
{
    double most = 0;
    for (int64_t i = 0; i < points; i++) {
        if (c[i].loss > most) most = c[i].loss;
        if (c[i].dev_loss > most) most = c[i].dev_loss;
    }
    return most > 0 ? most : 1;
}

static vl_status draw(vl_buffer *out, const vl_fit_point *c, int64_t points, valence_error *error)
{
    cli_svg s;
    double epochs = points ? c[points - 1].epoch : 1, top = largest_loss(c, points) * 1.05;
    cli_axes a = {.box = {60, 70, WIDTH - 90, HEIGHT - 130},
                  .x1 = epochs,
                  .y1 = top > 1 ? top : 1,
                  .x_name = "epoch",
                  .y_name = "loss, accuracy",
                  .x_steps = 5,
                  .y_steps = 5};
    cli_svg_open(&s, WIDTH, HEIGHT, "training curve", "loss and dev accuracy by epoch");
    cli_svg_heading(&s, 20, "Training curve", "dev accuracy, dev loss and training loss by epoch");
    cli_svg_axes(&s, &a);
    draw_line(&s, &a, c, points, offsetof(vl_fit_point, dev_accuracy), "line c0", "dev accuracy");
    draw_line(&s, &a, c, points, offsetof(vl_fit_point, dev_loss), "line c1", "dev loss");
    draw_line(&s, &a, c, points, offsetof(vl_fit_point, loss), "line c2", "training loss");
    vl_status status = cli_svg_close(&s, error);
    if (status == VALENCE_OK) status = vl_buffer_append(out, s.out.data, s.out.len);
    cli_svg_release(&s);
    return status;
}

static vl_status write_file(const char *path, const char *ending, const vl_buffer *b,
                            valence_error *error)
{
    char name[PATH_MAX_BYTES];
    size_t n = strlen(path);
    if (n > 4 && (strcmp(path + n - 4, ".csv") == 0 || strcmp(path + n - 4, ".svg") == 0)) n -= 4;
    if (n + 5 > sizeof name)
        return vl_fail(error, VALENCE_ARGUMENT, "the curve's path is too long");
    snprintf(name, sizeof name, "%.*s%s", (int)n, path, ending);
    return vl_atomic_file_write(name, vl_buffer_span(b), error);
}

vl_status cli_train_curve_write(const char *path, const vl_fit_point *curve, int64_t points,
                                valence_error *error)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_IO, 64 << 20);
    vl_status status = write_table(&b, curve, points);
    if (status != VALENCE_OK) vl_fail_memory(error, b.len, "the curve");
    else status = write_file(path, ".csv", &b, error);
    vl_buffer_reset(&b);
    if (status == VALENCE_OK) status = draw(&b, curve, points, error);
    if (status == VALENCE_OK) status = write_file(path, ".svg", &b, error);
    vl_buffer_release(&b);
    return status;
}
