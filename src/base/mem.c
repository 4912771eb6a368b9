/* mem.c: accounted allocation. A header of one cache line before each block holds its size and
 * category; totals are atomics, so that an idle program pays one add per allocation. Large blocks are
 * mapped by themselves, in huge pages where the system gives them: training touches hundreds of
 * megabytes once, and page faults of 4 KiB were half of its time. */
#include "base/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, MAPPED_FROM = 8 << 20 };

typedef struct header {
    size_t size;
    size_t mapped; /* bytes to unmap; 0: malloc's */
    vl_mem_category category;
} header;

typedef struct account {
    _Atomic int64_t current, peak, allocations;
} account;

static account accounts[VL_MEM_CATEGORIES];
static account total;
static _Atomic int64_t fail_countdown; /* 0: never; 1: the next one fails, */
static _Atomic bool fail_later;        /* and all later ones, too */
static _Atomic bool has_failed;

static void account_add(account *a, int64_t bytes)
{
    int64_t now = atomic_fetch_add_explicit(&a->current, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&a->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&a->peak, &peak, now,
                                                                memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

static void account_change(vl_mem_category category, int64_t bytes)
{
    account_add(&accounts[category], bytes);
    account_add(&total, bytes);
}

static void account_call(vl_mem_category category)
{
    atomic_fetch_add_explicit(&accounts[category].allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&total.allocations, 1, memory_order_relaxed);
}

static bool must_fail(void)
{
    int64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (left == 0) return false;
    do {
        if (left == 1 && fail_later) break;
    } while (!atomic_compare_exchange_weak(&fail_countdown, &left, left ? left - 1 : 0));
    if (left != 1) return false;
    has_failed = true;
    return true;
}

static header *header_of(void *block)
{
    return (header *)(void *)((char *)block - ALIGNMENT);
}

/* Fresh zeroed pages, or NULL. */
static char *map_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* a wish: nothing is lost where it is refused */
    return p;
}

void *vl_alloc(vl_mem_category category, size_t size)
{
    if (size > SIZE_MAX - 2 * ALIGNMENT || must_fail()) return NULL;
    size_t whole = (size + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t mapped = whole >= MAPPED_FROM ? whole : 0;
    char *raw = mapped ? map_pages(whole) : aligned_alloc(ALIGNMENT, whole);
    if (!raw) return NULL;
    *(header *)(void *)raw = (header){size, mapped, category};
    account_change(category, (int64_t)size);
    account_call(category);
    return raw + ALIGNMENT;
}

void *vl_alloc_zero(vl_mem_category category, size_t size)
{
    char *block = vl_alloc(category, size);
    if (block && !header_of(block)->mapped) memset(block, 0, size);
    return block;
}

void *vl_alloc_array(vl_mem_category category, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return vl_alloc(category, bytes);
}

void *vl_realloc(vl_mem_category category, void *block, size_t size)
{
    if (!block) return vl_alloc(category, size);
    size_t old = header_of(block)->size;
    void *fresh = vl_alloc(header_of(block)->category, size);
    if (!fresh) return NULL;
    memcpy(fresh, block, old < size ? old : size);
    vl_free(block);
    return fresh;
}

void vl_free(void *block)
{
    if (!block) return;
    header *h = header_of(block);
    assert(h->category < VL_MEM_CATEGORIES); /* else not one of ours, or overwritten */
    account_change(h->category, -(int64_t)h->size);
    if (h->mapped) munmap(h, h->mapped);
    else free(h);
}

char *vl_copy_string(vl_mem_category category, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? vl_alloc(category, len + 1) : NULL;
    if (!copy) return NULL;
    if (len) memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

const char *vl_mem_name(vl_mem_category category)
{
    static const char *const names[] = {
#define VL_MEM_TEXT(name, text) text,
        VL_MEM_LIST(VL_MEM_TEXT)
#undef VL_MEM_TEXT
    };
    return category < VL_MEM_CATEGORIES ? names[category] : "unknown";
}

static vl_mem_usage usage_of(account *a)
{
    return (vl_mem_usage){.current = atomic_load(&a->current),
                          .peak = atomic_load(&a->peak),
                          .allocations = atomic_load(&a->allocations)};
}

vl_mem_usage vl_mem_usage_of(vl_mem_category category)
{
    return usage_of(&accounts[category]);
}

vl_mem_usage vl_mem_usage_total(void)
{
    return usage_of(&total);
}

static void fail_at(int64_t n, bool later)
{
    has_failed = false;
    fail_later = later;
    atomic_store(&fail_countdown, n);
}

void vl_mem_fail_from(int64_t n)
{
    fail_at(n, true);
}

void vl_mem_fail_only(int64_t n)
{
    fail_at(n, false);
}

bool vl_mem_has_failed(void)
{
    return has_failed;
}
