"""What is wrong in a request is told with its place and with what would do, however deep it lies."""

import pytest

from agents import catalogue
from agents.outcome import Problem

STEP = {"id": "a", "agent": "integrate", "task": "quad", "inputs": {}}
SOLVE = {"a": [[1]], "b": [1]}


@pytest.mark.parametrize(
    ("task", "inputs", "options", "field", "hint"),
    [
        ("workflow.run", {"steps": [{**STEP, "depend_on": []}]}, {}, "inputs.steps[0].depend_on", "'depends_on'?"),
        ("workflow.run", {"steps": [STEP, {**STEP, "q": 1}]}, {}, "inputs.steps[1].q", "valid keys: agent, depends_on"),
        ("workflow.run", {"steps": [{"id": "a"}]}, {}, "inputs.steps[0].agent", "keys: agent, depends_on"),
        ("workflow.run", {"steps": [{**STEP, "on_error": "no"}]}, {}, "inputs.steps[0].on_error", "retry, skip, stop"),
        ("linalg.solve", SOLVE, {"method": "luu"}, "options.method", "lu, minres"),
        ("linalg.solve", SOLVE, {"metod": "lu"}, "options.metod", "'method'?"),
    ],
)
def test_a_wrong_key_or_value_is_told_with_what_would_do(task, inputs, options, field, hint):
    """The nearest valid key, or all of them; of a choice, what may be chosen."""
    with pytest.raises(Problem) as caught:
        catalogue.find(*task.split(".")).plan(inputs, options, 1)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field)
    assert hint in caught.value.hint
