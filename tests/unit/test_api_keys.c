/* test_api_keys.c: key files and who gets in; origins; lines of the access log. */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "serve/access_log.h"
#include "serve/api_keys.h"
#include "serve/cors.h"

static vl_status open_text(vl_api_keys **k, const char *text, size_t len, mode_t mode, valence_error *error)
{
    char *path = test_path("keys");
    test_write(path, text, len);
    chmod(path, mode);
    vl_status status = vl_api_keys_open(k, path, error);
    test_path_done(path);
    return status;
}

static bool admits(const vl_api_keys *k, const char *authorization)
{
    return vl_api_keys_admit(k, vl_span_of(authorization));
}

static void test_who_gets_in(void **state)
{
    (void)state;
    static const char text[] = "# people\r\nsecret-1\r\n\n  \t second.Key/+= \t\nthird"; /* no newline at the end */
    vl_api_keys *k = NULL;
    assert_int_equal(open_text(&k, text, sizeof text - 1, 0600, NULL), VALENCE_OK);
    assert_true(admits(k, "Bearer secret-1"));
    assert_true(admits(k, "bearer   second.Key/+= "));
    assert_true(admits(k, "BEARER third"));
    const char *const wrong[] = {"", "Bearer", "Bearer ", "secret-1", "Basic secret-1", "Bearer secret-2",
                                 "Bearer secret-", "Bearer secret-11", "Bearer SECRET-1", "Bearer # people",
                                 "Bearer secret-1 third", "Bearersecret-1"};
    for (size_t i = 0; i < LENGTH(wrong); i++)
        if (admits(k, wrong[i])) fail_msg("'%s' got in", wrong[i]);
    assert_false(vl_api_keys_admit(k, (vl_span){NULL, 0}));
    assert_false(vl_api_keys_admit(k, (vl_span){"Bearer third\0", 13}));
    char longer[400] = "Bearer ";
    memset(longer + 7, 'a', 300);
    assert_false(admits(k, longer));
    vl_api_keys_close(k);
    assert_true(vl_api_keys_admit(NULL, (vl_span){NULL, 0})); /* no file: no keys needed */
}

static void test_longest_key(void **state)
{
    (void)state;
    char text[300], shown[310];
    vl_api_keys *k = NULL;
    memset(text, 'x', sizeof text);
    assert_int_equal(open_text(&k, text, VL_API_KEY_BYTES, 0600, NULL), VALENCE_OK);
    snprintf(shown, sizeof shown, "Bearer %.*s", VL_API_KEY_BYTES, text);
    assert_true(admits(k, shown));
    snprintf(shown, sizeof shown, "Bearer %.*s", VL_API_KEY_BYTES - 1, text);
    assert_false(admits(k, shown));
    vl_api_keys_close(k);
    assert_int_equal(open_text(&k, text, VL_API_KEY_BYTES + 1, 0600, NULL), VALENCE_FORMAT);
    assert_null(k);
}

