/* train_fixture.h: small generated corpora for the tests of src/train. */
#ifndef TRAIN_FIXTURE_H
#define TRAIN_FIXTURE_H

#include "test.h"

#include "base/hash.h"
#include "formats/safetensors.h"
#include "train/classic.h"

enum { FIXTURE_MAX = 1 << 20 };

typedef struct fixture_text {
    char *data;
    size_t len;
} fixture_text;

static inline fixture_text fixture_begin(const char *header)
{
    fixture_text t = {malloc(FIXTURE_MAX), 0};
    if (!t.data) exit(1);
    t.len = (size_t)snprintf(t.data, FIXTURE_MAX, "%s", header);
    return t;
}

/* Row i of a language in which a third of the words tell the label; `domain` chooses the words. */
static inline void fixture_row(fixture_text *t, const char *label, int class, int domain, uint64_t i)
{
    char *out = t->data + t->len;
    size_t left = FIXTURE_MAX - t->len, n = (size_t)snprintf(out, left, "%s\t", label);
    for (uint64_t w = 0; w < 14; w++) {
        uint64_t r = vl_random_at(1000 + (uint64_t)domain, i * 16 + w);
        if (r % 3 == 0)
            n += (size_t)snprintf(out + n, left - n, "c%dd%dw%d ", class, domain, (int)(r >> 8 & 15));
        else n += (size_t)snprintf(out + n, left - n, "w%d ", (int)(r >> 8) & 63);
    }
    t->len += n + (size_t)snprintf(out + n, left - n, "n%d\n", (int)i);
}

/* Writes the file and frees the text. The name is reused after sixteen calls. */
static inline const char *fixture_write(fixture_text *t, const char *folder, const char *name)
{
    static char paths[16][600];
    static int turn;
    char *path = paths[turn++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    test_write(path, t->data, t->len);
    free(t->data);
    return path;
}

static char fixture_folder[64];

static inline int fixture_make(void **state)
{
    (void)state;
    strcpy(fixture_folder, "/tmp/valence_train_XXXXXX");
    setenv("SOURCE_DATE_EPOCH", "1000000000", 1);
    return mkdtemp(fixture_folder) ? 0 : -1;
}

static inline int fixture_remove(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", fixture_folder);
    return system(command);
}

static inline const char *fixture_path(const char *name)
{
    static char paths[16][600];
    static int turn;
    char *path = paths[turn++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", fixture_folder, name);
    return path;
}

static inline vl_corpus fixture_read(const char *spec, bool one_label)
{
    vl_corpus c;
    valence_error e = {0};
    vl_corpus_options o = vl_corpus_options_defaults();
    o.one_label = one_label;
    if (vl_corpus_read(&c, &spec, 1, &o, NULL, &e) != VALENCE_OK) fail_msg("%s", e.message);
    return c;
}

/* A store's bytes as they would stand in a file; to be freed. */
static inline vl_buffer fixture_bytes(const vl_store *s)
{
    vl_buffer out;
    valence_error e = {0};
    vl_buffer_init(&out, VL_MEM_IO, (size_t)1 << 28);
    if (vl_safetensors_encode(s, &out, &e) != VALENCE_OK) fail_msg("%s", e.message);
    return out;
}

static inline void fixture_same_tensor(const vl_store *a, const vl_store *b, const char *name)
{
    const vl_tensor *x = vl_store_find(a, name), *y = vl_store_find(b, name);
    assert_non_null(x);
    assert_non_null(y);
    assert_int_equal(x->bytes, y->bytes);
    assert_memory_equal(x->data, y->data, x->bytes);
}

#endif
