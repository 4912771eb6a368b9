/* cmd_select.c: `valence select`: the best model within limits. Its name goes to stdout, alone, for
 * `valence predict -m "$(valence select ..)"`; why goes to stderr.
 *
 * Among those that meet every limit: the highest accuracy, then the lowest latency (p99), then the
 * least memory, then the name. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_rows.h"
#include "cli/options.h"
#include "cli/quantities.h"

static const char usage[] = "valence select [--max-latency 20ms] [--max-memory 100MB] "
                            "[--min-accuracy 0.9] [MODEL]...";
static const char about[] =
    "Prints the name of the shipped or given model that is most accurate within the limits, then\n"
    "fastest, then smallest; stderr says why. Latency is the p99 of a text of about 200 bytes, one\n"
    "thread, measured on this machine; accuracy is what the model's card states.";

enum { LIMITS = 5, LABELS_MAX = 256 };

typedef struct limits {
    double latency, memory, accuracy; /* NaN: none */
    int64_t classes;                  /* 0: any */
    vl_span labels[LABELS_MAX];       /* (label_count); none: any */
    int label_count;
} limits;

typedef struct verdict {
    const cli_model_row *row;
    int failed;  /* how many limits */
    double miss; /* by how much, all together: 0.25 is a quarter beyond a limit */
    char reasons[LIMITS][160];
} verdict;

/* ---- One model ------------------------------------------------------------------------------- */

static void fail_limit(verdict *v, double miss, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail_limit(verdict *v, double miss, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(v->reasons[v->failed++], sizeof v->reasons[0], format, arguments);
    va_end(arguments);
    v->miss += miss;
}

static void judge_latency(verdict *v, double most)
{
    char is[CLI_QUANTITY], wanted[CLI_QUANTITY];
    double seconds = v->row->cost.p99;
    if (!(seconds > most)) return;
    cli_write_duration(is, seconds, 4);
    cli_write_duration(wanted, most, 6);
    fail_limit(v, seconds / most - 1, "latency %s > %s", is, wanted);
}

static void judge_memory(verdict *v, double most)
{
    char is[CLI_QUANTITY], wanted[CLI_QUANTITY];
    double bytes = v->row->cost.memory_bytes;
    if (!(bytes > most)) return;
    cli_write_bytes(is, bytes, 4);
    cli_write_bytes(wanted, most, 6);
    fail_limit(v, bytes / most - 1, "memory %s > %s", is, wanted);
}

static void judge_accuracy(verdict *v, double least)
{
    double accuracy = v->row->accuracy;
    if (isnan(least)) return;
    if (isnan(accuracy)) fail_limit(v, 1, "accuracy not stated in its card");
    else if (accuracy < least)
        fail_limit(v, least - accuracy, "accuracy %.4g < %.4g", accuracy, least);
}

/* A model for other labels is no near miss, however little it costs. */
static const double other_kind = 1e6;

static bool has_label(const cli_model_row *r, vl_span label)
{
    for (int k = 0; k < r->label_count; k++)
        if (vl_span_is(label, r->labels[k])) return true;
    return false;
}

static void judge_labels(verdict *v, const limits *l)
{
    if (l->classes && l->classes != v->row->label_count)
        fail_limit(v, other_kind, "%d classes, not %lld", v->row->label_count,
                   (long long)l->classes);
    if (l->label_count == 0) return;
    for (int i = 0; i < l->label_count; i++)
        if (!has_label(v->row, l->labels[i])) {
            fail_limit(v, other_kind, "no label '%.*s'",
                       (int)(l->labels[i].len < 100 ? l->labels[i].len : 100), l->labels[i].ptr);
            return;
        }
    if (v->row->label_count != l->label_count)
        fail_limit(v, other_kind, "%d labels, not only those %d", v->row->label_count,
                   l->label_count);
}

static verdict judge(const cli_model_row *row, const limits *l)
{
    verdict v = {.row = row};
    judge_latency(&v, l->latency);
    judge_memory(&v, l->memory);
    judge_accuracy(&v, l->accuracy);
    judge_labels(&v, l);
    return v;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static double known(double accuracy)
{
    return isnan(accuracy) ? -1 : accuracy;
}

/* Those that meet all limits first, the best first; then the nearest misses. */
static int by_rank(const void *a, const void *b)
{
    const verdict *x = a, *y = b;
    const cli_model_row *r = x->row, *s = y->row;
    int c = x->failed - y->failed;
    if (c == 0) c = compare(x->miss, y->miss);
    if (c == 0) c = compare(known(s->accuracy), known(r->accuracy));
    if (c == 0) c = compare(r->cost.p99, s->cost.p99);
    if (c == 0) c = compare(r->cost.memory_bytes, s->cost.memory_bytes);
    return c ? c : strcmp(r->name, s->name);
}

typedef struct selection {
    verdict *verdicts; /* (count), by rank */
    size_t count;
} selection;

static vl_status selection_make(selection *s, const cli_model_rows *t, const limits *l,
                                valence_error *error)
{
    *s = (selection){.verdicts = vl_alloc_array(VL_MEM_REQUEST, t->count, sizeof *s->verdicts)};
    if (!s->verdicts) return vl_fail_memory(error, t->count * sizeof *s->verdicts, "verdicts");
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].usable) s->verdicts[s->count++] = judge(&t->rows[i], l);
    qsort(s->verdicts, s->count, sizeof *s->verdicts, by_rank);
    return VALENCE_OK;
}

