/* cmd_models.c: `valence models`: every shipped model, what it is and what it costs here. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_rows.h"
#include "cli/options.h"
#include "cli/quantities.h"

static const char usage[] = "valence models [--json] [MODEL]...";
static const char about[] =
    "Shows the shipped models and those given: size, time to load, latency of a text of about 200\n"
    "bytes (one thread), memory, and accuracy as the model's card states it. Times and memory are\n"
    "measured on this machine at the first use and kept in the user's cache folder.";

/* ---- For people ------------------------------------------------------------------------------ */

static void print_accuracy(const cli_model_row *r)
{
    if (isnan(r->accuracy)) printf("  not stated");
    else printf("  held-out %.3f", r->accuracy);
    if (isnan(r->accuracy) || r->data_count == 0 || isnan(r->held_out)) {
        putchar('\n');
        return;
    }
    if (r->data_count == 1) printf(" (%.0f texts of %s)\n", r->held_out, r->first_data);
    else printf(" (%.0f texts of %d sets)\n", r->held_out, r->data_count);
}

static void print_row(const cli_model_row *r, int width)
{
    char size[CLI_QUANTITY], load[CLI_QUANTITY], p50[CLI_QUANTITY], p99[CLI_QUANTITY],
        memory[CLI_QUANTITY];
    cli_write_bytes(size, r->bytes, 3);
    cli_write_bytes(memory, r->cost.memory_bytes, 3);
    cli_write_duration(load, r->cost.load_seconds, 2);
    cli_write_duration(p50, r->cost.p50, 3);
    cli_write_duration(p99, r->cost.p99, 3);
    printf("%-*s  %-11s  %7d  %8s  %7s  %8s  %8s  %8.0f  %8s", width, r->name, r->family,
           r->label_count, size, load, p50, p99, r->cost.texts_per_second, memory);
    print_accuracy(r);
}

static int name_width(const cli_model_rows *t)
{
    size_t width = strlen("model");
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].usable && strlen(t->rows[i].name) > width) width = strlen(t->rows[i].name);
    return width < 60 ? (int)width : 60;
}

static void print_table(const cli_model_rows *t)
{
    int width = name_width(t);
    printf("%-*s  %-11s  %7s  %8s  %7s  %8s  %8s  %8s  %8s  %s\n", width, "model", "family",
           "classes", "size", "load", "p50", "p99", "texts/s", "memory", "accuracy");
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].usable) print_row(&t->rows[i], width);
    printf("\nvalence %s, %s, %s\nlatency: %s\nmemory: %s\naccuracy: %s\n", VALENCE_VERSION,
           vl_isa_name(vl_isa_active()), t->cpu, cli_rows_latency, cli_rows_memory,
           cli_rows_accuracy);
}

/* ---- For programs ---------------------------------------------------------------------------- */

static vl_status write_machine(vl_buffer *b, const cli_model_rows *t)
{
    const char *const texts[][2] = {{"version", VALENCE_VERSION},
                                    {"isa", vl_isa_name(vl_isa_active())},
                                    {"cpu", t->cpu},
                                    {"latency", cli_rows_latency},
                                    {"memory", cli_rows_memory},
                                    {"accuracy", cli_rows_accuracy}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        VL_TRY(vl_buffer_printf(b, "%s\"%s\":", i ? "," : "{", texts[i][0]));
        VL_TRY(vl_json_write_string(b, vl_span_of(texts[i][1])));
    }
    return VALENCE_OK;
}

static vl_status write_error(vl_buffer *b, const cli_model_row *r)
{
    VL_TRY(vl_buffer_append_text(b, "{\"name\":"));
    VL_TRY(vl_json_write_string(b, vl_span_of(r->name)));
    VL_TRY(vl_buffer_append_text(b, ",\"error\":"));
    return vl_json_write_string(b, vl_span_of(r->error.message));
}

static vl_status write_rows(vl_buffer *b, const cli_model_rows *t, bool usable)
{
    const char *comma = "";
    for (size_t i = 0; i < t->count; i++) {
        if (t->rows[i].usable != usable) continue;
        VL_TRY(vl_buffer_append_text(b, comma));
        VL_TRY(usable ? cli_row_write_json(b, &t->rows[i]) : write_error(b, &t->rows[i]));
        VL_TRY(vl_buffer_append_byte(b, '}'));
        comma = ",";
    }
    return VALENCE_OK;
}

static vl_status write_json(vl_buffer *b, const cli_model_rows *t)
{
    VL_TRY(write_machine(b, t));
    VL_TRY(vl_buffer_append_text(b, ",\"models\":["));
    VL_TRY(write_rows(b, t, true));
    VL_TRY(vl_buffer_append_text(b, "],\"unusable\":["));
    VL_TRY(write_rows(b, t, false));
    return vl_buffer_append_text(b, "]}\n");
}

static int print_json(const cli_model_rows *t)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_REQUEST, 512 << 20);
    vl_status status = write_json(&b, t);
    if (status == VALENCE_OK) fwrite(b.data, 1, b.len, stdout);
    vl_buffer_release(&b);
    return status == VALENCE_OK ? CLI_OK : cli_fail("out of memory for the result");
}

int cmd_models(int argc, char **argv)
{
    cli_rows_options o = {0};
    bool json = false;
    const cli_option table[] = {
        {CLI_FLAG, "only", 0, NULL, "only the models given, not the shipped ones", &o.only},
        {CLI_FLAG, "measure", 0, NULL, "measure again, whatever was measured before", &o.measure},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object", &json},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    valence_error error;
    cli_model_rows rows;
    int code = CLI_OK, first = cli_parse(argc, argv, usage, about, table);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    o.names = argv + first;
    o.name_count = argc - first;
    if (o.only && o.name_count == 0) return cli_usage("models", "--only needs the models to show");
    if (cli_rows_open(&rows, &o, &error) != VALENCE_OK) {
        code = cli_fail("%s", error.message);
    } else {
        if (json) code = print_json(&rows);
        else print_table(&rows);
        fflush(stdout); /* before what is said about broken ones */
        if (cli_rows_complain(&rows) > 0) code = CLI_FAILED;
    }
    cli_rows_release(&rows);
    return code;
}
