/* resume.c: the state as one JSON object, and a hash over its bytes, so that a state that was changed
 * or cut is not believed:
 *     {"valence_state":1,"facts":{"--format":"csv",..},"sequence":12,..,"check":"0123456789abcdef"} */
#include "cli/resume.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mapped_file.h"

enum { MAX_STATE = 4 << 20, MAX_FACTS = 64 };

static const char check_key[] = ",\"check\":\"";

typedef struct fact {
    char *name, *value;
} fact;

struct cli_resume {
    char *output, *path; /* OUT, OUT.state */
    fact facts[MAX_FACTS];
    int fact_count;
};

vl_status cli_resume_open(cli_resume **out, const char *output, valence_error *error)
{
    size_t len = strlen(output);
    *out = NULL;
    cli_resume *r = vl_alloc_zero(VL_MEM_IO, sizeof *r);
    if (!r) return vl_fail_memory(error, sizeof *r, "a state");
    r->output = vl_copy_string(VL_MEM_IO, output, len);
    r->path = vl_alloc(VL_MEM_IO, len + sizeof ".state");
    if (!r->output || !r->path) {
        cli_resume_close(r);
        return vl_fail_memory(error, len, "a file name");
    }
    snprintf(r->path, len + sizeof ".state", "%s.state", output);
    *out = r;
    return VALENCE_OK;
}

void cli_resume_close(cli_resume *r)
{
    if (!r) return;
    for (int i = 0; i < r->fact_count; i++) {
        vl_free(r->facts[i].name);
        vl_free(r->facts[i].value);
    }
    vl_free(r->output);
    vl_free(r->path);
    vl_free(r);
}

/* ---- Facts ----------------------------------------------------------------------------------- */

vl_status cli_resume_fact(cli_resume *r, const char *name, const char *value, valence_error *error)
{
    if (r->fact_count == MAX_FACTS)
        return vl_fail(error, VALENCE_LIMIT, "a state has room for %d facts", MAX_FACTS);
    fact *f = &r->facts[r->fact_count++];
    f->name = vl_copy_string(VL_MEM_IO, name, strlen(name));
    f->value = vl_copy_string(VL_MEM_IO, value, strlen(value));
    return f->name && f->value ? VALENCE_OK : vl_fail_memory(error, strlen(value), "a state");
}

static vl_status add_number(cli_resume *r, const char *name, const char *what, uint64_t value,
                            valence_error *error)
{
    char full[96], text[24];
    snprintf(full, sizeof full, "%s's %s", name, what);
    snprintf(text, sizeof text, "%" PRIu64, value);
    return cli_resume_fact(r, full, text, error);
}

vl_status cli_resume_fact_file(cli_resume *r, const char *name, const vl_source_identity *identity,
                               valence_error *error)
{
    VL_TRY(add_number(r, name, "size", identity->size, error));
    VL_TRY(add_number(r, name, "time of change", (uint64_t)identity->mtime, error));
    return add_number(r, name, "contents", identity->contents, error);
}

static vl_status changed(const cli_resume *r, const fact *f, vl_span was, valence_error *error)
{
    return vl_fail(error, VALENCE_ARGUMENT,
                   "cannot resume '%.80s': %s changed since it was begun (was '%.*s', is '%.40s'); "
                   "run without --resume to start anew", r->output, f->name,
                   was.len < 40 ? (int)was.len : 40, was.ptr, f->value);
}

static vl_status compare_facts(const cli_resume *r, vl_json facts, valence_error *error)
{
    for (int i = 0; i < r->fact_count; i++) {
        const fact *f = &r->facts[i];
        vl_json value;
        vl_span was = {"", 0};
        if (vl_json_get(facts, f->name, &value)) vl_json_string(value, &was);
        if (!vl_span_is(was, f->value)) return changed(r, f, was, error);
    }
    return VALENCE_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static vl_status damaged(const cli_resume *r, valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "cannot resume '%.100s': '%.100s' is damaged; remove it, or "
                   "run without --resume, to start anew", r->output, r->path);
}

/* True if the hash at the end is that of the bytes in front of it. */
static bool check_agrees(vl_span text)
{
    const size_t key = sizeof check_key - 1, tail = key + 16 + 3; /* hash and `"}` newline */
    char wanted[32];
    if (text.len < tail) return false;
    size_t body = text.len - tail;
    if (memcmp(text.ptr + body, check_key, key) != 0) return false;
    snprintf(wanted, sizeof wanted, "%016" PRIx64 "\"}\n", vl_hash64(text.ptr, body, 0));
    return memcmp(text.ptr + body + key, wanted, 16 + 3) == 0;
}

static bool get_number(vl_json root, const char *key, uint64_t *out)
{
    vl_json value;
    int64_t number;
    if (!vl_json_get(root, key, &value) || !vl_json_integer(value, &number) || number < 0) return false;
    *out = (uint64_t)number;
    return true;
}

