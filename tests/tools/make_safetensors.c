/* make_safetensors.c: for tests/e2e/test_safetensors_python.py.
 *   make_safetensors OUT        writes a file with a tensor of every element type and metadata
 *   make_safetensors IN OUT     reads IN and writes it again */
#include <stdio.h>

#include "base/mapped_file.h"
#include "formats/safetensors.h"

enum { ROWS = 3, COLUMNS = 5 };

/* Element i of every tensor has the bytes i, i+1, ... for its width. */
static vl_status fill(vl_store *s, valence_error *error)
{
    static unsigned char data[ROWS * COLUMNS * 8];
    for (int type = 0; type < VL_DTYPES; type++) {
        size_t width = vl_dtype_size((vl_dtype)type);
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            for (size_t k = 0; k < width; k++)
                data[i * width + k] = type == VL_BOOL ? i % 2 : (unsigned char)(i + k);
        vl_tensor t = {.name = vl_dtype_name((vl_dtype)type),
                       .dtype = (vl_dtype)type,
                       .rank = 2,
                       .shape = {ROWS, COLUMNS},
                       .data = data,
                       .bytes = ROWS * COLUMNS * width};
        VL_TRY(vl_store_add_copy(s, &t, error));
    }
    float pi = 3.14159274f;
    vl_tensor scalar = {.name = "scalar", .dtype = VL_F32, .data = &pi, .bytes = sizeof pi};
    vl_tensor empty = {.name = "empty", .dtype = VL_I64, .rank = 2, .shape = {0, 7}};
    VL_TRY(vl_store_add_copy(s, &scalar, error));
    VL_TRY(vl_store_add(s, &empty, error));
    VL_TRY(vl_store_set(s, "family", vl_span_of("logistic"), error));
    VL_TRY(
        vl_store_set(s, "odd \"key\"\n", vl_span_of("caf\xC3\xA9 \xF0\x9F\x98\x80 \\ \t"), error));
    return vl_store_set(s, "empty", vl_span_of(""), error);
}

static vl_status run(int argc, char **argv, valence_error *error)
{
    vl_store *s = NULL;
    vl_mapped_file in = {0};
    vl_status status = VALENCE_OK;
    if (argc == 3) {
        VL_TRY_DONE(vl_mapped_file_open(&in, argv[1], error));
        VL_TRY_DONE(vl_safetensors_read(&s, (vl_span){in.data, in.size}, argv[1], error));
    } else {
        VL_TRY_DONE(vl_store_open(&s, error));
        VL_TRY_DONE(fill(s, error));
    }
    status = vl_safetensors_write(s, argv[argc - 1], error);
done:
    vl_store_close(s);
    vl_mapped_file_release(&in);
    return status;
}

int main(int argc, char **argv)
{
    valence_error error = {0};
    if (argc != 2 && argc != 3) return 2;
    if (run(argc, argv, &error) == VALENCE_OK) return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}
