"""Derivatives of formulas are exact: they agree with finite differences, and their modes with each other."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest

from native.formula import FUNCTIONS, FormulaError, compile_program
from native.formula.derive import forward, reverse
from native.formula.graph import Graph, compute
from native.formula.program import allot
from native.formula.syntax import parse

_FORMULAS = [
    *(f"{name}(0.3*x + 0.2*y)" for name, count in FUNCTIONS.items() if count == 1),
    "x*y - y", "x/y", "y**x", "x**3", "x**-2", "x**2.5", "x**0.5", "(x*y)**(x - y)", "x % y", "-x", "atan2(x, y)",
    "min(x, y*y)", "max(x, y*y, 1)", "where(x > y, x*x, sin(y))", "x*x*y/(x + y*y)", "exp(sin(x)*cos(y))", "2",
]  # fmt: skip


@pytest.mark.parametrize("text", _FORMULAS)
def test_derivatives_agree_with_finite_differences(text):
    points = np.random.default_rng(3).uniform(0.4, 1.6, (2, 64))
    program = compile_program([text], ["x", "y"], jacobian=True)
    made = program.evaluate(points)[1:]
    step = 1e-6
    for place in range(2):
        ahead, behind = points.copy(), points.copy()
        ahead[place] += step
        behind[place] -= step
        expected = (program.evaluate(ahead)[0] - program.evaluate(behind)[0]) / (2 * step)
        np.testing.assert_allclose(made[place], expected, rtol=1e-7, atol=1e-8)


def test_the_jacobian_comes_row_by_row():
    program = compile_program(["2*x + 3*y", "5*x"], ["x", "y"], jacobian=True)
    assert program.evaluate(np.array([[1.0], [1.0]]))[2:, 0].tolist() == [2, 3, 5, 0]


def test_parameters_are_not_derived_by():
    program = compile_program(["k*x"], ["x"], ["k"], jacobian=True)
    assert program.evaluate(np.array([[2.0], [7.0]]))[:, 0].tolist() == [14, 7]


def test_many_equations_of_few_neighbours_stay_small():
    names = [f"x{i}" for i in range(300)]
    ring = [f"{names[i - 1]} - 2*{names[i]} + sin({names[(i + 1) % 300]})" for i in range(300)]
    assert len(compile_program(ring, names, jacobian=True).code) < 2000


def by_mode(text, names, mode):
    """The gradient by the mode asked for, whatever it costs."""
    graph = Graph()
    root = parse(text, {name: i for i, name in enumerate(names)}, graph)
    one, zero = graph.constant(1.0), graph.constant(0.0)
    if mode == "reverse":
        row = reverse(graph, [(root, one)], len(names))
    else:
        row = forward(graph, [root], {j: {j: one} for j in range(len(names))})[0]
    return allot(graph, [row.get(j, zero) for j in range(len(names))], len(names), (len(names),), None)


@pytest.mark.parametrize("text", _FORMULAS)
def test_both_modes_agree(text):
    points = np.random.default_rng(4).uniform(0.4, 1.6, (2, 64))
    one, other = (by_mode(text, ["x", "y"], mode).evaluate(points) for mode in ("forward", "reverse"))
    np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(
    ("text", "x", "y", "expected", "rule"),
    [
        ("where(x > 0, sqrt(x), 0)", 0.0, 0.0, [0, 0], "an infinite slope in the branch that is not taken"),
        ("where(x > 0, log(x), x)", -1.0, 0.0, [1, 0], "a NaN in it"),
        ("where(x > 0, y/x, y)", 0.0, 2.0, [0, 1], "a division by zero in it"),
        ("where(x > 1, y*sqrt(x - 1), 0) + where(x > 2, sqrt(x - 1), 0)", 1.0, 3.0, [0, 0], "shared by two branches"),
        ("where(x > 0, where(y > 0, log(x*y), sqrt(x)), x*y)", -1.0, 3.0, [3, -1], "a choice inside a choice"),
        ("where(x > 0, sqrt(x), -sqrt(x)) + where(x > 0, 0, x)", 4.0, 0.0, [0.25, 0], "shared by both branches"),
        ("max(sqrt(x), 1)", 0.0, 0.0, [0, 0], "the operand of max that is not taken"),
        ("min(1/x, y)", 0.0, 3.0, [0, 1], "and of min"),
        ("min(x, y)", 2.0, 2.0, [1, 0], "equals: the first is taken"),
        ("max(x, y)", 2.0, 2.0, [1, 0], "equals: the first is taken"),
        ("abs(x)", 0.0, 0.0, [0, 0], "the middle of the slopes at a kink"),
        ("x**y", 0.0, 2.0, [0, 0], "a power of zero"),
        ("x**y", -2.0, 3.0, [12, np.nan], "a negative base has no slope by its exponent"),
        ("x**y", 3.0, 0.0, [0, np.log(3.0)], "the exponent zero"),
        ("x**y", 0.0, 0.0, [0, -np.inf], "zero to the zero is a jump"),
        ("(x < y)*x + (not x > y)*y", 1.0, 2.0, [1, 1], "comparisons have slope 0"),
        ("x % y", 7.5, 2.0, [1, -3], "the remainder"),
        ("x % y", -7.5, 2.0, [1, 4], "of a negative number"),
        ("atan2(x, y)", 1.0, 0.0, [0, -1], "the angle on the axis"),
        ("atan2(x, y)", 0.0, -2.0, [-0.5, 0], "and on its cut"),
        ("cbrt(x)**3", 0.0, 0.0, [np.nan, 0], "0 times infinity is no number"),
    ],
)  # fmt: skip
def test_derivatives_at_the_edges(text, x, y, expected, rule, mode):
    made = by_mode(text, ["x", "y"], mode).evaluate(np.array([[x], [y]]))[:, 0]
    np.testing.assert_allclose(made, expected, rtol=1e-15, err_msg=rule)


def _chain(n):
    names = [f"x{i}" for i in range(n)]
    return "+".join(f"100*({b} - {a}**2)**2 + (1 - {a})**2" for a, b in pairwise(names)), names


@pytest.mark.parametrize("n", [10, 100, 400])
def test_a_gradient_costs_a_small_multiple_of_its_formula(n):
    text, names = _chain(n)
    alone, whole = compile_program([text], names), compile_program([text], names, derivatives="gradient")
    assert len(whole.code) <= 4 * len(alone.code)


def test_a_gradient_is_that_of_scipy():
    from scipy.optimize import rosen, rosen_der

    text, names = _chain(30)
    points = np.random.default_rng(5).uniform(-1, 1, (30, 16))
    value, slopes = compile_program([text], names, derivatives="gradient").evaluate_parts(points)
    np.testing.assert_allclose(value[0], rosen(points), rtol=1e-14)
    np.testing.assert_allclose(slopes, rosen_der(points), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("n", [2, 3, 12])
def test_hessians_are_those_of_scipy(n):
    from scipy.optimize import rosen_der, rosen_hess, rosen_hess_prod

    text, names = _chain(n)
    rng = np.random.default_rng(6)
    points, vectors, weight = rng.uniform(-1, 1, (n, 5)), rng.uniform(-1, 1, (n, 5)), np.full((1, 5), 2.0)
    product = compile_program([text], names, derivatives="hessian_vector")
    whole = compile_program([text], names, derivatives="hessian")
    _, slopes, along = product.evaluate_parts(np.concatenate([points, weight, vectors]))
    _, again, entries = whole.evaluate_parts(np.concatenate([points, weight]))
    np.testing.assert_allclose(slopes, 2 * rosen_der(points), rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(again, slopes)
    assert len(whole.pattern.indices) == 3 * n - 2, "tridiagonal"
    dense = whole.pattern.dense(entries)
    for k in range(5):
        np.testing.assert_allclose(dense[k], 2 * rosen_hess(points[:, k]), rtol=1e-11, atol=1e-10)
        np.testing.assert_allclose(along[:, k], 2 * rosen_hess_prod(points[:, k], vectors[:, k]), atol=1e-10)


def test_weights_are_by_formula():
    whole = compile_program(["x*x*y", "x*y", "x*y"], ["x", "y"], ["k"], derivatives="hessian")
    values, slopes, entries = whole.evaluate_parts(np.array([[3.0], [2.0], [9.0], [1.0], [10.0], [100.0]]))
    assert values[:, 0].tolist() == [18, 6, 6]
    assert slopes[:, 0].tolist() == [12 + 220, 9 + 330]
    assert whole.pattern.dense(entries)[0].tolist() == [[4, 116], [116, 0]]
    assert (whole.pattern.indptr.tolist(), whole.pattern.indices.tolist()) == ([0, 2, 3], [0, 1, 0])


@pytest.mark.parametrize("text", _FORMULAS)
def test_second_derivatives_agree_with_finite_differences(text):
    points = np.random.default_rng(3).uniform(0.4, 1.6, (2, 16))
    vector = np.array([[0.6], [-0.8]])
    program = compile_program([text], ["x", "y"], derivatives="hessian_vector")
    rest = np.ones((3, 16)) * np.array([[1.0], [0.6], [-0.8]])
    _, _, made = program.evaluate_parts(np.concatenate([points, rest]))
    step = 1e-6
    ahead, behind = (
        program.evaluate_parts(np.concatenate([points + sign * step * vector, rest]))[1] for sign in (1, -1)
    )
    np.testing.assert_allclose(made, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)


def test_a_sparse_jacobian_has_only_what_is_not_zero():
    names = [f"x{i}" for i in range(50)]
    ring = [f"{names[i - 1]}*{names[i]} + sin({names[(i + 1) % 50]})" for i in range(50)]
    sparse = compile_program(ring, names, derivatives="jacobian")
    dense = compile_program(ring, names, derivatives="gradient")
    points = np.random.default_rng(8).uniform(-1, 1, (50, 3))
    values, entries = sparse.evaluate_parts(points)
    again, rows = dense.evaluate_parts(points)
    assert entries.shape == (150, 3)
    np.testing.assert_array_equal(values, again)
    np.testing.assert_array_equal(sparse.pattern.dense(entries), rows.T.reshape(3, 50, 50))
    np.testing.assert_array_equal(sparse.pattern.matrix(entries[:, 0]).toarray(), rows[:, 0].reshape(50, 50))


@pytest.mark.parametrize("derivatives", ["gradient", "jacobian", "hessian_vector", "hessian"])
@pytest.mark.parametrize(("formulas", "names"), [([], ["x"]), (["2"], ["x"]), (["k"], []), (["x"], ["x"]), ([], [])])
def test_nothing_to_derive_is_no_special_case(derivatives, formulas, names):
    program = compile_program(formulas, names, ["k"], derivatives=derivatives)
    parts = program.evaluate_parts(np.ones((program.n_inputs, 4)))
    assert parts[0].shape == (len(formulas), 4)
    assert len(parts) == len(program.parts)


@pytest.mark.parametrize(
    ("formulas", "n", "derivatives", "rule"),
    [
        (["({})**2"], 3000, "hessian", "a dense Hessian of many variables"),
        (["{}"] * 1000, 3000, "gradient", "a dense Jacobian of many formulas"),
        ([f"sin({i}*({{}}))" for i in range(8)], 3000, "hessian", "of several formulas"),
    ],
)
def test_more_derivatives_than_the_limit_are_refused(formulas, n, derivatives, rule):
    names = [f"x{i}" for i in range(n)]
    texts = [text.replace("{}", "+".join(names)) for text in formulas[:8]] + ["x0"] * (len(formulas) - 8)
    with pytest.raises(FormulaError, match="there are more than"):
        compile_program(texts, names, derivatives=derivatives)
    assert rule


@pytest.mark.parametrize(("opcode", "order"), [("digamma", 0), ("trigamma", 1)])
def test_derivatives_of_log_gamma_are_those_of_scipy(opcode, order):
    from scipy.special import polygamma

    points = np.concatenate([[1e-5, 0.5, 1.0, 11.5, 12.0, 1e3, 1e8], np.arange(-0.7, -20, -1.37)])
    made = [compute(opcode, [x]) for x in points]
    np.testing.assert_allclose(made[:7], polygamma(order, points[:7]), rtol=1e-14)
    reflected = [float(mpmath.psi(order, x)) for x in points[7:]]
    np.testing.assert_allclose(made[7:], reflected, rtol=2e-13)
    assert np.isnan(compute(opcode, [-3.0]))
    assert np.isnan(compute(opcode, [0.0]))
