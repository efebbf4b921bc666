"""The choice of a method: it is one of the task's, and when the alternatives are run none is clearly better."""

import numpy as np
import pytest

from agents import catalogue
from agents.outcome import Problem

TASK = catalogue.find("select", "algorithm")
LORENZ = {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"}


def go_on(fraction, stage):
    assert -1e-9 <= fraction <= 1 + 1e-9


def outcome_of(agent, task, inputs, options=None):
    request = {"agent": agent, "task": task, "inputs": inputs, "options": options or {}}
    return TASK.compute([TASK.prepare({"request": request}, {}, 1)], go_on)[0]


def selected(*request):
    outcome = outcome_of(*request)
    assert outcome.problem is None, outcome.problem
    return outcome.outputs


def ivp(equations, initial, end):
    return ("ode", "ivp", {"equations": equations, "initial": initial, "t_span": [0, end]})


def banded(n):
    return np.diag(np.full(n, 2.1)) - np.diag(np.ones(n - 1), 1) - np.diag(np.ones(n - 1), -1)


STIFF = ivp({"x": "-1000*x + 999", "y": "x - y"}, {"x": 2, "y": 0}, 20)
CALM = ivp(LORENZ, {"x": 1, "y": 1, "z": 1}, 5)
BANDED = ("linalg", "solve", {"a": banded(60).tolist(), "b": [1.0] * 60})
UNSYMMETRIC = np.random.default_rng(2).standard_normal((40, 40))
DENSE = ("linalg", "solve", {"a": UNSYMMETRIC.tolist(), "b": [1.0] * 40})
SMOOTH = ("integrate", "monte_carlo", {"integrand": "exp(-x*y)*cos(z)", "bounds": {n: [0, 1] for n in "xyz"}})


@pytest.mark.parametrize(
    ("request_", "best"),
    [(STIFF, {"radau", "rodas4"}), (CALM, {"dopri5", "dop853"}), (BANDED, {"banded"}), (DENSE, {"lu"}),
     (SMOOTH, {"sobol"})],
    ids=["stiff", "not stiff", "banded", "dense", "integral"],
)  # fmt: skip
def test_the_method_is_the_one_for_the_problem(request_, best):
    found = selected(*request_)
    assert found["method"] in best
    assert found["method"] in catalogue.TASKS[request_[:2]].methods
    assert all(sentence.endswith(".") for sentence in found["why"])
    assert {one["method"] for one in found["alternatives"]} == set(catalogue.TASKS[request_[:2]].methods) - {
        "auto", found["method"],
    } - _refused(request_)  # fmt: skip
    assert all(one["why_not"] for one in found["alternatives"])


def _refused(request_):
    """The methods that the task does not take for this request."""
    task, refused = catalogue.TASKS[request_[:2]], set()
    if "method" in task.options.__struct_encode_fields__:
        for method in task.methods:
            try:
                task.prepare(request_[2], {"method": method}, 1)
            except Problem:
                refused.add(method)
    return refused


@pytest.mark.parametrize("request_", [STIFF, CALM], ids=["stiff", "not stiff"])
def test_run_by_itself_no_alternative_takes_far_fewer_evaluations(request_):
    """Explicit steps are cheaper than implicit ones, so the comparison is among those of a kind, and with the worst."""
    task, method = catalogue.TASKS[request_[:2]], selected(*request_)["method"]

    def evaluations(name):
        (outcome,) = task.compute([task.prepare(request_[2], {"method": name}, 1)], go_on)
        return outcome.diagnostics.evaluations

    kind = ("dopri5", "dop853") if method in {"dopri5", "dop853"} else ("radau", "rodas4")
    others = {name: evaluations(name) for name in ("dopri5", "dop853", "radau", "rodas4")}
    assert others[method] <= 3 * min(others[name] for name in kind)
    assert others[method] < max(others.values())


def test_an_optimum_that_is_worse_is_no_candidate():
    """The lowest value decides before the work does."""
    found = selected("optimize", "global", catalogue.TASKS["optimize", "global"].example)
    (outcome,) = catalogue.TASKS["optimize", "global"].compute(
        [catalogue.TASKS["optimize", "global"].prepare(
            catalogue.TASKS["optimize", "global"].example, {"method": found["method"]}, 1)], go_on)  # fmt: skip
    assert outcome.outputs["objective"] == pytest.approx(0.0, abs=1e-9)


def test_the_workflow_it_gives_computes_and_validates():
    found = selected(*STIFF)
    run = catalogue.find("workflow", "run")
    (outcome,) = run.compute([run.prepare(found["workflow"], {}, 1)], go_on)
    assert outcome.problem is None
    assert outcome.outputs["steps"]["validate"]["outputs"]["passed"]
    assert outcome.outputs["steps"]["solve"]["diagnostics"]["method"] == found["method"]


def test_what_no_method_solves_fails_as_it_does():
    outcome = outcome_of("linalg", "solve", {"a": [[1, 1], [1, 1]], "b": [1, 1]})
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "inputs.request.inputs.a")


def test_the_same_request_gets_the_same_choice():
    assert selected(*STIFF) == selected(*STIFF)


def test_a_task_of_one_way_has_it():
    found = selected("integrate", "quad", {"integrand": "exp(-x)", "bounds": [0, 1]})
    assert (found["method"], found["alternatives"]) == ("gauss_kronrod", [])
    assert any("No other method" in text for text in found["why"])
    assert selected("special", "evaluate", {"function": "jv", "arguments": [0, 1.0]})["method"] is None


@pytest.mark.parametrize("key", sorted(catalogue.TASKS), ids=".".join)
def test_every_task_has_a_choice_among_its_methods(key):
    if key[0] in {"analyze", "select", "validate", "profile"}:
        return
    found = selected(*key, dict(catalogue.TASKS[key].example))
    assert found["method"] in {*catalogue.TASKS[key].methods, None}
    assert found["workflow"]["steps"]
