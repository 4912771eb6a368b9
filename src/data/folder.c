/* folder.c: lists a folder of labelled documents and sorts it. */
#include "data/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"

enum { MAX_NAMES = 256 << 20, MAX_FILES = 50 * 1000 * 1000 };

/* Offsets of NUL-terminated names in the folder's buffer. */
typedef struct entry {
    uint32_t label; /* NO_LABEL: the file lies in the folder itself */
    uint32_t name;
} entry;

enum { NO_LABEL = 0xFFFFFFFF };

struct vl_folder {
    char *path;
    vl_buffer names;
    entry *entries;
    size_t count, capacity;
};

bool vl_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- Order ----------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares the numbers at *a and *b by value and moves behind them. */
static int compare_numbers(const char **a, const char **b)
{
    while (**a == '0') ++*a;
    while (**b == '0') ++*b;
    size_t m = strspn(*a, "0123456789"), n = strspn(*b, "0123456789");
    int order = m != n ? (m < n ? -1 : 1) : memcmp(*a, *b, m);
    *a += m;
    *b += n;
    return order;
}

/* Runs of digits by value, everything else by byte; equal ones by all bytes: 2 < 10, 01 < 1. */
static int compare_names(const char *first, const char *second)
{
    const char *a = first, *b = second;
    while (*a && *b) {
        if (is_digit(*a) && is_digit(*b)) {
            int order = compare_numbers(&a, &b);
            if (order) return order;
        } else if (*a != *b) {
            break;
        } else {
            a++;
            b++;
        }
    }
    int order = (int)(unsigned char)*a - (int)(unsigned char)*b;
    return order ? order : strcmp(first, second);
}

static int compare_entries(const void *first, const void *second, void *names)
{
    const entry *a = first, *b = second;
    const char *base = names;
    if (a->label != b->label) {
        if (a->label == NO_LABEL || b->label == NO_LABEL) return a->label == NO_LABEL ? -1 : 1;
        return strcmp(base + a->label, base + b->label);
    }
    return compare_names(base + a->name, base + b->name);
}

/* ---- Listing --------------------------------------------------------------------------------- */

static vl_status keep_name(vl_folder *f, const char *name, uint32_t *offset, valence_error *error)
{
    *offset = (uint32_t)f->names.len;
    vl_status status = vl_buffer_append(&f->names, name, strlen(name) + 1);
    if (status == VALENCE_OK) return VALENCE_OK;
    return vl_fail(error, status, "cannot list '%.250s': %s", f->path,
                   status == VALENCE_LIMIT ? "too many names" : valence_status_text(status));
}

static vl_status add_entry(vl_folder *f, uint32_t label, const char *name, valence_error *error)
{
    entry e = {.label = label};
    if (f->count == MAX_FILES)
        return vl_fail(error, VALENCE_LIMIT, "'%.250s' holds more than %d files", f->path,
                       MAX_FILES);
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 64;
        entry *grown = vl_realloc(VL_MEM_IO, f->entries, capacity * sizeof *grown);
        if (!grown) return vl_fail_memory(error, capacity * sizeof *grown, "a list of files");
        f->entries = grown;
        f->capacity = capacity;
    }
    VL_TRY(keep_name(f, name, &e.name, error));
    f->entries[f->count++] = e;
    return VALENCE_OK;
}

/* 'd' folder, 'f' file, 0 neither; links are followed. */
static char kind_of(DIR *dir, const char *name)
{
    struct stat st;
    if (name[0] == '.' || fstatat(dirfd(dir), name, &st, 0) != 0) return 0;
    return S_ISDIR(st.st_mode) ? 'd' : S_ISREG(st.st_mode) ? 'f' : 0;
}

/* The kind without a stat where the file system tells it. */
static char kind_of_item(DIR *dir, const struct dirent *item)
{
    if (item->d_name[0] == '.') return 0;
    if (item->d_type == DT_REG) return 'f';
    return item->d_type == DT_DIR ? 'd' : kind_of(dir, item->d_name);
}

/* Adds what `wanted` says of one folder: its files under that label, or its sub-folders as entries
 * with that name. */
