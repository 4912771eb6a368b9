/* cmd_info.c: `valence info`: a model and its card, or this machine. */
#include <stdio.h>

#include "base/cpu.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/info_terms.h"
#include "cli/options.h"
#include "valence.h"

enum { MOST_TERMS = 65536 }; /* as many as a file may name */

static const char usage[] = "valence info [-m MODEL] [--top N] [--json]";
static const char about[] = "Without -m: version, instruction set, processors and the default model.";

static void append_key(vl_buffer *b, const char *key, const char *value)
{
    vl_buffer_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", key);
    vl_json_write_string(b, vl_span_of(value));
}

static int print_json(const valence_model_info *i)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_REQUEST, 64 << 20);
    vl_buffer_append_byte(&b, '{');
    append_key(&b, "version", VALENCE_VERSION);
    append_key(&b, "isa", vl_isa_name(vl_isa_active()));
    append_key(&b, "isa_detected", vl_isa_name(vl_isa_detected()));
    vl_buffer_printf(&b, ",\"processors\":%d", vl_cpu_count());
    append_key(&b, "model", i->name);
    append_key(&b, "path", i->path);
    append_key(&b, "family", i->family);
    if (*i->architecture) append_key(&b, "architecture", i->architecture);
    append_key(&b, "type", i->dtype);
    vl_buffer_printf(&b, ",\"bytes\":%llu,\"slots\":%llu,\"load_ms\":%.3f,\"temperature\":%.4f,\"labels\":[",
                     (unsigned long long)i->bytes, (unsigned long long)i->features,
                     i->load_seconds * 1e3, i->temperature);
    for (int k = 0; k < i->label_count; k++) {
        vl_buffer_append_text(&b, k ? "," : "");
        vl_json_write_string(&b, vl_span_of(i->labels[k]));
    }
    vl_buffer_append_byte(&b, ']');
    if (i->max_length) vl_buffer_printf(&b, ",\"max_length\":%d", i->max_length);
    vl_buffer_append_text(&b, ",\"card\":");
    vl_buffer_append_text(&b, i->card);
    vl_buffer_append_text(&b, "}\n");
    int code = b.failed ? cli_fail("out of memory for the description") : CLI_OK;
    if (!b.failed) fwrite(b.data, 1, b.len, stdout);
    vl_buffer_release(&b);
    return code;
}

/* The card's members, one per line. */
static int print_member(void *user, vl_span key, vl_json value)
{
    vl_span text;
    double number;
    const char *indent = user;
    if (key.len) printf("%s%.*s: ", indent, (int)key.len, key.ptr);
    else printf("%s- ", indent); /* an element of a list */
    if (vl_json_string(value, &text)) {
        printf("%.*s\n", (int)text.len, text.ptr);
    } else if (vl_json_number(value, &number)) {
        printf("%.10g\n", number);
    } else {
        putchar('\n');
        vl_json_each(value, print_member, "      ");
    }
    return 0;
}

static void print_card(const char *card)
{
    vl_json root;
    vl_json_parser *parser = vl_json_parser_open(64 << 20);
    if (parser && vl_json_parse_copy(parser, vl_span_of(card), &root, NULL) == VALENCE_OK)
        vl_json_each(root, print_member, "    ");
    vl_json_parser_close(parser);
}

static void print_model(const valence_model_info *i)
{
    printf("model %s (%s)\n", i->name, i->path);
    printf("  family       %s%s%s, %s weights\n", i->family, *i->architecture ? ", " : "", i->architecture, i->dtype);
    printf("  labels      ");
    for (int k = 0; k < i->label_count && k < 20; k++) printf(" %s", i->labels[k]);
    printf("%s\n", i->label_count > 20 ? " .." : "");
    printf("  size         %.2f MB, %llu %s\n", (double)i->bytes / 1e6, (unsigned long long)i->features,
           i->max_length ? "tokens known" : "places for n-grams");
    if (i->max_length) printf("  reads        %d tokens at once\n", i->max_length);
    printf("  loaded in    %.2f ms\n", i->load_seconds * 1e3);
    printf("  temperature  %.3f\n", i->temperature);
    printf("  card\n");
    print_card(i->card);
}

int cmd_info(int argc, char **argv)
{
    const char *name = NULL;
    bool json = false;
    int64_t top = INT64_MIN;
    const cli_option table[] = {
        {CLI_TEXT, "model", 'm', "MODEL", "a model file, or a shipped model's name", &name},
        {CLI_INTEGER, "top", 0, "N", "print the N n-grams that weigh most for each class", &top},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object", &json},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    valence_error error;
    valence_model *model;
    valence_model_info info;
    int first = cli_parse(argc, argv, usage, about, table);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    if (first < argc) return cli_usage("info", "unexpected argument '%s'", argv[first]);
    if (top != INT64_MIN && (top < 1 || top > MOST_TERMS))
        return cli_usage("info", "--top must be 1 to %d", MOST_TERMS);
    if (valence_model_open(&model, name ? name : "general", NULL, &error) != VALENCE_OK)
        return cli_fail("%s", error.message);
    if (top > 0) {
        int code = cli_print_terms(model, (int)top, json);
        valence_model_close(model);
        return code;
    }
    int code = CLI_OK;
    valence_model_describe(model, &info);
    if (json) {
        code = print_json(&info);
    } else {
        if (!name)
            printf("valence %s, instruction set %s (machine: %s), %d processors\n\n", VALENCE_VERSION,
                   vl_isa_name(vl_isa_active()), vl_isa_name(vl_isa_detected()), vl_cpu_count());
        print_model(&info);
    }
    valence_model_close(model);
    return code;
}
