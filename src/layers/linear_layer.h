/* linear_layer.h: a linear layer in training, there and back: y = x W^T + b. Nothing is allocated;
 * one thread; call vl_gemm_open before. Inference has packed weights: projection.h. */
#ifndef VL_LINEAR_LAYER_H
#define VL_LINEAR_LAYER_H

#include <stdint.h>

typedef struct vl_linear_shape {
    int64_t R, N, K;            /* rows, outputs, inputs */
    int64_t x_stride, y_stride; /* floats between rows; 0: K, N */
} vl_linear_shape;

/* y: (R,N), x: (R,K), weight: (N,K), bias: (N) */
void vl_linear_forward(float *y, const float *x, const float *weight, const float *bias,
                       const vl_linear_shape *s);

/* Adds to dweight (N,K) and dbias (N), and to dx (R,K; rows K apart) unless it is NULL. dy: (R,N).
 */
typedef struct vl_linear_gradients {
    float *dx, *dweight, *dbias;
} vl_linear_gradients;
void vl_linear_back(const vl_linear_gradients *to, const float *dy, const float *x,
                    const float *weight, const vl_linear_shape *s);

#endif
