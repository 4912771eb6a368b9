/* cache.c: each shard is a hash table of chains, whose entries also stand in a list by last use. An
 * entry is one block: bookkeeping, request, answer. Blocks are made before the lock is taken and
 * freed after it is given back; under it there are only pointers to move and bytes to copy. */
#include "serve/cache.h"

#include <math.h>
#include <pthread.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"

enum { SHARDS_MAX = 16, SHARD_ENTRIES = 32, SHARD_BYTES = 64 << 10 }; /* the least a shard is worth */

typedef struct entry {
    struct entry *chain;         /* of its bucket; among blocks to be freed: the next one */
    struct entry *newer, *older; /* by last use */
    uint64_t hash, salt;
    vl_cache_note note;
    double until;
    size_t request_len, answer_len;
    char bytes[]; /* request, answer */
} entry;

typedef struct shard {
    _Alignas(64) pthread_mutex_t lock;
    entry **buckets; /* (mask + 1) */
    uint64_t mask;
    entry *newest, *oldest;
    size_t entries, entries_max, bytes, bytes_max;
    uint64_t hits, misses, evictions, expired;
} shard;

struct vl_cache {
    shard shards[SHARDS_MAX];
    int count; /* a power of two */
    double seconds;
    uint64_t seed;
    uint64_t (*hash)(const void *bytes, size_t len, uint64_t seed);
};

vl_cache_options vl_cache_defaults(void)
{
    return (vl_cache_options){.entries = 1000, .bytes = 16u << 20, .seconds = 300};
}

/* ---- Opening --------------------------------------------------------------------------------- */

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) == sizeof seed) return seed;
    double now = vl_clock_seconds(); /* no such call here: the time and our address have to do */
    return vl_hash64(&now, sizeof now, (uint64_t)(uintptr_t)&seed);
}

static int shard_count(const vl_cache_options *o)
{
    int n = 1;
    while (n < SHARDS_MAX && o->entries / (size_t)n >= 2 * SHARD_ENTRIES &&
           o->bytes / (size_t)n >= 2 * SHARD_BYTES)
        n *= 2;
    return n;
}

/* The i-th of n shares of a whole; together they are the whole. */
static size_t share(size_t whole, int i, int n)
{
    return whole / (size_t)n + ((size_t)i < whole % (size_t)n ? 1 : 0);
}

static bool open_shard(shard *s, const vl_cache_options *o, int i, int n)
{
    s->entries_max = share(o->entries, i, n);
    s->bytes_max = share(o->bytes, i, n);
    size_t buckets = 1;
    while (buckets < s->entries_max && buckets < SIZE_MAX / 4) buckets *= 2;
    s->buckets = vl_alloc_array(VL_MEM_CACHE, buckets, sizeof(entry *));
    if (!s->buckets) return false;
    memset(s->buckets, 0, buckets * sizeof(entry *));
    s->mask = buckets - 1;
    return true;
}

vl_status vl_cache_open(vl_cache **out, const vl_cache_options *options, valence_error *error)
{
    *out = NULL;
    if (options->entries == 0) return VALENCE_OK;
    vl_cache *c = vl_alloc_zero(VL_MEM_CACHE, sizeof *c);
    if (!c) return vl_fail_memory(error, sizeof *c, "the cache");
    c->count = shard_count(options);
    c->seconds = options->seconds;
    c->seed = random_seed();
    c->hash = options->hash ? options->hash : vl_hash64;
    for (int i = 0; i < c->count; i++) pthread_mutex_init(&c->shards[i].lock, NULL);
    for (int i = 0; i < c->count; i++)
        if (!open_shard(&c->shards[i], options, i, c->count)) {
            vl_cache_close(c);
            return vl_fail_memory(error, options->entries * sizeof(entry *), "the cache");
        }
    *out = c;
    return VALENCE_OK;
}

static void close_shard(shard *s)
{
    for (entry *e = s->newest, *next; e; e = next) {
        next = e->older;
        vl_free(e);
    }
    vl_free(s->buckets);
    pthread_mutex_destroy(&s->lock);
}

void vl_cache_close(vl_cache *c)
{
    if (!c) return;
    for (int i = 0; i < c->count; i++) close_shard(&c->shards[i]);
    vl_free(c);
}

/* ---- Under the lock -------------------------------------------------------------------------- */

static size_t size_of(const entry *e)
{
    return sizeof *e + e->request_len + e->answer_len;
}

static entry **find(shard *s, const vl_cache_key *k)
{
    entry **at = &s->buckets[k->hash & s->mask];
    for (; *at; at = &(*at)->chain) {
        entry *e = *at;
        if (e->hash == k->hash && e->salt == k->salt &&
            vl_span_equal((vl_span){e->bytes, e->request_len}, k->request))
            break;
    }
    return at;
}

