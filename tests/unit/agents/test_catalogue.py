"""The catalogue: what is advertised works."""

import json
import subprocess
import sys

import pytest

from agents import catalogue
from agents.outcome import Problem


@pytest.mark.parametrize("key", sorted(catalogue.TASKS), ids=".".join)
def test_the_example_of_a_task_succeeds(key):
    task = catalogue.TASKS[key]
    outcome = task.compute([task.prepare(task.example, {}, 1)], lambda fraction, stage: None)[0]
    assert outcome.problem is None
    assert outcome.outputs


@pytest.mark.parametrize("key", sorted(catalogue.TASKS), ids=".".join)
def test_every_method_of_a_task_is_accepted(key):
    task = catalogue.TASKS[key]
    for method in task.methods:
        assert task.prepare(task.example, {"method": method}, 1) is not None


def test_the_descriptions_are_json_and_have_schemas():
    for row in json.loads(json.dumps(catalogue.describe())):
        assert row["inputs"]["$ref"]
        assert row["summary"].endswith(".")
    assert {row["task"] for row in catalogue.describe("ode")} == {"ivp", "ensemble", "bvp", "stability"}


@pytest.mark.parametrize(
    ("agent", "task", "code", "hint"),
    [
        ("od", "ivp", "unknown_agent", "did you mean 'ode'?"),
        ("ode", "ivq", "unknown_task", "did you mean 'ivp'?"),
        ("ode", "zzz", "unknown_task", "valid: ivp, ensemble, bvp, stability"),
    ],
)
def test_the_nearest_agent_or_task_is_named(agent, task, code, hint):
    with pytest.raises(Problem) as caught:
        catalogue.find(agent, task)
    assert (caught.value.code, caught.value.hint) == (code, hint)


def test_importing_the_catalogue_leaves_out_what_few_requests_use():
    """scipy.stats, signal and interpolate take a third of a start: they are imported by the first request that asks."""
    seldom = {"scipy.stats", "scipy.signal", "scipy.interpolate"}
    code = f"import sys, agents.catalogue; print(*sorted({seldom} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert printed.stdout.strip() == ""
