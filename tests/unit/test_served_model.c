/* test_served_model.c: names of paths, marks of files and folders; a slow model's queue: answers,
 * one text that fails, an allocator that fails. */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/served_model.h"

static void test_names(void **state)
{
    (void)state;
    const char *const cases[][2] = {{"general", "general"},
                                    {"/a/b/m.safetensors", "m"},
                                    {"m.safetensors", "m"},
                                    {"/a/folder", "folder"},
                                    {"/a/folder///", "folder"},
                                    {"a.b.safetensors", "a.b"},
                                    {".safetensors", ".safetensors"},
                                    {"x/.safetensors", ".safetensors"},
                                    {"/", ""},
                                    {"", ""}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char *name = vl_served_model_name(cases[i][0]);
        assert_non_null(name);
        assert_string_equal(name, cases[i][1]);
        vl_free(name);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_marks(void **state)
{
    (void)state;
    char folder[] = "/tmp/valence-marks-XXXXXX", file[64], other[64], config[64];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/m", folder);
    snprintf(other, sizeof other, "%s/n", folder);
    snprintf(config, sizeof config, "%s/config.json", folder);
    assert_int_equal(vl_model_mark(file), 0);
    assert_int_equal(vl_model_mark(folder), 0); /* nothing in it that makes a model */
    write_file(file, "one");
    uint64_t first = vl_model_mark(file);
    assert_int_not_equal(first, 0);
    assert_int_equal(vl_model_mark(file), first);
    write_file(other, "one");
    assert_int_equal(rename(other, file), 0);
    assert_int_not_equal(vl_model_mark(file), first);
    write_file(config, "{}");
    uint64_t folder_mark = vl_model_mark(folder);
    assert_int_not_equal(folder_mark, 0);
    write_file(other, "of no account");
    assert_int_equal(vl_model_mark(folder), folder_mark);
    write_file(config, "{ }");
    assert_int_not_equal(vl_model_mark(folder), folder_mark);
    unlink(file), unlink(other), unlink(config), rmdir(folder);
}

/* ---- The queue of a slow model -----------------------------------------------------------------
 */

static _Atomic(const valence_encoding *) bad; /* the model fails at every batch that has it */

static int always_slow(const valence_model_info *info)
{
    (void)info;
    return 1;
}

static valence_status predict(valence_context *context, const valence_encoding *const *encodings,
                              size_t count, valence_prediction *predictions, valence_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (encodings[i] == bad) return vl_fail(error, VALENCE_IO, "cannot read the bad one");
    return valence_context_predict_encodings(context, encodings, count, predictions, error);
}

static const vl_predictor slow_predictor = {.slow = always_slow,
                                            .encode = valence_context_encode,
                                            .predict = predict,
                                            .explain = valence_context_explain};

static const char *const routes[] = {"predict"};
enum { TEXTS = 20, BAD = 7 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int answered;

static void done(vl_question *q, vl_status status)
{
    pthread_mutex_lock(&lock);
    q->status = status;
    answered++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(int count)
{
    pthread_mutex_lock(&lock);
    while (answered < count) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static vl_model_needs needs_of(vl_metrics *metrics)
{
    return (vl_model_needs){
        .predictor = &slow_predictor,
        .queue = {.workers = 2, .batch_tokens = 1000, .batch_texts = 8, .size = 64},
        .metrics = metrics};
}

static void test_one_bad_text(void **state)
{
    (void)state;
    vl_metrics *metrics;
    vl_served_model *m;
    valence_context *context;
    static vl_question questions[TEXTS];
    static float numbers[TEXTS][8];
    char text[40];
    assert_int_equal(vl_metrics_open(&metrics, routes, 1, 1, NULL), VALENCE_OK);
    const vl_model_needs needs = needs_of(metrics);
    assert_int_equal(vl_served_model_open(&m, "g", "general", 3, &needs, NULL), VALENCE_OK);
    assert_int_equal(valence_context_open(&context, m->model, NULL), VALENCE_OK);
    assert_non_null(m->queue);
    for (int i = 0; i < TEXTS; i++) {
        vl_question *q = &questions[i];
        int len = snprintf(text, sizeof text, "%s film %d", i % 2 ? "good" : "awful", i);
        *q = (vl_question){.numbers = numbers[i], .done = done};
        assert_int_equal(valence_context_encode(context, text, (size_t)len, VALENCE_AS_MODEL,
                                                &q->encoding, NULL),
                         VALENCE_OK);
        q->tokens = valence_encoding_tokens(q->encoding);
        if (i) questions[i - 1].job.next = &q->job;
    }
    bad = questions[BAD].encoding;
    assert_int_equal(vl_model_queue_submit(m->queue, questions), VALENCE_OK);
    wait_for(TEXTS);
    for (int i = 0; i < TEXTS; i++) {
        assert_int_equal(questions[i].status, i == BAD ? VALENCE_IO : VALENCE_OK);
        if (i == BAD) assert_string_equal(questions[i].message, "cannot read the bad one");
        else assert_string_equal(questions[i].prediction.label, i % 2 ? "positive" : "negative");
        valence_encoding_close(questions[i].encoding);
    }
    valence_context_close(context);
    vl_served_model_close(m);
    vl_metrics_close(metrics);
}

static void test_no_memory(void **state)
{
    (void)state;
    vl_metrics *metrics;
    assert_int_equal(vl_metrics_open(&metrics, routes, 1, 1, NULL), VALENCE_OK);
    const vl_model_needs needs = needs_of(metrics);
    vl_served_model *m = NULL;
    bool finished = false;
    for (int n = 1; !finished; n++) {
        int64_t model = vl_mem_usage_of(VL_MEM_MODEL).current;
        vl_mem_fail_from(n);
        vl_status status = vl_served_model_open(&m, "g", "general", 1, &needs, NULL);
        vl_mem_fail_from(0);
        finished = status == VALENCE_OK;
        if (finished) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_null(m);
        assert_int_equal(vl_mem_usage_of(VL_MEM_MODEL).current, model);
    }
    vl_served_model_close(m);
    vl_metrics_close(metrics);
    assert_int_equal(vl_mem_usage_of(VL_MEM_REQUEST).current, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_marks),
                                       cmocka_unit_test(test_one_bad_text),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
