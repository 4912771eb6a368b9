/* cache.h: answers that were given before, by request. Least recently used first out, bounded by
 * entries and by bytes, each entry for a limited time. Cut into shards with a lock each, so that
 * loops seldom wait for one another.
 * Ownership: the cache copies what it is given, and copies out what it finds. Any thread. */
#ifndef VL_CACHE_H
#define VL_CACHE_H

#include "base/buffer.h"

typedef struct vl_cache vl_cache;

typedef struct vl_cache_options {
    size_t entries; /* 0: no cache */
    size_t bytes;   /* of all entries with their bookkeeping */
    double seconds; /* an entry's life; 0: for ever */
    /* For tests: NULL is XXH3 with a seed of this process, so that nobody can plan collisions. */
    uint64_t (*hash)(const void *bytes, size_t len, uint64_t seed);
} vl_cache_options;

vl_cache_options vl_cache_defaults(void);

/* *out NULL and VALENCE_OK with entries 0: every function below takes that as a cache that is
 * always empty. */
vl_status vl_cache_open(vl_cache **out, const vl_cache_options *options, valence_error *error);
void vl_cache_close(vl_cache *c);

/* What an answer depends on: the bytes of the request and, in salt, what is not in them (which
 * models are served, the kind of route). Both are compared on a hit, not their hash alone. */
typedef struct vl_cache_key {
    vl_span request;
    uint64_t salt;
    uint64_t hash; /* by vl_cache_key_of */
} vl_cache_key;

vl_cache_key vl_cache_key_of(const vl_cache *c, vl_span request, uint64_t salt);

typedef struct vl_cache_note { /* what its user wants to know besides; nothing to the cache */
    uint32_t model, label;
    uint32_t characters, tokens;
    bool tei; /* these two are to be told */
} vl_cache_note;

/* Appends the answer to out and gives the note that was put with it. False: not there (or out is
 * full). now: vl_clock_seconds(). Allocates nothing if out has room. */
bool vl_cache_get(vl_cache *c, const vl_cache_key *key, double now, vl_buffer *out, vl_cache_note *note);

/* Keeps an answer, in the place of the key's old one. One that is too large for a shard, or for
 * which there is no memory, is not kept. */
void vl_cache_put(vl_cache *c, const vl_cache_key *key, double now, vl_span answer, vl_cache_note note);

typedef struct vl_cache_counts {
    uint64_t hits, misses, evictions, expired; /* since the start; expired ones are misses, too */
    uint64_t entries, bytes;                   /* now */
} vl_cache_counts;

vl_cache_counts vl_cache_counts_of(vl_cache *c);

#endif
