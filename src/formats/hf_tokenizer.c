/* hf_tokenizer.c: tokenizer.json, else vocab.txt (WordPiece), else vocab.json with merges.txt
 * (byte- level BPE). */
#include "formats/hf_tokenizer.h"

#include "formats/hf_files.h"
#include "text/tokenizer.h"

enum { MAX_FILE = 1 << 28 };

static vl_status from_wordpiece(vl_buffer *out, const char *folder, vl_span config,
                                valence_error *error)
{
    vl_buffer vocab;
    vl_buffer_init(&vocab, VL_MEM_MODEL, MAX_FILE);
    vl_status status = vl_hf_read(&vocab, folder, "vocab.txt", error);
    if (status == VALENCE_OK)
        status = vl_tokenizer_json_of_wordpiece(out, vl_buffer_span(&vocab), config, error);
    vl_buffer_release(&vocab);
    return status;
}

static vl_status from_bpe(vl_buffer *out, const char *folder, vl_span config, valence_error *error)
{
    vl_buffer vocab, merges;
    vl_buffer_init(&vocab, VL_MEM_MODEL, MAX_FILE);
    vl_buffer_init(&merges, VL_MEM_MODEL, MAX_FILE);
    vl_status status = vl_hf_read(&vocab, folder, "vocab.json", error);
    if (status == VALENCE_OK) status = vl_hf_read(&merges, folder, "merges.txt", error);
    if (status == VALENCE_OK)
        status = vl_tokenizer_json_of_bpe(out, vl_buffer_span(&vocab), vl_buffer_span(&merges),
                                          config, error);
    vl_buffer_release(&merges);
    vl_buffer_release(&vocab);
    return status;
}

static vl_status refuse(const char *folder, valence_error *error)
{
    static const char *const names[] = {"sentencepiece.bpe.model", "spiece.model",
                                        "tokenizer.model"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (vl_hf_has(folder, names[i]))
            return vl_fail(error, VALENCE_UNSUPPORTED,
                           "'%.200s' has its vocabulary as %s: SentencePiece is not supported",
                           folder, names[i]);
    return vl_fail(error, VALENCE_NOT_FOUND, "'%.250s' has no tokenizer.json", folder);
}

vl_status vl_hf_tokenizer_read(vl_buffer *out, const char *folder, vl_span config,
                               valence_error *error)
{
    if (vl_hf_has(folder, "tokenizer.json"))
        return vl_hf_read(out, folder, "tokenizer.json", error);
    if (vl_hf_has(folder, "vocab.txt")) return from_wordpiece(out, folder, config, error);
    if (vl_hf_has(folder, "vocab.json")) return from_bpe(out, folder, config, error);
    return refuse(folder, error);
}
