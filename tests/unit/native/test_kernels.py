"""Every kernel gives the same answer compiled and as plain Python."""

import importlib.util
import platform
from dataclasses import dataclass

import numpy as np
import pytest

import native
from native import ode, quadrature
from native.formula import compile_program
from native.kernels import (
    dense,
    dense_lanes,
    dop853,
    dopri5,
    exponential,
    formula,
    levmar,
    multigrid,
    newton,
    radau,
    rodas4,
    stencil,
)
from native.kernels import quadrature as quadrature_kernel

_COMPILED = {
    "dense": dense, "dense_lanes": dense_lanes, "dop853": dop853, "dopri5": dopri5, "exponential": exponential,
    "formula": formula,
    "levmar": levmar, "multigrid": multigrid, "newton": newton, "quadrature": quadrature_kernel, "radau": radau,
    "rodas4": rodas4, "stencil": stencil,
}  # fmt: skip


def _dense(kernel):
    rng = np.random.default_rng(1)
    matrices = rng.standard_normal((9, 5, 5))
    matrices[4, :, 2] = 0.0
    return kernel.solve_batch(matrices, rng.standard_normal((9, 5)))


def _exponential(kernel):
    rng = np.random.default_rng(11)
    matrices = [scale * rng.standard_normal((n, n)) for n, scale in ((1, 0.3), (5, 0.1), (7, 4.0))]
    with np.errstate(all="ignore"):
        return [part for matrix in [*matrices, np.array([[800.0]])] for part in kernel.exponential(matrix)]


def _formula(kernel):
    texts = [
        "x + y*x - x/y", "x % y", "x**y", "where(x < y and not y > 2 or x == 1, min(x, y), max(x, y))", "-x <= y",
        "x >= y", "x != y", *(f"{name}(x)" for name, count in native.formula.FUNCTIONS.items() if count == 1),
        "atan2(x, y)",
    ]  # fmt: skip
    program = compile_program(texts, ["x", "y"], jacobian=True)
    inputs = np.random.default_rng(2).uniform(-3, 3, (2, 24))
    inputs[0, :6] = [0.0, -1.0, np.inf, -np.inf, np.nan, 1.0]
    with np.errstate(all="ignore"):
        return (kernel.evaluate(program.code, program.constants, program.n_registers, program.outputs, inputs, 16),)


@dataclass
class _Problem:
    program: native.formula.Program
    jacobian: native.formula.Program


_VAN_DER_POL = ["y", "mu*(1 - x*x)*y - x + 0.1*sin(t)"]


