"""The formula compiler: its grammar is Python's, its limits hold, and nothing but an error or a program comes out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.formula import FUNCTIONS, FormulaError, Program, compile_program, is_name
from native.formula.program import LANES
from native.formula.syntax import LEVEL_LIMIT, NODE_LIMIT

X, Y = 3.0, 0.5


def value(text, x=X, y=Y):
    return float(compile_program([text], ["x", "y"]).evaluate(np.array([[x], [y]]))[0, 0])


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("-x**2", -(X**2), "the power binds tighter than a minus before it"),
        ("x**-1", X**-1, "an exponent may begin with a minus"),
        ("2**-x**2", 2 ** -(X**2), "and the minus holds the whole exponent"),
        ("2**x**y", 2 ** (X**Y), "powers are right-associative"),
        ("x - y - 1", X - Y - 1, "differences are left-associative"),
        ("x / y / 2", X / Y / 2, "quotients are left-associative"),
        ("x + y*2", X + Y * 2, "products bind tighter than sums"),
        ("-x*y", -X * Y, "a minus binds tighter than a product"),
        ("x*-y", X * -Y, "a factor may begin with a minus"),
        ("--x", X, "minus minus is plus"),
        ("x % 2", X % 2, "the remainder"),
        ("-x % 2", -X % 2, "the remainder has the divisor's sign"),
        ("x % -2", X % -2, "also when it is negative"),
        ("y < 1 < x", 1.0, "comparisons chain: all hold"),
        ("x < 5 < y", 0.0, "comparisons chain: the second does not hold"),
        ("(x < 5) < 2", 1.0, "in parentheses a comparison is a number"),
        ("1 < x == 3", 1.0, "different comparisons chain too"),
        ("not x < y", 1.0, "not binds looser than a comparison"),
        ("not not x", 1.0, "not not"),
        ("not 0 and 0", 0.0, "not binds tighter than and"),
        ("1 or 1 and 0", 1.0, "and binds tighter than or"),
        ("x + 1 > 2 and y < 1", 1.0, "sums bind tighter than comparisons, those tighter than and"),
        ("where(x > y, x, y)", X, "where takes the second when the first holds"),
        ("where(x < y, 1/0, y)", Y, "the branch not taken does not spoil it"),
        ("min(x, y, 2)", Y, "min of several"),
        ("max(1, x, y)", X, "max of several"),
        ("atan2(y, x)", math.atan2(Y, X), "atan2 takes y first"),
        ("log(x) + e - pi", math.log(X) + math.e - math.pi, "e and pi are constants"),
        (".5e1 + 1.e-1 + 2E+0", 5 + 0.1 + 2, "numbers as Python writes them"),
        ("  ( x )  ", X, "space does not matter"),
    ],
)  # fmt: skip
def test_a_formula_means_what_it_means_in_python(text, expected, rule):
    assert value(text) == pytest.approx(expected, rel=1e-15), rule


@pytest.mark.parametrize(
    ("text", "column", "hint", "rule"),
    [
        ("", 1, None, "an empty text is no formula"),
        ("x +", 4, None, "an operand is missing at the end"),
        ("x y", 3, None, "two operands in a row"),
        ("+x", 1, None, "there is no unary plus"),
        ("x // y", 3, "floor(a / b)", "no floor division"),
        ("x ^ y", 3, "** is the power", "no exclusive or"),
        ("x if y else 1", 3, "where(condition, a, b)", "no conditional expression"),
        ("x < not y", 5, None, "not stands only where Python lets it"),
        ("(x", 3, None, "a parenthesis is not closed"),
        ("x)", 2, None, "a parenthesis too many"),
        ("x.real", 2, None, "no attributes"),
        ("x[0]", 2, None, "no subscripts"),
        ("lambda: 1", 7, None, "no lambda"),
        ("'text'", 1, None, "no strings"),
        ("__import__('os')", 1, "known", "no functions but those of the list"),
        ("qq(x)", 1, "known", "an unknown function"),
        ("sqr(x)", 1, "did you mean 'sqrt'?", "the nearest function is named"),
        ("sin", 1, "write sin(…)", "a function without its arguments"),
        ("sin()", 1, None, "too few arguments"),
        ("where(x, y)", 1, None, "too few arguments of where"),
        ("min(x)", 1, None, "min of one"),
        ("x + z", 5, "known: x, y", "an unknown name"),
        ("x = 1", 3, "== compares", "no assignment"),
        ("1_000", 2, None, "no underscores in numbers"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused_with_column_and_hint(text, column, hint, rule):
    with pytest.raises(FormulaError) as caught:
        compile_program([text], ["x", "y"])
    assert caught.value.column == column, rule
    assert (hint is None) or hint in (caught.value.hint or ""), rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("(" * LEVEL_LIMIT + "x" + ")" * LEVEL_LIMIT, "parentheses count as levels"),
        ("-" * LEVEL_LIMIT + "x", "so do signs"),
        ("sin(" * 100_000, "functions, and not one frame deeper than the limit"),
        ("not " * 5000 + "x", "and not"),
        ("2**" * 5000 + "x", "and powers"),
        ("x" + "+x" * (NODE_LIMIT // 2), "more nodes than the limit"),
        ("x" * 300_000, "more characters than the limit"),
    ],
)
def test_formulas_beyond_the_limits_are_refused(text, rule):
    with pytest.raises(FormulaError):
        compile_program([text], ["x"])
    assert rule


def test_formulas_at_the_limits_are_compiled():
    deep = "(" * (LEVEL_LIMIT - 1) + "x" + ")" * (LEVEL_LIMIT - 1)
    assert value(deep) == X
    assert value("sin(" * 150 + "0" + ")" * 150) == 0.0
    assert value("+".join(["x"] * (NODE_LIMIT // 2))) == pytest.approx(X * (NODE_LIMIT // 2))


_PIECES = st.sampled_from(
    [*FUNCTIONS, *"xy()(),+-*/%<>", "**", "<=", "==", " and ", " or ", "not ", "1", "0", "1e308", "1e-320", ".5", "pi"]
)


@given(st.one_of(st.text(max_size=200), st.lists(_PIECES, max_size=30).map("".join)))
def test_any_text_gives_a_program_or_a_formula_error(text):
    try:
        made = compile_program([text], ["x", "y"], jacobian=True)
    except FormulaError as error:
        assert 1 <= error.column <= len(text) + 1
        return
    assert isinstance(made, Program)
    assert made.evaluate(np.array([[0.0, -1.0, np.nan, np.inf], [1e300, 0.0, 2.0, -1e300]])).shape == (3, 4)


def test_the_error_says_which_formula_is_wrong():
    with pytest.raises(FormulaError) as caught:
        compile_program(["x", "x +"], ["x"], names=["first", "second"])
    assert caught.value.name == "second"


def test_inputs_of_another_number_are_refused():
    with pytest.raises(ValueError, match="3 inputs, the program takes 2"):
        compile_program(["x + y"], ["x", "y"]).evaluate(np.zeros((3, 4)))


@pytest.mark.parametrize("points", [0, 1, 7, 8, 127, 128, 129, 1000])
def test_any_number_of_points_is_evaluated(points):
    inputs = np.random.default_rng(points).uniform(-2, 2, (points, 2)).T
    made = compile_program(["x*y", "x - y"], ["x", "y"]).evaluate(inputs)
    np.testing.assert_array_equal(made, np.array([inputs[0] * inputs[1], inputs[0] - inputs[1]]))


def test_common_subexpressions_are_computed_once():
    assert len(compile_program(["sin(x*y) + sin(y*x)", "sin(x*y)"], ["x", "y"]).code) == 3


def test_constants_are_folded():
    assert len(compile_program(["2**3 * sin(pi/4) + 1/3"], ["x"]).code) == 0


def test_a_program_is_kept():
    assert compile_program(["x + 1"], ["x"]) is compile_program(("x + 1",), ("x",))


@pytest.mark.parametrize("name", ["x", "x0", "_a", "größe"])
def test_names_that_a_variable_can_have(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "1x", "pi", "e", "sin", "and", "lambda", "a b", "a.b", "x" * 101])
def test_names_that_a_variable_cannot_have(name):
    assert not is_name(name)


_SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 171.0, -170.5, 1e-310, 1e22, -1e300, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("name", [name for name, count in FUNCTIONS.items() if count == 1])
def test_a_point_does_not_depend_on_its_neighbours(name):
    points = np.concatenate([_SPECIAL, np.random.default_rng(7).uniform(-200, 200, 2 * LANES)])
    program = compile_program([f"{name}(x)"], ["x"])
    together = program.evaluate(points[None])[0]
    alone = np.array([program.evaluate(points[None, i : i + 1])[0, 0] for i in range(points.size)])
    assert together.tobytes() == alone.tobytes()


_REFERENCE = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sign": np.sign,
    "erf": np.vectorize(math.erf), "erfc": np.vectorize(math.erfc),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n, c in FUNCTIONS.items() if c == 1 and n not in {"gamma", "lgamma"}])
def test_functions_agree_with_numpy(name):
    points = np.array([*_SPECIAL, *np.random.default_rng(7).uniform(-3, 3, 100)])
    with np.errstate(all="ignore"):
        expected = (_REFERENCE.get(name) or getattr(np, name))(points)
    made = compile_program([f"{name}(x)"], ["x"]).evaluate(points[None])[0]
    np.testing.assert_allclose(made, expected, rtol=5e-16 * 2, atol=0)


@pytest.mark.parametrize(
    ("text", "x", "expected", "rule"),
    [
        ("gamma(x)", 5.0, 24.0, "a factorial"),
        ("gamma(x)", 0.5, math.sqrt(math.pi), "a half"),
        ("gamma(x)", -1.5, math.gamma(-1.5), "between poles"),
        ("gamma(x)", -2.0, math.nan, "a pole"),
        ("gamma(x)", 0.0, math.nan, "the pole at 0"),
        ("gamma(x)", 200.0, math.inf, "overflow"),
        ("gamma(x)", -1e300, math.nan, "far out all numbers are poles"),
        ("lgamma(x)", 100.0, math.lgamma(100.0), "large"),
        ("lgamma(x)", -3.0, math.inf, "a pole of its logarithm"),
        ("lgamma(x)", 1e308, math.inf, "overflow of its logarithm"),
        ("1/x", 0.0, math.inf, "division by zero"),
        ("x % 0", 1.0, math.nan, "remainder by zero"),
        ("x**1000", 1e300, math.inf, "a huge power"),
        ("x**(1/0)", 2.0, math.inf, "an infinite exponent"),
        ("x**0.5", -1.0, math.nan, "a root of a negative number"),
        ("log(x)", 0.0, -math.inf, "the logarithm of zero"),
        ("exp(x)", 1e308, math.inf, "a huge exponential"),
        ("min(x, 1)", math.nan, math.nan, "NaN goes through min"),
        ("max(1, x)", math.nan, math.nan, "and through max"),
    ],
)
def test_the_edges_of_functions_are_numbers_not_crashes(text, x, expected, rule):
    assert value(text, x=x) == pytest.approx(expected, rel=1e-14, nan_ok=True), rule
