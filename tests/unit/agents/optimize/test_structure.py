"""What depends on what in a program, as a reader of the formula sees it."""

import pytest

from agents.optimize.separable import linear_parameters
from agents.optimize.structure import dependencies, is_smooth
from native.formula import compile_program


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("x", 0b001), ("3", 0), ("x*y + z", 0b111), ("where(z > 0, x, 1)", 0b101), ("max(x, y)", 0b011), ("-y", 0b010),
     ("sin(z)**2", 0b100)],
)  # fmt: skip
def test_an_output_depends_on_the_names_in_its_formula(text, wanted):
    assert dependencies(compile_program((text,), ("x", "y"), ("z",))) == [wanted]


@pytest.mark.parametrize(
    ("text", "smooth"),
    [("x*y", True), ("abs(x)", False), ("abs(z)*x", True), ("floor(x)", False), ("where(z > 0, x, y)", True),
     ("where(x > 0, x, y)", False), ("x % 2", False)],
)  # fmt: skip
def test_steps_and_kinks_in_the_variables_are_seen(text, smooth):
    assert is_smooth(compile_program((text,), ("x", "y"), ("z",)), 2) is smooth


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("a + b*t", [0, 1]), ("a*exp(-b*t)", [0]), ("a*b*t", [0]), ("exp(a*t)", []), ("a*sin(b*t) + c*cos(b*t)", [0, 2])],
)
def test_parameters_are_found_in_which_a_model_is_linear_together(text, wanted):
    names = tuple(name for name in "abc" if name in text.replace("cos", "").replace("exp", ""))
    program = compile_program((text,), names, ("t",), derivatives="gradient")
    assert linear_parameters(program, len(names)) == wanted
