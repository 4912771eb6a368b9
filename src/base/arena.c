/* arena.c: a chain of blocks with a bump pointer in the current one. After a reset the chain is
 * walked again; a block that is too small for a request is skipped until the next reset. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct vl_arena_block {
    vl_arena_block *next;
    size_t capacity, used; /* of the bytes behind this header */
};

static char *bytes_of(vl_arena_block *b)
{
    return (char *)(b + 1);
}

void vl_arena_init(vl_arena *a, vl_mem_category category, size_t block_bytes, size_t max)
{
    *a = (vl_arena){.category = category, .block_bytes = block_bytes, .max = max};
}

/* Hangs a new block of `capacity` bytes behind the current one and makes it current. */
static vl_status add_block(vl_arena *a, size_t capacity)
{
    size_t whole = capacity + sizeof(vl_arena_block);
    if (whole < capacity || whole > a->max - a->total) return VALENCE_LIMIT;
    vl_arena_block *b = vl_alloc(a->category, whole);
    if (!b) return VALENCE_NO_MEMORY;
    vl_arena_block **link = a->current ? &a->current->next : &a->first;
    *b = (vl_arena_block){.next = *link, .capacity = capacity};
    POISON(bytes_of(b), capacity);
    *link = a->current = b;
    a->total += whole;
    return VALENCE_OK;
}

/* Takes size bytes from b, or NULL when they do not fit. */
static void *take(vl_arena_block *b, size_t size, size_t align)
{
    uintptr_t free_from = (uintptr_t)(bytes_of(b) + b->used);
    size_t gap = (size_t)(-free_from & (align - 1));
    size_t left = b->capacity - b->used;
    if (gap > left || size > left - gap) return NULL;
    char *p = bytes_of(b) + b->used + gap;
    b->used += gap + size;
    UNPOISON(p, size);
    return p;
}

/* The next block of the chain that has room becomes current; a fresh one when none has. */
static vl_status advance(vl_arena *a, size_t size, size_t align)
{
    if (size > SIZE_MAX - align) return VALENCE_LIMIT;
    while (a->current && a->current->next) {
        a->current = a->current->next;
        if (a->current->capacity >= size + align) return VALENCE_OK;
    }
    size_t least = size + align, left = a->max - a->total;
    size_t wanted = least > a->block_bytes ? least : a->block_bytes;
    if (left > sizeof(vl_arena_block) && wanted > left - sizeof(vl_arena_block))
        wanted = left - sizeof(vl_arena_block); /* the last block takes what is left */
    return wanted < least ? VALENCE_LIMIT : add_block(a, wanted);
}

vl_status vl_arena_reserve(vl_arena *a, size_t bytes)
{
    vl_arena_block *b = a->current;
    if (b && b->capacity - b->used >= bytes) return VALENCE_OK;
    return advance(a, bytes, 1);
}

void *vl_arena_alloc(vl_arena *a, size_t size, size_t align)
{
    assert(align && (align & (align - 1)) == 0);
    void *p = a->current ? take(a->current, size, align) : NULL;
    if (p) return p;
    if (advance(a, size, align) != VALENCE_OK) return NULL;
    return take(a->current, size, align);
}

char *vl_arena_copy_string(vl_arena *a, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? vl_arena_alloc(a, len + 1, 1) : NULL;
    if (!copy) return NULL;
    if (len) memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void vl_arena_reset(vl_arena *a)
{
    for (vl_arena_block *b = a->first; b; b = b->next) {
        b->used = 0;
        POISON(bytes_of(b), b->capacity);
    }
    a->current = a->first;
}

void vl_arena_release(vl_arena *a)
{
    for (vl_arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        UNPOISON(bytes_of(b), b->capacity);
        vl_free(b);
    }
    vl_arena_init(a, a->category, a->block_bytes, a->max);
}
