/* test_resume.c: OUT.state is read back as written, believed only whole, and refused when a fact has
 * changed; checkpoints come in time and keep OUT.part. That a killed run goes on rightly is shown by
 * tests/e2e/test_resume.py. */
#include "test.h"

#include <fcntl.h>

#include "base/mem.h"
#include "cli/checkpoint.c" /* the command's own files are in no library */
#include "cli/resume.c"

static const cli_state example = {
    .mark = {.sequence = 12, .bytes = 1ull << 40, .progress = {{11, 1ull << 50, 7, 9}, 6, 2, 1}},
    .complete = true};

static cli_resume *open_resume(const char *out, const char *model)
{
    cli_resume *r;
    assert_int_equal(cli_resume_open(&r, out, NULL), VALENCE_OK);
    const vl_source_identity identity = {5, -1, UINT64_MAX};
    assert_int_equal(cli_resume_fact(r, "the model", model, NULL), VALENCE_OK);
    assert_int_equal(cli_resume_fact_file(r, "the input", &identity, NULL), VALENCE_OK);
    return r;
}

static void state_path(char *path, const char *out)
{
    snprintf(path, 600, "%s.state", out);
}

static void test_round_trip(void **state)
{
    (void)state;
    char *out = test_path("out.csv");
    cli_state s;
    bool found = true;
    int64_t before = vl_mem_usage_total().current;
    cli_resume *r = open_resume(out, "a \"model\"\n");
    assert_int_equal(cli_resume_read(r, &s, &found, NULL), VALENCE_OK);
    assert_false(found);
    assert_int_equal(cli_resume_write(r, &example, NULL), VALENCE_OK);
    assert_int_equal(cli_resume_read(r, &s, &found, NULL), VALENCE_OK);
    assert_true(found && s.complete);
    assert_memory_equal(&s.mark, &example.mark, sizeof s.mark);
    cli_resume_forget(r);
    assert_int_equal(cli_resume_read(r, &s, &found, NULL), VALENCE_OK);
    assert_false(found);
    cli_resume_close(r);
    assert_int_equal(vl_mem_usage_total().current, before);
    test_path_done(out);
}

static void test_changed_facts(void **state)
{
    (void)state;
    char *out = test_path("out.csv");
    cli_state s;
    bool found;
    valence_error e;
    cli_resume *r = open_resume(out, "one"), *other = open_resume(out, "two"), *more = open_resume(out, "one");
    assert_int_equal(cli_resume_fact(more, "--new", "1", NULL), VALENCE_OK);
    assert_int_equal(cli_resume_write(r, &example, NULL), VALENCE_OK);
    assert_int_equal(cli_resume_read(other, &s, &found, &e), VALENCE_ARGUMENT);
    assert_non_null(strstr(e.message, "the model changed since it was begun (was 'one', is 'two')"));
    assert_int_equal(cli_resume_read(more, &s, &found, &e), VALENCE_ARGUMENT);
    assert_non_null(strstr(e.message, "--new changed"));
    cli_resume_forget(r);
    cli_resume_close(r);
    cli_resume_close(other);
    cli_resume_close(more);
    test_path_done(out);
}

/* Any byte changed, any end missing: never believed. */
static void test_damaged(void **state)
{
    (void)state;
    char *out = test_path("out.csv"), path[600], bytes[2000], changed_bytes[2000];
    cli_state s;
    bool found;
    valence_error e;
    cli_resume *r = open_resume(out, "m");
    state_path(path, out);
    assert_int_equal(cli_resume_write(r, &example, NULL), VALENCE_OK);
    FILE *f = fopen(path, "rb");
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t i = 0; i < len; i++) {
        memcpy(changed_bytes, bytes, len);
        changed_bytes[i] ^= 1;
        test_write(path, changed_bytes, len);
        assert_int_equal(cli_resume_read(r, &s, &found, &e), VALENCE_FORMAT);
        test_write(path, bytes, i);
        assert_int_equal(cli_resume_read(r, &s, &found, &e), VALENCE_FORMAT);
    }
    assert_non_null(strstr(e.message, "out.csv.state' is damaged; remove it"));
    test_write(path, bytes, len);
    assert_int_equal(cli_resume_read(r, &s, &found, &e), VALENCE_OK);
    cli_resume_forget(r);
    cli_resume_close(r);
    test_path_done(out);
}

