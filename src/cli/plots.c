/* plots.c: which pictures there are, and their files. */
#include "cli/plots.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/atomic_file.h"

typedef struct plot_kind {
    const char *name;
    vl_status (*draw)(cli_svg *s, const cli_plotted *p, valence_error *error);
    bool needs_kept, needs_classes; /* each text's scores; all of them */
} plot_kind;

static const plot_kind kinds[CLI_PLOT_FILES] = {
    {"reliability.svg", cli_plot_reliability, false, false},
    {"confusion.svg", cli_plot_confusion, false, false},
    {"precision_recall.svg", cli_plot_precision_recall, true, true},
    {"coverage.svg", cli_plot_coverage, true, false}};

static const char *why_not(const plot_kind *kind, const cli_plotted *p)
{
    bool many = p->e->K > VL_EVAL_CONFUSION_MAX;
    if (kind->needs_classes && many) return "the model has more than 64 classes";
    bool kept = kind->needs_kept || (kind->draw == cli_plot_confusion && many);
    return kept && !vl_evaluation_kept(p->e) ? "the scores of so many texts are not kept" : NULL;
}

static vl_status write_file(const char *folder, const plot_kind *kind, const cli_plotted *p,
                            valence_error *error)
{
    char path[4096];
    cli_svg s = {0};
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, kind->name) >= sizeof path)
        return vl_fail(error, VALENCE_ARGUMENT, "cannot write '%.80s..': the name is too long",
                       folder);
    vl_status status = kind->draw(&s, p, error);
    if (status == VALENCE_OK) status = vl_atomic_file_write(path, vl_buffer_span(&s.out), error);
    cli_svg_release(&s);
    return status;
}

vl_status cli_plots_folder(const char *folder, valence_error *error)
{
    struct stat info;
    if (mkdir(folder, 0777) == 0) return VALENCE_OK;
    if (errno != EEXIST) return vl_fail_errno(error, "cannot make the folder", folder);
    if (stat(folder, &info) == 0 && S_ISDIR(info.st_mode)) return VALENCE_OK;
    return vl_fail(error, VALENCE_IO, "cannot make the folder '%.250s': a file has that name",
                   folder);
}

vl_status cli_plots_write(cli_plot_file files[CLI_PLOT_FILES], const char *folder,
                          const cli_plotted *p, valence_error *error)
{
    for (int i = 0; i < CLI_PLOT_FILES; i++) {
        files[i] = (cli_plot_file){kinds[i].name, why_not(&kinds[i], p)};
        if (!files[i].left_out) VL_TRY(write_file(folder, &kinds[i], p, error));
    }
    return VALENCE_OK;
}
