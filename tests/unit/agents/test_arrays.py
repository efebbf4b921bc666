"""The gate: only finite float64 arrays of the right dimensions reach a kernel."""

import base64

import numpy as np
import pytest

from agents import arrays
from agents.outcome import Problem


def packed(values, dtype="<f8", **change):
    array = np.asarray(values, dtype=dtype)
    return {"dtype": dtype, "shape": list(array.shape), "base64": base64.b64encode(array.tobytes()).decode(), **change}


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<i8", ">i2", "|u1"])
def test_array_objects_become_native_contiguous_float64(dtype):
    made = arrays.gate(packed([[1, 2], [3, 4]], dtype), "inputs.a", ndim=2)
    assert made.tolist() == [[1, 2], [3, 4]]
    assert made.dtype == np.float64
    assert made.dtype.isnative
    assert made.flags.c_contiguous
    assert made.flags.writeable


@pytest.mark.parametrize(
    ("value", "code", "field", "rule"),
    [
        (3, "invalid_input", "inputs.a", "a number is no array"),
        ([1, 2], "invalid_input", "inputs.a", "one dimension instead of two"),
        ([[1, 2], [3]], "invalid_input", "inputs.a", "rows of different lengths"),
        ([[1, True]], "invalid_input", "inputs.a[0][1]", "a boolean"),
        ([[1, "2"]], "invalid_input", "inputs.a[0][1]", "a text"),
        ([[1], None], "invalid_input", "inputs.a[1]", "null for a row"),
        ([[1, float("inf")]], "invalid_input", "inputs.a[0][1]", "an infinite number"),
        (packed([[np.nan]]), "invalid_input", "inputs.a[0][0]", "not a number in bytes"),
        ({**packed([[1.0]]), "dtype": "|O"}, "invalid_input", "inputs.a.dtype", "Python objects"),
        ({**packed([[1.0]]), "dtype": "f4,("}, "invalid_input", "inputs.a.dtype", "what NumPy reads as Python"),
        (packed([[1.0]], shape=[2, 2]), "invalid_input", "inputs.a.shape", "too few bytes"),
        (packed([[1.0]], shape=[-1, 1]), "invalid_input", "inputs.a.shape", "a negative size"),
        (packed([[1.0]], shape=[10**6, 10**6]), "budget_exceeded", "inputs.a.shape", "too large"),
        (packed([[1.0]], base64="***"), "invalid_input", "inputs.a.base64", "no base64"),
        ({"shape": [1, 1]}, "invalid_input", "inputs.a", "no dtype"),
    ],
)
def test_what_is_no_array_is_refused_with_its_place(value, code, field, rule):
    with pytest.raises(Problem) as caught:
        arrays.gate(value, "inputs.a", ndim=2)
    assert (caught.value.code, caught.value.field) == (code, field), rule


@pytest.mark.parametrize("value", [True, "1", None, [1], 10**400, float("nan"), "Infinity"])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(Problem):
        arrays.number(value, "inputs.x")


def test_infinite_numbers_are_read_where_they_are_allowed():
    assert arrays.number("-Infinity", "inputs.x", infinite=True) == -np.inf


@pytest.mark.parametrize("kind", [float, complex])
def test_finite_entries_are_told_from_others(kind):
    assert arrays.finite(np.array([1e308, -1e308], dtype=kind))
    assert arrays.finite(np.zeros((0, 3), dtype=kind))
    assert arrays.finite(np.ones((4, 4), dtype=kind)[::2, 1:].T)
    for wrong in (np.nan, np.inf, -np.inf):
        assert not arrays.finite(np.array([[1e308, 0], [wrong, 1]], dtype=kind))
        assert not arrays.finite(np.array([0, wrong], dtype=kind))