/* Right by its hash, but not what we write: refused too. */
static void test_forged(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"valence_state\":2", "[1", "", "{\"valence_state\":1,\"facts\":{},\"sequence\":-1",
        "{\"valence_state\":1,\"sequence\":1,\"bytes\":1.5,\"facts\":[]"};
    char *out = test_path("out.csv"), path[600], text[400];
    cli_state s;
    bool found;
    cli_resume *r = open_resume(out, "m");
    state_path(path, out);
    for (size_t i = 0; i < LENGTH(bodies); i++) {
        size_t body = strlen(bodies[i]);
        int len = snprintf(text, sizeof text, "%s%s%016llx\"}\n", bodies[i], check_key,
                           (unsigned long long)vl_hash64(bodies[i], body, 0));
        test_write(path, text, (size_t)len);
        assert_int_equal(cli_resume_read(r, &s, &found, NULL), VALENCE_FORMAT);
    }
    cli_resume_forget(r);
    cli_resume_close(r);
    test_path_done(out);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    char *out = test_path("out.csv");
    int64_t before = vl_mem_usage_total().current;
    vl_status status = VALENCE_NO_MEMORY;
    for (int n = 1; status != VALENCE_OK && n < 100; n++) {
        cli_resume *r;
        cli_state s;
        bool found;
        vl_mem_fail_from(n);
        status = cli_resume_open(&r, out, NULL);
        if (status == VALENCE_OK) status = cli_resume_fact(r, "a", "b", NULL);
        if (status == VALENCE_OK) status = cli_resume_write(r, &example, NULL);
        if (status == VALENCE_OK) status = cli_resume_read(r, &s, &found, NULL);
        vl_mem_fail_from(0);
        if (status != VALENCE_OK) assert_int_equal(status, VALENCE_NO_MEMORY);
        if (r) cli_resume_forget(r);
        cli_resume_close(r);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    assert_int_equal(status, VALENCE_OK);
    test_path_done(out);
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

static void submit(vl_writer *w, uint64_t i)
{
    const vl_progress one = {.at = {i + 1, i, i + 2, i}, .rows = 1};
    assert_int_equal(vl_writer_submit_rows(w, i, vl_span_of("row\n"), &one, NULL), VALENCE_OK);
}

/* While a writer goes on, every state in the file is true: its bytes are there, and go with its row. */
static void test_states_are_true(void **state)
{
    (void)state;
    char *out = test_path("out.csv"), part[600];
    cli_checkpoints *c;
    vl_writer *w;
    cli_state s;
    bool found = false;
    uint64_t seen = 0, states = 0, i = 0;
    snprintf(part, sizeof part, "%s.part", out);
    cli_resume *r = open_resume(out, "m");
    assert_int_equal(vl_writer_open(&w, out, 0, NULL), VALENCE_OK);
    assert_int_equal(cli_checkpoints_start(&c, r, w, 0.001, NULL, NULL), VALENCE_OK);
    for (double end = vl_clock_seconds() + 20; states < 5 && vl_clock_seconds() < end; i++) {
        submit(w, i);
        if (i % 50) continue;
        usleep(1000);
        assert_int_equal(cli_resume_read(r, &s, &found, NULL), VALENCE_OK);
        if (!found) continue;
        assert_int_equal(s.mark.bytes, 4 * s.mark.sequence);
        assert_int_equal(s.mark.progress.at.row, s.mark.sequence + 1);
        assert_int_equal(s.mark.progress.rows, s.mark.sequence);
        assert_true(s.mark.sequence >= seen && s.mark.sequence <= i + 1 && !s.complete);
        states += s.mark.sequence > seen;
        seen = s.mark.sequence;
    }
    assert_int_equal(states, 5);
    cli_checkpoints_stop(c);
    cli_checkpoints_now(c, false);
    assert_int_equal(cli_checkpoints_row(c), i + 1);
    cli_checkpoints_close(c);
    vl_writer_close(w);
    assert_int_equal(access(part, F_OK), 0);
    unlink(part);
    cli_resume_forget(r);
    cli_resume_close(r);
    test_path_done(out);
}

/* Without rows, and at the end of a short run, there is nothing to say. */
static void test_no_state_without_need(void **state)
{
    (void)state;
    char *out = test_path("out.csv");
    cli_checkpoints *c;
    vl_writer *w;
    cli_state s;
    bool found;
    cli_resume *r = open_resume(out, "m");
    assert_int_equal(vl_writer_open(&w, out, 0, NULL), VALENCE_OK);
    assert_int_equal(vl_writer_submit(w, 0, vl_span_of("header\n"), NULL), VALENCE_OK);
    assert_int_equal(cli_checkpoints_start(&c, r, w, 1000, NULL, NULL), VALENCE_OK);
    cli_checkpoints_stop(c);
    cli_checkpoints_now(c, false);
    submit(w, 1);
    cli_checkpoints_now(c, true);
    assert_int_equal(cli_checkpoints_row(c), 0);
    assert_int_equal(cli_resume_read(r, &s, &found, NULL), VALENCE_OK);
    assert_false(found);
    cli_checkpoints_close(c);
    vl_writer_close(w);
    cli_resume_close(r);
    test_path_done(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_changed_facts),
        cmocka_unit_test(test_damaged),         cmocka_unit_test(test_forged),
        cmocka_unit_test(test_failing_allocations), cmocka_unit_test(test_states_are_true),
        cmocka_unit_test(test_no_state_without_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
