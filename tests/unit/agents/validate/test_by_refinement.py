"""Fields on other grids: shapes with common points and without, one to three axes, periodic and not."""

import pytest
from planting import answered, looked, numbers_in, planted

SINES = "sin(pi*x)*sin(pi*y)"
CASES = [
    ("heat", {"domain": [[0, 1], [0, 2]], "shape": [21, 31], "initial": "sin(pi*x)*y", "t_span": [0, 0.1],
              "n_times": 3}),
    ("heat", {"domain": [[0, 1]] * 3, "shape": [18] * 3, "initial": SINES + "*sin(pi*z)", "t_span": [0, 0.02],
              "output": "final"}),
    ("heat", {"domain": [[0, 1]], "shape": [32], "initial": "sin(2*pi*x)", "boundary": "periodic", "t_span": [0, 0.01],
              "t_eval": [0.005, 0.01]}),
    ("poisson", {"domain": [[0, 1], [0, 1]], "shape": [64, 50], "source": "2*pi**2*" + SINES}),
    ("poisson", {"domain": [[0, 1]], "shape": [12], "source": "1"}),
    ("poisson", {"domain": [[0, 1]] * 3, "shape": [21] * 3, "source": "1"}),
    ("wave", {"domain": [[0, 1], [0, 1]], "shape": [40, 40], "initial": SINES, "t_span": [0, 1], "n_times": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("task", "inputs"), CASES)
def test_fields_are_found_right_and_wrong_in_their_middle(task, inputs):
    request, result = answered("pde", task, inputs)
    found = looked(request, result)
    assert any(one.name == "u" for one in found)
    assert all(one.passed for one in found), [one for one in found if not one.passed]
    places = [path for path in numbers_in(result["outputs"]) if path[0] == "u"]
    for _ in range(70):  # a hundredth at a time: twice as large
        result = planted(result, places[len(places) // 2])
    assert "u" in [one.name for one in looked(request, result) if not one.passed]
