/* lbfgs.h: minimises a smooth function. Deterministic: sums run over fixed pieces in fixed order,
 * whatever the number of threads. */
#ifndef VL_LBFGS_H
#define VL_LBFGS_H

#include <stdbool.h>

#include "base/workers.h"

/* How many vectors of length n it works with. */
enum { VL_LBFGS_HISTORY = 8, VL_LBFGS_VECTORS = 4 + 2 * VL_LBFGS_HISTORY };

/* Value and gradient (n) at x (n). */
typedef double vl_objective_fn(void *user, const float *x, float *gradient);

/* Told after each iteration; true stops. May be NULL. */
typedef bool vl_iteration_fn(void *user, int iteration, double value, double gradient_norm);

typedef struct vl_lbfgs_options {
    int max_iterations;
    double tolerance; /* stop when |gradient| <= tolerance * |gradient at the start of all| */
    double reference; /* that norm; <= 0: the norm at x as given */
} vl_lbfgs_options;

typedef struct vl_lbfgs_result {
    int iterations, evaluations;
    double value, gradient_norm;
    bool converged;
} vl_lbfgs_result;

/* x: (n) start and result. VALENCE_CANCELLED when told to stop (x is then the best so far). */
vl_status vl_lbfgs_minimise(float *x, int64_t n, vl_objective_fn *objective,
                            vl_iteration_fn *told, void *user, const vl_lbfgs_options *options,
                            vl_workers *workers, vl_lbfgs_result *result, valence_error *error);

#endif
