/* replay.c: runs a fuzz target over the committed corpus without a fuzzer, and over a few thousand
 * mutations of it from a fixed seed. Prints TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20, MUTATIONS = 200 };

static uint8_t bytes[MAX_BYTES];

static size_t read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return n;
}

/* An exact-size heap copy, so that a read past the end is seen by AddressSanitizer. */
static void run_once(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) exit(1);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void mutate(size_t size, uint64_t seed)
{
    static uint8_t changed[MAX_BYTES];
    memcpy(changed, bytes, size);
    for (int i = 0; i < 4 && size; i++)
        changed[vl_random_at(seed, (uint64_t)i * 2) % size] =
            (uint8_t)vl_random_at(seed, (uint64_t)i * 2 + 1);
    size_t len = size && seed % 3 == 0 ? vl_random_at(seed, 99) % size : size;
    run_once(changed, len);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    DIR *dir = opendir(argv[1]);
    if (!dir) {
        printf("not ok 1 - cannot open corpus '%s'\n", argv[1]);
        return 1;
    }
    int files = 0;
    run_once(bytes, 0);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        size_t size = read_file(path);
        run_once(bytes, size);
        for (uint64_t i = 0; i < MUTATIONS; i++) mutate(size, 1000 * (uint64_t)files + i);
        files++;
    }
    closedir(dir);
    printf("1..1\n%s 1 - %d files and %d mutations of each\n", files ? "ok" : "not ok", files,
           MUTATIONS);
    return files ? 0 : 1;
}