static bool is_found(const selection *s)
{
    return s->count > 0 && s->verdicts[0].failed == 0;
}

/* ---- For people ------------------------------------------------------------------------------ */

static void explain_one(const verdict *v, size_t rank, int width)
{
    char latency[CLI_QUANTITY], memory[CLI_QUANTITY];
    if (v->failed) {
        fprintf(stderr, "  -  %-*s  ", width, v->row->name);
        for (int i = 0; i < v->failed; i++) fprintf(stderr, "%s%s", i ? ", " : "", v->reasons[i]);
        fputc('\n', stderr);
        return;
    }
    cli_write_duration(latency, v->row->cost.p99, 3);
    cli_write_bytes(memory, v->row->cost.memory_bytes, 3);
    fprintf(stderr, "%3zu  %-*s  ", rank, width, v->row->name);
    if (isnan(v->row->accuracy)) fprintf(stderr, "accuracy not stated");
    else fprintf(stderr, "accuracy %.4g", v->row->accuracy);
    fprintf(stderr, ", latency %s, memory %s\n", latency, memory);
}

static void explain(const selection *s)
{
    size_t width = 0;
    for (size_t i = 0; i < s->count; i++)
        if (strlen(s->verdicts[i].row->name) > width) width = strlen(s->verdicts[i].row->name);
    for (size_t i = 0; i < s->count; i++)
        explain_one(&s->verdicts[i], i + 1, width < 60 ? (int)width : 60);
    fprintf(stderr, "latency: p99 of %s\naccuracy: %s\n", cli_rows_latency, cli_rows_accuracy);
}

static int fail_to_find(const selection *s)
{
    if (s->count == 0) return cli_fail("no model to choose among");
    const verdict *v = &s->verdicts[0];
    return cli_fail("no model meets all limits; nearest: %.200s (%s%s)", v->row->name,
                    v->reasons[0], v->failed > 1 ? ", ..." : "");
}

/* ---- For programs ---------------------------------------------------------------------------- */

static vl_status write_verdict(vl_buffer *b, const verdict *v, size_t rank)
{
    VL_TRY(cli_row_write_json(b, v->row));
    if (v->failed) VL_TRY(vl_buffer_append_text(b, ",\"rank\":null,\"failed\":["));
    else VL_TRY(vl_buffer_printf(b, ",\"rank\":%zu,\"failed\":[", rank));
    for (int i = 0; i < v->failed; i++) {
        VL_TRY(vl_buffer_append_text(b, i ? "," : ""));
        VL_TRY(vl_json_write_string(b, vl_span_of(v->reasons[i])));
    }
    return vl_buffer_append_text(b, "]}");
}

static vl_status write_json(vl_buffer *b, const selection *s)
{
    VL_TRY(vl_buffer_append_text(b, "{\"selected\":"));
    VL_TRY(is_found(s) ? vl_json_write_string(b, vl_span_of(s->verdicts[0].row->name))
                       : vl_buffer_append_text(b, "null"));
    VL_TRY(vl_buffer_append_text(b, ",\"accuracy\":"));
    VL_TRY(vl_json_write_string(b, vl_span_of(cli_rows_accuracy)));
    VL_TRY(vl_buffer_append_text(b, ",\"models\":["));
    for (size_t i = 0; i < s->count; i++) {
        VL_TRY(vl_buffer_append_text(b, i ? "," : ""));
        VL_TRY(write_verdict(b, &s->verdicts[i], i + 1));
    }
    return vl_buffer_append_text(b, "]}\n");
}

static int print_json(const selection *s)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_REQUEST, 512 << 20);
    vl_status status = write_json(&b, s);
    if (status == VALENCE_OK) fwrite(b.data, 1, b.len, stdout);
    vl_buffer_release(&b);
    return status == VALENCE_OK ? CLI_OK : cli_fail("out of memory for the result");
}

/* ---- The command ----------------------------------------------------------------------------- */

