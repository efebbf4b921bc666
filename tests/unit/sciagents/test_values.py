"""Values: what a program hands in arrives as the contract writes it, and what comes back is arrays again."""

import base64
import math

import msgspec
import numpy as np
import pytest

from sciagents import values


def _written(value):
    return msgspec.json.decode(values.encode(value))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": [1, 2.5], "n": None}, {"a": [1, 2.5], "n": None}),
        ([math.nan, math.inf, -math.inf, 1.0], ["NaN", "Infinity", "-Infinity", 1.0]),
        ({"deep": ({"x": math.nan},)}, {"deep": [{"x": "NaN"}]}),
        (np.float64(0.5), 0.5),
        (np.int32(3), 3),
        (np.float32(math.inf), "Infinity"),
        (1 + 2j, {"re": 1.0, "im": 2.0}),
        (complex(math.nan, 0), {"re": "NaN", "im": 0.0}),
    ],
    ids=[
        "plain data as it is", "what is not finite as strings", "at any depth", "a scalar of NumPy's", "an integer one",
        "an infinite one", "a complex number", "a complex one that is not finite",
    ],
)  # fmt: skip
def test_plain_values_are_written_as_the_contract_says(value, written):
    assert _written(value) == written


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(6.0).reshape(2, 3).T,
        np.arange(6, dtype=">i4"),
        np.array(5.0),
        np.empty((0, 3)),
        np.array([math.nan, math.inf, 1.0]),
        np.array([1 + 2j, complex(math.inf, 0)]),
        np.arange(4, dtype=np.float32)[::2],
    ],
    ids=["2-D", "transposed", "big-endian", "0-D", "empty", "not finite", "complex", "strided"],
)
def test_an_array_comes_back_as_it_went(array):
    found = values.decode(_written(array))
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable
    assert found.dtype.isnative


def test_an_array_is_written_as_little_endian_base64():
    assert _written(np.array([1, 2], dtype=">i2")) == {
        "dtype": "<i2", "shape": [2], "base64": base64.b64encode(b"\x01\0\x02\0").decode()
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [np.array(["a"]), np.array([object()]), np.array([True]), object()],
    ids=["texts", "objects", "booleans", "anything"],
)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="numbers"):
        values.encode({"a": value})


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ([1, 2, 3], np.array([1, 2, 3])),
        ([1, 2.5], np.array([1.0, 2.5])),
        ([1.0, "NaN", "-Infinity"], np.array([1.0, math.nan, -math.inf])),
        (["NaN"], np.array([math.nan])),
        ([[1.0, 2.0], [3.0, "Infinity"]], np.array([[1.0, 2.0], [3.0, math.inf]])),
        ([[[1], [2]]], np.array([[[1], [2]]])),
        ([], np.empty(0)),
        ([True, False], np.array([True, False])),
        ({"re": [1.0, "Infinity"], "im": [2.0, 0.0]}, np.array([1 + 2j, complex(math.inf, 0)])),
        ([2**70], np.array([2**70], dtype=object)),
    ],
    ids=[
        "integers", "a number that is none", "strings among numbers", "strings alone", "two dimensions", "three",
        "nothing", "booleans", "a complex array", "integers that nobody may round",
    ],
)  # fmt: skip
def test_lists_of_numbers_become_arrays(written, value):
    found = values.decode(written)
    assert isinstance(found, np.ndarray)
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NaN is here", "NaN is here"),
        ("Infinity", math.inf),
        (["stable_node", "saddle"], ["stable_node", "saddle"]),
        ({"x": 1, "ok": None}, {"x": 1, "ok": None}),
        ({"re": 1.0, "im": 2.0}, 1 + 2j),
        ([{"x": 1.0}], [{"x": 1.0}]),
        ([1, None], [1, None]),
    ],
    ids=["a text", "a text for a number", "texts", "a mapping", "a complex number", "mappings", "a gap"],
)
def test_everything_else_stays_what_it_is(written, value):
    assert values.decode(written) == value


def test_a_ragged_list_is_a_list_of_arrays():
    found = values.decode([[1.0], [1.0, 2.0], []])
    assert [item.tolist() for item in found] == [[1.0], [1.0, 2.0], []]


@pytest.mark.parametrize(
    "written",
    [
        {"dtype": "<f8", "shape": [2], "base64": base64.b64encode(b"12345678").decode()},
        {"dtype": "O", "shape": [1], "base64": base64.b64encode(b"12345678").decode()},
        {"dtype": "<f8", "shape": [-1], "base64": ""},
        {"dtype": "<f8", "shape": "x", "base64": ""},
        {"dtype": "<f8", "shape": [1], "base64": "?"},
    ],
    ids=["too few bytes", "objects", "a negative size", "no shape", "no base64"],
)
def test_an_array_object_that_lies_is_refused(written):
    with pytest.raises(ValueError):
        values.decode(written)
