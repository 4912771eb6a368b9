/* fuzz_jsonl.c: asserts that a JSONL file read in small chunks gives the records it gives in one
 * piece, that rows are numbered without gaps, and that texts are valid UTF-8 in readable memory.
 * The first byte chooses chunk size and options. */
#include "fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    vl_source_options o = vl_source_options_defaults();
    o.format = VL_DATA_JSONL;
    o.keep_columns = data[0] & 1;
    o.max_record = data[0] & 2 ? 60 : 0;
    check_chunked(data + 1, size - 1, o, 1 + (data[0] >> 4) * 7);
    return 0;
}
