/* test_border.c: at every possible cut of random files: the border is the next record's start, or a
 * shard says that it cannot tell; the shards together never lose or double a record. */
#include "data_fixture.h"

#include <time.h>

#include "base/hash.h"
#include "data/border.h"

static const vl_csv_rules csv = {',', true}, tsv = {'\t', false}, lines = {'\n', false};

/* The first record's start at or behind the cut, by the plain scan from the file's beginning. */
static size_t true_border(vl_span bytes, size_t first, size_t cut, vl_csv_rules rules)
{
    vl_csv_state state = VL_CSV_START;
    if (cut <= first) return first;
    for (size_t i = first; i < bytes.len; i++) {
        vl_csv_masks m;
        state = vl_csv_scan_scalar(&m, bytes.ptr + i, 1, rules, state);
        if (m.separators & m.newlines && i + 1 >= cut) return i + 1;
    }
    return bytes.len;
}

/* How many cuts are told wrongly. */
static size_t wrong_cuts(vl_span bytes, size_t first, vl_csv_rules rules)
{
    size_t wrong = 0;
    for (size_t cut = 0; cut <= bytes.len; cut++)
        wrong += vl_record_border(bytes, first, cut, rules) != true_border(bytes, first, cut, rules);
    return wrong;
}

static void expect_right(const char *written, vl_csv_rules rules)
{
    size_t wrong = wrong_cuts(vl_span_of(written), 0, rules);
    if (wrong) fail_msg("%zu cuts are wrong in: %s", wrong, written);
}

static void test_by_hand(void **state)
{
    (void)state;
    expect_right("", csv);
    expect_right("\n\n\n", csv);
    expect_right("a,b\nc,d", csv);
    expect_right("\"a\nb\",c\n\"d\n\n\",e\n", csv);
    expect_right("\"a \"\"b\"\"\n,\",1\n\"\"\"\n\"\"\",2\n\"\",3\nx,4\n", csv);
    expect_right("a,5\" screen\nb,6\" screen\n", csv);        /* inch marks in plain fields */
    expect_right("x,\"the last one, not closed? no:\n\"", csv); /* ends with the file */
    expect_right("a,\"\r\nb\",c\r\nd,\"e\"\r\n", csv);
    expect_right("a\t\"b\nc\"\td\n\n\"\n", tsv);
    expect_right("one\n\"two\nthree", lines);
}

/* Behind a header, which is never cut. */
static void test_header(void **state)
{
    (void)state;
    vl_span bytes = vl_span_of("\"te\nxt\",n\n\"a\nb\",1\nc,2\n");
    assert_int_equal(wrong_cuts(bytes, 10, csv), 0);
    assert_int_equal(vl_record_border(bytes, 10, 3, csv), 10);
}

/* A field as a program writes it: quoted where it must be. */
static void add_field(text *t, uint64_t seed, const char *alphabet)
{
    char value[16];
    size_t len = vl_random_at(seed, 0) % 9, letters = strlen(alphabet);
    for (size_t i = 0; i < len; i++) value[i] = alphabet[vl_random_at(seed, i + 2) % letters];
    bool quote = vl_random_at(seed, 1) % 4 == 0;
    for (size_t i = 0; i < len; i++) quote |= strchr("\",\r\n", value[i]) != NULL;
    if (quote) add(t, "\"", 1);
    for (size_t i = 0; i < len; i++) add(t, value + i, 1), value[i] == '"' ? add(t, "\"", 1) : (void)0;
    if (quote) add(t, "\"", 1);
}

static text random_csv(uint64_t seed, const char *alphabet)
{
    text t = {0};
    add(&t, "", 0);
    size_t rows = vl_random_at(seed, 0) % 12;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < 3; column++) {
            const char *end = column < 2 ? "," : row % 5 ? "\n" : "\r\n";
            add_field(&t, vl_random_at(seed, 3 * row + column + 1), alphabet);
            add(&t, end, strlen(end));
        }
    return t;
}

/* Texts with quotes, commas and newlines inside them, but none of these right at a field's edge: what
 * people write. Each cut is told rightly. */
static void test_well_written_files(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL), quoted = 0;
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t n = 0; n < 300; n++) {
        text t = {0};
        add(&t, "", 0);
        for (int row = 0; row < 8; row++) {
            static const char *const middles[] = {"", " and, ", "\n", " \"\"so\"\" ", "\n\n,x", "\"\"\n\"\""};
            uint64_t pick = vl_random_at(seed + n, (uint64_t)row);
            char line[64];
            size_t len = (size_t)snprintf(line, sizeof line, pick % 3 ? "\"w%sw\",%d\n" : "word%.0s,%d\n",
                                          middles[pick / 3 % 6], row);
            quoted += pick % 3 != 0;
            add(&t, line, len);
        }
        size_t wrong = wrong_cuts((vl_span){t.data, t.len}, 0, csv);
        if (wrong) fail_msg("%zu cuts are wrong in: %s", wrong, t.data);
        free(t.data);
    }
    assert_true(quoted > 100);
}

