/* text_job.c: arguments go through the same function as the records of a file, on this thread. */
#include "cli/text_job.h"

#include <signal.h>
#include <string.h>

#include "cli/memory_report.h"
#include "cli/options.h"
#include "cli/resume.h"

#define OUTPUT_MAX ((size_t)1 << 30) /* of the texts given as arguments */

int cli_text_job_input(cli_text_job *t, char **texts, int count)
{
    if (t->input && count > 0)
        return cli_usage(t->command, "give either texts or -i FILE, not both");
    if (!t->input && count == 0)
        return cli_usage(t->command, "no text given (texts, - for standard input, or -i FILE)");
    if (!t->input && count == 1 && strcmp(texts[0], "-") == 0) {
        t->input = "-";
        t->source.format = VL_DATA_LINES;
    }
    t->source.label = ""; /* not needed, so not looked for */
    return 0;
}

static vl_status run_file(cli_text_job *t, vl_writer *writer, uint64_t *sequence,
                          uint64_t *bad_rows, valence_error *error)
{
    vl_source *source;
    t->job.name = t->input;
    VL_TRY(vl_source_open(&source, t->input, &t->source, error));
    vl_status status = cli_pipeline_run(source, writer, sequence, &t->job, (int)t->threads, error);
    *bad_rows = vl_source_counted(source).bad_rows;
    vl_source_close(source);
    return status;
}

static vl_status answer_texts(const cli_job *job, char **texts, int count, vl_buffer *out,
                              valence_error *error)
{
    void *state;
    vl_status status = VALENCE_OK;
    VL_TRY(job->open(job->user, &state, error));
    for (int i = 0; i < count && status == VALENCE_OK; i++) {
        const vl_record record = {.text = vl_span_of(texts[i]), .row = (uint64_t)i + 1};
        status = job->record(job->user, state, &record, out, error);
    }
    vl_status closed = job->close(job->user, state, status ? NULL : error);
    return status == VALENCE_OK ? closed : status;
}

static vl_status run_texts(const cli_text_job *t, char **texts, int count, vl_writer *writer,
                           valence_error *error)
{
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, OUTPUT_MAX);
    vl_status status = answer_texts(&t->job, texts, count, &out, error);
    if (status == VALENCE_OK) status = vl_writer_submit(writer, 0, vl_buffer_span(&out), error);
    vl_buffer_release(&out);
    return status;
}

int cli_text_job_run(cli_text_job *t, char **texts, int count)
{
    vl_writer *writer = NULL;
    valence_error error = {0};
    uint64_t sequence = 0, bad_rows = 0;
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error like any other */
    vl_status status = cli_open_writer(&writer, t->output, &error);
    if (status == VALENCE_OK)
        status = t->input ? run_file(t, writer, &sequence, &bad_rows, &error)
                          : run_texts(t, texts, count, writer, &error);
    if (status == VALENCE_OK) status = vl_writer_finish(writer, &error);
    vl_writer_close(writer);
    if (t->memory) cli_memory_report(0);
    if (status != VALENCE_OK) return cli_fail("%s", error.message);
    return bad_rows && !t->skip_bad ? CLI_FAILED : CLI_OK;
}