typedef struct request {
    const char *latency, *memory, *accuracy, *labels; /* as given, or NULL */
    limits limits;
    cli_rows_options rows;
    bool json;
} request;

static int take_limit(double *limit, const char *option, const char *text,
                      vl_status (*parse)(double *, const char *, valence_error *))
{
    valence_error error;
    *limit = NAN;
    if (!text || parse(limit, text, &error) == VALENCE_OK) return CLI_OK;
    return cli_usage("select", "--%s %s", option, error.message);
}

static int take_labels(limits *l, const char *list)
{
    while (list) {
        size_t len = strcspn(list, ",");
        if (len == 0) return cli_usage("select", "--labels has an empty label");
        if (l->label_count == LABELS_MAX)
            return cli_usage("select", "--labels has more than %d labels", LABELS_MAX);
        l->labels[l->label_count++] = (vl_span){list, len};
        list = list[len] ? list + len + 1 : NULL;
    }
    for (int i = 0; i < l->label_count; i++)
        for (int j = 0; j < i; j++)
            if (vl_span_equal(l->labels[i], l->labels[j]))
                return cli_usage("select", "--labels names '%.*s' twice", (int)l->labels[i].len,
                                 l->labels[i].ptr);
    return CLI_OK;
}

static int take_limits(request *r, bool classes_given)
{
    limits *l = &r->limits;
    int code = take_limit(&l->latency, "max-latency", r->latency, cli_parse_duration);
    if (code == CLI_OK) code = take_limit(&l->memory, "max-memory", r->memory, cli_parse_bytes);
    if (code == CLI_OK)
        code = take_limit(&l->accuracy, "min-accuracy", r->accuracy, cli_parse_share);
    if (code == CLI_OK) code = take_labels(l, r->labels);
    if (code == CLI_OK && classes_given && l->classes < 2)
        code =
            cli_usage("select", "--classes needs a number from 2, not %lld", (long long)l->classes);
    return code;
}

/* A broken shipped model is out of the race; one that was asked for by name is a mistake. */
static bool all_given_usable(const cli_model_rows *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].given && !t->rows[i].usable) return false;
    return true;
}

static int choose(const request *r, const cli_model_rows *t)
{
    selection s;
    valence_error error;
    int code = CLI_OK;
    cli_rows_complain(t);
    if (!all_given_usable(t)) return CLI_FAILED;
    if (selection_make(&s, t, &r->limits, &error) != VALENCE_OK)
        return cli_fail("%s", error.message);
    if (r->json) code = print_json(&s);
    else explain(&s);
    if (code == CLI_OK && !is_found(&s)) code = fail_to_find(&s);
    else if (code == CLI_OK && !r->json) printf("%s\n", s.verdicts[0].row->name);
    vl_free(s.verdicts);
    return code;
}

int cmd_select(int argc, char **argv)
{
    request r = {.limits.classes = INT64_MIN};
    const cli_option table[] = {
        {CLI_TEXT, "max-latency", 0, "TIME", "longest time per text: 500us, 20ms, 1s", &r.latency},
        {CLI_TEXT, "max-memory", 0, "SIZE", "most memory: 900KB, 100MB, 1GiB", &r.memory},
        {CLI_TEXT, "min-accuracy", 0, "SHARE", "least held-out accuracy: 0.9 or 90%", &r.accuracy},
        {CLI_TEXT, "labels", 0, "LIST", "exactly these labels: negative,neutral,positive",
         &r.labels},
        {CLI_INTEGER, "classes", 0, "N", "models of so many classes", &r.limits.classes},
        {CLI_FLAG, "only", 0, NULL, "only the models given, not the shipped ones", &r.rows.only},
        {CLI_FLAG, "measure", 0, NULL, "measure again, whatever was measured before",
         &r.rows.measure},
        {CLI_FLAG, "json", 0, NULL, "print one JSON object with all models", &r.json},
        {CLI_FLAG, NULL, 0, NULL, NULL, NULL}};
    valence_error error;
    cli_model_rows rows;
    int first = cli_parse(argc, argv, usage, about, table);
    if (first < 0) return first == -2 ? CLI_OK : CLI_USAGE;
    bool classes_given = r.limits.classes != INT64_MIN;
    if (!classes_given) r.limits.classes = 0;
    r.rows.names = argv + first;
    r.rows.name_count = argc - first;
    if (take_limits(&r, classes_given) != CLI_OK) return CLI_USAGE;
    if (r.rows.only && r.rows.name_count == 0)
        return cli_usage("select", "--only needs the models to choose among");
    int code = cli_rows_open(&rows, &r.rows, &error) == VALENCE_OK ? choose(&r, &rows)
                                                                   : cli_fail("%s", error.message);
    cli_rows_release(&rows);
    return code;
}
