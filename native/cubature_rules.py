"""Rules on the cube [-1, 1]^d: points, weights, and differences between rules that tell the error and where it is."""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from native.formula.program import Array

GAUSS_KRONROD, GENZ_MALIK = "gauss_kronrod", "genz_malik"
_FACE = 1.0 - 1e-10
"""Where the faces are looked at: just inside, since an integrand may be infinite on them."""


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """n points of d coordinates, of which the last 2 d lie in the middles of the cube's faces.

    `weights` (n,) sum to 1: applied to values they give the mean over the cube; those of the faces are 0. Each row of
    `differences` (m, n) is the difference to another rule; each row of `axes` (d, n) grows with the roughness along one
    axis; each row of `edges` tells what is hidden between the outermost points and the faces, as a jump may be: the
    values at the faces less those extrapolated to them, times twice the share of the volume that is out there. The
    rule's differences are not trusted before there are `fewest` regions.
    """

    name: str
    fewest: int
    points: Array
    weights: Array
    differences: Array
    axes: Array
    edges: Array


@lru_cache(maxsize=32)
def genz_malik(d: int) -> Rule:
    """Degree 7 with an embedded rule of degree 5 and fourth differences, d >= 2: 2^d + 2 d² + 4 d + 1 points.

    Source: Genz & Malik, An adaptive algorithm for numerical integration over an N-dimensional rectangular region
    (1980). The difference of the two is doubled: at a kink it falls short of the error now and then.
    """
    near, far, corner = math.sqrt(9 / 70), math.sqrt(9 / 10), math.sqrt(9 / 19)
    unit = np.eye(d)
    pairs = [
        s * unit[i] + t * unit[j] for i, j in itertools.combinations(range(d), 2) for s in (-1, 1) for t in (-1, 1)
    ]
    corners = list(itertools.product((-1.0, 1.0), repeat=d))
    points = np.concatenate([
        np.zeros((1, d)), near * unit, -near * unit, far * unit, -far * unit, far * np.array(pairs),
        corner * np.array(corners), _FACE * unit, -_FACE * unit,
    ])  # fmt: skip
    counts = [1, 2 * d, 2 * d, len(pairs), len(corners), 2 * d]
    fine = [
        (12824 - 9120 * d + 400 * d * d) / 19683, 980 / 6561, (1820 - 400 * d) / 19683, 200 / 19683,
        6859 / 19683 / 2**d, 0.0,
    ]  # fmt: skip
    coarse = [(729 - 950 * d + 50 * d * d) / 729, 245 / 486, (265 - 100 * d) / 1458, 25 / 729, 0.0, 0.0]
    weights = np.repeat(fine, counts)
    axes = np.zeros((d, len(points)))
    ratio = (near / far) ** 2
    for i in range(d):
        axes[i, 0] = -2.0 + 2.0 * ratio
        axes[i, [1 + i, 1 + d + i]] = 1.0
        axes[i, [1 + 2 * d + i, 1 + 3 * d + i]] = -ratio
    edges = np.zeros((d, len(points)))
    share = 1.0 - far
    at = extrapolation(np.array([0.0, near, -near, far, -far]), _FACE)
    for i in range(d):
        edges[i, [-2 * d + i, -d + i]] = share
        edges[i, 0] = -2.0 * share * at[0]
        edges[i, [1 + i, 1 + d + i]] = -share * (at[1] + at[2])
        edges[i, [1 + 2 * d + i, 1 + 3 * d + i]] = -share * (at[3] + at[4])
    return Rule(
        GENZ_MALIK, 2 ** min(d, 4), points, weights, 2.0 * (weights - np.repeat(coarse, counts))[None], axes, edges
    )


@lru_cache(maxsize=32)
def gauss_kronrod(d: int, n: int) -> Rule:
    """The product of a Kronrod rule of 2 n + 1 points in each of d dimensions; the differences are to Gauss's rules.

    The first difference replaces all factors by Gauss's rule, d others one factor each. The last 3 d find along each
    axis the Legendre polynomials of three degrees, which the rule cannot all overlook at a kink or a jump (Berntsen &
    Espelid, Error estimation in automatic quadrature routines, 1991), fifteen times as in `native.kernels.quadrature`.
    """
    x, kronrod = _kronrod(n)
    gauss = np.zeros(2 * n + 1)
    gauss[1::2] = special.roots_legendre(n)[1] / 2.0
    faces = _FACE * np.concatenate([np.eye(d), -np.eye(d)])
    points = np.concatenate([np.stack(np.meshgrid(*[x] * d, indexing="ij"), axis=-1).reshape(-1, d), faces])
    weights = _product([kronrod] * d)
    single = np.stack([weights - _product([gauss if k == i else kronrod for k in range(d)]) for i in range(d)])
    null = [15.0 * kronrod * special.eval_legendre(m, x) for m in range((3 * n) // 2, (3 * n) // 2 + 3)]
    rows = [_product([one if k == i else kronrod for k in range(d)]) for i in range(d) for one in null]
    differences = np.concatenate([(weights - _product([gauss] * d))[None], single, np.stack(rows)])
    edges = np.zeros((2 * d, len(points)))
    middle = (np.eye(2 * n + 1)[n], extrapolation(x, _FACE))
    for i in range(d):
        line = _product([middle[k == i] for k in range(d)])
        edges[i, : line.size] = -line
        edges[d + i, : line.size] = -line[::-1]
    edges[np.arange(2 * d), len(points) - 2 * d + np.arange(2 * d)] = 1.0
    edges *= 1.0 - abs(x[0])

    def padded(rows: Array) -> Array:
        return np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, 2 * d)])

    return Rule(GAUSS_KRONROD, 1, points, padded(weights), padded(differences), padded(single), edges)


def extrapolation(x: Array, end: float) -> Array:
    """Weights that turn values at the nodes x into that of the polynomial through them at `end` (Lagrange)."""
    made = np.ones(x.size)
    for k in range(x.size):
        others = np.delete(x, k)
        made[k] = np.prod((end - others) / (x[k] - others))
    return made


def _product(factors: list[Array]) -> Array:
    made = np.ones(1)
    for factor in factors:
        made = np.multiply.outer(made, factor).ravel()
    return made


def _kronrod(n: int) -> tuple[Array, Array]:
    """Nodes of the Kronrod rule that extends Gauss's of n (3 or 7) points, and its weights, which sum to 1.

    The weights are those that integrate the Legendre polynomials exactly. Nodes: QUADPACK; Kronrod (1965).
    """
    half = {
        3: [0.960491268708020283423507092629, 0.774596669241483377035853079956, 0.434243749346802558002071502845],
        7: [
            0.991455371120812639206854697526, 0.949107912342758524526189684048, 0.864864423359769072789712788641,
            0.741531185599394439863864773281, 0.586087235467691130294144691694, 0.405845151377397166906606412077,
            0.207784955007898467600689403773,
        ],
    }[n]  # fmt: skip
    x = np.array([-one for one in half] + [0.0] + half[::-1])
    legendre = np.stack([special.eval_legendre(k, x) for k in range(x.size)])
    right = np.zeros(x.size)
    right[0] = 1.0
    return x, np.linalg.solve(legendre, right)
