/* test_cache.c: what is found again and what is not, the bounds, expiry, collisions, failures of the
 * allocator, threads. */
#include "test.h"

#include <pthread.h>

#include "base/hash.h"
#include "serve/cache.h"

static vl_cache *open_cache(size_t entries, size_t bytes, double seconds,
                            uint64_t (*hash)(const void *, size_t, uint64_t))
{
    vl_cache *c = NULL;
    vl_cache_options o = {.entries = entries, .bytes = bytes, .seconds = seconds, .hash = hash};
    assert_int_equal(vl_cache_open(&c, &o, NULL), VALENCE_OK);
    return c;
}

static void put(vl_cache *c, const char *request, uint64_t salt, double now, const char *answer)
{
    vl_cache_key k = vl_cache_key_of(c, vl_span_of(request), salt);
    vl_cache_put(c, &k, now, vl_span_of(answer), (vl_cache_note){.model = (uint32_t)salt + 100, .label = 7});
}

/* The answer, or NULL; valid until the next call. */
static const char *get(vl_cache *c, const char *request, uint64_t salt, double now)
{
    static char text[256];
    vl_buffer out;
    vl_cache_note note = {0};
    vl_cache_key k = vl_cache_key_of(c, vl_span_of(request), salt);
    vl_buffer_init(&out, VL_MEM_REQUEST, 200);
    bool found = vl_cache_get(c, &k, now, &out, &note);
    assert_true(found ? note.model == salt + 100 && note.label == 7 : out.len == 0);
    snprintf(text, sizeof text, "%.*s", (int)out.len, out.len ? out.data : "");
    vl_buffer_release(&out);
    return found ? text : NULL;
}

static void test_found_again(void **state)
{
    (void)state;
    vl_cache *c = open_cache(100, 1 << 20, 10, NULL);
    assert_null(get(c, "a", 1, 0));
    put(c, "a", 1, 0, "answer a");
    put(c, "", 1, 0, "answer to nothing");
    put(c, "b", 1, 0, "");
    assert_string_equal(get(c, "a", 1, 0), "answer a");
    assert_string_equal(get(c, "", 1, 0), "answer to nothing");
    assert_string_equal(get(c, "b", 1, 0), "");
    assert_null(get(c, "a", 2, 0)); /* another model */
    put(c, "a", 1, 0, "newer");
    assert_string_equal(get(c, "a", 1, 0), "newer");
    vl_cache_counts n = vl_cache_counts_of(c);
    assert_int_equal(n.entries, 3);
    assert_int_equal(n.hits, 4);
    assert_int_equal(n.misses, 2);
    assert_int_equal(n.evictions + n.expired, 0);
    vl_cache_close(c);
}

static void test_off(void **state)
{
    (void)state;
    vl_cache *c = open_cache(0, 1 << 20, 10, NULL);
    assert_null(c);
    put(c, "a", 1, 0, "answer");
    assert_null(get(c, "a", 1, 0));
    assert_int_equal(vl_cache_counts_of(c).misses, 0);
    vl_cache_close(c);
}

static void test_least_recently_used_goes(void **state)
{
    (void)state;
    vl_cache *c = open_cache(3, 1 << 20, 0, NULL);
    put(c, "a", 0, 0, "1");
    put(c, "b", 0, 0, "2");
    put(c, "c", 0, 0, "3");
    assert_non_null(get(c, "a", 0, 0)); /* now b is the oldest */
    put(c, "d", 0, 0, "4");
    assert_null(get(c, "b", 0, 0));
    assert_string_equal(get(c, "a", 0, 0), "1");
    put(c, "e", 0, 1e9, "5"); /* c goes; seconds 0: nothing expires */
    assert_null(get(c, "c", 0, 1e9));
    assert_string_equal(get(c, "d", 0, 1e9), "4");
    assert_int_equal(vl_cache_counts_of(c).evictions, 2);
    assert_int_equal(vl_cache_counts_of(c).expired, 0);
    vl_cache_close(c);
}

