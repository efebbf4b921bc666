"""Transforms against their definitions, summed with many digits."""

import numpy as np
import pytest
from mpmath import mp, mpc, mpf
from scipy import fft

from agents import catalogue
from sciagents.accuracy.case import answer


def transform(x, kind="fft", options=None, **more):
    return answer("special", "transform", {"x": x, "transform": kind, **more}, options or {})


def _dft(x, sign):
    mp.dps = 30
    n = len(x)
    roots = [mp.expjpi(mpf(2 * sign * k) / n) for k in range(n)]
    return [mp.fsum(mpc(complex(v)) * roots[(j * k) % n] for j, v in enumerate(x)) for k in range(n)]


def _wave(kind, of, x):
    """The definitions of `scipy.fft.dct` and `dst`."""
    mp.dps = 30
    n, values = len(x), [mpf(float(v)) for v in x]

    def total(term, extra=lambda k: mpf(0)):
        return [mp.fsum(term(j, k) for j in range(n)) + extra(k) for k in range(n)]

    if kind == "dct":
        return {
            1: lambda: [
                values[0]
                + (-1) ** k * values[-1]
                + 2 * mp.fsum(values[j] * mp.cospi(mpf(j * k) / (n - 1)) for j in range(1, n - 1))
                for k in range(n)
            ],
            2: lambda: total(lambda j, k: 2 * values[j] * mp.cospi(mpf(k * (2 * j + 1)) / (2 * n))),
            3: lambda: total(lambda j, k: (2 if j else 1) * values[j] * mp.cospi(mpf(j * (2 * k + 1)) / (2 * n))),
            4: lambda: total(lambda j, k: 2 * values[j] * mp.cospi(mpf((2 * j + 1) * (2 * k + 1)) / (4 * n))),
        }[of]()
    return {
        1: lambda: total(lambda j, k: 2 * values[j] * mp.sinpi(mpf((j + 1) * (k + 1)) / (n + 1))),
        2: lambda: total(lambda j, k: 2 * values[j] * mp.sinpi(mpf((k + 1) * (2 * j + 1)) / (2 * n))),
        3: lambda: total(
            lambda j, k: (2 if j < n - 1 else 1) * values[j] * mp.sinpi(mpf((j + 1) * (2 * k + 1)) / (2 * n))
            if j < n - 1 else (-1) ** k * values[j]
        ),
        4: lambda: total(lambda j, k: 2 * values[j] * mp.sinpi(mpf((2 * j + 1) * (2 * k + 1)) / (4 * n))),
    }[of]()  # fmt: skip


