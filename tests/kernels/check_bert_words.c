/* check_bert_words.c: the classification of bert_words.h, of every instruction set, against the
 * scalar one: inputs that end before an unreadable page, guard bytes behind what may be written;
 * then its speed, and that of the tokenizers of tests/golden as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/mapped_file.h"
#include "text/bert_words.h"
#include "text/tokenizer.h"

int check_bert_words(void);

enum { TIMED = 1 << 21, ROUNDS = 4000 };

static vl_bert_classify_fn *const classify_of[VL_ISA_COUNT] = {
    vl_bert_classify_scalar, vl_bert_classify_avx2, vl_bert_classify_avx512};

static vl_bert_block expected, got;

/* Any length up to a block, bytes of all kinds or mostly plain ones; the text ends at `end`. */
static bool classifies(vl_isa isa, char *end, uint64_t seed)
{
    int len = (int)(vl_random_at(seed, 0) % (seed % 4 ? 300 : VL_BERT_BLOCK + 1));
    if (seed == 0) len = VL_BERT_BLOCK;
    char *text = end - len;
    for (int i = 0; i < len; i++) {
        uint64_t r = vl_random_at(seed, (uint64_t)i + 1);
        text[i] = seed % 3 == 0                    ? (char)r
                  : seed % 3 == 1 && r >> 40 < 200 ? (char)(r >> 8)
                                                   : " aZ_9.,~zA@[`{/:09\t\r\n!"[r % 22];
    }
    memset(&got, 0x5A, sizeof got);
    bool fold = seed & 1;
    int clean = vl_bert_classify_scalar(&expected, text, len, fold);
    bool good = classify_of[isa](&got, text, len, fold) == clean;
    size_t rows = (size_t)(clean + 63) / 64, written = (size_t)(len + 63) / 64;
    good = good && memcmp(got.lower, expected.lower, (size_t)clean) == 0 &&
           memcmp(got.word, expected.word, rows * sizeof *got.word) == 0 &&
           memcmp(got.mark, expected.mark, rows * sizeof *got.mark) == 0;
    for (size_t i = 64 * written; i < sizeof got.lower; i++) good = good && got.lower[i] == 0x5A;
    for (size_t i = written; i < VL_BERT_ROWS; i++)
        good = good && got.word[i] == 0x5A5A5A5A5A5A5A5Au;
    return good;
}

static bool equals_scalar(vl_isa isa)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (VL_BERT_BLOCK / page + 1) * page;
    char *room =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mprotect(room + size, page, PROT_NONE) != 0) return false;
    bool good = true;
    for (uint64_t seed = 0; good && seed < ROUNDS; seed++) {
        good = classifies(isa, room + size - (seed % 5 ? 0 : seed % 64), seed);
        if (!good) printf("# differs for seed %d\n", (int)seed);
    }
    munmap(room, size + page);
    return good;
}

static bool is_lower(vl_span token)
{
    for (size_t i = 0; i < token.len; i++)
        if ((unsigned char)(token.ptr[i] - 'a') >= 26) return false;
    return token.len > 0;
}

/* The token of a random id, if it is letters; low ids, which are frequent words, come often. */
static vl_span random_word(const vl_tokenizer *t, uint64_t r)
{
    uint64_t size = (uint64_t)vl_tokenizer_size(t), id = (r % size) * (r >> 32 & 0xFF) >> 8;
    vl_span token = vl_tokenizer_token(t, (int32_t)id);
    return is_lower(token) ? token : (vl_span){"the", 3};
}

/* English-like: words of the vocabulary, some of two tokens, a mark or an accent now and then. */
static void fill_english(char *text, const vl_tokenizer *t)
{
    memset(text, ' ', TIMED);
    for (size_t at = 0, i = 0; at + 64 < TIMED; i++) {
        uint64_t r = vl_random_at(7, i);
        for (int n = 0; n < 1 + (r >> 61 == 0); n++) {
            vl_span word = random_word(t, vl_random_at(r, (uint64_t)n));
            if (word.len > 20) word.len = 20;
            memcpy(text + at, word.ptr, word.len);
            at += word.len;
        }
        if ((r >> 40 & 511) == 0) memcpy(text + at, "\xC3\xA9", 2), at += 2;
        if ((r >> 20 & 7) == 0) text[at++] = ",.'-"[r >> 24 & 3];
        at++;
    }
}

static double best_of(double (*run)(void *argument), void *argument)
{
    double best = 1e9;
    for (int i = 0; i < 7; i++) {
        double took = run(argument);
        if (took < best) best = took;
    }
    return best;
}

static double cut_all(void *argument)
{
    const char *text = argument;
    double start = vl_clock_seconds();
    for (vl_span left = {text, TIMED}; left.len;) {
        size_t used = vl_bert_words_next(&got, left, true);
        if (used == 0) used = vl_bert_words_foreign(left);
        left = (vl_span){left.ptr + used, left.len - used};
    }
    return vl_clock_seconds() - start;
}

typedef struct job {
    const vl_tokenizer *t;
    vl_token_scratch *s;
    const char *text;
} job;

/* In texts of the length of a review. */
static double encode_all(void *argument)
{
    enum { REVIEW = 1300 };
    job *j = argument;
    vl_tokens tokens;
    double start = vl_clock_seconds();
    for (size_t at = 0; at + REVIEW <= TIMED; at += REVIEW)
        vl_tokenizer_encode(j->t, j->s, (vl_span){j->text + at, REVIEW}, false, &tokens);
    return vl_clock_seconds() - start;
}

static vl_tokenizer *open_golden(const char *name)
{
    char path[128];
    vl_mapped_file file;
    vl_tokenizer *t = NULL;
    snprintf(path, sizeof path, "tests/golden/tokenizer_%s.json", name);
    if (vl_mapped_file_open(&file, path, NULL) != VALENCE_OK) return NULL;
    vl_tokenizer_open(&t, (vl_span){file.data, file.size}, NULL);
    vl_mapped_file_release(&file);
    return t;
}

static void time_tokenizer(const char *name, char *text)
{
    vl_tokenizer *t = open_golden(name);
    job j = {.t = t, .text = text};
    if (!t || vl_token_scratch_open(&j.s, t, NULL) != VALENCE_OK) return;
    fill_english(text, t);
    if (strcmp(name, "bert") == 0)
        printf("# bert_words %s: %.2f GB/s, cut\n", vl_isa_name(vl_isa_active()),
               TIMED / best_of(cut_all, text) * 1e-9);
    printf("# tokenizer %s %s: %.0f MB/s, words of a small vocabulary\n", name,
           vl_isa_name(vl_isa_active()), TIMED / best_of(encode_all, &j) * 1e-6);
    vl_token_scratch_close(j.s);
    vl_tokenizer_close(t);
}

static void time_all(vl_isa isa)
{
    char *text = malloc(TIMED);
    vl_isa before = vl_isa_active();
    vl_isa_limit(isa);
    time_tokenizer("bert", text);
    if (isa == vl_isa_detected()) time_tokenizer("roberta", text);
    vl_isa_limit(before);
    free(text);
}

int check_bert_words(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = equals_scalar(isa);
        printf("%s %d - bert_words %s\n", good ? "ok" : "not ok", (int)isa + 1, vl_isa_name(isa));
        if (good) time_all(isa);
        failed += !good;
    }
    return failed;
}
