/* plots.h: the pictures of `valence eval --plots`: an evaluation as SVG files. */
#ifndef VL_PLOTS_H
#define VL_PLOTS_H

#include "cli/plot_svg.h"
#include "engine/evaluation.h"

typedef struct cli_plotted {
    const vl_evaluation *e;
    const vl_figures *f;
    const char *const *labels; /* (K) */
} cli_plotted;

enum {
    CLI_PLOT_FEW = 10,     /* texts: a bin with fewer is drawn pale */
    CLI_PLOT_POINTS = 500, /* of a curve, at most */
    CLI_PLOT_CURVES = 20,  /* classes with a curve, at most */
    CLI_PLOT_CONFUSED = 30 /* classes of a matrix that has more than VL_EVAL_CONFUSION_MAX */
};

/* Each draws a whole document, from cli_svg_open to cli_svg_close; release it in any case. Those of
 * curves need vl_evaluation_kept, precision-recall K <= VL_EVAL_CONFUSION_MAX as well. */
vl_status cli_plot_reliability(cli_svg *s, const cli_plotted *p, valence_error *error);
vl_status cli_plot_confusion(cli_svg *s, const cli_plotted *p, valence_error *error);
vl_status cli_plot_precision_recall(cli_svg *s, const cli_plotted *p, valence_error *error);
vl_status cli_plot_coverage(cli_svg *s, const cli_plotted *p, valence_error *error);

/* Makes the folder, if it is not there; its parent must be. */
vl_status cli_plots_folder(const char *folder, valence_error *error);

typedef struct cli_plot_file {
    const char *name;     /* "reliability.svg" */
    const char *left_out; /* why it was not written, or NULL */
} cli_plot_file;

enum { CLI_PLOT_FILES = 4 };

/* Writes what can be drawn into the folder, each file whole or not at all. */
vl_status cli_plots_write(cli_plot_file files[CLI_PLOT_FILES], const char *folder,
                          const cli_plotted *p, valence_error *error);

#endif
