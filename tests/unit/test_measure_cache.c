/* test_measure_cache.c: measuring a model in a child, and keeping the figures: what was put is found
 * again, for this machine only; where the file lies; damaged files of all kinds are none. */
#include "made_model.h"

#include <math.h>
#include <sys/stat.h>

#include "cli/measure_cache.c" /* its statics are tested, too */
#include "cli/model_measure.c"
#include "cli/sample_texts.c"

static const cli_measurement made = {.load_seconds = 0.001,
                                     .p50 = 1.25e-6,
                                     .p99 = 2.5e-6,
                                     .texts_per_second = 700000.5,
                                     .memory_bytes = 1 << 20,
                                     .private_bytes = 4096};

/* A new folder as $XDG_CACHE_HOME; file: where the cache will be in it. */
static void use_new_folder(char folder[512], char file[1024])
{
    char *path = test_path("x");
    *strrchr(path, '/') = '\0';
    snprintf(folder, 512, "%s", path);
    snprintf(file, 1024, "%s/valence/measurements.json", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    free(path);
}

static void remove_folder(const char *folder, const char *file)
{
    char inner[1024];
    unlink(file);
    snprintf(inner, sizeof inner, "%s/valence", folder);
    rmdir(inner);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
    unsetenv("XDG_CACHE_HOME");
}

static cli_cache opened(void)
{
    cli_cache c;
    assert_int_equal(cli_cache_open(&c, NULL), VALENCE_OK);
    return c;
}

static void test_round_trip(void **state)
{
    (void)state;
    char folder[512], file[1024];
    use_new_folder(folder, file);
    cli_cache c = opened();
    assert_null(cli_cache_find(&c, "0123456789abcdef"));
    cli_cache_close(&c);
    assert_int_equal(access(file, F_OK), -1); /* nothing put, nothing written */
    c = opened();
    cli_cache_put(&c, "0123456789abcdef", &made);
    cli_cache_put(&c, "another", &made);
    cli_cache_put(&c, "another", &made);
    assert_int_equal(c.count, 2);
    cli_cache_close(&c);
    c = opened();
    assert_int_equal(c.count, 2);
    const cli_measurement *m = cli_cache_find(&c, "0123456789abcdef");
    assert_non_null(m);
    assert_memory_equal(m, &made, sizeof made); /* to the last bit */
    assert_null(cli_cache_find(&c, "0123456789abcdee"));
    strcpy(c.cpu, "another processor");
    assert_null(cli_cache_find(&c, "0123456789abcdef"));
    cli_cache_close(&c);
    remove_folder(folder, file);
}

/* The oldest make room, and one put again counts as new. */
static void test_full(void **state)
{
    (void)state;
    char folder[512], file[1024], name[32];
    use_new_folder(folder, file);
    cli_cache c = opened();
    for (int i = 0; i < CLI_CACHE_MAX; i++) {
        snprintf(name, sizeof name, "m%d", i);
        cli_cache_put(&c, name, &made);
    }
    cli_cache_put(&c, "m0", &made);
    cli_cache_put(&c, "one more", &made);
    assert_int_equal(c.count, CLI_CACHE_MAX);
    cli_cache_close(&c);
    c = opened();
    assert_int_equal(c.count, CLI_CACHE_MAX);
    assert_non_null(cli_cache_find(&c, "m0"));
    assert_null(cli_cache_find(&c, "m1"));
    assert_non_null(cli_cache_find(&c, "m2"));
    assert_non_null(cli_cache_find(&c, "one more"));
    cli_cache_close(&c);
    remove_folder(folder, file);
}

/* What a cache holds after these bytes were its file. */
static size_t entries_of(const char *file, const char *bytes, size_t len)
{
    test_write(file, bytes, len);
    cli_cache c = opened();
    size_t count = c.count;
    cli_cache_close(&c);
    return count;
}

static void test_damaged(void **state)
{
    (void)state;
    char folder[512], file[1024], whole[4096];
    use_new_folder(folder, file);
    cli_cache c = opened();
    cli_cache_put(&c, "sum", &made);
    cli_cache_close(&c);
    FILE *f = fopen(file, "rb");
    size_t len = fread(whole, 1, sizeof whole, f);
    fclose(f);
    assert_int_equal(entries_of(file, whole, len), 1);
    for (size_t cut = 0; cut < len - 1; cut++) assert_int_equal(entries_of(file, whole, cut), 0);
    static const char *const bad[][2] = {{"\"format\": 1", "\"format\": 2"},
                                         {"\"measurements\": [", "\"measures\": ["},
                                         {"\"checksum\": \"sum\"", "\"x\": 1"},
                                         {"\"cpu\": \"", "\"cpu\": 7, \"u\": \""},
                                         {"\"load_seconds\": 0.001", "\"load_seconds\": 0"},
                                         {"\"load_seconds\": 0.001", "\"load_seconds\": \"1\""},
                                         {"1.25e-06", "-1"},
                                         {"1.25e-06", "1"}, /* p50 above p99 */
                                         {"1048576", "4095"},
                                         {"{\"checksum\"", "[\"checksum\""}};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        char text[5000], *at;
        whole[len] = '\0';
        at = strstr(whole, bad[i][0]);
        if (!at) fail_msg("no '%s' in %s", bad[i][0], whole);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, bad[i][1],
                 at + strlen(bad[i][0]));
        if (entries_of(file, text, strlen(text)) != 0) fail_msg("taken: %s", text);
    }
    char *large = calloc(1, FILE_MAX + 10);
    memset(large, ' ', FILE_MAX + 10);
    memcpy(large, whole, len);
    assert_int_equal(entries_of(file, large, FILE_MAX + 10), 0);
    assert_int_equal(entries_of(file, large, FILE_MAX - 10), 1);
    free(large);
    test_write(file, "{\"format\"", 9);
    c = opened();
    cli_cache_put(&c, "new", &made); /* a damaged file is replaced */
    cli_cache_close(&c);
    c = opened();
    assert_non_null(cli_cache_find(&c, "new"));
    cli_cache_close(&c);
    remove_folder(folder, file);
}

