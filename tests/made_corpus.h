/* made_corpus.h: small made-up corpora in memory, without files, for the tests of src/train. Texts
 * are random words, some of which tell the class. Corpora in files: train_fixture.h. */
#ifndef MADE_CORPUS_H
#define MADE_CORPUS_H

#include "test.h"

#include "base/hash.h"
#include "train/corpus.h"

/* made_release frees it. */
typedef struct made_corpus {
    vl_corpus c;
    char *bytes;
} made_corpus;

static inline const char *const *made_labels(void)
{
    static char text[64][16];
    static const char *names[64];
    for (int k = 0; k < 64; k++) {
        snprintf(text[k], sizeof text[k], "c%02d", k);
        names[k] = text[k];
    }
    return names;
}

/* 8 to 31 words: one in four is one of ten that only class `said` has, the rest come from 400
 * common ones, rarer and rarer. Returns the text's end. */
static inline char *made_text(char *p, int said, uint64_t seed)
{
    int words = 8 + (int)(vl_random_at(seed, 1) % 24);
    for (int w = 0; w < words; w++) {
        uint64_t r = vl_random_at(seed, 10 + (uint64_t)w), common = r >> 8 & 0xFFFF;
        if (r % 4 == 0) p += sprintf(p, "k%dw%d ", said, (int)((r >> 32) % 10));
        else p += sprintf(p, "w%d ", (int)(common * common / 65536 * 400 / 65536));
    }
    return p;
}

/* n texts of K classes; one text in twenty has another class' words. Odd texts belong to a second
 * data set whose weight is `weight`. */
static inline made_corpus made_corpus_of(int n, int K, float weight, uint64_t seed)
{
    made_corpus m = {0};
    vl_corpus *c = &m.c;
    m.bytes = malloc((size_t)n * 31 * 12 + 1);
    c->examples = calloc((size_t)n, sizeof *c->examples);
    c->groups = calloc((size_t)K * 2, sizeof *c->groups);
    if (!m.bytes || !c->examples || !c->groups) exit(1);
    c->count = n;
    c->K = K;
    c->group_count = 2 * K;
    c->labels = made_labels();
    for (int g = 0; g < 2 * K; g++) c->groups[g] = (vl_group){g % K, g < K ? 1 : weight, 0};
    char *p = m.bytes;
    for (int i = 0; i < n; i++) {
        uint64_t s = seed * 1000003 + (uint64_t)i;
        int k = (int)(vl_random_at(s, 0) % (uint64_t)K);
        vl_example *e = &c->examples[i];
        e->text.ptr = p;
        e->group = k + (i % 2 ? K : 0);
        c->groups[e->group].count++;
        p = made_text(p, vl_random_at(s, 2) % 20 ? k : (k + 1) % K, s);
        e->text.len = (size_t)(p - e->text.ptr);
        e->order = (uint32_t)(vl_hash64(e->text.ptr, e->text.len, 1) >> 32);
    }
    return m;
}

static inline void made_release(made_corpus *m)
{
    free(m->bytes);
    free(m->c.examples);
    free(m->c.groups);
}

static inline vl_workers *open_workers(int threads)
{
    vl_workers *w;
    assert_int_equal(vl_workers_open(&w, threads, NULL), VALENCE_OK);
    return w;
}

#endif
