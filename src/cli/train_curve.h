/* train_curve.h: the course of a training run as a table and a picture. */
#ifndef VL_TRAIN_CURVE_H
#define VL_TRAIN_CURVE_H

#include "train/fit.h"

/* Writes PATH.csv and PATH.svg (an ending .csv or .svg of path is dropped first). */
vl_status cli_train_curve_write(const char *path, const vl_fit_point *curve, int64_t points,
                                valence_error *error);

#endif
