/* matmul_onednn.c: products by oneDNN, and the only file that knows it (version 2's C interface).
 *
 * The library is opened with dlopen at the first packing, so that commands which multiply nothing
 * start without it. oneDNN compiles a primitive for each fixed shape; run-time shapes are slower by
 * a seventh. A product of M rows is therefore cut into blocks of 132 and one of a few smaller sizes
 * for the rest, which may read and write a few rows too many (matmul.h). Primitives are kept for
 * the life of the process and shared by all matrices of one shape. A layout of packed weights is
 * chosen with the primitive of the largest block; the others must take it. In the layout of "brg"
 * kernels panels of 64 columns stand one behind the other, each whole, so that a range of panels is
 * a matrix of its own. An implementation called ref* is refused: it is thousands of times slower.
 *
 * Threads are ours: libgomp's are held to one, per thread that multiplies. oneDNN's objects that
 * carry pointers (dnnl_memory) are made once for each thread and primitive and pointed anew at each
 * product. */
#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "kernels/gemm.h"
#include "kernels/matmul.h"

#if DNNL_VERSION_MAJOR != 2
#error "matmul_onednn.c speaks oneDNN 2; this is another version"
#endif

/* ---- The library ----------------------------------------------------------------------------- */

#define ONEDNN_FUNCTIONS(X)                                                                        \
    X(engine_create)                                                                               \
    X(stream_create)                                                                               \
    X(stream_destroy)                                                                              \
    X(set_max_cpu_isa)                                                                             \
    X(memory_desc_init_by_tag)                                                                     \
    X(memory_desc_get_size)                                                                        \
    X(memory_create)                                                                               \
    X(memory_destroy)                                                                              \
    X(memory_set_data_handle)                                                                      \
    X(matmul_desc_init)                                                                            \
    X(primitive_attr_create)                                                                       \
    X(primitive_attr_destroy)                                                                      \
    X(primitive_attr_set_scratchpad_mode)                                                          \
    X(primitive_desc_create)                                                                       \
    X(primitive_desc_destroy)                                                                      \
    X(primitive_desc_query)                                                                        \
    X(primitive_desc_query_md)                                                                     \
    X(reorder_primitive_desc_create)                                                               \
    X(primitive_create)                                                                            \
    X(primitive_destroy)                                                                           \
    X(primitive_execute)                                                                           \
    X(sgemm)                                                                                       \
    X(stream_wait)

static struct {
#define DECLARE(name) __typeof__(&dnnl_##name) name;
    ONEDNN_FUNCTIONS(DECLARE)
#undef DECLARE
    void (*omp_set_num_threads)(int);
} dnnl;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of opening, and of making primitives */
static dnnl_engine_t engine;                             /* NULL: not opened yet */
static pthread_key_t seat_key;

static void close_seat(void *seat);

static const char library[] = "libdnnl.so.2";

static vl_status load(valence_error *error)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "cannot open oneDNN (%s), which neural models need: install libdnnl2",
                       library);
    void *f;
