/* Asserts: any bytes, taken as a file of counts and merged with themselves, give an error with a
 * message or a model that can be written and opened. Damage is also tried behind a checksum that is
 * right again. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/engine_model.h"
#include "engine/model_config.h"
#include "formats/safetensors.h"
#include "train/partial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int truth)
{
    if (!truth) abort();
}

/* Opening checks shapes, checksum, and that all values are finite. */
static void check_model(const vl_store *store)
{
    vl_buffer out;
    valence_model *model;
    vl_mapped_file none = {.slot = -1, .fd = -1};
    vl_buffer_init(&out, VL_MEM_IO, (size_t)1 << 28);
    check(vl_safetensors_encode(store, &out, NULL) == VALENCE_OK);
    check(vl_engine_model_make(&model, &none, vl_buffer_span(&out), "merged", "merged", NULL, NULL) ==
          VALENCE_OK);
    valence_prediction p;
    check(valence_predict(model, "a good text", 11, &p, NULL) == VALENCE_OK);
    check(p.score >= 0 && p.score <= 1);
    valence_model_close(model);
    vl_buffer_release(&out);
}

static void merge_twice(const vl_partial *part)
{
    vl_store *store;
    valence_error error = {0};
    vl_classic_report report;
    vl_classic_options o = vl_classic_defaults(false);
    vl_partial both[2] = {*part, *part};
    o.vocabulary.min_count = 1;
    o.vocabulary.capacity = 1000;
    check(vl_store_open(&store, NULL) == VALENCE_OK);
    if (vl_partial_join(store, &report, both, 2, &o, NULL, &error) == VALENCE_OK) check_model(store);
    else check(error.code != VALENCE_OK && error.message[0]);
    vl_store_close(store);
}

static void read_and_merge(vl_span bytes)
{
    vl_partial part;
    valence_error error = {0};
    if (vl_partial_read(&part, bytes, "fuzz", &error) != VALENCE_OK) {
        check(error.code != VALENCE_OK && error.message[0]);
        return;
    }
    merge_twice(&part);
    vl_partial_close(&part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vl_store *store;
    vl_buffer again;
    vl_span bytes = {(const char *)data, size};
    read_and_merge(bytes);
    if (vl_safetensors_read(&store, bytes, "fuzz", NULL) != VALENCE_OK) return 0;
    vl_buffer_init(&again, VL_MEM_IO, (size_t)1 << 26);
    if (vl_model_config_write_checksum(store, NULL) == VALENCE_OK &&
        vl_safetensors_encode(store, &again, NULL) == VALENCE_OK)
        read_and_merge(vl_buffer_span(&again));
    vl_buffer_release(&again);
    vl_store_close(store);
    return 0;
}
