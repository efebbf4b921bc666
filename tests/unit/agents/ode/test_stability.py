"""The task `ode.stability`: all equilibria, bounds of their errors, and the words for them."""

import numpy as np
import pytest

from agents import alone
from agents.ode import stability
from agents.ode.equilibria import classify
from agents.outcome import Problem

LOGISTIC = {"equations": {"x": "r*x*(1 - x)"}, "parameters": {"r": 2}, "guess": {"x": [-1, 2]}}


def solve(inputs, **options):
    return alone.run(stability.TASK.prepare(inputs, options, 0), lambda fraction, stage: None, {})


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"equations": {}}, "invalid_input", "inputs.equations", "no equation"),
        ({"equations": {"x": "x*t"}}, "invalid_input", "inputs.equations.x", "the time"),
        ({"equations": {"t": "t"}}, "invalid_input", "inputs.equations.t", "the time as a variable"),
        ({"equations": {"x": "q"}}, "invalid_formula", "inputs.equations.x", "an unknown name"),
        ({"guess": 1}, "invalid_input", "inputs.guess", "no mapping"),
        ({"guess": []}, "invalid_input", "inputs.guess", "no points"),
        ({"guess": [{"x": 1}, 2]}, "invalid_input", "inputs.guess[1]", "one is none"),
        ({"guess": {"y": 1}}, "invalid_input", "inputs.guess.y", "another variable"),
        ({"guess": {}}, "invalid_input", "inputs.guess.x", "a variable is missing"),
        ({"guess": {"x": [1]}}, "invalid_input", "inputs.guess.x", "one end"),
        ({"guess": {"x": [2, 1]}}, "invalid_input", "inputs.guess.x", "the wrong way"),
        ({"guess": {"x": "1"}}, "invalid_input", "inputs.guess.x", "a text"),
        ({"n_starts": 0}, "invalid_input", "inputs.n_starts", "no starts"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change, code, field, rule):
    with pytest.raises(Problem) as caught:
        stability.TASK.prepare({**LOGISTIC, **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint, rule


def test_all_equilibria_in_a_box_are_found_once_in_order():
    outcome = solve(LOGISTIC)
    assert [one["x"] for one in outcome.outputs["equilibria"]] == pytest.approx([0, 1], abs=1e-14)
    assert outcome.outputs["classification"] == ["unstable_node", "stable_node"]
    assert [[one["re"] for one in row] for row in outcome.outputs["eigenvalues"]] == [
        [pytest.approx(2)],
        [pytest.approx(-2)],
    ]
    assert outcome.diagnostics.error_estimate < 1e-13


def test_a_box_leaves_out_what_is_beyond_it_and_a_guess_finds_what_is_near_it():
    assert len(solve({**LOGISTIC, "guess": {"x": [0.5, 2]}}).outputs["equilibria"]) == 1
    assert solve({**LOGISTIC, "guess": {"x": 0.9}}).outputs["equilibria"] == [{"x": pytest.approx(1)}]
    assert len(solve({**LOGISTIC, "guess": [{"x": 0.9}, {"x": 0.1}, {"x": 1.1}]}).outputs["equilibria"]) == 2


_PLANE = {"stable_node": (-2, 0, 0, -1), "unstable_node": (2, 0, 0, 1), "saddle": (1, 0, 0, -1),
          "center": (0, 1, -1, 0), "stable_focus": (-1, 2, -2, -1), "unstable_focus": (1, 2, -2, 1),
          "degenerate": (0, 0, 0, -1)}  # fmt: skip


@pytest.mark.parametrize("word", _PLANE)
def test_each_kind_in_the_plane_has_its_word(word):
    a, b, c, d = _PLANE[word]
    outcome = solve({"equations": {"x": f"({a})*x + ({b})*y", "y": f"({c})*x + ({d})*y"}, "guess": {"x": 1, "y": 2}})
    assert outcome.outputs["classification"] == [word]
    expected = np.sort_complex(np.linalg.eigvals(np.array([[a, b], [c, d]], dtype=float)))
    found = [complex(one["re"], one["im"]) for one in outcome.outputs["eigenvalues"][0]]
    np.testing.assert_allclose(np.sort_complex(found), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "word", "rule"),
    [
        ([-1, -2, 3], "saddle", "some grow"),
        ([-1, 0.1 + 10j, 0.1 - 10j], "saddle", "some turn and grow"),
        ([-1, -0.1 + 10j, -0.1 - 10j], "stable_focus", "one turns"),
        ([-1, 1j, -1j], "degenerate", "a center beside others decides nothing"),
        ([1j, -1j, 2j, -2j], "center", "all turn"),
        ([0, 1j, -1j], "degenerate", "a zero"),
    ],
)
def test_more_than_two_variables(values, word, rule):
    assert classify(np.array(values, dtype=complex), 1e-12) == word, rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1 + x*x", "no zero"),
        ("exp(-x)", "zero at infinity alone"),
        ("1/x", "a pole is none"),
        ("log(-1 - x*x)", "NaN"),
    ],
)
def test_where_there_is_none_nothing_is_found(text, rule):
    outcome = solve({"equations": {"x": text}, "guess": {"x": [-3, 3]}})
    assert outcome.problem.code == "not_converged", rule
    assert outcome.problem.field == "inputs.guess"


def test_a_line_of_equilibria_is_told():
    outcome = solve({"equations": {"x": "x*y", "y": "-x*y"}, "guess": {"x": [-1, 1], "y": [-1, 1]}, "n_starts": 20})
    assert set(outcome.outputs["classification"]) == {"degenerate"}
    assert "a line" in outcome.warnings[0]