static vl_status list(vl_folder *f, const char *path, char wanted, uint32_t label,
                      valence_error *error)
{
    DIR *dir = opendir(path);
    if (!dir) return vl_fail_errno(error, "cannot list", path);
    vl_status status = VALENCE_OK;
    struct dirent *item;
    errno = 0;
    while (status == VALENCE_OK && (item = readdir(dir))) {
        if (kind_of_item(dir, item) == wanted) status = add_entry(f, label, item->d_name, error);
        errno = 0;
    }
    if (status == VALENCE_OK && errno) status = vl_fail_errno(error, "cannot list", path);
    closedir(dir);
    return status;
}

static vl_status list_label(vl_folder *f, uint32_t label, valence_error *error)
{
    vl_buffer path;
    vl_buffer_init(&path, VL_MEM_IO, 1 << 16);
    vl_status status = vl_buffer_printf(&path, "%s/%s", f->path, f->names.data + label);
    if (status == VALENCE_OK) status = list(f, path.data, 'f', label, error);
    else vl_fail(error, status, "cannot list '%.250s': out of memory or too long a path", f->path);
    vl_buffer_release(&path);
    return status;
}

/* First the sub-folders as entries, then their files in place of them. */
static vl_status list_all(vl_folder *f, valence_error *error)
{
    VL_TRY(list(f, f->path, 'd', NO_LABEL, error));
    size_t labels = f->count;
    if (labels == 0) return list(f, f->path, 'f', NO_LABEL, error);
    for (size_t i = 0; i < labels; i++) VL_TRY(list_label(f, f->entries[i].name, error));
    f->count -= labels;
    memmove(f->entries, f->entries + labels, f->count * sizeof *f->entries);
    return VALENCE_OK;
}

vl_status vl_folder_open(vl_folder **out, const char *path, valence_error *error)
{
    *out = NULL;
    vl_folder *f = vl_alloc_zero(VL_MEM_IO, sizeof *f);
    if (!f) return vl_fail_memory(error, sizeof *f, "a list of files");
    vl_buffer_init(&f->names, VL_MEM_IO, MAX_NAMES);
    f->path = vl_copy_string(VL_MEM_IO, path, strlen(path));
    vl_status status = f->path ? list_all(f, error) : vl_fail_memory(error, strlen(path), "a path");
    if (status == VALENCE_OK && f->count == 0)
        status = vl_fail(error, VALENCE_NOT_FOUND,
                         "no documents in '%.250s': expected LABEL/FILE.txt below it", path);
    if (status != VALENCE_OK) {
        vl_folder_close(f);
        return status;
    }
    qsort_r(f->entries, f->count, sizeof *f->entries, compare_entries, f->names.data);
    *out = f;
    return VALENCE_OK;
}

void vl_folder_close(vl_folder *f)
{
    if (!f) return;
    vl_buffer_release(&f->names);
    vl_free(f->entries);
    vl_free(f->path);
    vl_free(f);
}

uint64_t vl_folder_count(const vl_folder *f)
{
    return f->count;
}

static uint64_t hash_name(const vl_folder *f, uint32_t name, uint64_t seed)
{
    const char *text = name == NO_LABEL ? "" : f->names.data + name;
    return vl_hash64(text, strlen(text) + 1, seed);
}

uint64_t vl_folder_hash(const vl_folder *f)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < f->count; i++)
        hash = hash_name(f, f->entries[i].name, hash_name(f, f->entries[i].label, hash));
    return hash;
}

vl_status vl_folder_at(const vl_folder *f, uint64_t i, vl_buffer *path, vl_folder_file *out)
{
    const entry *e = &f->entries[i];
    const char *name = f->names.data + e->name;
    const char *label = e->label == NO_LABEL ? NULL : f->names.data + e->label;
    size_t len = strlen(name);
    vl_buffer_reset(path);
    VL_TRY(label ? vl_buffer_printf(path, "%s/%s/%s", f->path, label, name)
                 : vl_buffer_printf(path, "%s/%s", f->path, name));
    if (len > 4 && strcmp(name + len - 4, ".txt") == 0) len -= 4;
    *out = (vl_folder_file){.path = path->data, .id = {name, len}};
    if (label && strcmp(label, "unsup") != 0) out->label = vl_span_of(label);
    return VALENCE_OK;
}