/* ---- Shards over such files ------------------------------------------------------------------ */

/* A record of read_path without number and id, which are others in a shard: label and text. */
static void add_values(text *t, const char *line, const char *end)
{
    const char *label = memchr(line, '|', (size_t)(end - line));
    const char *id = label ? memchr(label + 1, '|', (size_t)(end - label) - 1) : NULL;
    const char *rest = id ? memchr(id + 1, '|', (size_t)(end - id) - 1) : NULL;
    if (!rest) {
        add(t, "bad\n", 4);
        return;
    }
    add(t, label, (size_t)(id - label));
    add(t, rest, (size_t)(end - rest) + 1);
}

/* Appends what the file or its shard holds; false if it refuses. */
static bool read_values(text *t, const char *path, const vl_source_options *o)
{
    text all = read_path(path, o);
    bool refused = false;
    for (const char *line = all.data; *line && !refused; line = strchr(line, '\n') + 1) {
        refused = strncmp(line, "FORMAT: cannot split", 20) == 0;
        if (!refused) add_values(t, line, strchr(line, '\n'));
    }
    free(all.data);
    return !refused;
}

/* True if the shards add up; false if one of them refuses. Anything else fails the test. */
static bool shards_add_up(const char *path, uint64_t shards)
{
    text whole = {0}, parts = {0};
    vl_source_options o = vl_source_options_defaults();
    o.text = "1";
    o.keep_columns = true;
    o.chunk_bytes = 16;
    add(&whole, "", 0);
    add(&parts, "", 0);
    assert_true(read_values(&whole, path, &o));
    bool added = true;
    o.shards = shards;
    for (o.shard = 0; o.shard < shards; o.shard++) added &= read_values(&parts, path, &o);
    if (added) assert_string_equal(parts.data, whole.data);
    free(whole.data);
    free(parts.data);
    return added;
}

/* Any bytes at all: right, or refused. */
static void test_shards_of_hostile_files(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL) * 1000;
    int right = 0, refused = 0;
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t n = 0; n < 150; n++) {
        text t = {0};
        add(&t, "x,y,z\n", 6);
        size_t len = 1 + vl_random_at(seed, n) % 120;
        for (size_t i = 0; i < len; i++) add(&t, &"\"\"\",,\n\n\rab"[vl_random_at(seed + n, i) % 10], 1);
        const char *path = write_bytes("h.csv", t.data, t.len);
        for (uint64_t shards = 1; shards < 200; shards = shards * 5 / 2 + 1)
            if (shards_add_up(path, shards)) right++;
            else refused++;
        free(t.data);
    }
    printf("%d splits add up, %d refused\n", right, refused);
    assert_true(right > 100 && refused > 10);
}

/* Quotes right at the edges of fields: rarely refused, never wrong. */
static void test_shards_of_written_files(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL) * 77;
    int right = 0, refused = 0;
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t n = 0; n < 150; n++) {
        text t = random_csv(seed + n, n % 2 ? "ab,\"\n" : "abcdefgh ,\"\n");
        const char *path = write_bytes("w.csv", t.data, t.len);
        for (uint64_t shards = 1; shards < 200; shards = shards * 5 / 2 + 1)
            if (shards_add_up(path, shards)) right++;
            else refused++;
        free(t.data);
    }
    printf("%d splits add up, %d refused\n", right, refused);
    assert_true(refused < right);
}

static void test_refusal_names_the_byte(void **state)
{
    (void)state;
    vl_source_options o = vl_source_options_defaults();
    o.shards = 2;
    text t = {0};
    add(&t, "text,n\n", 7);
    for (int i = 0; i < 41; i++) add(&t, "\"aaaa\nbbbb\"c,1\n", 15); /* malformed */
    const char *path = write_bytes("inch.csv", t.data, t.len);
    (void)write_text; /* of the fixture */
    free(t.data);
    expect_error(path, o, "cannot split '");
    expect_error(path, o, "' at byte 314");
    expect_error(path, o, "use no --shard");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_well_written_files),
        cmocka_unit_test(test_shards_of_hostile_files),
        cmocka_unit_test(test_shards_of_written_files),
        cmocka_unit_test(test_refusal_names_the_byte),
    };
    return cmocka_run_group_tests_name("border", tests, make_folder, remove_folder);
}