#define FIND(name)                                                                                 \
    if (!(f = dlsym(handle, "dnnl_" #name)))                                                       \
        return vl_fail(error, VALENCE_UNSUPPORTED, "%s has no dnnl_" #name, library);              \
    memcpy(&dnnl.name, &f, sizeof f);
    ONEDNN_FUNCTIONS(FIND)
#undef FIND
    f = dlsym(handle, "omp_set_num_threads"); /* of the OpenMP it is linked with, if any */
    memcpy(&dnnl.omp_set_num_threads, &f, sizeof f);
    return VALENCE_OK;
}

/* With lock held. */
static vl_status open_library(valence_error *error)
{
    if (engine) return VALENCE_OK;
    VL_TRY(load(error));
    if (vl_isa_active() == VL_ISA_AVX2) dnnl.set_max_cpu_isa(dnnl_cpu_isa_avx2);
    if (dnnl.omp_set_num_threads) dnnl.omp_set_num_threads(1);
    if (pthread_key_create(&seat_key, close_seat) != 0)
        return vl_fail(error, VALENCE_NO_MEMORY, "out of thread keys");
    if (dnnl.engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        return vl_fail(error, VALENCE_NO_MEMORY, "oneDNN cannot make an engine");
    return VALENCE_OK;
}

/* ---- Primitives ------------------------------------------------------------------------------ */

static const int block_sizes[] = {1,   2,   4,   8,   12,
                                  16,  20,  24,  28,  32,
                                  36,  40,  44,  48,  52,
                                  56,  60,  64,  76,  88,
                                  100, 112, 124, 128, VL_MATMUL_BLOCK};
enum { SIZES = sizeof block_sizes / sizeof *block_sizes, PRIMITIVES_MAX = 1024 };

typedef struct primitive {
    int index; /* its number, by which threads keep their objects */
    dnnl_primitive_t call;
    dnnl_memory_desc_t src, weight, dst, scratch;
    size_t scratch_bytes;
} primitive;

/* All blocks of one shape. */
typedef struct shape {
    vl_matmul_kind kind;
    int64_t N, K;
    dnnl_memory_desc_t packed;
    char name[64];
    _Atomic(primitive *) blocks[SIZES];
    struct shape *next;
} shape;

static _Atomic(shape *) shapes; /* added to with lock held */
static int primitive_count;

static const dnnl_data_type_t src_types[] = {dnnl_f32, dnnl_bf16, dnnl_u8};
static const dnnl_data_type_t weight_types[] = {dnnl_f32, dnnl_bf16, dnnl_s8};
static const dnnl_data_type_t dst_types[] = {dnnl_f32, dnnl_f32, dnnl_s32};

static void describe(dnnl_memory_desc_t *md, int64_t rows, int64_t columns, dnnl_data_type_t type,
                     dnnl_format_tag_t tag)
{
    const dnnl_dims_t dims = {rows, columns};
    dnnl.memory_desc_init_by_tag(md, 2, dims, type, tag);
}

/* The description of a product of M rows; weights in the shape's layout, or in any (NULL). */
static dnnl_primitive_desc_t describe_product(const shape *s, int64_t M,
                                              const dnnl_memory_desc_t *packed)
{
    dnnl_memory_desc_t src, weight, dst;
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr;
    describe(&src, M, s->K, src_types[s->kind], dnnl_ab);
    describe(&dst, M, s->N, dst_types[s->kind], dnnl_ab);
    if (packed) weight = *packed;
    else describe(&weight, s->K, s->N, weight_types[s->kind], dnnl_format_tag_any);
    if (dnnl.matmul_desc_init(&desc, &src, &weight, NULL, &dst) != dnnl_success) return NULL;
    if (dnnl.primitive_attr_create(&attr) != dnnl_success) return NULL;
    dnnl.primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (dnnl.primitive_desc_create(&pd, &desc, attr, engine, NULL) != dnnl_success) pd = NULL;
    dnnl.primitive_attr_destroy(attr);
    return pd;
}

static const char *name_of(dnnl_primitive_desc_t pd)
{
    const char *name = "";
    dnnl.primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return name;
}

static primitive *make_primitive(const shape *s, int64_t M)
{
    primitive *p = NULL;
    dnnl_primitive_desc_t pd = describe_product(s, M, &s->packed);
    if (!pd) return NULL;
    if (primitive_count < PRIMITIVES_MAX) p = vl_alloc_zero(VL_MEM_MODEL, sizeof *p);
    if (p) {
        p->src = *dnnl.primitive_desc_query_md(pd, dnnl_query_src_md, 0);
        p->weight = *dnnl.primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        p->dst = *dnnl.primitive_desc_query_md(pd, dnnl_query_dst_md, 0);
        p->scratch = *dnnl.primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        p->scratch_bytes = dnnl.memory_desc_get_size(&p->scratch);
        p->index = primitive_count;
        if (dnnl.primitive_create(&p->call, pd) == dnnl_success) primitive_count++;
        else vl_free(p), p = NULL;
    }
    dnnl.primitive_desc_destroy(pd);
    return p;
}

static primitive *primitive_of(shape *s, int size)
{
    primitive *p = atomic_load_explicit(&s->blocks[size], memory_order_acquire);
    if (p) return p;
    pthread_mutex_lock(&lock);
    p = atomic_load(&s->blocks[size]);
    if (!p) p = make_primitive(s, block_sizes[size]);
    atomic_store_explicit(&s->blocks[size], p, memory_order_release);
    pthread_mutex_unlock(&lock);
    return p;
}

static shape *known_shape(vl_matmul_kind kind, int64_t N, int64_t K)
{
    shape *s = atomic_load_explicit(&shapes, memory_order_acquire);
    while (s && (s->kind != kind || s->N != N || s->K != K)) s = s->next;
    return s;
}

/* With lock held. */
static vl_status make_shape(shape **out, vl_matmul_kind kind, int64_t N, int64_t K,
                            valence_error *error)
{
    *out = known_shape(kind, N, K);
    if (*out) return VALENCE_OK;
    shape *s = vl_alloc_zero(VL_MEM_MODEL, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a shape");
    *s = (shape){.kind = kind, .N = N, .K = K, .next = atomic_load(&shapes)};
    dnnl_primitive_desc_t pd = describe_product(s, VL_MATMUL_BLOCK, NULL);
    bool slow = pd && strncmp(name_of(pd), "ref", 3) == 0;
    if (pd) {
        s->packed = *dnnl.primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        strncpy(s->name, name_of(pd), sizeof s->name - 1);
        dnnl.primitive_desc_destroy(pd);
    }
    if (!pd || slow) {
        vl_free(s);
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "oneDNN has no fast %s product of %lld x %lld here",
                       kind == VL_MATMUL_I8     ? "int8"
                       : kind == VL_MATMUL_BF16 ? "bfloat16"
                                                : "float32",
                       (long long)N, (long long)K);
    }
    atomic_store_explicit(&shapes, s, memory_order_release);
    *out = s;
    return VALENCE_OK;
}

static shape *shape_of(vl_matmul_kind kind, int64_t N, int64_t K)
{
    shape *s = known_shape(kind, N, K);
    if (s) return s;
    pthread_mutex_lock(&lock);
    if (make_shape(&s, kind, N, K, NULL) != VALENCE_OK) s = NULL;
    pthread_mutex_unlock(&lock);
    return s;
}

/* Panels of VL_MATMUL_PANEL columns, the outermost dimension of the layout. */
static bool is_paneled(const shape *s)
{
    const dnnl_blocking_desc_t *b = &s->packed.format_desc.blocking;
    return strncmp(s->name, "brg", 3) == 0 && s->packed.format_kind == dnnl_blocked &&
           b->inner_nblks >= 2 && b->inner_idxs[1] == 1 && b->inner_blks[1] == VL_MATMUL_PANEL &&
           b->strides[1] == s->packed.padded_dims[0] * VL_MATMUL_PANEL;
}

/* ---- A thread's objects ---------------------------------------------------------------------- */

enum { FIRST_SCRATCH = 4096 }; /* most primitives want less, some hundred bytes or none */

typedef struct place {
    dnnl_memory_t src, weight, dst, scratch;
} place;

typedef struct seat {
    dnnl_stream_t stream;
    void *scratch;
    size_t scratch_bytes;
    place places[PRIMITIVES_MAX]; /* src NULL: not used here yet */
} seat;

static void close_place(place *p)
{
    if (p->src) dnnl.memory_destroy(p->src);
    if (p->weight) dnnl.memory_destroy(p->weight);
    if (p->dst) dnnl.memory_destroy(p->dst);
    if (p->scratch) dnnl.memory_destroy(p->scratch);
    *p = (place){0};
}

static void close_seat(void *pointer)
{
    seat *s = pointer;
    for (int i = 0; i < PRIMITIVES_MAX; i++) close_place(&s->places[i]);
    if (s->stream) dnnl.stream_destroy(s->stream);
    vl_free(s->scratch);
    vl_free(s);
}

static _Thread_local seat *my_seat; /* the key only closes it */

static bool grow_scratch(seat *s, size_t bytes)
{
    if (bytes <= s->scratch_bytes) return true;
    vl_free(s->scratch);
    s->scratch = vl_alloc(VL_MEM_BATCH, bytes);
    s->scratch_bytes = s->scratch ? bytes : 0;
    return s->scratch != NULL;
}

static seat *seat_here(void)
{
    if (my_seat) return my_seat;
    seat *s = vl_alloc_zero(VL_MEM_BATCH, sizeof *s);
    if (!s) return NULL;
    if (dnnl.omp_set_num_threads) dnnl.omp_set_num_threads(1);
    if (!grow_scratch(s, FIRST_SCRATCH) ||
        dnnl.stream_create(&s->stream, engine, dnnl_stream_default_flags) != dnnl_success ||
        pthread_setspecific(seat_key, s) != 0) {
        close_seat(s);
        return NULL;
    }
    return my_seat = s;
}

static place *place_of(seat *s, const primitive *p)
{
    if (!grow_scratch(s, p->scratch_bytes)) return NULL;
    place *at = &s->places[p->index];
    if (at->src) return at;
    if (dnnl.memory_create(&at->src, &p->src, engine, NULL) != dnnl_success ||
        dnnl.memory_create(&at->weight, &p->weight, engine, NULL) != dnnl_success ||
        dnnl.memory_create(&at->dst, &p->dst, engine, NULL) != dnnl_success ||
        dnnl.memory_create(&at->scratch, &p->scratch, engine, NULL) != dnnl_success) {
        close_place(at);
        return NULL;
    }
    return at;
}

/* ---- Matrices -------------------------------------------------------------------------------- */

struct vl_onednn_matrix {
    shape *shape;
    void *packed;
};

/* oneDNN keeps what it has made in a cache of its own; threads that load models come here one by
 * one. */
static dnnl_primitive_t make_reorder(const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t call = NULL;
    pthread_mutex_lock(&lock);
    if (dnnl.reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL) == dnnl_success &&
        dnnl.primitive_create(&call, pd) != dnnl_success)
        call = NULL;
    if (pd) dnnl.primitive_desc_destroy(pd);
    pthread_mutex_unlock(&lock);
    return call;
}

static vl_status reorder(void *packed, const dnnl_memory_desc_t *to, const void *weight,
                         const dnnl_memory_desc_t *from, seat *s)
{
    vl_status status = VALENCE_NO_MEMORY;
    dnnl_primitive_t call = make_reorder(from, to);
    dnnl_memory_t a = NULL, b = NULL;
    void *plain = NULL; /* oneDNN only reads it, but its interface takes no const */
    memcpy(&plain, &weight, sizeof plain);
    if (call && dnnl.memory_create(&a, from, engine, plain) == dnnl_success &&
        dnnl.memory_create(&b, to, engine, packed) == dnnl_success) {
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, a}, {DNNL_ARG_TO, b}};
        if (dnnl.primitive_execute(call, s->stream, 2, args) == dnnl_success) status = VALENCE_OK;
        dnnl.stream_wait(s->stream);
    }
    if (call) dnnl.primitive_destroy(call);
    if (a) dnnl.memory_destroy(a);
    if (b) dnnl.memory_destroy(b);
    return status;
}

vl_status vl_onednn_pack(vl_onednn_matrix **out, vl_matmul_kind kind, const void *weight, int64_t N,
                         int64_t K, valence_error *error)
{
    shape *s = NULL;
    pthread_mutex_lock(&lock);
    vl_status status = open_library(error);
    if (status == VALENCE_OK) status = make_shape(&s, kind, N, K, error);
    pthread_mutex_unlock(&lock);
    VL_TRY(status);
    seat *here = seat_here();
    vl_onednn_matrix *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    size_t bytes = dnnl.memory_desc_get_size(&s->packed);
    if (m) m->packed = vl_alloc(VL_MEM_MODEL, bytes);
    if (!here || !m || !m->packed) {
        vl_onednn_close(m);
        return vl_fail_memory(error, bytes, "packed weights");
    }
    m->shape = s;
    dnnl_memory_desc_t from; /* (N,K) row-major is (K,N) by columns */
    describe(&from, K, N, weight_types[kind], dnnl_ba);
    status = reorder(m->packed, &s->packed, weight, &from, here);
    if (status != VALENCE_OK) {
        vl_onednn_close(m);
        return vl_fail(error, status, "oneDNN cannot pack weights of %lld x %lld", (long long)N,
                       (long long)K);
    }
    *out = m;
    return VALENCE_OK;
}

void vl_onednn_close(vl_onednn_matrix *m)
{
    if (!m) return;
    vl_free(m->packed);
    vl_free(m);
}

const char *vl_onednn_name(const vl_onednn_matrix *m)
{
    return m->shape->name;
}

/* A row's sum must not depend on the rows around it. oneDNN's older float32 products ("gemm:jit",
 * AVX2) add up differently for 1 and 2 rows, in a rest of 8 rows behind blocks of 12, and beyond 64
 * rows; found by trying all sizes, and checked by test_matmul.c. */
static bool is_steady(const shape *s, int size)
{
    if (s->kind == VL_MATMUL_I8 || strncmp(s->name, "brg", 3) == 0) return true;
    return block_sizes[size] <= 64 && (block_sizes[size] % 12 == 0 || block_sizes[size] % 12 == 4);
}

/* The smallest block for so many rows, or the largest there is. */
static int size_for(const shape *s, int64_t rows)
{
    int best = 0;
    for (int i = 0; i < SIZES; i++) {
        if (!is_steady(s, i)) continue;
        best = i;
        if (block_sizes[i] >= rows) break;
    }
    return best;
}

bool vl_onednn_splits(const vl_onednn_matrix *m)
{
    return is_paneled(m->shape);
}

vl_status vl_onednn_run(const vl_onednn_matrix *m, void *dst, const void *src, int64_t M,
                        int64_t first, int64_t count)
{
    static const size_t bytes_of[] = {4, 2, 1};
    const size_t bytes = bytes_of[m->shape->kind];
    seat *s = seat_here();
    shape *part = count == m->shape->N ? m->shape : shape_of(m->shape->kind, count, m->shape->K);
    if (!s || !part) return VALENCE_NO_MEMORY;
    char *weight = (char *)m->packed + (size_t)(first * m->shape->packed.padded_dims[0]) * bytes;
    char *in, *to = dst;
    memcpy(&in, &src, sizeof in); /* only read, but oneDNN's interface takes no const */
    while (M > 0) {
        int size = size_for(part, M);
        int64_t rows = block_sizes[size];
        const primitive *p = primitive_of(part, size);
        place *at = p ? place_of(s, p) : NULL;
        if (!at) return VALENCE_NO_MEMORY;
        dnnl.memory_set_data_handle(at->src, in);
        dnnl.memory_set_data_handle(at->weight, weight);
        dnnl.memory_set_data_handle(at->dst, to);
        dnnl.memory_set_data_handle(at->scratch, s->scratch);
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, at->src},
                                        {DNNL_ARG_WEIGHTS, at->weight},
                                        {DNNL_ARG_DST, at->dst},
                                        {DNNL_ARG_SCRATCHPAD, at->scratch}};
        if (dnnl.primitive_execute(p->call, s->stream, 4, args) != dnnl_success)
            return VALENCE_NO_MEMORY;
        in += (size_t)(rows * part->K) * bytes;
        to += (size_t)(rows * part->N) * 4;
        M -= rows;
    }
    return VALENCE_OK;
}

/* ---- Products whose operands change (gemm.h) --------------------------------------------------- */

vl_status vl_onednn_gemm_open(valence_error *error)
{
    pthread_mutex_lock(&lock);
    vl_status status = open_library(error);
    pthread_mutex_unlock(&lock);
    return status;
}

bool vl_onednn_gemm(float *C, const float *A, const float *B, const vl_gemm *s)
{
    if (!seat_here()) return false; /* holds the thread's OpenMP to one */
    return dnnl.sgemm(s->transpose_a ? 'T' : 'N', s->transpose_b ? 'T' : 'N', s->M, s->N, s->K, 1, A, s->lda, B,
                      s->ldb, s->add ? 1 : 0, C, s->ldc) == dnnl_success;
}
