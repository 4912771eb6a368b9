/* plot_svg.c: elements as text. No scripts, no outside fonts: the file stands alone. */
#include "cli/plot_svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { SVG_MAX = 16 << 20, REPLACEMENT = 0xFFFD };

#define CALL(s, expression)                                                                        \
    do {                                                                                           \
        if ((s)->status == VALENCE_OK) (s)->status = (expression);                                 \
    } while (0)

static const char style[] =
    "<style>\n"
    "svg{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
    "font-size:12px}\n"
    "text{fill:#1f2328}.h1{font-size:17px;font-weight:600}.quiet{fill:#59636e}"
    ".small{font-size:11px}\n"
    ".over{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}"
    ".mid{text-anchor:middle}.end{text-anchor:end}.on{fill:#fff}\n"
    ".back{fill:#fff}.frame{stroke:#8c959f}.grid{stroke:#e3e6ea}.faint{stroke:#d1d6db}\n"
    "line,path{fill:none;stroke-width:1}.curve{stroke-width:2;stroke-linejoin:round}"
    ".diagonal{stroke:#1f2328;stroke-width:1.3;stroke-dasharray:5 4}\n"
    ".d1{stroke-dasharray:7 3}.d2{stroke-dasharray:2 3}.halo{stroke:#fff;stroke-width:1.5}\n"
    "path.c0,line.c0{stroke:#0072b2}path.c1,line.c1{stroke:#d55e00}"
    "path.c2,line.c2{stroke:#009e73}\n"
    "path.c3,line.c3{stroke:#cc79a7}path.c4,line.c4{stroke:#e69f00}"
    "path.c5,line.c5{stroke:#56b4e9}\n"
    "path.c6,line.c6{stroke:#000}path.c7,line.c7{stroke:#b3a700}\n"
    "rect.c0,circle.c0{fill:#0072b2}rect.c1,circle.c1{fill:#d55e00}"
    "rect.c2,circle.c2{fill:#009e73}\n"
    "@media(prefers-color-scheme:dark){\n"
    "text{fill:#e6edf3}.quiet{fill:#9198a1}.on{fill:#fff}\n"
    ".back{fill:#0d1117}.frame{stroke:#6e7681}.grid{stroke:#21262d}.faint{stroke:#30363d}"
    ".diagonal{stroke:#e6edf3}.halo,.over{stroke:#0d1117}\n"
    "path.c0,line.c0{stroke:#3b9ddb}rect.c0,circle.c0{fill:#2f8fce}"
    "path.c6,line.c6{stroke:#e6edf3}path.c7,line.c7{stroke:#f0e442}\n"
    "}\n"
    "</style>\n";

/* ---- Text ------------------------------------------------------------------------------------ */

/* XML 1.0's Char, less the controls that only browsers take. */
static bool xml_character(uint32_t c)
{
    if (c == VL_UTF8_BAD || c == 0xFFFE || c == 0xFFFF || (c >= 0x7F && c < 0xA0)) return false;
    return c >= ' ' || c == '\t' || c == '\n';
}

static const char *entity(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

vl_status cli_svg_escape(vl_buffer *out, const char *text)
{
    const char *end = text + strlen(text);
    for (int len; text < end; text += len) {
        char bytes[4];
        uint32_t c = vl_utf8_decode(text, end, &len);
        if (entity(c)) VL_TRY(vl_buffer_append_text(out, entity(c)));
        else {
            int n = vl_utf8_encode(bytes, xml_character(c) ? c : REPLACEMENT);
            VL_TRY(vl_buffer_append(out, bytes, (size_t)n));
        }
    }
    return VALENCE_OK;
}

/* In ems, for a common sans-serif: letters about 0.55, East Asian characters and emoji 1. */
static double character_width(uint32_t c)
{
    if (c < 0x300)
        return c && strchr("ijlft.,;:!|'()[] ", (int)c) ? 0.33 : c == 'm' || c == 'w' ? 0.8 : 0.58;
    return c >= 0x1100 ? 1.05 : 0.62;
}

double cli_svg_text_width(const char *text, double size)
{
    const char *end = text + strlen(text);
    double width = 0;
    for (int len; text < end; text += len)
        width += character_width(vl_utf8_decode(text, end, &len));
    return width * size;
}

void cli_svg_shorten(char *out, size_t capacity, const char *text, double size, double width)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    const char *p = text, *end = text + strlen(text);
    double used = size; /* of the ellipsis */
    if (cli_svg_text_width(text, size) <= width && (size_t)(end - text) < capacity) {
        memcpy(out, text, (size_t)(end - text) + 1);
        return;
    }
    for (int len; p < end; p += len) {
        used += size * character_width(vl_utf8_decode(p, end, &len));
        if (used > width || (size_t)(p + len - text) + sizeof ellipsis > capacity) break;
    }
    memcpy(out, text, (size_t)(p - text));
    memcpy(out + (p - text), ellipsis, sizeof ellipsis);
}

