"""What matrices are, by other factors: regular, singular, complex, sparse, ill-conditioned, out of range."""

import numpy as np
import pytest
from planting import answered, looked

RANDOM = np.random.default_rng(2)
SQUARE = RANDOM.standard_normal((5, 5))
RING = 1500
MATRICES = [
    [[1, 2], [3, 4], [5, 6]], RANDOM.standard_normal((6, 6)).tolist(), [[1, 2], [2, 4]], np.diag([1, -1, 2.0]).tolist(),
    (SQUARE @ SQUARE.T).tolist(), [[1 / (i + j + 1) for i in range(8)] for j in range(8)], [[0, 1], [0, 0]],
    {"re": [[1, 2], [3, 4]], "im": [[0, 1], [1, 0]]}, (1e200 * np.eye(3)).tolist(), np.zeros((2, 2)).tolist(),
    {"format": "coo", "row": [0, 1, 2], "col": [0, 1, 0], "data": [1, 2, 3], "shape": [3, 3]},
    {"format": "coo", "row": list(range(RING)) * 2, "col": [*range(RING), *((i + 1) % RING for i in range(RING))],
     "data": [2.0] * RING + [-1.0] * RING, "shape": [RING, RING]},
]  # fmt: skip


@pytest.mark.parametrize("a", MATRICES)
def test_what_any_matrix_is_is_found_right_and_a_wrong_norm_is_not(a):
    request, result = answered("linalg", "analyze", {"a": a})
    found = looked(request, result)
    assert found
    assert all(one.passed for one in found), [one for one in found if not one.passed]
    result["outputs"]["norms"]["1"] = 1.01 * result["outputs"]["norms"]["1"] + 1e-300
    wrong = [one.name for one in looked(request, result) if not one.passed]
    assert wrong == ["norms.1"]


def test_a_wrong_verdict_on_definiteness_and_symmetry_is_found():
    request, result = answered("linalg", "analyze", {"a": [[2, 1], [1, 2]]})
    result["outputs"] |= {"definiteness": "indefinite", "symmetric": False}
    assert {"definiteness", "symmetric"} <= {one.name for one in looked(request, result) if not one.passed}