static void list_remove(shard *s, entry *e)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void list_add(shard *s, entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

/* Takes the entry that *at points to out of everything and puts it on the list of the dead. */
static void take_out(shard *s, entry **at, entry **dead)
{
    entry *e = *at;
    *at = e->chain;
    list_remove(s, e);
    s->entries--;
    s->bytes -= size_of(e);
    e->chain = *dead;
    *dead = e;
}

static void evict_oldest(shard *s, entry **dead)
{
    entry **at = &s->buckets[s->oldest->hash & s->mask];
    while (*at != s->oldest) at = &(*at)->chain;
    take_out(s, at, dead);
    s->evictions++;
}

static void free_all(entry *dead)
{
    for (entry *next; dead; dead = next) {
        next = dead->chain;
        vl_free(dead);
    }
}

/* ---- Asking and keeping ---------------------------------------------------------------------- */

/* The shard comes from the top bits, the bucket from the low ones. */
static shard *shard_of(vl_cache *c, const vl_cache_key *k)
{
    return &c->shards[k->hash >> 32 & (uint64_t)(c->count - 1)];
}

vl_cache_key vl_cache_key_of(const vl_cache *c, vl_span request, uint64_t salt)
{
    return (vl_cache_key){request, salt, c ? c->hash(request.ptr, request.len, c->seed ^ salt) : 0};
}

static bool answer_from(shard *s, entry *e, vl_buffer *out, vl_cache_note *note)
{
    if (vl_buffer_append(out, e->bytes + e->request_len, e->answer_len) != VALENCE_OK) return false;
    *note = e->note;
    list_remove(s, e);
    list_add(s, e);
    return true;
}

bool vl_cache_get(vl_cache *c, const vl_cache_key *key, double now, vl_buffer *out, vl_cache_note *note)
{
    if (!c) return false;
    shard *s = shard_of(c, key);
    entry *dead = NULL;
    pthread_mutex_lock(&s->lock);
    entry **at = find(s, key);
    if (*at && (*at)->until <= now) {
        take_out(s, at, &dead);
        s->expired++;
        at = NULL;
    }
    bool found = at && *at && answer_from(s, *at, out, note);
    if (found) s->hits++;
    else s->misses++;
    pthread_mutex_unlock(&s->lock);
    free_all(dead);
    return found;
}

static entry *make_entry(const vl_cache *c, const vl_cache_key *k, double now, vl_span answer)
{
    entry *e = vl_alloc(VL_MEM_CACHE, sizeof *e + k->request.len + answer.len);
    if (!e) return NULL;
    e->hash = k->hash;
    e->salt = k->salt;
    e->until = c->seconds > 0 ? now + c->seconds : (double)INFINITY;
    e->request_len = k->request.len;
    e->answer_len = answer.len;
    if (k->request.len) memcpy(e->bytes, k->request.ptr, k->request.len);
    if (answer.len) memcpy(e->bytes + k->request.len, answer.ptr, answer.len);
    return e;
}

static void insert(shard *s, const vl_cache_key *key, entry *e, entry **dead)
{
    entry **old = find(s, key); /* another loop may have been quicker */
    if (*old) take_out(s, old, dead);
    while (s->entries >= s->entries_max || s->bytes_max - s->bytes < size_of(e)) evict_oldest(s, dead);
    entry **bucket = &s->buckets[e->hash & s->mask];
    e->chain = *bucket;
    *bucket = e;
    list_add(s, e);
    s->entries++;
    s->bytes += size_of(e);
}

void vl_cache_put(vl_cache *c, const vl_cache_key *key, double now, vl_span answer, vl_cache_note note)
{
    if (!c) return;
    shard *s = shard_of(c, key);
    if (s->bytes_max < sizeof(entry) || key->request.len > s->bytes_max - sizeof(entry) ||
        answer.len > s->bytes_max - sizeof(entry) - key->request.len)
        return;
    entry *e = make_entry(c, key, now, answer), *dead = NULL;
    if (!e) return;
    e->note = note;
    pthread_mutex_lock(&s->lock);
    insert(s, key, e, &dead);
    pthread_mutex_unlock(&s->lock);
    free_all(dead);
}

vl_cache_counts vl_cache_counts_of(vl_cache *c)
{
    vl_cache_counts sum = {0};
    for (int i = 0; c && i < c->count; i++) {
        shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        sum.hits += s->hits;
        sum.misses += s->misses;
        sum.evictions += s->evictions;
        sum.expired += s->expired;
        sum.entries += s->entries;
        sum.bytes += s->bytes;
        pthread_mutex_unlock(&s->lock);
    }
    return sum;
}
