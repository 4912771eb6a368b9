/* fit_state.c: what of a run is kept in its file. */
#include "train/fit_state.h"

#include <string.h>

#include "train/state_file.h"

vl_status vl_fit_state_open(vl_fit_state *s, vl_net *net, const vl_optimizer_options *o,
                            valence_error *error)
{
    size_t size = (size_t)net->size * sizeof(float),
           table = (size_t)net->V * (size_t)net->E * sizeof(float);
    *s = (vl_fit_state){.net = net};
    vl_buffer_init(&s->curve, VL_MEM_TRAINING, (size_t)1 << 32);
    VL_TRY(vl_optimizer_open(&s->optimizer, net, o, error));
    s->best_vector = vl_alloc_zero(VL_MEM_TRAINING, size);
    s->best_table = vl_alloc_zero(VL_MEM_TRAINING, table);
    return s->best_vector && s->best_table ? VALENCE_OK
                                           : vl_fail_memory(error, size + table, "a training run");
}

void vl_fit_state_close(vl_fit_state *s)
{
    vl_optimizer_close(&s->optimizer);
    vl_free(s->best_vector);
    vl_free(s->best_table);
    vl_buffer_release(&s->curve);
}

/* ---- The file -------------------------------------------------------------------------------- */

enum { ARRAYS = 8, COUNTS = 9, POINT = sizeof(vl_fit_point) / sizeof(double) };

static void list_arrays(vl_state_array a[ARRAYS], const vl_fit_state *s)
{
    int64_t size = s->net->size, table = (int64_t)s->net->V * s->net->E;
    const vl_optimizer *p = &s->optimizer;
    const vl_state_array all[ARRAYS] = {{"vector", s->net->vector, size},
                                        {"table", s->net->table, table},
                                        {"mean", p->mean, size},
                                        {"square", p->square, size},
                                        {"table_mean", p->table_mean, table},
                                        {"table_square", p->table_square, table},
                                        {"best_vector", s->best_vector, size},
                                        {"best_table", s->best_table, table}};
    memcpy(a, all, sizeof all);
}

/* Counts stay below 2^53. */
static void list_numbers(double n[COUNTS + POINT], const vl_fit_state *s)
{
    const double all[COUNTS] = {
        (double)s->epoch,   (double)s->batch, (double)s->since, s->loss,
        s->losses,          s->tokens,        s->seconds,       (double)s->optimizer.step,
        s->has_best ? 1 : 0};
    memcpy(n, all, sizeof all);
    memcpy(n + COUNTS, &s->best, sizeof s->best);
}

static void take_numbers(vl_fit_state *s, const double n[COUNTS + POINT])
{
    s->epoch = (int64_t)n[0];
    s->batch = (int64_t)n[1];
    s->since = (int64_t)n[2];
    s->loss = n[3];
    s->losses = n[4];
    s->tokens = n[5];
    s->seconds = n[6];
    s->optimizer.step = (int64_t)n[7];
    s->has_best = n[8] > 0;
    memcpy(&s->best, n + COUNTS, sizeof s->best);
}

static vl_state_file file_of(const vl_fit_state *s, vl_buffer *curve, vl_state_array arrays[ARRAYS],
                             double numbers[COUNTS + POINT])
{
    list_arrays(arrays, s);
    return (vl_state_file){.fingerprint = s->fingerprint,
                           .arrays = arrays,
                           .array_count = ARRAYS,
                           .numbers = numbers,
                           .number_count = COUNTS + POINT,
                           .rows = curve,
                           .columns = POINT};
}

vl_status vl_fit_state_write(const vl_fit_state *s, const char *path, valence_error *error)
{
    vl_state_array arrays[ARRAYS];
    double numbers[COUNTS + POINT];
    vl_buffer curve = s->curve; /* is only read */
    vl_state_file file = file_of(s, &curve, arrays, numbers);
    list_numbers(numbers, s);
    return vl_state_file_write(&file, path, error);
}

vl_status vl_fit_state_read(vl_fit_state *s, const char *path, valence_error *error)
{
    vl_state_array arrays[ARRAYS];
    double numbers[COUNTS + POINT];
    vl_state_file file = file_of(s, &s->curve, arrays, numbers);
    VL_TRY(vl_state_file_read(&file, path, error));
    const double counts[] = {numbers[0], numbers[1], numbers[2], numbers[7]};
    for (int i = 0; i < 4; i++)
        if (counts[i] < 0) return vl_fail(error, VALENCE_FORMAT, "the checkpoint is damaged");
    take_numbers(s, numbers);
    return VALENCE_OK;
}
