/* norm_layer.c: dx = scale * (g - mean(g) - n * mean(g * n)) with g = dy * gamma. */
#include "layers/norm_layer.h"

#include <math.h>

static void norm_row(float *y, float *n, float *scale, const float *x, const float *gamma,
                     const float *beta, int64_t N, float eps)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; i < N; i++) mean += (double)x[i];
    mean /= (double)N;
    for (int64_t i = 0; i < N; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean);
    float centre = (float)mean, by = (float)(1 / sqrt(square / (double)N + (double)eps));
    *scale = by;
    for (int64_t i = 0; i < N; i++) {
        n[i] = (x[i] - centre) * by;
        y[i] = n[i] * gamma[i] + beta[i];
    }
}

void vl_norm_forward(float *y, const vl_norm_kept *kept, const float *x, const float *gamma,
                     const float *beta, int64_t R, int64_t N, float eps)
{
    for (int64_t r = 0; r < R; r++)
        norm_row(y + r * N, kept->n + r * N, kept->scale + r, x + r * N, gamma, beta, N, eps);
}

static void back_row(float *dx, float *dgamma, float *dbeta, const float *dy, const float *n,
                     float scale, const float *gamma, int64_t N)
{
    double mean = 0, along = 0;
    for (int64_t i = 0; i < N; i++) {
        double g = (double)dy[i] * (double)gamma[i];
        mean += g / (double)N;
        along += g * (double)n[i] / (double)N;
    }
    float centre = (float)mean, slope = (float)along;
    for (int64_t i = 0; i < N; i++) {
        float d = dy[i];
        dgamma[i] += d * n[i];
        dbeta[i] += d;
        dx[i] = scale * (d * gamma[i] - centre - n[i] * slope);
    }
}

void vl_norm_back(float *dx, float *dgamma, float *dbeta, const float *dy, const vl_norm_kept *kept,
                  const float *gamma, int64_t R, int64_t N)
{
    for (int64_t r = 0; r < R; r++)
        back_row(dx + r * N, dgamma, dbeta, dy + r * N, kept->n + r * N, kept->scale[r], gamma, N);
}
