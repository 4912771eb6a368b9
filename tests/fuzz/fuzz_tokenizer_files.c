/* Asserts: any vocab.txt (or vocab.json and merges.txt) with any tokenizer_config.json gives an
 * error with a message, or JSON that opens or is refused with a message; a tokenizer's tokens are
 * as fuzz_tokenizer_json.c has it. Fields, with a byte 0x1E between: vocabulary, config, merges. */
#include "fuzz/fuzz_tokenizer.h"

#include "base/json.h"

static void check_made(vl_status status, const vl_buffer *made, const valence_error *error)
{
    valence_error refused = {0};
    vl_tokenizer *t;
    if (status != VALENCE_OK) {
        REQUIRE(error->code == status && error->message[0]);
        return;
    }
    vl_json root;
    vl_json_parser *parser = vl_json_parser_open(1 << 24);
    vl_status parsed = vl_json_parse_copy(parser, vl_buffer_span(made), &root, &refused);
    vl_json_parser_close(parser);
    REQUIRE(parsed == VALENCE_OK);
    if (vl_tokenizer_open(&t, vl_buffer_span(made), &refused) != VALENCE_OK) {
        REQUIRE(refused.message[0]);
        return;
    }
    check_text(t, vl_span_of("A na\xC3\xAFve [CLS] <mask> good!\n x"));
    vl_tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    valence_error error = {0};
    vl_buffer made;
    vl_span input = {(const char *)data, size}, vocab = next_field(&input),
            config = next_field(&input), merges = next_field(&input);
    vl_buffer_init(&made, VL_MEM_IO, 1 << 24);
    check_made(vl_tokenizer_json_of_wordpiece(&made, vocab, config, &error), &made, &error);
    vl_buffer_reset(&made);
    error = (valence_error){0};
    check_made(vl_tokenizer_json_of_bpe(&made, vocab, merges, config, &error), &made, &error);
    vl_buffer_release(&made);
    return 0;
}