static void test_expiry(void **state)
{
    (void)state;
    vl_cache *c = open_cache(10, 1 << 20, 5, NULL);
    put(c, "a", 0, 100, "1");
    assert_non_null(get(c, "a", 0, 104.9));
    assert_null(get(c, "a", 0, 105)); /* being asked for does not make it younger */
    assert_int_equal(vl_cache_counts_of(c).expired, 1);
    assert_int_equal(vl_cache_counts_of(c).entries, 0);
    assert_int_equal(vl_cache_counts_of(c).bytes, 0);
    put(c, "a", 0, 105, "2");
    put(c, "a", 0, 109, "3"); /* a new answer begins a new life */
    assert_string_equal(get(c, "a", 0, 113), "3");
    vl_cache_close(c);
}

static uint64_t one_hash(const void *bytes, size_t len, uint64_t seed)
{
    (void)bytes, (void)len, (void)seed;
    return 42;
}

static void test_collisions(void **state)
{
    (void)state;
    vl_cache *c = open_cache(50, 1 << 20, 0, one_hash);
    char request[32], answer[32];
    for (int i = 0; i < 80; i++) {
        snprintf(request, sizeof request, "request %d", i);
        snprintf(answer, sizeof answer, "answer %d", i);
        put(c, request, 0, 0, answer);
    }
    for (int i = 0; i < 80; i++) {
        snprintf(request, sizeof request, "request %d", i);
        snprintf(answer, sizeof answer, "answer %d", i);
        const char *found = get(c, request, 0, 0);
        if (i < 30) assert_null(found);
        else assert_string_equal(found, answer);
        assert_null(get(c, request, 7, 0));
    }
    vl_cache_close(c);
}

/* Random sizes, also some that fit nowhere: neither bound is ever passed, and the accounts are those
 * of the allocator. */
static void test_bounds(void **state)
{
    (void)state;
    static char bytes[40000];
    const size_t limits[][2] = {{10, 4000}, {1000, 1 << 20}, {1, 1 << 20}, {5000, 300000}, {3, 1}};
    int64_t outside = vl_mem_usage_of(VL_MEM_CACHE).current;
    for (size_t l = 0; l < LENGTH(limits); l++) {
        vl_cache *c = open_cache(limits[l][0], limits[l][1], 0, NULL);
        int64_t empty = vl_mem_usage_of(VL_MEM_CACHE).current;
        for (uint64_t i = 0; i < 20000; i++) {
            uint64_t r = vl_random_at(l, i);
            memcpy(bytes, &r, 4);
            vl_span request = {bytes, 4 + (r >> 32) % 60};
            vl_span answer = {bytes, r >> 60 == 0 ? (r >> 40) % sizeof bytes : (r >> 40) % 300};
            vl_cache_key k = vl_cache_key_of(c, request, 0);
            vl_cache_put(c, &k, 0, answer, (vl_cache_note){0});
            if (i % 64) continue;
            vl_cache_counts n = vl_cache_counts_of(c);
            assert_true(n.entries <= limits[l][0] && n.bytes <= limits[l][1]);
            assert_int_equal(n.bytes, vl_mem_usage_of(VL_MEM_CACHE).current - empty);
        }
        if (limits[l][1] > 1) assert_true(vl_cache_counts_of(c).evictions > 0);
        else assert_int_equal(vl_cache_counts_of(c).entries, 0);
        vl_cache_close(c);
        assert_int_equal(vl_mem_usage_of(VL_MEM_CACHE).current, outside);
    }
}

static void test_hit_allocates_nothing(void **state)
{
    (void)state;
    vl_cache *c = open_cache(100, 1 << 20, 0, NULL);
    vl_buffer out;
    vl_cache_note note;
    vl_buffer_init(&out, VL_MEM_REQUEST, 1000);
    assert_int_equal(vl_buffer_reserve(&out, 100), VALENCE_OK);
    put(c, "a", 0, 0, "answer");
    int64_t before = vl_mem_usage_total().allocations;
    vl_cache_key k = vl_cache_key_of(c, vl_span_of("a"), 0);
    assert_true(vl_cache_get(c, &k, 0, &out, &note));
    assert_int_equal(vl_mem_usage_total().allocations, before);
    vl_buffer_release(&out);
    vl_cache_close(c);
}

