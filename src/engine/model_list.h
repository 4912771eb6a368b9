/* model_list.h: where models lie: the folders that are looked through, finding one by name, and the
 * names of all. What is in a file is model_open.c's subject. */
#ifndef VL_MODEL_LIST_H
#define VL_MODEL_LIST_H

#include "base/status.h"

enum { VL_MODEL_PATH_MAX = 4096, VL_MODEL_LIST_MAX = 1000 };

/* path: the file of a shipped model's name, or of a path given as such; "" for the embedded model.
 * A name is looked for in $VALENCE_MODELS, among the embedded ones, beside the program, and in the
 * system's share/valence/models; the first place wins. */
vl_status vl_model_find(char path[VL_MODEL_PATH_MAX], const char *name, valence_error *error);

typedef struct vl_model_list {
    char **names; /* (count), by their bytes */
    size_t count;
} vl_model_list;

/* The names that vl_model_find knows now: each once, however many places have it. Files whose name
 * could not be asked for are left out, and those past VL_MODEL_LIST_MAX. */
vl_status vl_model_list_open(vl_model_list *list, valence_error *error);
void vl_model_list_release(vl_model_list *list); /* zeroed struct is fine */

#endif
