"""Special functions by identities: no right value is doubted, and hardly a function is without a second road."""

import numpy as np
import pytest
from planting import answered, looked, planted, rightly_judged

from agents.outcome import Problem
from agents.special.functions import functions
from agents.validate.by_identity import FORMULAS

RANDOM = np.random.default_rng(5)
RANGES = [(0.1, 0.9), (0.5, 3.0), (-2.0, 6.0)]


def arguments(function, low, high):
    return [
        int(RANDOM.integers(1, 4)) if i in function.integers else float(RANDOM.uniform(low, high))
        for i in range(function.n_arguments)
    ]


@pytest.mark.parametrize("bounds", RANGES)
def test_no_right_value_of_any_function_is_doubted_and_nearly_all_have_a_second_road(bounds):
    doubted, silent, count = [], [], 0
    for name, function in functions().items():
        given = arguments(function, *bounds)
        try:
            request, result = answered("special", "evaluate", {"function": name, "arguments": given})
        except Problem:
            continue
        if result["status"] != "succeeded":
            continue
        count += 1
        found = looked(request, result)
        doubted += [(name, given, one) for one in found if not one.passed]
        silent += [] if found else [name]
    assert not doubted
    assert count > 100
    assert len(silent) <= 2, silent


AT = {
    "comb": [5, 2], "perm": [5, 2], "zeta": [2.5, 1.5], "eval_chebyt": [3, 0.4], "spherical_jn": [2, 1.5],
    "spherical_yn": [2, 1.5], "spherical_in": [2, 1.5], "spherical_kn": [2, 1.5], "factorial": [5], "factorial2": [7],
    "betainc": [1.5, 2.5, 0.3], "logit": [0.3], "stdtr": [3.0, 0.7], "erfcx": [0.7], "eval_legendre": [3, 0.4],
    "eval_laguerre": [3, 0.4], "jn": [2, 1.5], "expi": [-0.7],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in FORMULAS if name in functions()])
def test_each_formula_of_other_functions_holds_and_tells_a_wrong_value(name):
    given = AT.get(name) or [[0.7, 0.45], [0.6, 0.3], [0.5, 0.2]][: functions()[name].n_arguments]
    request, result = answered("special", "evaluate", {"function": name, "arguments": given})
    found = looked(request, result)
    by_formula = [one for one in found if "in terms of" in one.how]
    assert by_formula
    assert all(one.passed for one in found), found
    path = ("values", 0) if isinstance(result["outputs"]["values"], list) else ("values",)
    wrong = looked(request, planted(result, path))
    assert any(not one.passed for one in wrong if "in terms of" in one.how)


def test_complex_values_and_several_outputs_are_looked_at():
    for name, given in (("hankel1", [0.5, [1.5, 2.5]]), ("airy", [[0.5, -2.0]]), ("ellipj", [0.3, [0.4, 0.6]])):
        rightly_judged("special", "evaluate", {"function": name, "arguments": given}, places=2)
