"""NIST's data sets: all there, and their refined values are the certified ones."""

import pytest

from sciagents.accuracy import strd


def test_all_27_sets_are_there():
    assert len(strd.names()) == 27


@pytest.mark.parametrize("name", strd.names())
def test_refined_values_agree_with_the_certified_digits(name):
    data_set = strd.load(name)
    certified, refined = data_set["certified"], data_set["refined"]
    for kind in ("parameters", "standard_errors"):
        for parameter, value in certified[kind].items():
            assert refined[kind][parameter] == pytest.approx(value, rel=5.1e-11, abs=0)
    assert refined["residual_sum_of_squares"] == pytest.approx(certified["residual_sum_of_squares"], rel=5.1e-11, abs=0)
    rows = {len(column) for column in data_set["data"].values()}
    assert rows == {certified["degrees_of_freedom"] + len(certified["parameters"])}
