"""The Lorenz ensemble beside a loop over `scipy.integrate.solve_ivp` and one written by hand for Numba, on one core.

All have the same tolerances. The loop over `solve_ivp` runs over a sample of the members and its time is scaled to all
of them. That "the same tolerance" is honest is shown by the errors of all against a reference at a much tighter
tolerance (SciPy's DOP853).
"""

import time

import numpy as np
from scipy.integrate import solve_ivp

from agents.ode import ensemble as ode_ensemble
from benchmarks.peers import numba_dopri5
from native import ode

SIGMA, RHO, BETA = 10.0, 28.0, 8.0 / 3.0
T_SPAN = (0.0, 10.0)


def slope(_: float, u: list[float]) -> list[float]:
    x, y, z = u
    return [SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z]


def run_ours(initial: np.ndarray, rtol: float, atol: float) -> tuple[float, np.ndarray]:
    """Seconds from the request's plain values to its outcome, and the final states (members, 3)."""
    inputs = {
        "equations": {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"},
        "parameters": {"sigma": SIGMA, "rho": RHO, "beta": BETA}, "initial": {}, "t_span": list(T_SPAN),
        "samples": {name: initial[:, j].tolist() for j, name in enumerate("xyz")},
    }  # fmt: skip
    started = time.perf_counter()
    plan = ode_ensemble.TASK.prepare(inputs, {"method": "dopri5", "rtol": rtol, "atol": atol}, 0)
    outcome = ode_ensemble.TASK.compute([plan], lambda _fraction, _stage: None)[0]
    spent = time.perf_counter() - started
    if outcome.outputs is None or outcome.outputs["n_failed"]:
        raise SystemExit("a member failed")
    return spent, np.stack([outcome.outputs["final"][name] for name in "xyz"], axis=1)


def run_loop(initial: np.ndarray, method: str, rtol: float, atol: float) -> tuple[float, np.ndarray]:
    """Seconds of the loop, and the final states."""
    started = time.perf_counter()
    final = [solve_ivp(slope, T_SPAN, u, method=method, rtol=rtol, atol=atol).y[:, -1] for u in initial]
    return time.perf_counter() - started, np.array(final)


def run_numba(initial: np.ndarray, rtol: float, atol: float) -> tuple[float, np.ndarray]:
    """Seconds of the loop that is written by hand, and the final states."""
    started = time.perf_counter()
    final = numba_dopri5.integrate(initial, T_SPAN[1], rtol, atol)
    return time.perf_counter() - started, final


def measure(members: int = 10_000, sample: int = 100, rtol: float = 1e-6, atol: float = 1e-9) -> dict[str, object]:
    """Measure both, print the figures, and give them with the ratio."""
    if not ode.COMPILED:
        raise SystemExit("the kernels are not compiled: python hatch_build.py")
    initial = np.random.default_rng(7).uniform([-10, -10, 10], [10, 10, 40], (members, 3))
    run_ours(initial[:1000], rtol, atol)  # the first call compiles the formulas and touches the memory
    run_numba(initial[:10], rtol, atol)
    timed = [(run_ours(initial, rtol, atol), run_numba(initial, rtol, atol)) for _ in range(5)]  # under the same load
    ours, final = min((one for one, _ in timed), key=lambda one: one[0])
    by_hand, theirs_by_hand = min((one for _, one in timed), key=lambda one: one[0])
    loop, theirs = run_loop(initial[:sample], "RK45", rtol, atol)
    _, exact = run_loop(initial[:sample], "DOP853", 1e-12, 1e-13)
    scaled = loop * members / sample
    errors = {
        name: np.abs(found - exact).max(axis=1)
        for name, found in (("native", final[:sample]), ("numba", theirs_by_hand[:sample]), ("solve_ivp", theirs))
    }  # fmt: skip
    print(f"{members} members of the Lorenz system to t = {T_SPAN[1]:g}, rtol {rtol:g}, atol {atol:g}, one thread")
    print(f"native        {ours:8.3f} s, {members / ours:10.0f} members/s   best of 5, formulas and checks included")
    print(f"numba         {by_hand:8.3f} s, {members / by_hand:10.0f} members/s   best of 5, compiled before")
    print(f"solve_ivp     {scaled:8.1f} s, {sample / loop:10.1f} members/s   scaled from a loop over {sample} members")
    for name, error in errors.items():
        print(f"error of {name:10} median {np.median(error):.1e}, largest {error.max():.1e}, over {sample} members")
    return {
        "members": members, "sample": sample, "rtol": rtol, "atol": atol,
        "native_s": round(ours, 4), "solve_ivp_s_scaled": round(scaled, 2), "ratio": round(scaled / ours, 1),
        "numba_s": round(by_hand, 4), "ratio_numba": round(by_hand / ours, 2),
        "numba_error_median": float(np.median(errors["numba"])),
        "native_error_median": float(np.median(errors["native"])),
        "solve_ivp_error_median": float(np.median(errors["solve_ivp"])),
        "native_error_max": float(errors["native"].max()),
        "solve_ivp_error_max": float(errors["solve_ivp"].max()),
    }  # fmt: skip
