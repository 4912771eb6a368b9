/* hf_files.c: names and contents of files in a folder. */
#include "formats/hf_files.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mapped_file.h"

vl_status vl_hf_path(char out[VL_HF_PATH_MAX], const char *folder, const char *name,
                     valence_error *error)
{
    int len = snprintf(out, VL_HF_PATH_MAX, "%s/%s", folder, name);
    if (len >= 0 && len < VL_HF_PATH_MAX) return VALENCE_OK;
    return vl_fail(error, VALENCE_LIMIT, "cannot open '%.200s/..': its path is too long", folder);
}

bool vl_hf_has(const char *folder, const char *name)
{
    char path[VL_HF_PATH_MAX];
    return vl_hf_path(path, folder, name, NULL) == VALENCE_OK && access(path, F_OK) == 0;
}

static vl_status append(vl_buffer *out, const vl_mapped_file *m, const char *path,
                        valence_error *error)
{
    vl_status status = vl_buffer_append(out, m->data, m->size);
    if (status == VALENCE_LIMIT)
        return vl_fail(error, status, "cannot read '%.250s': %zu bytes are more than %zu", path,
                       m->size, out->max);
    if (status != VALENCE_OK) return vl_fail_memory(error, m->size, "a file's text");
    if (!vl_mapped_file_truncated(m)) return VALENCE_OK;
    return vl_fail(error, VALENCE_IO, "cannot read '%.250s': it became shorter meanwhile", path);
}

vl_status vl_hf_read(vl_buffer *out, const char *folder, const char *name, valence_error *error)
{
    char path[VL_HF_PATH_MAX];
    vl_mapped_file m;
    VL_TRY(vl_hf_path(path, folder, name, error));
    vl_status status = vl_mapped_file_open(&m, path, error);
    if (status == VALENCE_UNSUPPORTED)
        return vl_fail(error, status, "cannot read '%.250s': not a regular file", path);
    VL_TRY(status);
    status = append(out, &m, path, error);
    vl_mapped_file_release(&m);
    return status;
}
