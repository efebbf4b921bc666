"""What is asked of small dense matrices, for the kernels that judge their own answers; it is compiled into each."""

import numpy as np

from native.kernels._lu import substitute


def largest(x):
    """Maximum norm; infinite where something is no number."""
    found = 0.0
    for i in range(x.shape[0]):
        one = abs(x[i])
        if not (one <= found):
            found = one if one == one else np.inf
    return found


def invert(lu, order, inverse):
    """Row j of `inverse` is the inverse's column j."""
    n = lu.shape[0]
    for column in range(n):
        for i in range(n):
            inverse[column, i] = 1.0 if order[i] == column else 0.0
        substitute(lu, inverse[column])


def rotate(one, other):
    """Turn two rows so that they are orthogonal; gives whether they were not."""
    a = 0.0
    b = 0.0
    c = 0.0
    for i in range(one.shape[0]):
        a += one[i] * one[i]
        b += other[i] * other[i]
        c += one[i] * other[i]
    if abs(c) <= 1e-15 * np.sqrt(a * b):
        return False
    zeta = (b - a) / (2.0 * c)
    t = 1.0 / (abs(zeta) + np.sqrt(1.0 + zeta * zeta))
    if zeta < 0.0:
        t = -t
    cosine = 1.0 / np.sqrt(1.0 + t * t)
    for i in range(one.shape[0]):
        kept = one[i]
        one[i] = cosine * (kept - t * other[i])
        other[i] = cosine * (t * kept + other[i])
    return True


def condition(scaled):
    """Ratio of the largest to the least singular value, by Hestenes' one-sided rotations (Golub & Van Loan, 8.6.3)."""
    n = scaled.shape[0]
    for _ in range(30):
        turned = False
        for i in range(n):
            for j in range(i + 1, n):
                if rotate(scaled[i], scaled[j]):
                    turned = True
        if not turned:
            break
    top = 0.0
    least = np.inf
    for i in range(n):
        norm = 0.0
        for j in range(n):
            norm += scaled[i, j] * scaled[i, j]
        top = max(top, norm)
        least = min(least, norm)
    return np.sqrt(top / least) if least > 0.0 else np.inf
