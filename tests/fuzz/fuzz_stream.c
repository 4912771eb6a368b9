/* fuzz_stream.c: asserts that any bytes, read as a compressed (or plain) file in large and in small
 * pieces, give the same bytes and the same end, error or not; and that what packer.h makes of the
 * input, stream.h gives back. The first byte chooses the pieces' size. Damaged Zstandard frames are
 * let off the first: libzstd sees some damage only when it may decode a frame in one go. */
#include "base/buffer.h"
#include "base/mem.h"
#include "data/packer.h"
#include "data/stream.h"
#include "fuzz_file.h"

enum { OUTPUT_MAX = 1 << 16 }; /* a few bytes may stand for gigabytes */

static char output[2][OUTPUT_MAX];

/* Reads up to OUTPUT_MAX bytes; *len: how many came. */
static vl_status read_in(const char *path, size_t piece, char *out, size_t *len)
{
    vl_stream *s;
    valence_error error = {.message = ""};
    *len = 0;
    vl_status status = vl_stream_open(&s, path, &error);
    if (status != VALENCE_OK) return status;
    for (size_t got = 1; status == VALENCE_OK && got > 0 && *len < OUTPUT_MAX; *len += got) {
        size_t room = OUTPUT_MAX - *len;
        status = vl_stream_read(s, out + *len, piece < room ? piece : room, &got, &error);
        if (status != VALENCE_OK) got = 0;
    }
    vl_stream_close(s);
    REQUIRE(status == VALENCE_OK || error.message[0]);
    return status;
}

static vl_status append(void *user, const char *bytes, size_t len, valence_error *error)
{
    (void)error;
    return vl_buffer_append(user, bytes, len);
}

static void check_round_trip(const uint8_t *data, size_t size, const char *name)
{
    vl_packer *p;
    vl_buffer packed;
    size_t len;
    vl_buffer_init(&packed, VL_MEM_IO, 1 << 24);
    REQUIRE(vl_packer_open(&p, name, append, &packed, NULL) == VALENCE_OK);
    REQUIRE(vl_packer_add(p, (vl_span){(const char *)data, size / 2}, NULL) == VALENCE_OK);
    REQUIRE(vl_packer_add(p, (vl_span){(const char *)data + size / 2, size - size / 2}, NULL) == VALENCE_OK);
    REQUIRE(vl_packer_end(p, NULL) == VALENCE_OK);
    vl_packer_close(p);
    REQUIRE(read_in(file_of(packed.data, packed.len), OUTPUT_MAX, output[0], &len) == VALENCE_OK);
    REQUIRE(len == size && memcmp(output[0], data, size) == 0);
    vl_buffer_release(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t len[2], piece = data[0] % 8 ? (size_t)data[0] * 37 : 1 << 12;
    const char *path = file_of(data + 1, size - 1);
    vl_status large = read_in(path, OUTPUT_MAX, output[0], &len[0]);
    vl_status small = read_in(path, piece, output[1], &len[1]);
    bool zstd = size > 4 && memcmp(data + 1, "\x28\xB5\x2F\xFD", 4) == 0;
    size_t both = len[0] < len[1] ? len[0] : len[1];
    bool sound = large == VALENCE_OK && small == VALENCE_OK;
    REQUIRE(large == small || zstd);
    REQUIRE((!sound && zstd) || memcmp(output[0], output[1], both) == 0);
    REQUIRE(!sound || len[0] == len[1]);
    if (data[0] % 16 == 1) check_round_trip(data + 1, size - 1, data[0] & 16 ? "x.gz" : "x.zst");
    return 0;
}
