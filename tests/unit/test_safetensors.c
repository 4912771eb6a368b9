/* test_safetensors.c: there and back, the layout promised, and every way to be broken. */
#include "test.h"

#include "base/hash.h"
#include "formats/safetensors.h"

static const float floats[6] = {1, -2, 3.5f, 0, 1e30f, -0.0f};
static const int8_t bytes[5] = {1, -1, 127, -128, 0};
static const double doubles[2] = {0.1, -0.2};

static vl_store *sample(void)
{
    vl_store *s;
    vl_tensor rows[] = {
        {.name = "bytes", .dtype = VL_I8, .rank = 1, .shape = {5}, .data = bytes, .bytes = 5},
        {.name = "z", .dtype = VL_F32, .rank = 2, .shape = {2, 3}, .data = floats, .bytes = 24},
        {.name = "a \"\xC3\xA9\"\n", .dtype = VL_F32, .rank = 0, .data = floats, .bytes = 4},
        {.name = "empty", .dtype = VL_F16, .rank = 3, .shape = {4, 0, 2}},
        {.name = "doubles", .dtype = VL_F64, .rank = 1, .shape = {2}, .data = doubles, .bytes = 16},
    };
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_int_equal(vl_store_add(s, &rows[i], NULL), VALENCE_OK);
    vl_store_set(s, "labels", vl_span_of("[\"negative\",\"positive\"]"), NULL);
    vl_store_set(s, "family", vl_span_of("logistic"), NULL);
    vl_store_set(s, "", vl_span_of(""), NULL);
    return s;
}

static vl_buffer encoded(const vl_store *s)
{
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_IO, 1 << 20);
    assert_int_equal(vl_safetensors_encode(s, &out, NULL), VALENCE_OK);
    return out;
}

static void check_equal(const vl_store *a, const vl_store *b)
{
    assert_int_equal(vl_store_count(a), vl_store_count(b));
    assert_int_equal(vl_store_meta_count(a), vl_store_meta_count(b));
    for (size_t i = 0; i < vl_store_count(a); i++) {
        const vl_tensor *x = vl_store_at(a, i), *y = vl_store_find(b, x->name);
        assert_non_null(y);
        assert_true(x->dtype == y->dtype && x->rank == y->rank && x->bytes == y->bytes);
        for (int k = 0; k < x->rank; k++) assert_int_equal(x->shape[k], y->shape[k]);
        assert_int_equal((uintptr_t)y->data % vl_dtype_size(y->dtype), 0);
        if (x->bytes) assert_memory_equal(x->data, y->data, x->bytes);
    }
    for (size_t i = 0; i < vl_store_meta_count(a); i++) {
        const char *key, *value;
        vl_store_meta_at(a, i, &key, &value);
        assert_string_equal(vl_store_get(b, key), value);
    }
}

static void test_there_and_back(void **state)
{
    (void)state;
    vl_store *s = sample(), *back;
    vl_buffer file = encoded(s);
    assert_int_equal(vl_safetensors_read(&back, vl_buffer_span(&file), "m", NULL), VALENCE_OK);
    check_equal(s, back);
    vl_store_close(back);
    vl_buffer_release(&file);
    vl_store_close(s);
}

/* Every start address: what is not aligned is copied, the rest is used in place. */
static void test_unaligned(void **state)
{
    (void)state;
    vl_store *s = sample();
    vl_buffer file = encoded(s);
    char *copy = vl_alloc(VL_MEM_IO, file.len + 8);
    for (size_t shift = 0; shift < 8; shift++) {
        vl_store *back;
        memcpy(copy + shift, file.data, file.len);
        assert_int_equal(vl_safetensors_read(&back, (vl_span){copy + shift, file.len}, "m", NULL),
                         VALENCE_OK);
        check_equal(s, back);
        const char *data = vl_store_find(back, "doubles")->data;
        bool inside = data >= copy && data < copy + file.len + 8;
        assert_int_equal(inside, shift == 0);
        vl_store_close(back);
    }
    vl_free(copy);
    vl_buffer_release(&file);
    vl_store_close(s);
}

