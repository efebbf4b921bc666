"""Special functions: SciPy's values, errors with their place, and bounds that hold against mpmath."""

import numpy as np
import pytest
from scipy import special
from unit.agents.special import references

from agents.outcome import Problem
from agents.special import bounds
from agents.special.evaluate import TASK, VALUES_LIMIT, call
from agents.special.functions import functions
from sciagents.accuracy.case import answer


def evaluate(function, *arguments):
    return answer("special", "evaluate", {"function": function, "arguments": list(arguments)}, {})


def refused(function, *arguments):
    problem = evaluate(function, *arguments).problem
    assert problem is not None
    return problem


def test_numbers_give_a_number():
    assert evaluate("jv", 1, 2.5).outputs == {"values": special.jv(1, 2.5)}


def test_arrays_broadcast():
    made = evaluate("kv", [[0.5], [1.5]], [1.0, 2.0, 3.0]).outputs["values"]
    np.testing.assert_array_equal(made, special.kv([[0.5], [1.5]], [1.0, 2.0, 3.0]))


def test_several_outputs_are_a_list_in_scipys_order():
    made = evaluate("ellipj", [0.3, 0.4], 0.5).outputs["values"]
    for one, other in zip(made, special.ellipj([0.3, 0.4], 0.5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_complex_values_have_two_parts():
    truth = special.hankel1(0, 1.5)
    assert evaluate("hankel1", 0, 1.5).outputs["values"] == {"re": truth.real, "im": truth.imag}


def test_nothing_gives_nothing():
    assert evaluate("airy", []).outputs["values"][3].shape == (0,)


def test_many_values_come_in_order():
    x = np.linspace(0.1, 50, 30_000)
    np.testing.assert_array_equal(evaluate("j0", x.tolist()).outputs["values"], special.j0(x))


def test_every_ufunc_of_real_arguments_is_there():
    names = {name for name in dir(special) if isinstance(getattr(special, name), np.ufunc)}
    assert names <= set(functions())
    assert {"zeta", "polygamma", "spherical_jn", "sph_harm_y", "lambertw"} <= set(functions())


@pytest.mark.parametrize("name", sorted(functions()))
def test_every_function_answers(name):
    """With a value or an error of its own, at ones and halves; never by a crash."""
    count = functions()[name].n_arguments
    for value in (1, 0.5, 0, [2, 1]):
        outcome = evaluate(name, *[value] * count)
        assert outcome.problem is None or outcome.problem.code in {"non_finite", "invalid_input"}
        if outcome.problem is not None and outcome.problem.code == "invalid_input":
            assert value == 0.5, "only a fraction is refused"


@pytest.mark.parametrize(
    ("function", "arguments", "code", "field", "hint", "rule"),
    [
        ("gama", [1], "invalid_input", "inputs.function", "did you mean 'gamma'?", "the nearest function is named"),
        ("gamma", [1, 2], "invalid_input", "inputs.arguments", "1 numbers", "the number of arguments is known"),
        ("kn", [1.5, 2], "invalid_input", "inputs.arguments[0]", "order", "an order is a whole number"),
        ("kn", [[1, 2.5], 2], "invalid_input", "inputs.arguments[0][1]", "order", "and its place is named"),
        ("kn", [1e6, 2], "invalid_input", "inputs.arguments[0]", "at most 100000", "recurrences end"),
        ("mathieu_cem", [1, 1e9, 0], "invalid_input", "inputs.arguments[1]", "at most", "what SciPy does not survive"),
        ("hyp1f1", [1e-300, -7.3, 3.0], "invalid_input", "inputs.arguments[0]", "at least", "nor this"),
        ("jv", [[1, 2], [1, 2, 3]], "invalid_input", "inputs.arguments", "shapes", "shapes broadcast"),
        ("jv", [True, 1], "invalid_input", "inputs.arguments[0]", "booleans", "booleans are no numbers"),
        ("jv", ["NaN", 1], "invalid_input", "inputs.arguments[0]", "finite", "NaN is none either"),
        ("jv", [0, [1, None]], "invalid_input", "inputs.arguments[1][1]", "numbers only", "nor null"),
        ("gamma", [0], "non_finite", "inputs.arguments[0]", "domain", "a pole"),
        ("gamma", [[1, -3]], "non_finite", "inputs.arguments[0]", "domain", "a pole in an array"),
        ("kv", [2, 0.0], "non_finite", "inputs.arguments[1]", "domain", "the argument at fault is named"),
        ("erfinv", [2], "non_finite", "inputs.arguments[0]", "domain", "outside of the domain"),
        ("ellipk", [1.0], "non_finite", "inputs.arguments[0]", "domain", "infinite at its end"),
    ],
)  # fmt: skip
def test_what_has_no_value_is_an_error_with_its_place(function, arguments, code, field, hint, rule):
    problem = refused(function, *arguments)
    assert (problem.code, problem.field) == (code, field), rule
    assert hint in (problem.hint or ""), rule


def test_the_place_of_a_pole_is_in_the_message():
    assert "gamma(-3) at [1][0]" in refused("gamma", [[0.5, 1], [-3, 2]]).message


def test_more_values_than_the_limit_are_refused():
    side = int(VALUES_LIMIT**0.5) + 1
    problem = refused("jv", [[0.5]] * side, [1.0] * side)
    assert problem.code == "budget_exceeded"


def test_what_takes_long_says_so():
    prepare = TASK.prepare
    slow = prepare({"function": "eval_legendre", "arguments": [100_000, [0.5] * 100]}, {}, 1)
    quick = prepare({"function": "gamma", "arguments": [0.5]}, {}, 1)
    assert slow.cost > 2e8 > quick.cost


def test_it_stops_when_told():
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    with pytest.raises(Problem):
        TASK.compute([TASK.prepare({"function": "gamma", "arguments": [[1.0] * 10]}, {}, 1)], stop)


@pytest.mark.parametrize("name", sorted(bounds.CERTIFIED))
def test_the_bound_holds_against_mpmath(name):
    function, known = functions()[name], bounds.CERTIFIED[name]
    rng = np.random.default_rng(len(name) + 2026)
    whole = function.integers | function.orders
    points = references.sample(rng, known.ranges, whole, 12)
    with np.errstate(all="ignore"):
        values = call(function, points)
    compared = 0
    for k in range(12):
        here, made = [p[k : k + 1] for p in points], [v[k : k + 1] for v in values]
        if not all(np.isfinite(one).all() for one in made):
            continue
        errors = references.error(name, [one[0] for one in made], [p[0] for p in here])
        if np.isnan(errors).any():
            continue
        compared += 1
        with np.errstate(all="ignore"):
            claimed = bounds.estimate(function, here, made, call)
        assert max(errors) <= claimed, [float(p[0]) for p in here]
    assert compared >= 4


@pytest.mark.parametrize(
    ("function", "arguments", "rule"),
    [
        ("mathieu_a", [2, 1.0], "mpmath does not know it"),
        ("gamma", [[1.0, 171.5]], "beyond the range compared"),
        ("eval_legendre", [2.5, 0.5], "a fractional degree"),
    ],
)
def test_where_no_bound_is_known_there_is_none(function, arguments, rule):
    outcome = evaluate(function, *arguments)
    assert outcome.problem is None, rule
    assert outcome.diagnostics.error_estimate is None, rule
