/* Asserts: for the three tokenizers of tests/golden, any text gives tokens of the vocabulary whose
 * places lie inside the text and do not go backwards (but where Hugging Face's trimming does that);
 * the same on each instruction set, without offsets, and by the general way that the fast ones
 * replace. */
#include "fuzz/fuzz_tokenizer.h"

#include "base/cpu.h"
#include "base/mapped_file.h"
#include "text/token_scratch.h"

enum { TOKENIZERS = 3 };

typedef struct subject {
    vl_tokenizer *t;
    vl_tokenizer general; /* the same, going the general way */
    vl_token_scratch *plain, *of[VL_ISA_COUNT];
} subject;

static subject subjects[TOKENIZERS];

static void open_subject(subject *u, const char *path)
{
    vl_mapped_file file;
    REQUIRE(vl_mapped_file_open(&file, path, NULL) == VALENCE_OK);
    REQUIRE(vl_tokenizer_open(&u->t, (vl_span){file.data, file.size}, NULL) == VALENCE_OK);
    vl_mapped_file_release(&file);
    REQUIRE(u->t->encode != vl_encode_any);
    u->general = *u->t;
    u->general.encode = vl_encode_any;
    REQUIRE(vl_token_scratch_open(&u->plain, &u->general, NULL) == VALENCE_OK);
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++)
        REQUIRE(vl_token_scratch_open(&u->of[isa], u->t, NULL) == VALENCE_OK);
}

static void same(const vl_tokens *a, const vl_tokens *b)
{
    size_t bytes = (size_t)a->count * sizeof *a->ids;
    REQUIRE(a->count == b->count && memcmp(a->ids, b->ids, bytes) == 0);
    if (!b->start) return;
    REQUIRE(memcmp(a->start, b->start, bytes) == 0 && memcmp(a->end, b->end, bytes) == 0);
}

static void check(subject *u, vl_span text)
{
    vl_tokens expected, got;
    REQUIRE(vl_tokenizer_encode(&u->general, u->plain, text, true, &expected) == VALENCE_OK);
    check_tokens(u->t, &expected, text);
    for (int64_t i = 1; i < expected.count && !u->t->trim_count; i++)
        REQUIRE(expected.start[i - 1] <= expected.start[i] &&
                expected.end[i - 1] <= expected.end[i]);
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        REQUIRE(vl_tokenizer_encode(u->t, u->of[isa], text, true, &got) == VALENCE_OK);
        same(&expected, &got);
        REQUIRE(vl_tokenizer_encode(u->t, u->of[isa], text, false, &got) == VALENCE_OK);
        same(&expected, &got);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[TOKENIZERS] = {"tests/golden/tokenizer_bert.json",
                                                  "tests/golden/tokenizer_roberta.json",
                                                  "tests/golden/tokenizer_modern.json"};
    size_t i = size % TOKENIZERS; /* one at a time is three times as many inputs */
    if (!subjects[i].t) open_subject(&subjects[i], paths[i]);
    check(&subjects[i], (vl_span){(const char *)data, size});
    return 0;
}
