#!/usr/bin/env python3
"""fit_polynomials.py: the coefficients in src/kernels/exp2_x16.h and activation_x16.h. Needs numpy.

Minimax fits by Lawson's iteration: weighted least squares whose weights grow where the error is
largest. Prints degree, largest weighted error, coefficients from the lowest power up."""
import math
import numpy as np


def fit(x, y, weight, powers, rounds=1000):
    top = np.abs(x).max()
    columns = np.stack([(x / top) ** k for k in powers], 1)
    emphasis = np.ones_like(x)
    best = None
    for _ in range(rounds):
        s = np.sqrt(emphasis) * weight
        c = np.linalg.lstsq(columns * s[:, None], y * s, rcond=None)[0]
        error = np.abs(weight * (columns @ c - y))
        if best is None or error.max() < best[0]:
            best = error.max(), c
        emphasis = np.maximum(emphasis * error / (emphasis * error).max(), 1e-14)
    return best[0], [float(a / top ** k) for a, k in zip(best[1], powers)]


def points(a, b, n):
    """Chebyshev's, dense at the ends."""
    return (a + b) / 2 + (b - a) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)


def report(name, degree, fitted):
    print(name, "degree", degree, "error %.2g" % fitted[0], *(float(np.float32(c)).hex() for c in fitted[1]))


# 2^f - 1 over |f| <= 1/2, relative error; no constant term, so that 2^0 is 1.
f = points(-0.5, 0.5, 2001)
for degree in 3, 4, 6:
    report("exp2", degree, fit(f, np.exp2(f) - 1, np.exp2(-f), range(1, degree + 1)))

# log2 q(y) + 1, q the normal tail, over 0..14, the error as it shows in y q(y).
y = points(0, 14, 8001)
g = np.array([math.log2(0.5 * math.erfc(v / math.sqrt(2))) for v in y])
q = np.exp2(g)
for degree in 5, 7, 8, 9:
    weight = math.log(2) * np.maximum(q * np.maximum(y, 0.25), 1e-9)
    report("gelu", degree, fit(y, g + 1, weight, range(1, degree + 1)))

# (tanh(x) / x - 1) / x^2 in powers of x^2 over |x| <= 1/2, relative error of tanh.
x = points(1e-3, 0.5, 2001)
for degree in 2, 3:
    report("tanh", degree, fit(x * x, (np.tanh(x) / x - 1) / (x * x), x * x, range(degree + 1)))
