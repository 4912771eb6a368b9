/* model_set.c: a list of models that counts itself as a user of each. */
#include "serve/model_set.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static uint64_t salt_of(const vl_model_set *s)
{
    uint64_t salt = 0;
    for (int i = 0; i < s->count; i++) {
        const vl_served_model *m = s->models[i];
        salt = vl_hash64(m->name, strlen(m->name), salt);
        salt = vl_hash64(&m->version, sizeof m->version, salt);
    }
    return salt;
}

vl_model_set *vl_model_set_make(vl_served_model *const *models, int count)
{
    vl_model_set *s = vl_alloc_zero(VL_MEM_MODEL, sizeof *s);
    if (!s) return NULL;
    for (int i = 0; i < count; i++) {
        s->models[i] = models[i];
        models[i]->sets++;
    }
    s->count = count;
    s->salt = salt_of(s);
    return s;
}

void vl_model_set_close(vl_model_set *s)
{
    if (!s) return;
    for (int i = 0; i < s->count; i++)
        if (--s->models[i]->sets == 0) vl_served_model_close(s->models[i]);
    vl_free(s);
}

int vl_model_set_find(const vl_model_set *s, vl_span name)
{
    if (!name.ptr) return 0;
    for (int i = 0; i < s->count; i++)
        if (vl_span_is(name, s->models[i]->name)) return i;
    return -1;
}