/* No place to keep it is no reason to fail. */
static void test_places(void **state)
{
    (void)state;
    char folder[512], file[1024], home[1100];
    const char *old = getenv("HOME");
    char *keep = old ? strdup(old) : NULL;
    static const char *const odd[] = {"relative", "", "/dev/null", "/proc/nowhere"};
    use_new_folder(folder, file);
    unsetenv("HOME");
    for (size_t i = 0; i < LENGTH(odd); i++) {
        setenv("XDG_CACHE_HOME", odd[i], 1);
        cli_cache c = opened();
        cli_cache_put(&c, "sum", &made);
        assert_non_null(cli_cache_find(&c, "sum"));
        cli_cache_close(&c);
    }
    assert_int_equal(access("relative", F_OK), -1);
    setenv("HOME", folder, 1); /* a relative $XDG_CACHE_HOME counts as none */
    setenv("XDG_CACHE_HOME", "relative", 1);
    cli_cache c = opened();
    snprintf(home, sizeof home, "%s/.cache/valence/measurements.json", folder);
    assert_string_equal(c.path, home);
    cli_cache_close(&c);
    unsetenv("XDG_CACHE_HOME");
    if (keep) setenv("HOME", keep, 1);
    else unsetenv("HOME");
    free(keep);
    remove_folder(folder, file);
}

static void test_measure(void **state)
{
    (void)state;
    char *path = made_model_file((made_model){.K = 2, .logistic = true, .dtype = VL_I8});
    cli_measurement m = {0};
    valence_error error = {0};
    if (cli_model_measure(&m, path, &error) != VALENCE_OK) fail_msg("%s", error.message);
    assert_true(cli_measurement_valid(&m));
    assert_true(m.load_seconds < 5 && m.p99 < 1 && m.texts_per_second > 10);
    assert_true(m.memory_bytes >= 4096);
    assert_int_equal(cli_model_measure(&m, "/nowhere/m", &error), VALENCE_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/m"));
    vl_mem_fail_from(1); /* the child has no memory: its error comes back */
    assert_int_equal(cli_model_measure(&m, path, &error), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    test_path_done(path);
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(cli_measurement_valid(&made));
    for (size_t i = 0; i < sizeof made / sizeof(double); i++) {
        static const double wrong[] = {-1, NAN, INFINITY};
        for (size_t j = 0; j < LENGTH(wrong); j++) {
            cli_measurement m = made;
            ((double *)&m)[i] = wrong[j];
            assert_false(cli_measurement_valid(&m));
        }
    }
}

/* The header promises about 200 bytes, and no text twice. */
static void test_samples(void **state)
{
    (void)state;
    for (int i = 0; i < CLI_SAMPLE_TEXTS; i++) {
        assert_in_range(strlen(cli_sample_texts[i]), 180, 220);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(cli_sample_texts[i], cli_sample_texts[j]);
    }
    int order[CLI_SAMPLE_TEXTS];
    bool seen[CLI_SAMPLE_TEXTS] = {false};
    shuffle(order, 3);
    for (int i = 0; i < CLI_SAMPLE_TEXTS; i++) seen[order[i]] = true;
    for (int i = 0; i < CLI_SAMPLE_TEXTS; i++) assert_true(seen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_full),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_measure),    cmocka_unit_test(test_valid),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
