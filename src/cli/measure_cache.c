/* measure_cache.c: {"format": 1, "measurements": [{checksum, version, isa, cpu, figures}, ..]}.
 * Whatever in it is not as we write it is left out, and gone after the next writing. */
#include "cli/measure_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/mapped_file.h"

enum { FORMAT = 1, FILE_MAX = 1 << 20, PATH_BYTES = 4096 };

static const struct {
    const char *key;
    size_t offset;
} texts[] = {{"checksum", offsetof(cli_cache_entry, checksum)},
             {"version", offsetof(cli_cache_entry, version)},
             {"isa", offsetof(cli_cache_entry, isa)},
             {"cpu", offsetof(cli_cache_entry, cpu)}},
  figures[] = {{"load_seconds", offsetof(cli_cache_entry, measurement.load_seconds)},
               {"p50_seconds", offsetof(cli_cache_entry, measurement.p50)},
               {"p99_seconds", offsetof(cli_cache_entry, measurement.p99)},
               {"texts_per_second", offsetof(cli_cache_entry, measurement.texts_per_second)},
               {"memory_bytes", offsetof(cli_cache_entry, measurement.memory_bytes)},
               {"private_bytes", offsetof(cli_cache_entry, measurement.private_bytes)}};

enum { TEXTS = sizeof texts / sizeof *texts, FIGURES = sizeof figures / sizeof *figures };

/* ---- This machine ---------------------------------------------------------------------------- */

/* The first "model name" of /proc/cpuinfo; "unknown" where there is none. */
static void name_processor(char cpu[CLI_CACHE_TEXT])
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[512];
    snprintf(cpu, CLI_CACHE_TEXT, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value) continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\n")] = '\0';
        snprintf(cpu, CLI_CACHE_TEXT, "%.*s", CLI_CACHE_TEXT - 1, value);
        break;
    }
    if (f) fclose(f);
}

/* ---- Where it lies --------------------------------------------------------------------------- */

/* The XDG base directory specification: relative paths in its variables are to be ignored. */
static bool find_path(char path[PATH_BYTES])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    static const char tail[] = "valence/measurements.json";
    int n = 0;
    if (cache && *cache == '/') n = snprintf(path, PATH_BYTES, "%s/%s", cache, tail);
    else if (home && *home == '/') n = snprintf(path, PATH_BYTES, "%s/.cache/%s", home, tail);
    return n > 0 && n < PATH_BYTES;
}

