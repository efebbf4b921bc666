"""Designs of experiments in coded units: each variable from -1 to 1, the points as rows."""

import itertools

import numpy as np

from agents.arrays import Array


def full_factorial(levels: list[int]) -> Array:
    """All combinations of evenly spaced levels; the last variable changes fastest."""
    axes = [np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(1) for n in levels]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(levels))


def central_composite(d: int, alpha: str, centres: int) -> Array:
    """Corners, axial points and centres (Box & Wilson, 1951).

    `alpha` "faced" puts the axial points into the faces; "rotatable" and "orthogonal" are inscribed: the axial points
    lie at ±1, the corners nearer by the design's α = 2^(d/4), or the α that makes the quadratic terms uncorrelated.
    """
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=d)))
    axial = np.concatenate([0.0 - np.eye(d), np.eye(d)])
    if alpha == "rotatable":
        corners = corners / 2.0 ** (d / 4.0)
    elif alpha == "orthogonal":
        count = 2.0**d
        corners = corners / ((np.sqrt(count * (count + 2 * d + centres)) - count) / 2.0) ** 0.5
    return np.concatenate([corners, axial, np.zeros((centres, d))])


def box_behnken(d: int, centres: int) -> Array:
    """Corners of the square of each pair of variables, the others in the middle, and centres; d >= 3.

    Source: Box & Behnken, Some new three level designs for the study of quantitative variables (1960), in its form for
    3 to 5 variables; for more variables the pairs are taken too.
    """
    rows = []
    for i, j in itertools.combinations(range(d), 2):
        for one, other in itertools.product((-1.0, 1.0), repeat=2):
            row = np.zeros(d)
            row[i], row[j] = one, other
            rows.append(row)
    return np.concatenate([np.array(rows), np.zeros((centres, d))])