/* ---- Elements -------------------------------------------------------------------------------- */

static void element_with_text(cli_svg *s, const char *name, const char *text)
{
    CALL(s, vl_buffer_printf(&s->out, "<%s>", name));
    CALL(s, cli_svg_escape(&s->out, text));
    CALL(s, vl_buffer_printf(&s->out, "</%s>\n", name));
}

/* Ends an element that was begun as "<name ...", with its tip. */
static void finish(cli_svg *s, const char *name, const char *tip)
{
    if (!tip) {
        CALL(s, vl_buffer_append_text(&s->out, "/>\n"));
        return;
    }
    CALL(s, vl_buffer_append_text(&s->out, "><title>"));
    CALL(s, cli_svg_escape(&s->out, tip));
    CALL(s, vl_buffer_printf(&s->out, "</title></%s>\n", name));
}

void cli_svg_open(cli_svg *s, double width, double height, const char *title,
                  const char *description)
{
    width = ceil(width);
    height = ceil(height);
    s->status = VALENCE_OK;
    vl_buffer_init(&s->out, VL_MEM_REQUEST, SVG_MAX);
    CALL(s, vl_buffer_printf(
                &s->out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
                width, height, width, height));
    element_with_text(s, "title", title);
    element_with_text(s, "desc", description);
    CALL(s, vl_buffer_append_text(&s->out, style));
    cli_svg_rect(s, "back", (cli_box){0, 0, width, height}, 1, NULL);
}

vl_status cli_svg_close(cli_svg *s, valence_error *error)
{
    CALL(s, vl_buffer_append_text(&s->out, "</svg>\n"));
    return s->status == VALENCE_OK ? VALENCE_OK
                                   : vl_fail(error, s->status, "cannot draw a plot: %s",
                                             valence_status_text(s->status));
}

void cli_svg_release(cli_svg *s)
{
    vl_buffer_release(&s->out);
}

void cli_svg_heading(cli_svg *s, double x, const char *title, const char *subtitle)
{
    cli_svg_text(s, "h1", (cli_point){x, 28}, title);
    cli_svg_text(s, "quiet", (cli_point){x, 47}, subtitle);
}

void cli_svg_line(cli_svg *s, const char *class, cli_point from, cli_point to)
{
    CALL(s, vl_buffer_printf(
                &s->out, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/>\n",
                class, from.x, from.y, to.x, to.y));
}

void cli_svg_turned_text(cli_svg *s, const char *class, cli_point at, int degrees, const char *text)
{
    CALL(s,
         vl_buffer_printf(&s->out, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\"", class, at.x, at.y));
    if (degrees)
        CALL(s,
             vl_buffer_printf(&s->out, " transform=\"rotate(%d %.2f %.2f)\"", degrees, at.x, at.y));
    CALL(s, vl_buffer_append_byte(&s->out, '>'));
    CALL(s, cli_svg_escape(&s->out, text));
    CALL(s, vl_buffer_append_text(&s->out, "</text>\n"));
}

void cli_svg_text(cli_svg *s, const char *class, cli_point at, const char *text)
{
    cli_svg_turned_text(s, class, at, 0, text);
}

