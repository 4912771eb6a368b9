/* bulk_resume.c: the facts of a bulk run, and the cases of a start. */
#include "cli/bulk_resume.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"

/* ---- Facts ----------------------------------------------------------------------------------- */

/* A folder's contents are told from the first of its weights' files; of shards every name has the
 * same number of them in it, and the sizes add up in the fact. */
static void identify_folder(vl_source_identity *file, const char *folder)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json"};
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%.4000s/%s", folder, names[i]);
        if (vl_file_identify(path, file, NULL) == VALENCE_OK) return;
    }
    file->contents = 0;
}

/* A file by its contents, not by its name or age; the model in the library by its size and card. */
static vl_status add_model(cli_resume *r, const valence_model *model, valence_error *error)
{
    valence_model_info info;
    vl_source_identity file = {0};
    char text[160];
    valence_model_describe(model, &info);
    if (vl_file_identify(info.path, &file, error) != VALENCE_OK) identify_folder(&file, info.path);
    snprintf(text, sizeof text, "%.40s %.20s %llu bytes %016llx", info.family, info.dtype,
             (unsigned long long)info.bytes,
             (unsigned long long)vl_hash64(info.card, strlen(info.card), file.contents));
    return cli_resume_fact(r, "the model", text, error);
}

static vl_status add_real(cli_resume *r, const char *name, double value, valence_error *error)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return cli_resume_fact(r, name, text, error);
}

static vl_status add_integer(cli_resume *r, const char *name, uint64_t value, valence_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return cli_resume_fact(r, name, text, error);
}

static vl_status add_text(cli_resume *r, const char *name, const char *value, valence_error *error)
{
    return cli_resume_fact(r, name, value ? value : "", error);
}

static const char *name_of(cli_format format)
{
    static const char *const names[] = {"auto", "pretty", "json", "jsonl", "csv", "tsv", "html"};
    return names[format];
}

static vl_status add_options(cli_resume *r, const cli_bulk_options *o, cli_format format,
                             valence_error *error)
{
    char shard[48];
    snprintf(shard, sizeof shard, "%llu/%llu", (unsigned long long)o->source.shard,
             (unsigned long long)o->source.shards);
    VL_TRY(add_text(r, "--shard", o->source.shards ? shard : "", error));
    VL_TRY(add_text(r, "--format", name_of(format), error));
    VL_TRY(add_integer(r, "the format of the input", (uint64_t)o->source.format, error));
    VL_TRY(add_text(r, "--text", o->source.text, error));
    VL_TRY(add_text(r, "the label column", o->source.label, error));
    VL_TRY(add_text(r, "the id column", o->source.id, error));
    VL_TRY(add_text(r, "--keep", o->keep, error));
    VL_TRY(add_integer(r, "--top", (uint64_t)o->style.top, error));
    VL_TRY(add_integer(r, "--explain", o->style.explain, error));
    VL_TRY(add_integer(r, "--sentences", o->style.sentences, error));
    if (!o->decide) return VALENCE_OK;
    VL_TRY(add_real(r, "--neutral-band", o->decide->neutral_band, error));
    VL_TRY(add_integer(r, "--max-length", (uint64_t)o->decide->max_length, error));
    VL_TRY(add_integer(r, "--truncate", (uint64_t)o->decide->truncation, error));
    return add_real(r, "--min-confidence", o->decide->min_confidence, error);
}

vl_status cli_bulk_facts(cli_resume **out, const valence_model *model, const vl_source *source,
                         const cli_bulk_options *options, cli_format format, valence_error *error)
{
    vl_source_identity identity;
    VL_TRY(cli_resume_open(out, options->output, error));
    if (format == CLI_HTML)
        return vl_fail(error, VALENCE_UNSUPPORTED, "HTML is written in one piece");
    VL_TRY(vl_source_identify(source, &identity, error));
    VL_TRY(cli_resume_fact(*out, "the version of valence", VALENCE_VERSION, error));
    VL_TRY(cli_resume_fact_file(*out, "the input", &identity, error));
    VL_TRY(add_model(*out, model, error));
    return add_options(*out, options, format, error);
}

/* ---- Start ----------------------------------------------------------------------------------- */

static bool has_size(const char *path, uint64_t size)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* Nothing in OUT.part: it was removed, was never begun, or has become OUT a moment before the kill.
 * Any other state is left over and means nothing. */
static void begin_without_part(const char *output, bool valid, cli_state *state, bool *finished)
{
    *finished = valid && state->complete && has_size(output, state->mark.bytes);
    if (!*finished) *state = (cli_state){.complete = false};
}

vl_status cli_bulk_begin(const cli_resume *r, const char *output, uint64_t size, cli_state *state,
                         bool *finished, valence_error *error)
{
    bool found;
    *finished = false;
    vl_status status = cli_resume_read(r, state, &found, error);
    if (size == 0 && status != VALENCE_NO_MEMORY) {
        begin_without_part(output, found && status == VALENCE_OK, state, finished);
        return VALENCE_OK;
    }
    VL_TRY(status);
    if (size >= state->mark.bytes) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT,
                   "cannot resume '%.100s': '%.100s.part' has %llu bytes, its state promises %llu; "
                   "remove it, or run without --resume, to start anew", output, output,
                   (unsigned long long)size, (unsigned long long)state->mark.bytes);
}