/* Makes the folders above the file that are missing, for the user alone. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made) return false;
    }
    return true;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool take_text(char out[CLI_CACHE_TEXT], vl_json entry, const char *key)
{
    vl_json value;
    vl_span text;
    if (!vl_json_get(entry, key, &value) || !vl_json_string(value, &text)) return false;
    if (text.len >= CLI_CACHE_TEXT || memchr(text.ptr, 0, text.len)) return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static int take_entry(void *user, vl_span key, vl_json value)
{
    (void)key;
    cli_cache *c = user;
    cli_cache_entry e = {0};
    vl_json number;
    for (int i = 0; i < TEXTS; i++)
        if (!take_text((char *)&e + texts[i].offset, value, texts[i].key)) return 0;
    for (int i = 0; i < FIGURES; i++)
        if (!vl_json_get(value, figures[i].key, &number) ||
            !vl_json_number(number, (double *)((char *)&e + figures[i].offset)))
            return 0;
    if (cli_measurement_valid(&e.measurement) && c->count < CLI_CACHE_MAX)
        c->entries[c->count++] = e;
    return 0;
}

static void take_document(cli_cache *c, vl_span document)
{
    vl_json root, value;
    int64_t format;
    vl_json_parser *parser = vl_json_parser_open(FILE_MAX);
    if (parser && vl_json_parse_copy(parser, document, &root, NULL) == VALENCE_OK &&
        vl_json_get(root, "format", &value) && vl_json_integer(value, &format) &&
        format == FORMAT && vl_json_get(root, "measurements", &value) &&
        vl_json_type_of(value) == VL_JSON_ARRAY)
        vl_json_each(value, take_entry, c);
    vl_json_parser_close(parser);
}

static void read_file(cli_cache *c)
{
    vl_mapped_file file = {.slot = -1};
    if (vl_mapped_file_open(&file, c->path, NULL) != VALENCE_OK) return;
    if (file.size > 0 && file.size <= FILE_MAX) take_document(c, (vl_span){file.data, file.size});
    vl_mapped_file_release(&file);
}

vl_status cli_cache_open(cli_cache *c, valence_error *error)
{
    char path[PATH_BYTES];
    *c = (cli_cache){.entries = vl_alloc_array(VL_MEM_CACHE, CLI_CACHE_MAX, sizeof *c->entries)};
    if (!c->entries)
        return vl_fail_memory(error, CLI_CACHE_MAX * sizeof *c->entries, "measurements");
    name_processor(c->cpu);
    if (!find_path(path)) return VALENCE_OK;
    c->path = vl_copy_string(VL_MEM_CACHE, path, strlen(path));
    if (c->path) read_file(c);
    return VALENCE_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static size_t index_of(const cli_cache *c, const char *checksum)
{
    for (size_t i = 0; i < c->count; i++) {
        const cli_cache_entry *e = &c->entries[i];
        if (strcmp(e->checksum, checksum) == 0 && strcmp(e->version, VALENCE_VERSION) == 0 &&
            strcmp(e->isa, vl_isa_name(vl_isa_active())) == 0 && strcmp(e->cpu, c->cpu) == 0)
            return i;
    }
    return c->count;
}

const cli_measurement *cli_cache_find(const cli_cache *c, const char *checksum)
{
    size_t i = index_of(c, checksum);
    return i < c->count ? &c->entries[i].measurement : NULL;
}

void cli_cache_put(cli_cache *c, const char *checksum, const cli_measurement *m)
{
    size_t i = index_of(c, checksum);
    if (i == c->count && c->count == CLI_CACHE_MAX) i = 0; /* full: the oldest makes room */
    if (i < c->count) {
        memmove(c->entries + i, c->entries + i + 1, (c->count - i - 1) * sizeof *c->entries);
        c->count--;
    }
    cli_cache_entry *e = &c->entries[c->count++];
    *e = (cli_cache_entry){.measurement = *m};
    snprintf(e->checksum, CLI_CACHE_TEXT, "%s", checksum);
    snprintf(e->version, CLI_CACHE_TEXT, "%s", VALENCE_VERSION);
    snprintf(e->isa, CLI_CACHE_TEXT, "%s", vl_isa_name(vl_isa_active()));
    snprintf(e->cpu, CLI_CACHE_TEXT, "%s", c->cpu);
    c->changed = true;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static vl_status write_entry(vl_buffer *b, const cli_cache_entry *e)
{
    for (int i = 0; i < TEXTS; i++) {
        VL_TRY(vl_buffer_printf(b, "%s\"%s\": ", i ? ", " : "{", texts[i].key));
        VL_TRY(vl_json_write_string(b, vl_span_of((const char *)e + texts[i].offset)));
    }
    for (int i = 0; i < FIGURES; i++) {
        VL_TRY(vl_buffer_printf(b, ", \"%s\": ", figures[i].key));
        VL_TRY(vl_json_write_number(b, *(const double *)((const char *)e + figures[i].offset)));
    }
    return vl_buffer_append_byte(b, '}');
}

static vl_status write_document(vl_buffer *b, const cli_cache *c)
{
    VL_TRY(vl_buffer_printf(b, "{\"format\": %d, \"measurements\": [", FORMAT));
    for (size_t i = 0; i < c->count; i++) {
        VL_TRY(vl_buffer_append_text(b, i ? ",\n" : "\n"));
        VL_TRY(write_entry(b, &c->entries[i]));
    }
    return vl_buffer_append_text(b, "\n]}\n");
}

static void write_file(const cli_cache *c)
{
    vl_buffer b;
    vl_buffer_init(&b, VL_MEM_CACHE, FILE_MAX);
    if (make_folders(c->path) && write_document(&b, c) == VALENCE_OK)
        vl_atomic_file_write(c->path, vl_buffer_span(&b), NULL);
    vl_buffer_release(&b);
}

void cli_cache_close(cli_cache *c)
{
    if (c->changed && c->path) write_file(c);
    vl_free(c->path);
    vl_free(c->entries);
    *c = (cli_cache){0};
}