void cli_svg_circle(cli_svg *s, const char *class, cli_point at, double radius, const char *tip)
{
    CALL(s, vl_buffer_printf(&s->out, "<circle class=\"%s\" cx=\"%.2f\" cy=\"%.2f\" r=\"%.1f\"",
                             class, at.x, at.y, radius));
    finish(s, "circle", tip);
}

void cli_svg_path(cli_svg *s, const char *class, const cli_point *points, int count,
                  const char *tip)
{
    if (count < 1) return;
    CALL(s, vl_buffer_printf(&s->out, "<path class=\"%s\" d=\"M", class));
    for (int i = 0; i < count; i++)
        CALL(s, vl_buffer_printf(&s->out, "%s%.2f %.2f", i ? "L" : "", points[i].x, points[i].y));
    CALL(s, vl_buffer_append_byte(&s->out, '"'));
    finish(s, "path", tip);
}

void cli_svg_rect(cli_svg *s, const char *class, cli_box box, double opacity, const char *tip)
{
    CALL(s, vl_buffer_printf(
                &s->out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"",
                class, box.x, box.y, box.w, box.h));
    if (opacity < 1) CALL(s, vl_buffer_printf(&s->out, " opacity=\"%.3f\"", opacity));
    finish(s, "rect", tip);
}

/* ---- Axes ------------------------------------------------------------------------------------ */

cli_point cli_axes_at(const cli_axes *a, double x, double y)
{
    return (cli_point){a->box.x + (x - a->x0) / (a->x1 - a->x0) * a->box.w,
                       a->box.y + a->box.h - (y - a->y0) / (a->y1 - a->y0) * a->box.h};
}

/* With as many decimals as the distance of the ticks needs. */
static void tick_text(char *out, size_t size, double value, double step, bool percent)
{
    double unit = percent ? step * 100 : step;
    int decimals = 0;
    for (; decimals < 4 && fabs(unit - round(unit)) > 1e-6 * unit; decimals++) unit *= 10;
    double shown = percent ? value * 100 : value;
    snprintf(out, size, percent ? "%.*f %%" : "%.*f", decimals, fabs(shown) < 1e-9 ? 0 : shown);
}

static void draw_x_axis(cli_svg *s, const cli_axes *a)
{
    char text[32];
    double bottom = a->box.y + a->box.h, step = (a->x1 - a->x0) / (a->x_steps ? a->x_steps : 1);
    for (int i = 0; a->x_steps && i <= a->x_steps; i++) {
        cli_point p = cli_axes_at(a, a->x0 + i * step, a->y0);
        cli_svg_line(s, "grid", (cli_point){p.x, a->box.y}, p);
        tick_text(text, sizeof text, a->x0 + i * step, step, a->x_percent);
        cli_svg_text(s, "quiet small mid", (cli_point){p.x, bottom + 16}, text);
    }
    if (a->x_name)
        cli_svg_text(s, "mid", (cli_point){a->box.x + a->box.w / 2, bottom + 36}, a->x_name);
}

static void draw_y_axis(cli_svg *s, const cli_axes *a)
{
    char text[32];
    double step = (a->y1 - a->y0) / (a->y_steps ? a->y_steps : 1);
    for (int i = 0; a->y_steps && i <= a->y_steps; i++) {
        cli_point p = cli_axes_at(a, a->x0, a->y0 + i * step);
        cli_svg_line(s, "grid", p, (cli_point){a->box.x + a->box.w, p.y});
        tick_text(text, sizeof text, a->y0 + i * step, step, a->y_percent);
        cli_svg_text(s, "quiet small end", (cli_point){p.x - 7, p.y + 4}, text);
    }
    if (a->y_name)
        cli_svg_turned_text(s, "mid", (cli_point){a->box.x - 58, a->box.y + a->box.h / 2}, -90,
                            a->y_name);
}

void cli_svg_axes(cli_svg *s, const cli_axes *a)
{
    double left = a->box.x, bottom = a->box.y + a->box.h;
    draw_x_axis(s, a);
    draw_y_axis(s, a);
    cli_svg_line(s, "frame", (cli_point){left, a->box.y}, (cli_point){left, bottom});
    cli_svg_line(s, "frame", (cli_point){left, bottom}, (cli_point){left + a->box.w, bottom});
}
