"""Hostile requests as a hypothesis strategy: from a task's JSON Schema, and its example with something wrong in it."""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from agents.task import Task

NUMBERS = st.sampled_from(
    [0, -0.0, 1, -1, 2, 3, 0.5, 7, 100, 1e-320, 1e-300, 1e-16, 1e16, 1e155, 1e308, -1e308, 2**31, 2**63, 2**64,
     -(2**63), 10**30, float("nan"), float("inf"), float("-inf")]
) | st.integers(-10, 10_000) | st.floats(-1e3, 1e3)  # fmt: skip
TEXTS = st.sampled_from(
    ["", " ", "x", "y", "t", "u", "x*y", "x + ", "1/0", "1/x", "x**x**x", "log(x - 5)", "exp(exp(x))", "exp(1e9*x)",
     "0", "x >= 1", "x == 1", "x < y < 1", "NaN", "Infinity", "-Infinity", "lambda: 0", "__import__('os')", "x.real",
     "x[0]", "(" * 300 + "x" + ")" * 300, "+".join(["x"] * 3000), "sin(" * 50 + "x" + ")" * 50, "a" * 1000, "é", "\x00",
     "y(0)", "y(0)-1", "where(x > 0, x, 1/x)", "gamma(x)", "auto", "norm", "DROP TABLE x;", "../../etc/passwd", "sobol"]
) | st.text(max_size=8)  # fmt: skip
ARRAYS = st.sampled_from(
    [[], [[]], [[], []], [1], [[1]], [[1, 2], [3]], [[1, 2], [2, 4]], [[0, 0], [0, 0]], [[1, 2], [3, 4]], [1, 2, 3],
     [[[1]]], [1, "2"], [1, None], [True], [1e308, 1e308], ["NaN", 1], [{}], [0] * 1000, [[1e-300, 1], [1, 1e300]],
     {"dtype": "<f8", "shape": [2, 2], "base64": "AAAA"}, {"dtype": "object", "shape": [1], "base64": "AAAAAAAAAAA="},
     {"dtype": "<f8", "shape": [10**9, 10**9], "base64": ""}, {"dtype": "<f8", "shape": [-1], "base64": ""},
     {"dtype": "<f8", "shape": [0], "base64": ""}, {"dtype": ">f8", "shape": [1], "base64": "P/AAAAAAAAA="},
     {"format": "coo", "row": [0], "col": [5], "data": [1], "shape": [2, 2]},
     {"format": "coo", "row": [0, 1], "col": [0, 1], "data": [1, 1], "shape": [10**9, 10**9]},
     {"format": "csr", "indptr": [0, 5], "indices": [0], "data": [1], "shape": [1, 1]},
     {"re": [1, 2], "im": [0]}, {"distribution": "norm", "scale": -1}, {"distribution": "cauchy"}]
)  # fmt: skip
ODD = st.sampled_from([None, True, False, {}, {"x": 1}, {"$from": "a.outputs"}, {"": 0}, [[[[[[]]]]]]])
ANYTHING = (NUMBERS | TEXTS | ARRAYS | ODD).map(copy.deepcopy)  # what is drawn may be spoilt further


def requests(task: Task) -> st.SearchStrategy[tuple[dict[str, Any], dict[str, Any]]]:
    """Inputs and options for a task: as its schema says, or its example with one to three things changed."""
    (inputs, options), shared = msgspec.json.schema_components([task.inputs, task.options], ref_template="{name}")
    from_schema = st.tuples(_of(inputs, shared, 3), _of(options, shared, 3))
    return st.one_of(_changed(task, shared), _changed(task, shared), from_schema)


def _of(schema: Mapping[str, Any], shared: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        schema = shared[schema["$ref"]]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([_of(one, shared, depth) for one in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        needed = set(schema.get("required", ()))
        fields = {name: _of(one, shared, depth) for name, one in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: one for name, one in fields.items() if name in needed},
            optional={name: one for name, one in fields.items() if name not in needed},
        )
    if kind == "object":
        inner = schema.get("additionalProperties")
        below = _of(inner, shared, depth - 1) if isinstance(inner, Mapping) and depth else ANYTHING
        return st.dictionaries(st.sampled_from(["x", "y", "k", "t", "e", "if", "a b"]), below, max_size=3)
    if kind == "array":
        inner = schema.get("items")
        below = _of(inner, shared, depth - 1) if isinstance(inner, Mapping) and depth else ANYTHING
        return st.lists(below, max_size=3)
    simple = {"string": TEXTS, "number": NUMBERS, "integer": NUMBERS.filter(lambda n: isinstance(n, int)),
              "boolean": st.booleans(), "null": st.none()}  # fmt: skip
    return simple.get(str(kind), ANYTHING)


@st.composite
def _changed(draw: st.DrawFn, task: Task, shared: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    whole: dict[str, Any] = {"inputs": copy.deepcopy(dict(task.example)), "options": {}}
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            _set_a_field(draw, whole, {"inputs": task.inputs, "options": task.options}, shared)
        else:
            _spoil_a_place(draw, whole)
    return whole["inputs"], whole["options"]


def _set_a_field(
    draw: st.DrawFn, whole: dict[str, Any], structs: Mapping[str, type[msgspec.Struct]], shared: Mapping[str, Any]
) -> None:
    """Give a declared field a value of its type, or any other; or a field that is not declared."""
    part = draw(st.sampled_from(["inputs", "options"]))
    fields = shared[structs[part].__name__]["properties"]
    name = draw(st.sampled_from([*fields, "unknown"]))
    whole[part][name] = draw(st.one_of(ANYTHING, _of(fields.get(name, {}), shared, 3)))


def _spoil_a_place(draw: st.DrawFn, whole: dict[str, Any]) -> None:
    """Replace, delete or repeat something, anywhere in the example."""
    places = list(_places(whole["inputs"]))
    if not places:
        return
    holder, key = draw(st.sampled_from(places))
    what = draw(st.sampled_from(["replace", "replace", "delete", "repeat"]))
    if what == "replace":
        holder[key] = draw(ANYTHING)
    elif what == "delete":
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[str(key) + "_"] = copy.deepcopy(holder[key])


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    level = [value]
    while level:
        holder = level.pop()
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, item in items:
            found.append((holder, key))
            if isinstance(item, dict | list):
                level.append(item)
    return found
