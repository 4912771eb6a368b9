/* strmap.c: open addressing with linear probing, at most 2/3 full, XXH3. The keys lie behind each
 * other in one buffer; a slot holds 32 bits of the hash, so that a probe rarely looks at a key. */
#include "base/strmap.h"

#include <sys/random.h>

#include "base/hash.h"

struct vl_strmap_slot {
    uint32_t tag;   /* upper half of the hash */
    uint32_t begin; /* of the key in keys */
    uint32_t len;
    int32_t value;
    bool used;
};

enum { FIRST_SLOTS = 16 };

void vl_strmap_init(vl_strmap *m, vl_mem_category category, size_t max_entries)
{
    *m = (vl_strmap){.max = max_entries};
    vl_buffer_init(&m->keys, category, UINT32_MAX);
    if (getrandom(&m->seed, sizeof m->seed, GRND_NONBLOCK) != (ssize_t)sizeof m->seed)
        m->seed = (uint64_t)(uintptr_t)m;
}

void vl_strmap_release(vl_strmap *m)
{
    vl_free(m->slots);
    vl_buffer_release(&m->keys);
    *m = (vl_strmap){.max = m->max, .seed = m->seed, .keys = m->keys};
}

/* The slot that holds key, or the free one where it belongs. There is always a free slot. */
static vl_strmap_slot *probe(const vl_strmap *m, vl_span key, uint64_t hash)
{
    size_t mask = m->slot_count - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        vl_strmap_slot *s = &m->slots[i];
        if (!s->used) return s;
        if (s->tag == (uint32_t)(hash >> 32) &&
            vl_span_equal(key, (vl_span){m->keys.data + s->begin, s->len}))
            return s;
    }
}

static uint64_t hash_of(const vl_strmap *m, vl_span key)
{
    return vl_hash64(key.ptr, key.len, m->seed);
}

static vl_status grow(vl_strmap *m)
{
    vl_strmap larger = *m;
    larger.slot_count = m->slot_count ? m->slot_count * 2 : FIRST_SLOTS;
    if (larger.slot_count > SIZE_MAX / sizeof *larger.slots) return VALENCE_LIMIT;
    larger.slots = vl_alloc_zero(m->keys.category, larger.slot_count * sizeof *larger.slots);
    if (!larger.slots) return VALENCE_NO_MEMORY;
    for (size_t i = 0; i < m->slot_count; i++) {
        const vl_strmap_slot *s = &m->slots[i];
        if (!s->used) continue;
        vl_span key = {m->keys.data + s->begin, s->len};
        *probe(&larger, key, hash_of(m, key)) = *s;
    }
    vl_free(m->slots);
    *m = larger;
    return VALENCE_OK;
}

vl_status vl_strmap_put(vl_strmap *m, vl_span key, int32_t value)
{
    uint64_t hash = hash_of(m, key);
    vl_strmap_slot *s = m->slot_count ? probe(m, key, hash) : NULL;
    if (s && s->used) return s->value = value, VALENCE_OK;
    if (m->count >= m->max) return VALENCE_LIMIT;
    if ((m->count + 1) * 3 > m->slot_count * 2) {
        VL_TRY(grow(m));
        s = probe(m, key, hash);
    }
    uint32_t begin = (uint32_t)m->keys.len;
    VL_TRY(vl_buffer_reserve(&m->keys, key.len | 1)); /* never NULL, also for "" */
    VL_TRY(vl_buffer_append(&m->keys, key.ptr, key.len));
    *s = (vl_strmap_slot){(uint32_t)(hash >> 32), begin, (uint32_t)key.len, value, true};
    m->count++;
    return VALENCE_OK;
}

bool vl_strmap_get(const vl_strmap *m, vl_span key, int32_t *value)
{
    if (m->count == 0) return false;
    const vl_strmap_slot *s = probe(m, key, hash_of(m, key));
    if (s->used) *value = s->value;
    return s->used;
}
