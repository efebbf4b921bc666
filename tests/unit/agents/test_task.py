"""A watch over a part of a work."""

import pytest

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
