/* fit_state.h: all of a training run that has to survive a kill, and the file it is kept in. */
#ifndef VL_FIT_STATE_H
#define VL_FIT_STATE_H

#include "base/buffer.h"
#include "train/fit.h"

typedef struct vl_fit_state {
    vl_net *net;
    vl_optimizer optimizer;
    float *best_vector, *best_table; /* parameters that did best */
    int64_t epoch, batch;            /* the next one */
    int64_t since;                   /* measures since the best one */
    double loss, losses;             /* summed since the last line of the curve, and how many */
    double tokens, seconds;          /* so far, those of earlier runs, too */
    vl_fit_point best;
    bool has_best;
    vl_buffer curve;      /* of vl_fit_point */
    uint64_t fingerprint; /* of data and options: a checkpoint of others is refused */
} vl_fit_state;

vl_status vl_fit_state_open(vl_fit_state *s, vl_net *net, const vl_optimizer_options *o,
                            valence_error *error);
void vl_fit_state_close(vl_fit_state *s);

/* Atomic: the old file stays until the new one is whole. */
vl_status vl_fit_state_write(const vl_fit_state *s, const char *path, valence_error *error);

/* VALENCE_NOT_FOUND without a message where there is no such file. */
vl_status vl_fit_state_read(vl_fit_state *s, const char *path, valence_error *error);

#endif
