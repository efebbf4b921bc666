"""Random numbers by counter: how they are cut up changes nothing."""

import numpy as np
import pytest

from agents import draws


@pytest.mark.parametrize("dimensions", [1, 3, 4, 5, 9])
def test_a_sample_is_the_same_however_the_samples_are_cut_up(dimensions):
    whole = draws.uniforms(7, 0, 100, dimensions)
    pieces = np.concatenate([draws.uniforms(7, 0, 33, dimensions), draws.uniforms(7, 33, 67, dimensions)])
    assert np.array_equal(whole, pieces)
    assert ((whole > 0) & (whole < 1)).all()
    assert len(np.unique(whole)) == whole.size


def test_seeds_and_streams_differ():
    found = [draws.uniforms(seed, 0, 4, 2, stream) for seed, stream in ((1, 0), (2, 0), (1, 1), (2**63 - 1, 0))]
    assert len({one.tobytes() for one in found}) == 4
