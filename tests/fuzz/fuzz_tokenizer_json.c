/* Asserts: any tokenizer.json gives an error with a message, or a tokenizer whose tokens of any
 * text are in its vocabulary and lie inside the text, the same with and without offsets. The text
 * stands behind a byte 0x1E. */
#include "fuzz/fuzz_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vl_tokenizer *t;
    valence_error error = {0};
    vl_span input = {(const char *)data, size}, json = next_field(&input), text = input;
    if (text.len == 0) text = vl_span_of("A  n\xC3\xAFve caf\xC3\xA9's  [CLS] 12 \xE4\xB8\xAD!\n");
    if (vl_tokenizer_open(&t, json, &error) != VALENCE_OK) {
        REQUIRE(t == NULL && error.code != VALENCE_OK && error.message[0]);
        return 0;
    }
    check_text(t, text);
    for (int32_t id = -1; id <= vl_tokenizer_size(t) && id < 300; id++) {
        vl_span token = vl_tokenizer_token(t, id);
        if (token.len) REQUIRE(vl_tokenizer_id(t, token) == id);
    }
    const vl_token_template *o = vl_tokenizer_template(t);
    REQUIRE(o->pad >= -1 && o->pad < vl_tokenizer_size(t));
    for (int i = 0; i < o->prefix_count; i++)
        REQUIRE(o->prefix[i] >= 0 && o->prefix[i] < vl_tokenizer_size(t));
    vl_tokenizer_close(t);
    return 0;
}