static void test_layout(void **state)
{
    (void)state;
    static const char *const order[] = {"doubles", "a \"\xC3\xA9\"\n", "z", "empty", "bytes"};
    vl_store *s = sample(), *back;
    vl_buffer file = encoded(s), again = encoded(s);
    assert_true(vl_span_equal(vl_buffer_span(&file), vl_buffer_span(&again)));
    assert_int_equal(vl_safetensors_read(&back, vl_buffer_span(&file), "m", NULL), VALENCE_OK);
    for (size_t i = 0; i < LENGTH(order); i++)
        assert_string_equal(vl_store_at(back, i)->name, order[i]);
    assert_int_equal(((const char *)vl_store_at(back, 0)->data - file.data) % 64, 0);
    const char *key, *value;
    vl_store_meta_at(back, 1, &key, &value);
    assert_string_equal(key, "family"); /* sorted: "", family, labels */
    vl_buffer third = encoded(back);    /* read and written: the same bytes */
    assert_true(vl_span_equal(vl_buffer_span(&file), vl_buffer_span(&third)));
    vl_store_close(back);
    vl_buffer_release(&third);
    vl_buffer_release(&again);
    vl_buffer_release(&file);
    vl_store_close(s);
}

static void test_file(void **state)
{
    (void)state;
    char *path = test_path("m.safetensors"), read[4096];
    vl_store *s = sample();
    valence_error error;
    vl_buffer file = encoded(s);
    assert_int_equal(vl_safetensors_write(s, path, &error), VALENCE_OK);
    FILE *f = fopen(path, "rb");
    size_t n = fread(read, 1, sizeof read, f);
    fclose(f);
    assert_true(vl_span_equal((vl_span){read, n}, vl_buffer_span(&file)));
    assert_int_equal(vl_safetensors_write(s, "/nonexistent/m", &error), VALENCE_NOT_FOUND);
    vl_buffer_release(&file);
    vl_store_close(s);
    test_path_done(path);
}

static void test_empty_store(void **state)
{
    (void)state;
    vl_store *s, *back;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    vl_buffer file = encoded(s);
    assert_int_equal(vl_safetensors_read(&back, vl_buffer_span(&file), "m", NULL), VALENCE_OK);
    assert_int_equal(vl_store_count(back), 0);
    vl_store_close(back);
    vl_buffer_release(&file);
    vl_store_close(s);
}

static void test_cannot_be_written(void **state)
{
    (void)state;
    static const char *const names[] = {"__metadata__", "bad\xFF"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        vl_store *s;
        valence_error error;
        vl_buffer out;
        vl_tensor t = {.name = names[i], .dtype = VL_I8, .rank = 1};
        vl_buffer_init(&out, VL_MEM_IO, 1000);
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_OK);
        assert_int_equal(vl_safetensors_encode(s, &out, &error), VALENCE_ARGUMENT);
        assert_int_equal(out.len, 0);
        vl_buffer_release(&out);
        vl_store_close(s);
    }
}

/* A file of that header and so many bytes of data, read; the message is compared if given. */
static void check_header(const char *json, size_t data, vl_status wanted, const char *message)
{
    static char file[70000];
    size_t n = strlen(json);
    memset(file, 0, sizeof file);
    for (int i = 0; i < 8; i++) file[i] = (char)((uint64_t)n >> 8 * i);
    memcpy(file + 8, json, n);
    vl_store *s = NULL;
    valence_error error = {0};
    vl_status status = vl_safetensors_read(&s, (vl_span){file, 8 + n + data}, "m.st", &error);
    if (status != wanted) fail_msg("%s: status %d, %s", json, status, error.message);
    assert_int_equal(s != NULL, status == VALENCE_OK);
    if (message) assert_non_null(strstr(error.message, "cannot read 'm.st': "));
    if (message && !strstr(error.message, message)) fail_msg("%s: %s", json, error.message);
    vl_store_close(s);
}

#define T(shape, range) "{\"dtype\":\"U8\",\"shape\":[" shape "],\"data_offsets\":[" range "]}"

static void test_good_headers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t data;
    } rows[] = {
        {"{}", 0},
        {"{}   \n ", 0},
        {"{\"__metadata__\":{}}", 0},
        {"{\"a\":" T("2", "0,2") ",\"b\":" T("3", "2,5") "}", 5},
        {"{\"b\":" T("3", "2,5") ",\"a\":" T("2", "0,2") "}", 5},
        {"{\"a\":" T("", "0,1") "}", 1},
        {"{\"a\":" T("0", "0,0") ",\"b\":" T("1", "0,1") ",\"c\":" T("7,0", "1,1") "}", 1},
        {"{\"a\":" T("1,1,1,1,1,1,1,2", "0,2") "}", 2},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":{}}}", 1},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        check_header(rows[i].json, rows[i].data, VALENCE_OK, NULL);
}

