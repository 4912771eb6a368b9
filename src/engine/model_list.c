/* model_list.c: one list of folders, for finding a model and for naming all of them. */
#include "engine/model_list.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const char suffix[] = ".safetensors";
static const char embedded[] = "general"; /* found after $VALENCE_MODELS, before other places */

/* ---- The places ------------------------------------------------------------------------------ */

/* Around the running program: a build, a folder of its own, an installation, build/NAME of a
 * checkout. */
static const char *const around[] = {"", "/models", "/../share/valence/models", "/../../models"};
static const char *const fixed[] = {"/usr/local/share/valence/models", "/usr/share/valence/models"};

enum {
    AROUND = sizeof around / sizeof *around,
    FIXED = sizeof fixed / sizeof *fixed,
    PLACES = 1 + AROUND + FIXED
};

static void around_program(char folder[VL_MODEL_PATH_MAX], const char *place)
{
    ssize_t n = readlink("/proc/self/exe", folder, VL_MODEL_PATH_MAX - 64);
    folder[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (!slash || n == VL_MODEL_PATH_MAX - 64) folder[0] = '\0';
    else snprintf(slash, 64, "%s", place);
}

/* The i-th place, the most wanted first; false where there is none. */
static bool place_at(char folder[VL_MODEL_PATH_MAX], int i)
{
    const char *wanted = getenv("VALENCE_MODELS");
    if (i == 0) snprintf(folder, VL_MODEL_PATH_MAX, "%s", wanted ? wanted : "");
    else if (i <= AROUND) around_program(folder, around[i - 1]);
    else snprintf(folder, VL_MODEL_PATH_MAX, "%s", fixed[i - 1 - AROUND]);
    return *folder != '\0';
}

/* ---- One by name ----------------------------------------------------------------------------- */

static bool is_name(const char *s, size_t len)
{
    return len > 0 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") >= len;
}

/* folder/name.safetensors, if there is such a file. */
static bool in_folder(char path[VL_MODEL_PATH_MAX], const char *folder, const char *name)
{
    int n = snprintf(path, VL_MODEL_PATH_MAX, "%s/%s%s", folder, name, suffix);
    return n > 0 && n < VL_MODEL_PATH_MAX && access(path, F_OK) == 0;
}

vl_status vl_model_find(char path[VL_MODEL_PATH_MAX], const char *name, valence_error *error)
{
    char folder[VL_MODEL_PATH_MAX];
    size_t len = strlen(name);
    if (len >= VL_MODEL_PATH_MAX)
        return vl_fail(error, VALENCE_NOT_FOUND, "no model '%.80s..': a name of %zu bytes", name,
                       len);
    if (len > 0 && !is_name(name, len)) {
        memcpy(path, name, len + 1);
        return VALENCE_OK;
    }
    for (int i = 0; i < PLACES; i++) {
        if (place_at(folder, i) && in_folder(path, folder, name)) return VALENCE_OK;
        path[0] = '\0';
        if (i == 0 && strcmp(name, embedded) == 0) return VALENCE_OK;
    }
    return vl_fail(error, VALENCE_NOT_FOUND,
                   "no model '%.200s': not a file, and not among the shipped models (set "
                   "VALENCE_MODELS to their folder)",
                   name);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static vl_status add(vl_model_list *list, const char *name, size_t len)
{
    for (size_t i = 0; i < list->count; i++)
        if (strlen(list->names[i]) == len && memcmp(list->names[i], name, len) == 0)
            return VALENCE_OK;
    if (list->count == VL_MODEL_LIST_MAX) return VALENCE_OK;
    char *copy = vl_copy_string(VL_MEM_REQUEST, name, len);
    if (!copy) return VALENCE_NO_MEMORY;
    list->names[list->count++] = copy;
    return VALENCE_OK;
}

static vl_status add_folder(vl_model_list *list, const char *folder)
{
    DIR *dir = opendir(folder);
    vl_status status = VALENCE_OK;
    if (!dir) return VALENCE_OK; /* most of the places do not exist on most machines */
    for (struct dirent *e; status == VALENCE_OK && (e = readdir(dir));) {
        size_t len = strlen(e->d_name), tail = sizeof suffix - 1;
        if (len <= tail || strcmp(e->d_name + len - tail, suffix) != 0) continue;
        if (is_name(e->d_name, len - tail)) status = add(list, e->d_name, len - tail);
    }
    closedir(dir);
    return status;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

vl_status vl_model_list_open(vl_model_list *list, valence_error *error)
{
    char folder[VL_MODEL_PATH_MAX];
    *list =
        (vl_model_list){.names = vl_alloc_array(VL_MEM_REQUEST, VL_MODEL_LIST_MAX, sizeof(char *))};
    vl_status status = list->names ? add(list, embedded, sizeof embedded - 1) : VALENCE_NO_MEMORY;
    for (int i = 0; status == VALENCE_OK && i < PLACES; i++)
        if (place_at(folder, i)) status = add_folder(list, folder);
    if (status != VALENCE_OK) {
        vl_model_list_release(list);
        return vl_fail_memory(error, VL_MODEL_LIST_MAX * sizeof(char *), "the names of models");
    }
    qsort(list->names, list->count, sizeof *list->names, by_bytes);
    return VALENCE_OK;
}

void vl_model_list_release(vl_model_list *list)
{
    for (size_t i = 0; i < list->count; i++) vl_free(list->names[i]);
    vl_free(list->names);
    *list = (vl_model_list){0};
}