def _block():
    """Three members of van der Pol's equation and five lanes that only fill the block."""
    width = 8
    lanes = np.zeros((7, width))
    lanes[3:] = np.array([[3.0], [np.inf], [1e-5], [1e-8]])
    counts = np.zeros((10, width), dtype=np.int64)
    counts[0, 3:] = 1
    counts[6], counts[7] = 1000, np.arange(width)
    parameters = np.array([[0.5, 2.0, 20.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    state = np.array([[2.0] * width, [0.0] * width])
    found, log = np.zeros((width, 2, 7)), np.zeros((4, width, 12))
    return parameters, lanes, counts, state, np.linspace(0, 3, 7)[None], found, log, np.zeros(width, dtype=np.int64)


def _dopri5(kernel):
    program = compile_program(_VAN_DER_POL, ["t", "x", "y"], ["mu"])
    parts = (program.code, program.constants, program.n_registers, program.outputs)
    parameters, lanes, counts, state, grids, found, log, logged = _block()
    slope = np.zeros_like(state)
    with np.errstate(all="ignore"):
        kernel.begin(*parts, parameters, lanes, counts, state, slope, 5.0)
        kernel.advance(
            *parts, parameters, lanes, counts, state, slope, grids, found, log, logged, 1, 60, 1
        )  # fmt: skip
    return lanes[:, :3], counts, state, slope, found[:3], log, logged


def _rodas4(kernel):
    return _implicit(kernel, 5)


def _radau(kernel):
    return _implicit(kernel, 4)


def _implicit(kernel, parts_of_dense):
    program = compile_program(_VAN_DER_POL, ["t", "x", "y"], ["mu"])
    jacobian = compile_program(_VAN_DER_POL, ["t", "x", "y"], ["mu"], jacobian=True)
    parts = (program.code, program.constants, program.n_registers, program.outputs)
    parts_j = (jacobian.code, jacobian.constants, jacobian.n_registers, jacobian.outputs[2:].copy())
    parameters, lanes, counts, state, grids, found, _, logged = _block()
    log = np.zeros((4, 8, 2 + 2 * parts_of_dense))
    lanes[1] = 1e-3
    with np.errstate(all="ignore"):
        kernel.advance(*parts, *parts_j, parameters, lanes, counts, state, grids, found, log, logged, 1, 40, 1)
    return lanes[:, :3], counts, state, found[:3], log, logged


def _dop853(kernel):
    program = compile_program(_VAN_DER_POL, ["t", "x", "y"], ["mu"])
    parts = (program.code, program.constants, program.n_registers, program.outputs)
    parameters, lanes, counts, state, grids, found, _, logged = _block()
    log = np.zeros((4, 8, 18))
    slope = program.evaluate(np.concatenate([lanes[:1], state, parameters]))
    # no steps so small that their error is rounding
    parameters[0, 2], lanes[1], lanes[3], lanes[5], lanes[6] = 1.0, 0.3, 12.0, 1e-3, 1e-3
    with np.errstate(all="ignore"):
        kernel.advance(*parts, parameters, lanes, counts, state, slope, grids, found, log, logged, 1, 40, 1)
    return lanes[:, :3], counts, state, slope, found[:3], log, logged


def _quadrature(kernel):
    rules = kernel.table()
    found = [rules]
    for text, edges in (("exp(-k*x)*cos(x)", (0.0, np.inf)), ("log(x)", (0.0, 1.0)), ("1/x", (-1.0, 1.0))):
        program = compile_program([text], ["x"], ["k"])
        parts = (program.code, program.constants, program.n_registers, program.outputs, 0, np.array([0.0, 0.7]), rules)
        with np.errstate(all="ignore"):
            panels, made = kernel.begin(*parts, np.array(edges), 8, 30, 1e-9, 1e-9)
            panels = np.concatenate([panels, np.zeros((30, 9))])
            again = kernel.refine(*parts, panels, made[0], 1e-9, 1e-9, 60)
        found += [np.array(made), np.array(again), panels]
    return found


_GRIDS = [
    ((1, 1, 9), [0.0, 0.0, 7.0], [0, 0, 0, 0, 1, 2]), ((1, 6, 8), [0.0, 3.0, 7.0], [0, 0, 0, 0, 2, 1]),
    ((5, 6, 7), [2.0, 3.0, 7.0], [1, 2, 2, 2, 0, 0]),
]  # fmt: skip
"""Shapes, weights and kinds of the ends: each dimension, each kind."""


def _stencil(kernel):
    rng = np.random.default_rng(3)
    found = []
    for shape, weights, ends in _GRIDS:
        u, d = rng.standard_normal((2, *shape))
        for fill, coefficient in ((kernel.diffuse, d), (kernel.laplace, 0.7)):
            out = np.full(shape, np.nan)
            fill(u, coefficient, out, np.array(weights), np.array(ends))
            found.append(out)
        kernel.advect(u, d, out, 1.3, ends[4], ends[5]) if shape[1] == 1 else kernel.advect(u, d, out, 1.3, *ends[2:4])
    rows = rng.standard_normal((6, 20))
    kernel.leap(rows[0], rows[1], rows[2], 0.1, 0.2, 0.9)
    kernel.combine(rows[5], *rows[:5], np.arange(5.0))
    return [*found, rows]


def _multigrid(kernel):
    rng = np.random.default_rng(4)
    found = []
    for shape, weights, ends in _GRIDS:
        u, f = rng.standard_normal((2, *shape))
        d, out = 1.0 + rng.random(shape), np.full(shape, np.nan)
        for colour in (0, 1):
            kernel.relax(u, d, f, 0.3, np.array(weights), np.array(ends), colour)
        kernel.defect(u, d, f, out, 0.3, np.array(weights), np.array(ends))
        found += [u, out]
    low, share = np.array([0, 0, 1, 1, 2]), np.array([0.0, 0.6, 0.1, 0.7, 1.0])
    coarse, fine = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 5, 3))
    made, back = np.full(fine.shape, np.nan), np.full(coarse.shape, np.nan)
    kernel.interpolate(coarse, low, low + 1, share, made)
    kernel.gather(fine, low, low + 1, share, np.full(5, 0.2), np.full(4, 3.0), back)
    return [*found, made, back]


def _newton(kernel):
    found = []
    texts = ["x*x + y*y - 0.3*k", "x*y - exp(-z)", "z - x"]
    program = compile_program(texts, ["x", "y", "z"], ["k"], jacobian=True)
    constants = np.array([program.constants] * 4)
    changed = 1.0 + 2.0**-28 * np.array([[0, 0, 0, 0], [1, 0, 1, 1], [0, 1, -1, -1], [-1, -1, 1, 1]])
    parts = (program.code, constants, program.n_registers, program.outputs)
    for start in ([2.0, 0.5, 1.0], [0.0, 0.0, 0.0], [np.nan, 1.0, 1.0], [-3.0, 40.0, 1e3]):
        with np.errstate(all="ignore"):
            made, told = kernel.polish(*parts, np.array(start), 9.0 * changed[:, 3:], changed[:, :3].copy())
        made[2] *= 1e-4  # the bound is compared less sharply: how far the last steps shrink is rounding
        found += [made, told]
    assert found[1][0] == 1.0
    return found


def _levmar(kernel):
    found = []
    program = compile_program(["a*exp(-b*t) + 0.1*c"], ["a", "b", "c"], ["t"], jacobian=True)
    changed = 1.0 + 2.0**-28 * np.array([[0, 0, 0], [1, 0, 1], [0, 1, -1], [-1, -1, 1]])
    constants = program.constants * changed[:, :1]
    t = np.linspace(0, 3, 11)
    data = np.array([t, 3 * np.exp(-1.7 * t) + 0.3 + 0.01 * np.cos(50 * t)]) * changed[:, 2:, None]
    parts = (program.code, constants, program.n_registers, program.outputs)
    for start in ([1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, -4.0, 1.0]):
        with np.errstate(all="ignore"):
            made, *others, told = kernel.fit(*parts, np.array(start), data, np.ones(11), changed, 6.0, 300)
        made[1] *= 1e-4  # the bound is compared less sharply
        found += [made, *others, told]
    assert found[5][0] == 1.0
    return found


_CASES = {
    "dense": _dense, "dense_lanes": _dense, "dop853": _dop853, "dopri5": _dopri5, "exponential": _exponential,
    "formula": _formula, "levmar": _levmar, "multigrid": _multigrid, "newton": _newton, "quadrature": _quadrature,
    "radau": _radau, "rodas4": _rodas4, "stencil": _stencil,
}  # fmt: skip
_LOOSE = {"dop853": 1e-6}
"""Its error, of order 8, is a small difference of large numbers: rounding moves the steps a little."""


def test_every_kernel_is_compared():
    assert set(_CASES) == set(native.kernel_names())


@pytest.mark.parametrize("name", native.kernel_names())
def test_a_kernel_gives_the_same_compiled_and_uncompiled(name):
    assert native.is_compiled(_COMPILED[name]), "the kernels have been compiled by the build"
    compiled = _CASES[name](_COMPILED[name])
    plain = _CASES[name](native.load_uncompiled(name))
    for ours, theirs in zip(compiled, plain, strict=True):
        one, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
        finite = np.isfinite(other)
        np.testing.assert_array_equal(np.where(finite, 0.0, one), np.where(finite, 0.0, other))
        scale = np.abs(other[finite]).max(initial=1e-300)
        np.testing.assert_allclose(
            one[finite], other[finite], rtol=_LOOSE.get(name, 1e-9), atol=1e-13 * min(scale, 1.0)
        )


def test_a_stencil_gives_the_same_bits_with_vectors_of_any_width():
    """A worker on another processor gives the same bytes."""
    builds = sorted(native.KERNELS.glob("**/stencil.*.so"))
    rng = np.random.default_rng(3)
    u, d = rng.uniform(0.5, 2.0, (2, 5, 6, 37))
    found = []
    for path in builds:
        spec = importlib.util.spec_from_file_location("stencil", path)
        kernel = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(kernel)
        for ends in ([0] * 6, [1, 2, 2, 1, 2, 1], [2, 1, 1, 2, 1, 2]):
            outs = np.zeros((3, *u.shape))
            kernel.diffuse(u, d, outs[0], np.array([1.1, 2.3, 3.7]), np.array(ends))
            kernel.laplace(u, 0.7, outs[1], np.array([1.1, 2.3, 3.7]), np.array(ends))
            kernel.advect(u, d - 1.0, outs[2], 1.3, ends[2], ends[3])
            found.append(outs.tobytes())
    assert len(builds) == (2 if platform.machine() == "x86_64" else 1)
    assert found == found[:3] * len(builds)


@pytest.mark.parametrize("name", ["dop853", "dopri5", "radau", "rodas4"])
def test_the_comparison_of_the_integrators_takes_steps(name):
    counts = _CASES[name](_COMPILED[name])[1]
    assert (counts[1, :3] > 10).all()
    assert (counts[1, 3:] == 0).all()


def test_the_kernels_say_that_they_are_compiled():
    assert ode.COMPILED
    assert quadrature.COMPILED