static void test_bad_headers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t data;
        const char *message;
    } rows[] = {
        {"", 0, "header is empty"},
        {" {}", 0, "not a safetensors file"},
        {"[]", 0, "not a safetensors file"},
        {"{", 0, "invalid JSON"},
        {"{}x", 0, "invalid JSON"},
        {"{\"a\":1}", 0, "tensor 'a': is not an object"},
        {"{\"a\":{}}", 0, "missing"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "missing"},
        {"{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype is not a string"},
        {"{\"a\":" T("-1", "0,1") "}", 1, "shape"},
        {"{\"a\":" T("1.0", "0,1") "}", 1, "shape"},
        {"{\"a\":" T("\"1\"", "0,1") "}", 1, "shape"},
        {"{\"a\":" T("1,1,1,1,1,1,1,1,1", "0,1") "}", 1, "more than 8 dimensions"},
        {"{\"a\":" T("4294967296,4294967296", "0,0") "}", 0, "too large"},
        {"{\"a\":" T("9223372036854775807,3", "0,0") "}", 0, "too large"},
        {"{\"a\":" T("3", "0,2") "}", 2, "shape [3] needs 3 bytes, it has 2"},
        {"{\"a\":" T("2", "2,0") "}", 2, "data_offsets"},
        {"{\"a\":" T("2", "0") "}", 2, "data_offsets"},
        {"{\"a\":" T("2", "0,2,2") "}", 2, "data_offsets"},
        {"{\"a\":" T("2", "-2,0") "}", 2, "data_offsets"},
        {"{\"a\":" T("2", "0,18446744073709551618") "}", 2, "invalid JSON"},
        {"{\"a\":" T("2", "0,18446744073709551615") "}", 2, "data_offsets"},
        {"{\"a\":" T("2", "1,3") "}", 3, "hole"},
        {"{\"a\":" T("2", "0,2") ",\"b\":" T("1", "3,4") "}", 4, "tensor 'b': there is a hole"},
        {"{\"a\":" T("2", "0,2") ",\"b\":" T("2", "1,3") "}", 3, "tensor 'b': its data overlaps"},
        {"{\"a\":" T("2", "0,2") ",\"b\":" T("2", "0,2") "}", 2, "overlaps"},
        {"{\"a\":" T("2", "0,2") "}", 1, "past the end of the file"},
        {"{\"a\":" T("2", "0,2") "}", 3, "tensors take 2 bytes, the file holds 3"},
        {"{}", 1, "tensors take 0 bytes, the file holds 1"},
        {"{\"a\":" T("1", "0,1") ",\"a\":" T("1", "1,2") "}", 2,
         "tensor 'a': the name occurs twice"},
        {"{\"a\":" T("0", "0,0") ",\"\\u0061\":" T("0", "0,0") "}", 0, "occurs twice"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
         "twice"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
         "twice"},
        {"{\"a\\u0000b\":" T("0", "0,0") "}", 0, "holds a NUL"},
        {"{\"__metadata__\":{\"k\":1}}", 0, "metadata 'k' is not a string"},
        {"{\"__metadata__\":\"k\"}", 0, "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "metadata 'k' occurs twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ occurs twice"},
        {"{\"__metadata__\":{\"k\":\"a\\u0000b\"}}", 0, "holds a NUL"},
        {"{\"__metadata__\":{\"k\\u0000\":\"a\"}}", 0, "holds a NUL"},
        {"{\"a\":\"\xFF\"}", 0, "not UTF-8"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        check_header(rows[i].json, rows[i].data, VALENCE_FORMAT, rows[i].message);
    check_header("{\"\\u001bx\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
                 VALENCE_UNSUPPORTED, "tensor '?x': element type 'F8_E4M3' is not supported");
}

/* Names longer than a message may quote. */
static void test_long_names(void **state)
{
    (void)state;
    static char json[60000];
    memset(json, 0, sizeof json);
    strcpy(json, "{\"");
    for (int i = 0; i < 20000; i++) strcat(json + 2 + 2 * i, "\xC3\xA9");
    strcat(json, "\":1}");
    check_header(json, 0, VALENCE_FORMAT, "\xC3\xA9': is not an object");
}

static void test_header_lengths(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {
        0, 1,        100000001, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 8,
        3, 100000000};
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        char file[] = "01234567{}";
        vl_store *s;
        for (int k = 0; k < 8; k++) file[k] = (char)(lengths[i] >> 8 * k);
        for (size_t len = 0; len <= 10; len++)
            assert_int_equal(vl_safetensors_read(&s, (vl_span){file, len}, "m", NULL),
                             VALENCE_FORMAT);
    }
}

/* Exactly so many bytes on the heap, so that AddressSanitizer sees a read past the end. */
static vl_status read_exactly(const char *file, size_t len)
{
    char *copy = vl_alloc(VL_MEM_IO, len);
    vl_store *s = NULL;
    memcpy(copy, file, len);
    vl_status status = vl_safetensors_read(&s, (vl_span){copy, len}, "m", NULL);
    for (size_t i = 0; s && i < vl_store_count(s); i++) { /* what it gives can be read */
        const vl_tensor *t = vl_store_at(s, i);
        assert_true(vl_hash64(t->data, t->bytes, 0) == vl_hash64(t->data, t->bytes, 0));
    }
    vl_store_close(s);
    vl_free(copy);
    return status;
}

static void test_every_truncation(void **state)
{
    (void)state;
    vl_store *s = sample();
    vl_buffer file = encoded(s);
    for (size_t len = 0; len < file.len; len++)
        assert_int_equal(read_exactly(file.data, len), VALENCE_FORMAT);
    assert_int_equal(read_exactly(file.data, file.len), VALENCE_OK);
    vl_buffer_release(&file);
    vl_store_close(s);
}

static void test_every_bit(void **state)
{
    (void)state;
    vl_store *s = sample();
    vl_buffer file = encoded(s);
    size_t header = file.len - 16 - 4 - 24 - 5;
    int64_t before = vl_mem_usage_total().current;
    int good = 0;
    for (size_t bit = 0; bit < header * 8; bit++) {
        file.data[bit / 8] ^= (char)(1 << bit % 8);
        vl_status status = read_exactly(file.data, file.len);
        if (bit < 64) assert_int_equal(status, VALENCE_FORMAT);
        good += status == VALENCE_OK; /* a letter of a name, or a type of the same size */
        file.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_in_range(good, 1, (int)header * 6);
    assert_int_equal(vl_mem_usage_total().current, before);
    vl_buffer_release(&file);
    vl_store_close(s);
}

static void test_many_tensors(void **state)
{
    (void)state;
    enum { N = 3000 };
    vl_store *s, *back;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    for (int i = 0; i < N; i++) {
        char name[48];
        snprintf(name, sizeof name, "encoder.layer.%d.weight", i);
        vl_tensor t = {
            .name = name, .dtype = VL_F32, .rank = 1, .shape = {6}, .data = floats, .bytes = 24};
        assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_OK);
    }
    vl_buffer file = encoded(s);
    assert_int_equal(vl_safetensors_read(&back, vl_buffer_span(&file), "m", NULL), VALENCE_OK);
    check_equal(s, back);
    vl_store_close(back);
    vl_buffer_release(&file);
    vl_store_close(s);
}

static void test_read_fail_sweep(void **state)
{
    (void)state;
    vl_store *s = sample();
    vl_buffer file = encoded(s);
    int64_t before = vl_mem_usage_total().current;
    vl_status status = VALENCE_NO_MEMORY;
    for (int n = 1; status != VALENCE_OK; n++) {
        vl_store *back;
        vl_mem_fail_from(n);
        status = vl_safetensors_read(&back, vl_buffer_span(&file), "m", NULL);
        vl_mem_fail_from(0);
        assert_true(status == VALENCE_OK || status == VALENCE_NO_MEMORY);
        vl_store_close(back);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    vl_buffer_release(&file);
    vl_store_close(s);
}

static void test_write_fail_sweep(void **state)
{
    (void)state;
    vl_store *s = sample();
    int64_t before = vl_mem_usage_total().current;
    vl_status status = VALENCE_NO_MEMORY;
    for (int n = 1; status != VALENCE_OK; n++) {
        valence_error error = {0};
        vl_buffer out;
        vl_buffer_init(&out, VL_MEM_IO, 1 << 20);
        vl_mem_fail_from(n);
        status = vl_safetensors_encode(s, &out, &error);
        vl_mem_fail_from(0);
        assert_true(status == VALENCE_OK || status == VALENCE_NO_MEMORY);
        assert_int_equal(error.message[0] != 0, status != VALENCE_OK);
        vl_buffer_release(&out);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    vl_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),   cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_layout),           cmocka_unit_test(test_file),
        cmocka_unit_test(test_empty_store),      cmocka_unit_test(test_cannot_be_written),
        cmocka_unit_test(test_good_headers),     cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_long_names),       cmocka_unit_test(test_header_lengths),
        cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_many_tensors),     cmocka_unit_test(test_read_fail_sweep),
        cmocka_unit_test(test_write_fail_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