/* An answer that does not fit into out is a miss, and out is as before. */
static void test_full_buffer(void **state)
{
    (void)state;
    vl_cache *c = open_cache(100, 1 << 20, 0, NULL);
    vl_buffer out;
    vl_cache_note note;
    vl_buffer_init(&out, VL_MEM_REQUEST, 3);
    put(c, "a", 0, 0, "answer");
    vl_cache_key k = vl_cache_key_of(c, vl_span_of("a"), 0);
    assert_false(vl_cache_get(c, &k, 0, &out, &note));
    assert_int_equal(out.len, 0);
    assert_int_equal(vl_cache_counts_of(c).misses, 1);
    vl_buffer_release(&out);
    vl_cache_close(c);
}

static void test_no_memory(void **state)
{
    (void)state;
    vl_cache_options o = vl_cache_defaults();
    int64_t before = vl_mem_usage_of(VL_MEM_CACHE).current;
    vl_status status = VALENCE_NO_MEMORY;
    for (int n = 1; status != VALENCE_OK; n++) {
        vl_cache *c = NULL;
        valence_error error = {0};
        vl_mem_fail_only(n);
        status = vl_cache_open(&c, &o, &error);
        bool failed = vl_mem_has_failed();
        vl_mem_fail_only(0);
        assert_int_equal(status, failed ? VALENCE_NO_MEMORY : VALENCE_OK);
        assert_true(failed == (c == NULL));
        vl_cache_close(c);
        assert_int_equal(vl_mem_usage_of(VL_MEM_CACHE).current, before);
    }
    vl_cache *c = open_cache(10, 1 << 20, 0, NULL);
    put(c, "a", 0, 0, "old");
    vl_mem_fail_from(1);
    put(c, "b", 0, 0, "new");
    vl_mem_fail_from(0);
    assert_null(get(c, "b", 0, 0));
    assert_string_equal(get(c, "a", 0, 0), "old");
    vl_cache_close(c);
}

/* ---- Threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 30000, KEYS = 700 };

typedef struct hammer {
    vl_cache *cache;
    uint64_t seed;
    int wrong, hits;
} hammer;

/* Each request's answer can be told from the request: a mixed-up or torn one shows. */
static void *hammer_run(void *argument)
{
    hammer *h = argument;
    vl_buffer out;
    vl_buffer_init(&out, VL_MEM_REQUEST, 10000);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t r = vl_random_at(h->seed, i) % KEYS;
        vl_cache_note note = {0};
        char answer[600];
        size_t len = 20 + r % 500;
        memset(answer, (int)(r & 0xFF), len);
        memcpy(answer, &r, sizeof r);
        vl_cache_key k = vl_cache_key_of(h->cache, (vl_span){(char *)&r, sizeof r}, r & 1);
        vl_buffer_reset(&out);
        if (!vl_cache_get(h->cache, &k, (double)i / 10000, &out, &note)) {
            vl_cache_put(h->cache, &k, (double)i / 10000, (vl_span){answer, len}, (vl_cache_note){.label = (uint32_t)r});
            continue;
        }
        h->hits++;
        if (note.label != r || out.len != len || memcmp(out.data, answer, len) != 0) h->wrong++;
    }
    vl_buffer_release(&out);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    vl_cache *c = open_cache(500, 200000, 0.05, NULL); /* less than a key waits for its turn */
    pthread_t threads[THREADS];
    hammer work[THREADS];
    uint64_t hits = 0;
    for (int i = 0; i < THREADS; i++) {
        work[i] = (hammer){.cache = c, .seed = (uint64_t)i};
        if (pthread_create(&threads[i], NULL, hammer_run, &work[i]) != 0) abort();
    }
    for (int i = 0; i < 50; i++) {
        vl_cache_counts n = vl_cache_counts_of(c);
        assert_true(n.entries <= 500 && n.bytes <= 200000);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(work[i].wrong, 0);
        hits += (uint64_t)work[i].hits;
    }
    vl_cache_counts n = vl_cache_counts_of(c);
    assert_int_equal(n.hits, hits);
    assert_int_equal(n.hits + n.misses, THREADS * ROUNDS);
    assert_true(n.hits > 1000 && n.evictions > 0 && n.expired > 0);
    vl_cache_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_again),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_hit_allocates_nothing),
        cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