def _holds(outcome, truth, *, tight=True):
    made = np.asarray(outcome.outputs["values"])
    error = max(abs(mpc(complex(v)) - t) for v, t in zip(made.ravel(), truth, strict=True))
    claimed = outcome.diagnostics.error_estimate
    assert error <= claimed
    size = max(abs(complex(t)) for t in truth)
    assert not tight or claimed < 1e-12 * max(size, 1.0)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 31, 64])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_fourier_transforms_are_their_sums(n, norm):
    rng = np.random.default_rng(n)
    x = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    given = {"re": x.real.tolist(), "im": x.imag.tolist()}
    scale = {"backward": (1, n), "ortho": (mp.sqrt(n), mp.sqrt(n)), "forward": (n, 1)}[norm]
    _holds(transform(given, "fft", {"norm": norm}), [v / scale[0] for v in _dft(x, -1)])
    _holds(transform(given, "ifft", {"norm": norm}), [v / scale[1] for v in _dft(x, 1)])
    _holds(transform(x.real.tolist(), "rfft", {"norm": norm}), [v / scale[0] for v in _dft(x.real, -1)][: n // 2 + 1])


@pytest.mark.parametrize("n", [2, 5, 16, 37])
@pytest.mark.parametrize("of", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["dct", "dst"])
def test_cosine_and_sine_transforms_are_their_sums(kind, of, n):
    x = np.random.default_rng(n).standard_normal(n)
    _holds(transform(x.tolist(), kind, {"type": of}), _wave(kind, of, x))
    there = transform(x.tolist(), kind, {"type": of, "norm": "ortho"}).outputs["values"]
    back = transform(there.tolist(), f"i{kind}", {"type": of, "norm": "ortho"})
    assert np.abs(back.outputs["values"] - x).max() <= 2 * back.diagnostics.error_estimate


@pytest.mark.parametrize("n", [7, 16])
def test_what_was_transformed_comes_back(n):
    x = np.random.default_rng(n).standard_normal(n)
    there = transform(x.tolist(), "rfft").outputs["values"]
    back = transform({"re": there.real.tolist(), "im": there.imag.tolist()}, "irfft", n=n)
    assert np.abs(back.outputs["values"] - x).max() <= 2 * back.diagnostics.error_estimate


@pytest.mark.parametrize(
    ("kind", "shape"), [("fft2", (5, 8)), ("ifft2", (3, 4, 6)), ("fftn", (3, 4, 5)), ("ifftn", (6,))]
)
def test_several_dimensions_are_one_after_the_other(kind, shape):
    x = np.random.default_rng(3).standard_normal(shape)
    truth = x.astype(complex)
    for axis in range(x.ndim)[-2 if kind.endswith("2") else 0 :]:
        truth = (fft.ifft if kind[0] == "i" else fft.fft)(truth, axis=axis)
    outcome = transform(x.tolist(), kind)
    assert np.abs(outcome.outputs["values"] - truth).max() <= 2 * outcome.diagnostics.error_estimate
    assert [check.name for check in outcome.diagnostics.checks if check.passed] == [
        "finite",
        "parseval",
    ] or kind == "ifft2"


def test_the_real_part_of_the_analytic_signal_is_the_signal():
    x = np.random.default_rng(4).standard_normal(50)
    outcome = transform(x.tolist(), "hilbert")
    assert np.abs(outcome.outputs["values"].real - x).max() <= outcome.diagnostics.error_estimate


def test_frequencies_are_in_cycles_per_unit():
    made = transform([0.0] * 8, "rfft", spacing=0.5).outputs["frequencies"]
    assert made.tolist() == [0, 0.25, 0.5, 0.75, 1.0]


def test_an_axis_can_be_chosen():
    x = np.arange(12.0).reshape(3, 4)
    made = transform(x.tolist(), "fft", axis=0, n=5).outputs["values"]
    np.testing.assert_array_equal(made, fft.fft(x, n=5, axis=0))


@pytest.mark.parametrize(
    ("inputs", "options", "code", "field", "rule"),
    [
        ({"x": []}, {}, "invalid_input", "inputs.x", "nothing to transform"),
        ({"x": [[]]}, {}, "invalid_input", "inputs.x", "nor here"),
        ({"x": 3}, {}, "invalid_input", "inputs.x", "no array"),
        ({"x": [1], "transform": "fftt"}, {}, "invalid_input", "inputs.transform", "no such transform"),
        ({"x": {"re": [1], "im": [1, 2]}}, {}, "invalid_input", "inputs.x.im", "parts of different length"),
        ({"x": {"re": [1], "im": [1]}, "transform": "rfft"}, {}, "invalid_input", "inputs.x", "a real one"),
        ({"x": [1, 2], "axis": 1}, {}, "invalid_input", "inputs.axis", "no such axis"),
        ({"x": [1, 2], "n": 0}, {}, "invalid_input", "inputs.n", "no length"),
        ({"x": [1, 2], "n": 10**12}, {}, "budget_exceeded", "inputs.n", "too long"),
        ({"x": [1], "transform": "dct"}, {"type": 1}, "invalid_input", "inputs.x", "type I needs two"),
        ({"x": [1, 2], "transform": "fft2"}, {}, "invalid_input", "inputs.x", "two dimensions"),
        ({"x": [[1, 2]], "transform": "fft2", "n": 2}, {}, "invalid_input", "inputs.n", "of no use"),
        ({"x": [1, 2]}, {"type": 5}, "invalid_input", "options.type", "no such type"),
        ({"x": [1, 2], "spacing": 0}, {}, "invalid_input", "inputs.spacing", "no distance"),
        ({"x": [1e308, 1e308]}, {}, "non_finite", "inputs", "overflow"),
    ],
)  # fmt: skip
def test_what_cannot_be_transformed_is_refused(inputs, options, code, field, rule):
    problem = answer("special", "transform", inputs, options).problem
    assert problem is not None, rule
    assert (problem.code, problem.field) == (code, field), rule


def test_it_is_in_the_catalogue():
    assert catalogue.find("special", "transform").methods == ("pocketfft",)
