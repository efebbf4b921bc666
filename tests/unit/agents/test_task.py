"""A watch over a part of a work, and what a task is given."""

from dataclasses import replace

import pytest

from agents import catalogue
from agents.task import Part


@pytest.mark.parametrize(
    ("stage", "expected", "rule"),
    [
        ("", [(0.2, "x"), (0.4, "x"), (0.6, "x"), (0.6, "x")], "fractions lie within the part"),
        ("a", [(0.2, "a"), (0.2, "a: x"), (0.4, "a: x"), (0.6, "a: x"), (0.6, "a: x")], "a stage is told as it begins"),
    ],
)
def test_a_part_lies_within_the_whole(stage, expected, rule):
    told = []
    part = Part(lambda *looked: told.append(looked), 0.2, 0.6, stage)
    for fraction in (-0.1, 0.5, 1.0, 1.1):
        part(fraction, "x")
    assert told == [(pytest.approx(fraction), stage) for fraction, stage in expected], rule


@pytest.mark.parametrize(("repeats", "given"), [("inputs", 0), ("seed", 7), ("never", 7)])
def test_only_a_task_whose_answers_repeat_by_the_seed_is_given_it(repeats, given):
    """What says that it repeats by its inputs alone cannot depend on a seed."""
    seen = []
    task = replace(catalogue.find("linalg", "solve"), repeats=repeats, prepare=lambda *asked: seen.append(asked))
    task.plan({}, {}, 7)
    assert seen == [({}, {}, given)]
