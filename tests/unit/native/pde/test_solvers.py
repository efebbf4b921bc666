"""The elliptic solvers against each other and against their own equations, for every pair of ends."""

import itertools

import numpy as np
import pytest

from native.pde import direct, operators
from native.pde.elliptic import Elliptic
from native.pde.grid import PERIODIC, SLOPE, VALUE, Axis, Grid
from native.pde.multigrid import Multigrid

PAIRS = [(PERIODIC, PERIODIC), (VALUE, VALUE), (SLOPE, SLOPE), (VALUE, SLOPE), (SLOPE, VALUE)]
GRIDS = [
    Grid(tuple(Axis(0.0, 1.0 + 0.3 * i, 8 + 3 * i + len(ends), pair) for i, pair in enumerate(ends)))
    for n in (1, 2, 3) for ends in itertools.product(PAIRS, repeat=n) if n < 3 or len(set(ends)) > 1
]  # fmt: skip


def no_watch(fraction, stage):
    pass


def right_side(grid, shift):
    found = np.random.default_rng(grid.size).standard_normal(grid.shape)
    grid.clear(found)
    if shift == 0.0 and Elliptic(grid, 1.0).singular:
        found -= (found * grid.volumes).sum() / grid.volumes.sum()
    return found


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_transforms_solve_the_stencils_equations(shift):
    for grid in GRIDS:
        right = right_side(grid, shift)
        u = direct.solve(grid, 0.7, shift, right, no_watch)
        out = np.empty(grid.shape)
        operators.diffuse(u, 0.7, grid, out)
        left = shift * u - out
        grid.clear(left)
        np.testing.assert_allclose(left, right, atol=1e-10, err_msg=str(grid))


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_multigrid_agrees_with_transforms(shift):
    for grid in GRIDS[::3]:
        right = right_side(grid, shift)
        expected = direct.solve(grid, 0.7, shift, right, no_watch)
        solved = Multigrid(grid, np.full(grid.shape, 0.7)).solve(shift, right, no_watch, 1e-12)
        assert solved.converged
        np.testing.assert_allclose(solved.u, expected, atol=1e-9 * np.abs(expected).max(), err_msg=str(grid))


@pytest.mark.parametrize("pair", PAIRS[1:])
def test_the_banded_solver_agrees_with_multigrid(pair):
    grid = Grid((Axis(0.0, 2.0, 60, pair),))
    diffusivity = 1.0 + np.random.default_rng(1).random(grid.shape)
    for shift in (0.0, 2.0):
        right = right_side(grid, shift)
        expected = Multigrid(grid, diffusivity).solve(shift, right, no_watch, 1e-13).u
        found = Elliptic(grid, diffusivity).solve(shift, right, no_watch, 1e-12).u
        np.testing.assert_allclose(found, expected, atol=1e-10 * np.abs(expected).max())


def exchanging(grid, rate):
    """What sides with given slopes add to the diagonal when they exchange by this rate."""
    found = np.zeros(grid.shape)
    for place in range(grid.ndim):
        for high in (False, True):
            operators.add_slope(found, np.full(found[grid.side(place, high)].shape, rate), 1.0, grid, place, high)
    grid.clear(found)
    return found


@pytest.mark.parametrize("rate", [1e-3, 1.0, 60.0, 1e6])
@pytest.mark.parametrize("varies", [False, True])
def test_equations_with_exchange_at_the_sides_are_solved(rate, varies):
    for grid in [one for one in GRIDS[::3] if any(SLOPE in axis.ends for axis in one.axes)]:
        exchange = exchanging(grid, rate)
        diffusivity = 1.0 + np.random.default_rng(1).random(grid.shape) if varies else 1.0
        right = np.random.default_rng(grid.size).standard_normal(grid.shape)
        grid.clear(right)
        solver = Elliptic(grid, diffusivity, exchange)
        assert not solver.singular
        for shift in (0.0, 3.0):
            solved = solver.solve(shift, right, no_watch, 1e-12)
            assert solved.converged, grid
            out = np.empty(grid.shape)
            operators.diffuse(solved.u, diffusivity, grid, out)
            left = (shift + exchange) * solved.u - out
            grid.clear(left)
            np.testing.assert_allclose(left, right, atol=1e-6, err_msg=str(grid))


def test_steps_hardly_grow_with_the_grid_or_with_the_exchange():
    steps = []
    for cells in (16, 64):
        grid = Grid(tuple(Axis(0.0, 1.0, cells, (SLOPE, SLOPE)) for _ in range(2)))
        right = np.random.default_rng(0).standard_normal(grid.shape)
        for rate in (1e-3, 1.0, 1e3, 1e8):
            solved = Elliptic(grid, 1.0, exchanging(grid, rate)).solve(0.0, right, no_watch, 1e-9)
            assert solved.converged
            steps.append(solved.cycles)
    assert max(steps) <= 30, steps


def test_multigrid_takes_the_same_number_of_cycles_on_every_grid():
    cycles = []
    for cells in (20, 40, 81):
        grid = Grid(tuple(Axis(0.0, 1.0, cells, (VALUE, VALUE)) for _ in range(2)))
        x, y = (one.reshape(grid.shape) for one in grid.points)
        diffusivity = 1.0 + 10.0 * (x > 0.5) + 0.5 * np.sin(5 * y)
        cycles.append(Multigrid(grid, diffusivity).solve(0.0, np.ones(grid.shape), no_watch, 1e-9).cycles)
    assert max(cycles) <= 18
    assert max(cycles) - min(cycles) <= 6, cycles
