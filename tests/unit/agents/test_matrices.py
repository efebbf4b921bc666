"""The gate of matrices: what each form means, and what is refused with its field."""

import numpy as np
import pytest

from agents import matrices
from agents.outcome import Problem

COO = {"format": "coo", "row": [0, 1, 1], "col": [0, 1, 1], "data": [2, 3, 4], "shape": [2, 3]}
CSR = {"format": "csr", "indptr": [0, 1, 3], "indices": [0, 2, 1], "data": [2, 3, 4], "shape": [2, 3]}


def test_entries_of_a_coo_matrix_given_twice_add_up():
    found = matrices.read(COO, "a")
    assert found.toarray().tolist() == [[2, 0, 0], [0, 7, 0]]
    assert found.has_canonical_format


def test_a_csr_matrix_is_read_row_by_row():
    assert matrices.read(CSR, "a").toarray().tolist() == [[2, 0, 0], [0, 4, 3]]


def test_complex_matrices_have_two_parts():
    found = matrices.read({"re": [[1, 2]], "im": [[0, -1]]}, "a")
    assert found.tolist() == [[1, 2 - 1j]]
    data = {"re": [1, 2, 3], "im": [0, 0, 1]}
    assert matrices.read({**COO, "data": data}, "a").toarray()[1, 1] == 5 + 1j


def test_a_sparse_matrix_may_be_empty_of_entries():
    nothing = {"format": "coo", "row": [], "col": [], "data": [], "shape": [2, 2]}
    assert matrices.read(nothing, "a").nnz == 0


@pytest.mark.parametrize(
    ("rule", "value", "field"),
    [
        ("an index inside the shape", {**COO, "row": [0, 1, 2]}, "a.row[2]"),
        ("no negative index", {**COO, "col": [0, -1, 2]}, "a.col[1]"),
        ("whole indices", {**COO, "col": [0, 0.5, 2]}, "a.col[1]"),
        ("as many indices as data", {**COO, "col": [0, 1]}, "a.col"),
        ("a known format", {**COO, "format": "csc"}, "a.format"),
        ("a format that is text", {**COO, "format": []}, "a.format"),
        ("no other key", {**COO, "rows": []}, "a.rows"),
        ("every key", {key: COO[key] for key in COO if key != "col"}, "a.col"),
        ("a shape of two", {**COO, "shape": [2]}, "a.shape"),
        ("a shape above zero", {**COO, "shape": [0, 2]}, "a.shape"),
        ("a shape of whole numbers", {**COO, "shape": [2.0, 3]}, "a.shape"),
        ("finite data", {**COO, "data": [1, 2, float("nan")]}, "a.data[2]"),
        ("sums that are finite", {**COO, "data": [1, 1e308, 1e308]}, "a.data"),
        ("pointers that start at 0", {**CSR, "indptr": [1, 1, 3]}, "a.indptr"),
        ("pointers that do not fall", {**CSR, "indptr": [0, 4, 3]}, "a.indptr"),
        ("a pointer a row, and one", {**CSR, "indptr": [0, 3]}, "a.indptr"),
        ("both parts of a complex array", {"re": [[1]]}, "a"),
        ("parts of one shape", {"re": [[1]], "im": [[1, 2]]}, "a.im"),
    ],
)
def test_what_is_no_matrix_is_refused(rule, value, field):
    with pytest.raises(Problem) as caught:
        matrices.read(value, "a")
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule
    assert caught.value.hint


def test_sizes_are_limited_before_anything_is_allocated():
    with pytest.raises(Problem) as caught:
        matrices.read({**COO, "shape": [10**12, 10**12]}, "a")
    assert (caught.value.code, caught.value.field) == ("budget_exceeded", "a.shape")


def test_what_is_not_square_is_refused():
    with pytest.raises(Problem) as caught:
        matrices.square(np.zeros((2, 3)), "inputs.a")
    assert (caught.value.message, caught.value.field) == ("a is 2×3", "inputs.a")
