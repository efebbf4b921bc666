"""Every case of `docs/accuracy.md`: the error claimed bounds the error reached."""

import dataclasses

import pytest

from sciagents.accuracy import table
from sciagents.accuracy.case import Case, run

KNOWN = Case(
    name="a half", agent="integrate", task="quad", source="elementary", inputs={"integrand": "x", "bounds": [0, 1]},
    pick=lambda outputs: outputs["value"], truth=0.5,
)  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in table.cases()])
def test_the_error_claimed_bounds_the_error(case):
    row = run(case)
    assert row.holds, (row.error, row.claimed, row.problem)


def test_a_wrong_answer_does_not_hold():
    assert run(KNOWN).holds
    assert not run(dataclasses.replace(KNOWN, truth=0.6)).holds
    assert not run(dataclasses.replace(KNOWN, problem="singular")).holds
    assert not run(dataclasses.replace(KNOWN, inputs={"integrand": "1/x", "bounds": [0, 1]})).holds


def test_the_table_says_what_does_not_hold():
    rows = [run(KNOWN), run(dataclasses.replace(KNOWN, name="wrong", truth=0.6))]
    lines = table.markdown(rows).splitlines()
    assert next(line for line in lines if line.startswith("| wrong")).endswith("**(does not hold)** |")
    assert "does not hold" not in next(line for line in lines if line.startswith("| a half"))
