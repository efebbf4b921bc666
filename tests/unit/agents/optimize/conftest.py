"""How a test asks an agent's task: as a worker would."""

import pytest

from agents import catalogue
from agents.outcome import Problem


@pytest.fixture
def solve():
    """Answer one request of `optimize`; raises what it is rejected with."""

    def ask(task, inputs, options=None, seed=1, watch=lambda fraction, stage: None):
        found = catalogue.find("optimize", task)
        return found.compute([found.prepare(inputs, options or {}, seed)], watch)[0]

    return ask


@pytest.fixture
def refused(solve):
    """Return (code, field) of what a request is refused with, rejected or failed."""

    def ask(task, inputs, options=None):
        try:
            problem = solve(task, inputs, options).problem
        except Problem as caught:
            problem = caught
        assert problem is not None
        assert problem.hint, "every problem says what would do"
        assert problem.field, "every problem says where"
        return problem.code, problem.field

    return ask
