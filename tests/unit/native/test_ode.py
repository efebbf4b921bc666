"""The integrators' front: right answers, the switch to the stiff method, and independence of batch-mates."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from unit.native.systems import LORENZ, OSCILLATOR, ROBERTSON, VAN_DER_POL, problem

from native import ode, ode_kernels


def integrate(program, jacobian, members, method="auto", watch=lambda fraction, stage: None):
    methods = ode.resolve(method, float(members.rtol[0]), len(program.outputs))
    return ode.integrate(program, jacobian, members, methods, watch)


@pytest.mark.parametrize("method", ode.METHODS)
@pytest.mark.parametrize("t_span", [(0, 5), (5, 0), (-3, 2)])
def test_the_oscillator_follows_its_closed_form(method, t_span):
    start = t_span[0]
    made = integrate(*problem(OSCILLATOR, {"w": [1.0, 2.0]}, {"x": 1, "v": 0}, t_span, rtol=1e-9, atol=1e-11), method)
    times = np.linspace(*t_span, 11) - start
    assert (made.status == ode.DONE).all()
    for i, w in enumerate((1.0, 2.0)):
        np.testing.assert_allclose(made.points[i, 0], np.cos(w * times), atol=2e-7)
        np.testing.assert_allclose(made.points[i, 1], -w * np.sin(w * times), atol=2e-7)
    np.testing.assert_array_equal(made.points[:, :, -1], made.state.T)


@pytest.mark.parametrize(("method", "order"), [("dopri5", 5), ("dop853", 8), ("rodas4", 4), ("radau", 5)])
def test_the_error_falls_with_the_order_of_the_method(method, order):
    errors = []
    for step in (0.1, 0.05) if order < 8 else (1.0, 0.5):
        system = problem(OSCILLATOR, {"w": 1}, {"x": 1, "v": 0}, (0, 20), rtol=0.1, atol=1e6, max_step=step)
        made = integrate(*system, method)
        errors.append(np.abs(made.state[:, 0] - [np.cos(20.0), -np.sin(20.0)]).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize(("method", "order"), [("dopri5", 5), ("dop853", 7), ("rodas4", 4), ("radau", 4)])
def test_the_error_between_the_steps_falls_with_the_order_of_the_interpolant(method, order):
    errors = []
    for step in (0.1, 0.05) if order < 7 else (0.5, 0.25):
        system = problem(OSCILLATOR, {"w": 1}, {"x": 1, "v": 0}, (0, 2), points=257, rtol=0.1, atol=1e6, max_step=step)
        made = integrate(*system, method)
        errors.append(np.abs(made.points[0, 0] - np.cos(np.linspace(0, 2, 257))).max())
    assert np.log2(errors[0] / errors[1]) > order - 0.6


def test_a_non_autonomous_system_uses_the_time_and_its_derivative():
    for method in ode.METHODS:
        system = problem({"x": "-50*(x - cos(t)) - sin(t)"}, {}, {"x": 1}, (0, 3), rtol=1e-8, atol=1e-10)
        made = integrate(*system, method)
        np.testing.assert_allclose(made.points[0, 0], np.cos(np.linspace(0, 3, 11)), atol=5e-7)


def robertson_reference(times):
    def slope(t, u):
        return [-0.04 * u[0] + 1e4 * u[1] * u[2], 0.04 * u[0] - 1e4 * u[1] * u[2] - 3e7 * u[1] ** 2, 3e7 * u[1] ** 2]

    def jacobian(t, u):
        return [
            [-0.04, 1e4 * u[2], 1e4 * u[1]],
            [0.04, -1e4 * u[2] - 6e7 * u[1], -1e4 * u[1]],
            [0, 6e7 * u[1], 0],
        ]

    return solve_ivp(
        slope, (0, times[-1]), [1, 0, 0], method="Radau", jac=jacobian, rtol=3e-14, atol=1e-18, t_eval=times
    ).y


@pytest.mark.parametrize("method", ["auto", "rodas4", "radau"])
@pytest.mark.parametrize("atol", [1e-9, 1e-10, 1e-12])
def test_robertson_to_1e4_agrees_with_radau_to_1e_6(method, atol):
    rates = {"k1": 0.04, "k2": 3e7, "k3": 1e4}
    system = problem(ROBERTSON, rates, {"a": 1, "b": 0, "c": 0}, (0, 1e4), points=5, rtol=1e-8, atol=atol)
    made = integrate(*system, method)
    expected = robertson_reference(np.linspace(0, 1e4, 5))
    assert (made.status == ode.DONE).all()
    np.testing.assert_allclose(made.points[0][:, 1:], expected[:, 1:], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("equations", "parameters", "initial", "end", "stiff", "rule"),
    [
        (VAN_DER_POL, {"mu": 1000}, {"x": 2, "y": 0}, 2000, True, "van der Pol with mu = 1000 is stiff"),
        (VAN_DER_POL, {"mu": 1}, {"x": 2, "y": 0}, 20, False, "with mu = 1 it is not"),
        (ROBERTSON, {"k1": 0.04, "k2": 3e7, "k3": 1e4}, {"a": 1, "b": 0, "c": 0}, 1e4, True, "Robertson is stiff"),
        (LORENZ, {"sigma": 10, "rho": 28, "beta": 8 / 3}, {"x": 1, "y": 1, "z": 1}, 20, False, "Lorenz is not"),
    ],
)
def test_auto_switches_to_the_stiff_method_when_the_system_is_stiff(equations, parameters, initial, end, stiff, rule):
    made = integrate(*problem(equations, parameters, initial, (0, end), points=2))
    assert made.status[0] == ode.DONE, rule
    assert bool(made.stiff[0]) == stiff, rule
    assert made.accepted[0] < 5000, rule


def test_van_der_pol_with_mu_1000_agrees_with_radau():
    made = integrate(*problem(VAN_DER_POL, {"mu": 1000}, {"x": 2, "y": 0}, (0, 2000), points=5, rtol=1e-8, atol=1e-10))
    expected = solve_ivp(
        lambda t, u: [u[1], 1000 * (1 - u[0] ** 2) * u[1] - u[0]], (0, 2000), [2, 0], method="Radau",
        rtol=1e-11, atol=1e-13, t_eval=np.linspace(0, 2000, 5),
    ).y  # fmt: skip
    np.testing.assert_allclose(made.points[0], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("method", ode.METHODS)
def test_a_member_is_the_same_bytes_alone_and_in_any_batch(method):
    rng = np.random.default_rng(5)
    mu = rng.uniform(0.1, 200, 300)
    x, y = rng.uniform(-2, 2, 300), rng.uniform(-2, 2, 300)
    whole = integrate(*problem(VAN_DER_POL, {"mu": mu}, {"x": x, "y": y}, (0, 4)), method)
    assert (whole.status == ode.DONE).all()
    assert method != "auto" or 0 < whole.stiff.sum() < 300
    for chosen in ([0], [17], [299], [3, 150], list(range(40, 91))):
        few = integrate(*problem(VAN_DER_POL, {"mu": mu[chosen]}, {"x": x[chosen], "y": y[chosen]}, (0, 4)), method)
        assert few.points.tobytes() == whole.points[chosen].tobytes()
        assert few.state.T.tobytes() == whole.state.T[chosen].tobytes()
        assert few.accepted.tolist() == whole.accepted[chosen].tolist()


def test_the_width_of_a_block_does_not_change_an_answer(monkeypatch):
    mu = np.linspace(0.1, 50, 60)
    wide = integrate(*problem(VAN_DER_POL, {"mu": mu}, {"x": 2, "y": 0}, (0, 4)))
    monkeypatch.setattr(ode_kernels, "_width", lambda numbers: 8)
    narrow = integrate(*problem(VAN_DER_POL, {"mu": mu}, {"x": 2, "y": 0}, (0, 4)))
    assert wide.points.tobytes() == narrow.points.tobytes()


def test_the_length_of_a_chunk_does_not_change_an_answer(monkeypatch):
    mu = np.linspace(0.1, 50, 60)
    long = integrate(*problem(VAN_DER_POL, {"mu": mu}, {"x": 2, "y": 0}, (0, 4)))
    monkeypatch.setattr(ode, "_CHUNK_OPERATIONS", 1)
    short = integrate(*problem(VAN_DER_POL, {"mu": mu}, {"x": 2, "y": 0}, (0, 4)))
    assert long.points.tobytes() == short.points.tobytes()


@pytest.mark.parametrize(
    ("equations", "initial", "end", "most", "status", "near", "rule"),
    [
        ({"x": "x*x"}, 1.0, 2.0, 10_000, ode.TOO_SMALL, 1.0, "a solution that blows up in finite time"),
        ({"x": "-1/x"}, 1.0, 2.0, 10_000, ode.TOO_SMALL, 0.5, "a solution that reaches a singularity"),
        ({"x": "1/x"}, 0.0, 1.0, 10_000, ode.NOT_FINITE, 0.0, "a slope that is infinite at the start"),
        ({"x": "log(-1 - x*x)"}, 0.0, 1.0, 10_000, ode.NOT_FINITE, 0.0, "a slope that is no number"),
        ({"x": "cos(1000*t)"}, 0.0, 10.0, 50, ode.TOO_MANY, None, "more steps than allowed"),
    ],
)
@pytest.mark.parametrize("method", ["dopri5", "rodas4"])
def test_what_cannot_be_integrated_ends_with_a_status_and_a_place(
    method, equations, initial, end, most, status, near, rule
):
    made = integrate(*problem(equations, {}, {"x": initial}, (0, end), most=most), method)
    assert made.status[0] == status, rule
    assert near is None or made.time[0] == pytest.approx(near, abs=1e-3), rule
    assert np.isnan(made.points[0, 0, -1]), rule


def test_a_failing_member_leaves_its_batch_mates_alone():
    made = integrate(*problem({"x": "x*x"}, {}, {"x": [0.1, 3.0, -1.0]}, (0, 1)))
    assert made.status.tolist() == [ode.DONE, ode.TOO_SMALL, ode.DONE]
    np.testing.assert_allclose(made.state[0, [0, 2]], [0.1 / 0.9, -0.5], rtol=1e-5)


def test_the_watch_sees_progress_and_can_stop_the_work(monkeypatch):
    monkeypatch.setattr(ode, "_CHUNK_OPERATIONS", 1)
    seen = []
    system = problem(LORENZ, {"sigma": 10, "rho": 28, "beta": 8 / 3}, {"x": [1, 2], "y": 1, "z": 1}, (0, 1))
    integrate(*system, watch=lambda fraction, stage: seen.append(fraction))
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert 0 < seen[0] < 0.2
    assert seen[-1] == pytest.approx(1.0)

    class StopError(Exception):
        pass

    def stop(fraction, stage):
        raise StopError

    with pytest.raises(StopError):
        integrate(*system, watch=stop)


def test_members_may_differ_in_range_tolerance_and_grid():
    program, jacobian, members = problem(OSCILLATOR, {"w": [1.0, 1.0]}, {"x": 1, "v": 0}, (0, 2))
    members.end[1] = -1.0
    members.rtol[1], members.atol[1] = 1e-11, 1e-13
    members.grids, members.grid = np.array([[0.5, 2.0], [-0.5, -1.0]]), np.array([0, 1])
    made = integrate(program, jacobian, members)
    np.testing.assert_allclose(made.points[0, 0], np.cos([0.5, 2.0]), atol=1e-5)
    np.testing.assert_allclose(made.points[1, 0], np.cos([0.5, 1.0]), atol=1e-11)


def test_large_systems_run_in_narrower_blocks():
    names = [f"x{i}" for i in range(200)]
    ring = {n: f"1000*({names[i - 1]} - 2*{n} + {names[(i + 1) % 200]})" for i, n in enumerate(names)}
    initial = {n: float(np.sin(2 * np.pi * i / 200)) for i, n in enumerate(names)}
    made = integrate(*problem(ring, {}, initial, (0, 1), points=2), "rodas4")
    decay = np.exp(1000 * (2 * np.cos(2 * np.pi / 200) - 2))
    np.testing.assert_allclose(made.state[:, 0], decay * np.array(list(initial.values())), atol=1e-5)


@pytest.mark.parametrize("methods", [("dopri5", "rodas4"), ("dop853", "radau")])
def test_a_member_goes_to_the_stiff_method_and_back(methods):
    system = {"x": "where(t < 5, -1e5, -1)*(x - cos(t)) - sin(t)", "y": "z", "z": "-y*where(t < 5, 1, 100)"}
    stages = []
    made = ode.integrate(
        *problem(system, {}, {"x": 1, "y": 1, "z": 0}, (0, 20), rtol=1e-7, atol=1e-9), methods,
        lambda fraction, stage: stages.append(stage),
    )  # fmt: skip
    turns = [stage for i, stage in enumerate(stages) if i == 0 or stage != stages[i - 1]]
    assert turns == ["integrate", "integrate, stiff", "integrate"]
    assert made.status[0] == ode.DONE
    np.testing.assert_allclose(made.points[0, 0], np.cos(np.linspace(0, 20, 11)), atol=1e-6)


@pytest.mark.parametrize("method", ["rodas4", "radau"])
@pytest.mark.parametrize("stiffness", [1e2, 1e4, 1e8])
def test_between_the_steps_a_stiff_solution_is_followed(method, stiffness):
    system = problem({"x": "-k*(x - cos(t)) - sin(t)"}, {"k": stiffness}, {"x": 1}, (0, 10), points=1001)
    made = integrate(*system, method)
    np.testing.assert_allclose(made.points[0, 0], np.cos(np.linspace(0, 10, 1001)), atol=2e-4)
