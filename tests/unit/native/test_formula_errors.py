"""Every error of a formula names the column of the culprit."""

import pytest

from native.formula import FormulaError, compile_program

_NAMES = ["x", "y", "größe"]


@pytest.mark.parametrize(
    ("text", "column", "rule"),
    [
        ("x+*y", 3, "an operator where an operand is expected"),
        ("x***y", 4, "also after a power"),
        ("x % % y", 5, "also after space"),
        ("**x", 1, "at the beginning"),
        ("x + +y", 5, "a plus is no sign"),
        ("- -", 4, "a sign without an operand: the end"),
        ("x**", 4, "an operand is missing: the end"),
        ("x and", 6, "of a word too"),
        ("and x", 1, "a word before its operand"),
        ("x or or y", 6, "twice the word"),
        ("x + not", 5, "not binds looser than a sum"),
        ("not x not y", 7, "not is no operator between two"),
        ("x+(y", 5, "a parenthesis is not closed: the end"),
        ("((x)", 5, "of two"),
        ("x+(y*)", 6, "an operand is missing before the parenthesis"),
        ("(x))", 4, "a parenthesis too many"),
        ("()", 2, "nothing in them"),
        ("(x, y)", 3, "a comma in them"),
        ("x, y", 2, "a comma outside"),
        ("sin(x", 6, "a call is not closed"),
        ("sin(x y)", 7, "two arguments without a comma"),
        ("sin(x,)", 7, "a comma too many"),
        ("sin(,x)", 5, "at the beginning"),
        ("sin x", 1, "a function without parentheses"),
        ("x + sin", 5, "and without anything"),
        ("x+atan2(x)", 3, "too few arguments: the function"),
        ("y + where(x,1)", 5, "of where"),
        ("y + min(x)", 5, "of min"),
        ("y*exp(x, y)", 3, "too many"),
        ("x(2)", 1, "a variable is no function"),
        ("y + pi(2)", 5, "nor a constant"),
        ("f(x)", 1, "an unknown function"),
        ("max(1, bar(2))", 8, "within another"),
        ("x + foo", 5, "an unknown name"),
        ("abs(-foo)", 6, "within a call"),
        ("where(x > 0, foo, y)", 14, "in a branch"),
        ("  foo", 3, "space counts"),
        ("1 +\n\tfoo", 6, "so do lines"),
        ("größe + ü", 9, "columns are characters"),
        ("x < = y", 5, "two signs for one"),
        ("x = 2", 3, "an assignment"),
        ("x := 2", 3, "in whatever form"),
        ("x <> y", 4, "an old sign"),
        ("x -> y", 4, "an arrow"),
        ("x // 2", 3, "floor division"),
        ("x & y", 3, "bits"),
        ("~x", 1, "bits of one"),
        ("x @ y", 3, "a matrix product"),
        ("x! y", 2, "a factorial"),
        ("2x", 2, "a product without its sign"),
        ("2..5", 3, "two points"),
        ("1.2.3", 4, "two points"),
        ("1e", 2, "an exponent without digits"),
        ("0x10", 2, "another base"),
        ("1j", 2, "an imaginary number"),
        ("1_000", 2, "digits in groups"),
        ("x.y", 2, "an attribute"),
        ("x + y.z", 6, "of the second"),
        ("x[1]", 2, "a subscript"),
        ("x;y", 2, "two statements"),
        ("x + 'a'", 5, "a string"),
        ("x if y else 1", 3, "a conditional expression"),
        ("lambda x: x", 1, "a function of its own"),
        ("True", 1, "a name of Python's"),
        ("x\x00", 2, "a character that nobody sees"),
        ("x\u200by", 2, "another"),
    ],
)  # fmt: skip
def test_the_column_is_that_of_the_culprit(text, column, rule):
    with pytest.raises(FormulaError) as caught:
        compile_program([text], _NAMES)
    assert caught.value.column == column, rule


@pytest.mark.parametrize("before", ["y*", "min(1, ", "where(x > 0, 1, (y) + "])
@pytest.mark.parametrize("text", ["foo", "x.y", "x'", "bar(2)", "x(2)", "2x", "1_000", "x ^ 2", "atan2(x)"])
def test_what_stands_before_moves_the_column(text, before):
    columns = []
    for whole in (text, before + text):
        with pytest.raises(FormulaError) as caught:
            compile_program([whole], _NAMES)
        columns.append(caught.value.column)
    assert columns[1] == columns[0] + len(before)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sin + 1", "write sin(…)"), ("x(2)", "write x*(…)"), ("sqr(x)", "did you mean 'sqrt'?"),
        ("größ + 1", "did you mean 'größe'?"), ("x // 2", "floor(a / b)"), ("x ^ 2", "** is the power"),
        ("x & y", "and"), ("x if y else 1", "where(condition, a, b)"), ("x = 1", "== compares"),
    ],
)  # fmt: skip
def test_the_hint_says_what_would_do(text, hint):
    with pytest.raises(FormulaError) as caught:
        compile_program([text], _NAMES)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("formulas", "derivatives", "name"),
    [
        (["x", "x +"], None, "second"),
        (["x", "+".join(["x"] * 6000)], None, "second"),
        (["x", "x" * 200_000], None, "first"),
    ],
)
def test_every_error_has_the_name_of_a_formula(formulas, derivatives, name):
    with pytest.raises(FormulaError) as caught:
        compile_program(formulas, ["x"], derivatives=derivatives, names=["first", "second"])
    assert caught.value.name == name
