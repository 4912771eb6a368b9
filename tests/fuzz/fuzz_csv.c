/* fuzz_csv.c: asserts that a CSV or TSV file read in small chunks gives the records it gives in one
 * piece, on any instruction set (by the input's size), that rows are numbered without gaps, and that values are valid
 * UTF-8 and lie in readable memory. The first byte chooses format, chunk size and options. */
#include "fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    vl_source_options o = vl_source_options_defaults();
    o.format = data[0] & 1 ? VL_DATA_TSV : VL_DATA_CSV;
    o.header = data[0] & 2 ? 0 : 1;
    o.text = data[0] & 4 ? "1" : NULL;
    o.keep_columns = data[0] & 8;
    o.max_record = data[0] & 16 ? 40 : 0;
    check_chunked(data + 1, size - 1, o, 1 + (data[0] >> 5) * 9);
    return 0;
}
