"""Transforms by direct sums and by going back: each kind, type and norm."""

import numpy as np
import pytest
from planting import rightly_judged

RANDOM = np.random.default_rng(0)
LINE = RANDOM.standard_normal(12).tolist()
BLOCK = RANDOM.standard_normal((3, 5)).tolist()
NORMS = ["backward", "ortho", "forward"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 8, 17])
@pytest.mark.parametrize("kind", ["fft", "ifft", "rfft", "irfft"])
def test_fourier_transforms_of_any_length_are_rightly_judged(kind, n, norm):
    rightly_judged("special", "transform", {"transform": kind, "x": LINE, "n": n}, {"norm": norm}, places=2)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("type_", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["dct", "idct", "dst", "idst"])
def test_cosine_and_sine_transforms_of_each_type_are_rightly_judged(kind, type_, norm):
    rightly_judged("special", "transform", {"transform": kind, "x": LINE}, {"norm": norm, "type": type_}, places=2)


@pytest.mark.parametrize("kind", ["fft2", "ifft2", "fftn", "ifftn"])
def test_transforms_over_several_axes_are_rightly_judged(kind):
    rightly_judged("special", "transform", {"transform": kind, "x": BLOCK}, {"norm": "ortho"})


def test_an_analytic_signal_and_a_transform_along_another_axis_are_rightly_judged():
    rightly_judged("special", "transform", {"transform": "hilbert", "x": LINE})
    rightly_judged("special", "transform", {"transform": "dct", "x": BLOCK, "axis": 0, "n": 7})
    rightly_judged("special", "transform", {"x": {"re": LINE, "im": LINE[::-1]}})