static bool get_state(vl_json root, cli_state *s)
{
    vl_json complete;
    vl_progress *p = &s->mark.progress;
    uint64_t version = 0;
    return get_number(root, "valence_state", &version) && version == 1 &&
           get_number(root, "sequence", &s->mark.sequence) &&
           get_number(root, "bytes", &s->mark.bytes) &&
           get_number(root, "input_sequence", &p->at.sequence) &&
           get_number(root, "input_byte", &p->at.byte) && get_number(root, "input_row", &p->at.row) &&
           get_number(root, "input_line", &p->at.line) && get_number(root, "rows", &p->rows) &&
           get_number(root, "bad_rows", &p->bad_rows) && get_number(root, "repaired", &p->repaired) &&
           vl_json_get(root, "complete", &complete) && vl_json_boolean(complete, &s->complete);
}

static vl_status parse(const cli_resume *r, vl_span text, cli_state *state, valence_error *error)
{
    vl_json root, facts;
    if (text.len > MAX_STATE || !check_agrees(text)) return damaged(r, error);
    vl_json_parser *parser = vl_json_parser_open(MAX_STATE);
    if (!parser) return vl_fail_memory(error, text.len, "a state");
    vl_status status = vl_json_parse_copy(parser, text, &root, error);
    bool good = status == VALENCE_OK && get_state(root, state) && vl_json_get(root, "facts", &facts);
    if (good) status = compare_facts(r, facts, error);
    else if (status != VALENCE_NO_MEMORY) status = damaged(r, error);
    vl_json_parser_close(parser);
    return status;
}

vl_status cli_resume_read(const cli_resume *r, cli_state *state, bool *found, valence_error *error)
{
    vl_mapped_file file;
    *state = (cli_state){.complete = false};
    vl_status status = vl_mapped_file_open(&file, r->path, error);
    *found = status != VALENCE_NOT_FOUND;
    if (!*found) return VALENCE_OK;
    if (status == VALENCE_UNSUPPORTED) return damaged(r, error);
    VL_TRY(status);
    status = parse(r, (vl_span){file.data, file.size}, state, error);
    vl_mapped_file_release(&file);
    return status;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static vl_status write_facts(const cli_resume *r, vl_buffer *out)
{
    for (int i = 0; i < r->fact_count; i++) {
        if (i) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(r->facts[i].name)));
        VL_TRY(vl_buffer_append_byte(out, ':'));
        VL_TRY(vl_json_write_string(out, vl_span_of(r->facts[i].value)));
    }
    return VALENCE_OK;
}

static vl_status write_text(const cli_resume *r, const cli_state *s, vl_buffer *out)
{
    const vl_progress *p = &s->mark.progress;
    VL_TRY(vl_buffer_append_text(out, "{\"valence_state\":1,\"facts\":{"));
    VL_TRY(write_facts(r, out));
    VL_TRY(vl_buffer_printf(out, "},\"sequence\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", s->mark.sequence,
                            s->mark.bytes));
    VL_TRY(vl_buffer_printf(out, "\"input_sequence\":%" PRIu64 ",\"input_byte\":%" PRIu64
                            ",\"input_row\":%" PRIu64 ",\"input_line\":%" PRIu64 ",",
                            p->at.sequence, p->at.byte, p->at.row, p->at.line));
    VL_TRY(vl_buffer_printf(out, "\"rows\":%" PRIu64 ",\"bad_rows\":%" PRIu64 ",\"repaired\":%" PRIu64
                            ",\"complete\":%s", p->rows, p->bad_rows, p->repaired,
                            s->complete ? "true" : "false"));
    return vl_buffer_printf(out, "%s%016" PRIx64 "\"}\n", check_key, vl_hash64(out->data, out->len, 0));
}

vl_status cli_resume_write(const cli_resume *r, const cli_state *state, valence_error *error)
{
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_IO, MAX_STATE);
    vl_status status = write_text(r, state, &text);
    if (status == VALENCE_OK) status = vl_atomic_file_write(r->path, vl_buffer_span(&text), error);
    else vl_fail(error, status, "out of memory for '%.250s'", r->path);
    vl_buffer_release(&text);
    return status;
}

void cli_resume_forget(const cli_resume *r)
{
    vl_atomic_file aside;
    unlink(r->path);
    if (vl_atomic_file_open(&aside, r->path, NULL) == VALENCE_OK) vl_atomic_file_abandon(&aside);
}

/* In this order: OUT.part is locked and empty by then, so a kill in between leaves nothing to go on
 * with. */
vl_status cli_open_writer(vl_writer **out, const char *output, valence_error *error)
{
    struct stat st;
    cli_resume *r;
    VL_TRY(vl_writer_open(out, output ? output : "-", 0, error));
    if (!output || strcmp(output, "-") == 0) return VALENCE_OK;
    if (stat(output, &st) == 0 && !S_ISREG(st.st_mode)) return VALENCE_OK;
    vl_status status = cli_resume_open(&r, output, error);
    if (status == VALENCE_OK) {
        cli_resume_forget(r);
    } else {
        vl_writer_close(*out);
        *out = NULL;
    }
    cli_resume_close(r);
    return status;
}
