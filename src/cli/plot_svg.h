/* plot_svg.h: a small SVG writer: what the plots of `valence eval --plots` are drawn with. Lengths
 * in pixels, y downwards. Colours are classes of the style sheet (plot_svg.c), which knows a light
 * and a dark theme. Calls after a failure do nothing; cli_svg_close tells it. */
#ifndef VL_PLOT_SVG_H
#define VL_PLOT_SVG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum { CLI_SVG_COLOURS = 8 }; /* classes c0..c7, Okabe and Ito's, told apart by the colour-blind */

typedef struct cli_svg {
    vl_buffer out;
    vl_status status;
} cli_svg;

typedef struct cli_point {
    double x, y;
} cli_point;

typedef struct cli_box {
    double x, y, w, h;
} cli_box;

/* title and description are for those who do not see the picture; the heading is drawn by
 * cli_svg_heading. After cli_svg_close the document is in out until cli_svg_release. */
void cli_svg_open(cli_svg *s, double width, double height, const char *title,
                  const char *description);
vl_status cli_svg_close(cli_svg *s, valence_error *error);
void cli_svg_release(cli_svg *s);

void cli_svg_heading(cli_svg *s, double x, const char *title, const char *subtitle);

/* class: one or more of the style sheet's, separated by blanks. */
void cli_svg_line(cli_svg *s, const char *class, cli_point from, cli_point to);
void cli_svg_text(cli_svg *s, const char *class, cli_point at, const char *text);
void cli_svg_turned_text(cli_svg *s, const char *class, cli_point at, int degrees,
                         const char *text);
void cli_svg_circle(cli_svg *s, const char *class, cli_point at, double radius, const char *tip);
void cli_svg_path(cli_svg *s, const char *class, const cli_point *points, int count,
                  const char *tip);

/* opacity 0..1; tip is shown under a pointer, or NULL. */
void cli_svg_rect(cli_svg *s, const char *class, cli_box box, double opacity, const char *tip);

/* Appends text as XML: escaped, what XML 1.0 cannot hold as U+FFFD. */
vl_status cli_svg_escape(vl_buffer *out, const char *text);

/* About how many pixels wide text of this size is; and a copy cut to `width` with an ellipsis. */
double cli_svg_text_width(const char *text, double size);
void cli_svg_shorten(char *out, size_t capacity, const char *text, double size, double width);

/* ---- Axes ------------------------------------------------------------------------------------ */

typedef struct cli_axes {
    cli_box box;                 /* pixels */
    double x0, x1, y0, y1;       /* values at the box' edges */
    const char *x_name, *y_name; /* NULL: none */
    int x_steps, y_steps;        /* ticks - 1; 0: none */
    bool x_percent, y_percent;   /* ticks as 20 %, else 0.2 */
} cli_axes;

/* A value's place. */
cli_point cli_axes_at(const cli_axes *a, double x, double y);
void cli_svg_axes(cli_svg *s, const cli_axes *a);

#endif
