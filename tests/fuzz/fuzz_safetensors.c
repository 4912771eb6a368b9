/* Asserts: any bytes give an error with a message, or a store whose tensors lie inside the bytes
 * (or in copies) and which written and read again is the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/hash.h"
#include "formats/safetensors.h"

static void expect(int truth)
{
    if (!truth) abort();
}

static void check_tensor(const vl_tensor *a, const vl_store *back)
{
    size_t bytes;
    const vl_tensor *b = vl_store_find(back, a->name);
    expect(vl_tensor_size(a, &bytes) && bytes == a->bytes);
    expect(b && a->dtype == b->dtype && a->rank == b->rank && a->bytes == b->bytes);
    for (int i = 0; i < a->rank; i++) expect(a->shape[i] == b->shape[i]);
    expect(vl_hash64(a->data, a->bytes, 0) == vl_hash64(b->data, b->bytes, 0));
}

static void check_again(const vl_store *s)
{
    vl_buffer out;
    vl_store *back;
    vl_buffer_init(&out, VL_MEM_IO, (size_t)1 << 26);
    expect(vl_safetensors_encode(s, &out, NULL) == VALENCE_OK);
    expect(vl_safetensors_read(&back, vl_buffer_span(&out), "again", NULL) == VALENCE_OK);
    expect(vl_store_count(s) == vl_store_count(back));
    for (size_t i = 0; i < vl_store_count(s); i++) check_tensor(vl_store_at(s, i), back);
    for (size_t i = 0; i < vl_store_meta_count(s); i++) {
        const char *key, *value;
        vl_store_meta_at(s, i, &key, &value);
        expect(vl_span_is(vl_span_of(value), vl_store_get(back, key)));
    }
    vl_store_close(back);
    vl_buffer_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vl_store *s;
    valence_error error = {0};
    vl_span bytes = {(const char *)data, size};
    if (vl_safetensors_read(&s, bytes, "fuzz", &error) != VALENCE_OK) {
        expect(s == NULL && error.code != VALENCE_OK && error.message[0]);
        return 0;
    }
    check_again(s);
    vl_store_close(s);
    return 0;
}