/* The message says where, and never what: it may be a key. */
static void test_bad_files(void **state)
{
    (void)state;
    const struct {
        const char *text;
        vl_status status;
        const char *says;
    } cases[] = {{"", VALENCE_FORMAT, "no API key"},
                 {"# nothing\n\n", VALENCE_FORMAT, "no API key"},
                 {"fine\ntopsecret word\n", VALENCE_FORMAT, "line 2"},
                 {"topsecret\x01\n", VALENCE_FORMAT, "line 1"},
                 {"topsecret\xC3\xA9\n", VALENCE_FORMAT, "line 1"}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        vl_api_keys *k = NULL;
        valence_error error = {0};
        assert_int_equal(open_text(&k, cases[i].text, strlen(cases[i].text), 0600, &error), cases[i].status);
        assert_null(k);
        assert_non_null(strstr(error.message, cases[i].says));
        assert_null(strstr(error.message, "topsecret"));
    }
    vl_api_keys *k = NULL;
    valence_error error = {0};
    assert_int_equal(vl_api_keys_open(&k, "/nonexistent/keys", &error), VALENCE_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nonexistent/keys"));
}

static void test_too_many(void **state)
{
    (void)state;
    static char text[(VL_API_KEYS_MAX + 1) * 8 + 1];
    vl_api_keys *k = NULL;
    size_t len = 0;
    for (int i = 0; i <= VL_API_KEYS_MAX; i++) len += (size_t)sprintf(text + len, "k%06d\n", i);
    assert_int_equal(open_text(&k, text, len, 0600, NULL), VALENCE_LIMIT);
    assert_int_equal(open_text(&k, text, len - 8, 0600, NULL), VALENCE_OK);
    assert_true(admits(k, "Bearer k000999"));
    assert_false(admits(k, "Bearer k001000"));
    vl_api_keys_close(k);
}

static void heard(void *user, vl_log_level level, const char *message)
{
    if (level == VL_LOG_WARNING && strstr(message, "read by others")) ++*(int *)user;
}

static void test_readable_by_others(void **state)
{
    (void)state;
    const mode_t modes[] = {0600, 0400, 0640, 0604};
    for (size_t i = 0; i < LENGTH(modes); i++) {
        vl_api_keys *k = NULL;
        int warnings = 0;
        vl_log_listen(heard, &warnings);
        assert_int_equal(open_text(&k, "key\n", 4, modes[i], NULL), VALENCE_OK);
        vl_log_listen(NULL, NULL);
        assert_int_equal(warnings, i >= 2);
        vl_api_keys_close(k);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().current;
    for (int n = 1; n <= 2; n++) {
        vl_api_keys *k = NULL;
        char *path = test_path("keys");
        test_write(path, "key\n", 4);
        chmod(path, 0600);
        vl_mem_fail_only(n);
        assert_int_equal(vl_api_keys_open(&k, path, NULL), VALENCE_NO_MEMORY);
        vl_mem_fail_only(0);
        assert_null(k);
        assert_int_equal(vl_mem_usage_total().current, before);
        test_path_done(path);
    }
}

/* ---- CORS ------------------------------------------------------------------------------------ */

static void test_origins(void **state)
{
    (void)state;
    const char *const two[] = {"https://a.example", "http://localhost:3000"}, *const all[] = {"*"};
    const vl_cors some = {two, 2}, every = {all, 1}, none = {NULL, 0};
    assert_true(vl_cors_allows(&some, vl_span_of("https://a.example")));
    assert_true(vl_cors_allows(&some, vl_span_of("http://localhost:3000")));
    const char *const wrong[] = {"", "https://a.example.evil", "https://a.exampl", "http://a.example", "null", "*"};
    for (size_t i = 0; i < LENGTH(wrong); i++)
        if (vl_cors_allows(&some, vl_span_of(wrong[i]))) fail_msg("'%s' is allowed", wrong[i]);
    assert_true(vl_cors_allows(&every, vl_span_of("https://anything")));
    assert_false(vl_cors_allows(&every, (vl_span){NULL, 0}));
    assert_false(vl_cors_allows(&none, vl_span_of("https://a.example")));
}

static void test_bad_origins(void **state)
{
    (void)state;
    const char *const bad[] = {"a.example", "https://", "https://a.example/", "https://a b", "://a", "https://*.example", ""};
    for (size_t i = 0; i < LENGTH(bad); i++)
        if (vl_cors_check(&(vl_cors){&bad[i], 1}, NULL) != VALENCE_ARGUMENT) fail_msg("'%s' passes", bad[i]);
    const char *const good[] = {"*", "null", "https://a.example", "http://[::1]:8080", "chrome-extension://abc"};
    assert_int_equal(vl_cors_check(&(vl_cors){good, LENGTH(good)}, NULL), VALENCE_OK);
}

/* ---- Access log ------------------------------------------------------------------------------ */

static const vl_access usual = {.peer = "10.0.0.1", .method = "POST", .path = {"/predict", 8}, .route = "predict",
                                .status = 200, .bytes = 123, .seconds = 0.00025};

static const char *line_of(bool json, const vl_access *a)
{
    static char text[8192];
    vl_buffer line;
    vl_buffer_init(&line, VL_MEM_REQUEST, sizeof text - 1);
    assert_int_equal(vl_access_log_format(&line, json, a, 1700000000.0625), VALENCE_OK);
    memcpy(text, line.data, line.len);
    text[line.len] = '\0';
    vl_buffer_release(&line);
    return text;
}

static void test_lines(void **state)
{
    (void)state;
    vl_access a = usual;
    assert_string_equal(line_of(true, &a),
                        "{\"time\":\"2023-11-14T22:13:20.062Z\",\"peer\":\"10.0.0.1\",\"method\":\"POST\","
                        "\"path\":\"/predict\",\"route\":\"predict\",\"status\":200,\"bytes\":123,"
                        "\"seconds\":0.000250}\n");
    assert_string_equal(line_of(false, &a), "10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] \"POST /predict\" 200 123 "
                                            "0.000250 predict \"-\"\n");
    a.path = (vl_span){NULL, 0};
    a.request_id = vl_span_of("id\n\"7");
    assert_non_null(strstr(line_of(true, &a), "\"path\":\"-\""));
    assert_non_null(strstr(line_of(true, &a), "\"request_id\":\"id\\n\\\"7\"}\n"));
    assert_non_null(strstr(line_of(false, &a), "\"POST -\" 200"));
}

/* Whatever a client sends, it stays one line of bounded length. */
static void test_hostile_lines(void **state)
{
    (void)state;
    char path[3000];
    for (size_t i = 0; i < sizeof path; i++) path[i] = (char)(i % 256);
    vl_access a = usual;
    a.path = a.request_id = (vl_span){path, sizeof path};
    for (int json = 0; json < 2; json++) {
        const char *line = line_of(json, &a);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_true(strlen(line) < 4096);
        for (const char *c = line; *c != '\n'; c++) assert_true((unsigned char)*c >= ' ');
    }
}

static void test_log_file(void **state)
{
    (void)state;
    vl_access_log *l = NULL;
    vl_buffer line;
    char *path = test_path("log"), text[1000] = "";
    assert_int_equal(vl_access_log_open(&l, "xml", path, NULL), VALENCE_ARGUMENT);
    assert_int_equal(vl_access_log_open(&l, "json", "/nonexistent/log", NULL), VALENCE_NOT_FOUND);
    assert_int_equal(vl_access_log_open(&l, NULL, NULL, NULL), VALENCE_OK);
    assert_null(l);
    vl_buffer_init(&line, VL_MEM_REQUEST, 8192);
    for (int i = 0; i < 2; i++) { /* appended, not overwritten */
        assert_int_equal(vl_access_log_open(&l, "text", path, NULL), VALENCE_OK);
        vl_access_log_write(l, &line, &usual);
        vl_access_log_close(l);
    }
    int fd = open(path, O_RDONLY);
    assert_true(read(fd, text, sizeof text - 1) > 100);
    close(fd);
    char *second = strchr(text, '\n') + 1;
    assert_non_null(strstr(second, "\"POST /predict\" 200 123"));
    assert_ptr_equal(strchr(second, '\n') + 1, text + strlen(text));
    vl_buffer_release(&line);
    test_path_done(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_gets_in),    cmocka_unit_test(test_longest_key),
        cmocka_unit_test(test_bad_files),      cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_readable_by_others), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_origins),        cmocka_unit_test(test_bad_origins),
        cmocka_unit_test(test_lines),          cmocka_unit_test(test_hostile_lines),
        cmocka_unit_test(test_log_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
