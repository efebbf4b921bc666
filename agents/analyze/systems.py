"""Systems of differential equations: a real integration, and the eigenvalues of the exact Jacobian along it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from agents import distributions
from agents.analyze.measured import Measured, sparsity_of
from agents.arrays import Array
from agents.inner import Inner
from agents.ode.system import System, read_system
from agents.outcome import Outcome, Problem
from agents.task import Watch

_POINTS = 33
_LARGEST = 200
"""Most equations whose eigenvalues are computed."""
_REACH = 3.3
"""How far along the negative axis dopri5 is stable (Hairer & Wanner, Solving ODEs II, IV.2)."""
_STIFF = 5.0
_PERTURBED = 1e-6


def measure(asked: Inner, kept: Mapping[str, bytes], watch: Watch) -> Measured:
    """Measure an initial value problem; of an ensemble, that of its first member (or of the medians)."""
    given = _first_member(asked.inputs)
    system = read_system(given["equations"], given.get("parameters", {}), given["initial"], given["t_span"])
    n, span = len(system.names), system.end - system.start
    run = _integrated(asked, given, {}, kept, watch)
    times, states = _path(system, run)
    watch(0.4, "Jacobians")
    jacobians, in_time = _jacobians(system, times, states)
    scale = float(np.abs(jacobians).max(initial=0.0))
    nonzero = (jacobians != 0.0).any(axis=0)
    linear = bool(np.abs(jacobians - jacobians[0]).max(initial=0.0) <= 1e-9 * scale)
    if linear:  # also away from this trajectory
        shifted = states + np.linspace(0.1, 1.0, states.shape[1]) * (1.0 + np.abs(states))
        linear = bool(np.abs(_jacobians(system, times, shifted)[0] - jacobians[0]).max(initial=0.0) <= 1e-9 * scale)
    autonomous = not in_time.any()
    stiffness = None if n > _LARGEST else _stiffness(asked, given, jacobians, span, kept, watch)
    stiff = bool(stiffness and stiffness["stiff"])
    words = ["stiff" if stiff else "non-stiff", "linear" if linear else "nonlinear"]
    words += ["autonomous" if autonomous else "with time in it"]
    return Measured(
        f"initial value problem: {', '.join(words)}, {n} equations",
        {"equations": n, "linear": linear, "autonomous": autonomous, "reached_end": run.problem is None,
         "backwards": span < 0, "points": len(times)},
        unknowns=n, order="steps × (n + operations); implicit steps n³",
        stiffness=stiffness, conditioning=_amplification(asked, given, system, run, kept, watch),
        sparsity=sparsity_of(nonzero),
    )  # fmt: skip


def _first_member(inputs: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: inputs[name] for name in ("equations", "initial", "t_span") if name in inputs}
    given["parameters"] = dict(inputs.get("parameters", {}))
    for name, values in inputs.get("samples", {}).items():
        if isinstance(values, Mapping) and "distribution" in values:
            first = float(distributions.read(values, f"inputs.samples.{name}").quantile(np.array(0.5)))
        else:
            first = float(np.asarray(values, dtype=float).ravel()[0]) if isinstance(values, list) else 0.0
        place = "initial" if name in inputs["equations"] else "parameters"
        given[place] = {**given[place], name: first}
    return given


def _integrated(
    asked: Inner, given: Mapping[str, Any], options: Mapping[str, Any], kept: Mapping[str, bytes], watch: Watch
) -> Outcome:
    from agents import catalogue  # noqa: PLC0415 - the catalogue has this agent in it

    task = catalogue.find("ode", "ivp")
    tolerances = {name: asked.options[name] for name in ("rtol", "atol") if name in asked.options}
    inputs, how = {**given, "n_points": _POINTS}, {**tolerances, "max_steps": 20_000, **options}
    try:
        plan = task.prepare(inputs, how, asked.seed)
    except Problem as problem:
        return Outcome(None, "ode.ivp", compiled=False, problem=problem)
    return replace(asked, task=task, inputs=inputs, options=how, plan=plan).compute(watch, kept)


def _path(system: System, run: Outcome) -> tuple[Array, Array]:
    """Times and states (n, k) along the solution; the start alone when there is none."""
    if run.outputs is None:
        return np.array([system.start]), system.initial[:, None]
    return np.asarray(run.outputs["t"]), np.array([run.outputs["y"][name] for name in system.names])


def _jacobians(system: System, times: Array, states: Array) -> tuple[Array, Array]:
    """∂f/∂y (k, n, n) and ∂f/∂t (k, n)."""
    n, k = states.shape
    values = np.repeat(system.values[:, None], k, axis=1)
    whole = system.jacobian().evaluate(np.vstack([times[None], states, values])).reshape(n, n + 1, k)
    whole = np.nan_to_num(whole, posinf=0.0, neginf=0.0)
    return whole[:, 1:].transpose(2, 0, 1), whole[:, 0].T


def _stiffness(
    asked: Inner, given: Mapping[str, Any], jacobians: Array, span: float, kept: Mapping[str, bytes], watch: Watch
) -> dict[str, Any]:
    """Compare the steps that stability forces on an explicit method with those an implicit one takes for accuracy."""
    eigenvalues = np.linalg.eigvals(jacobians) * np.sign(span)
    decay = np.maximum(-eigenvalues.real, 0.0)
    fastest = float(decay.max(initial=0.0))
    worst = decay[int(np.argmax(decay.max(axis=1)))]
    slow = worst[worst > 1e-12 * max(fastest, 1e-300)]
    step = np.abs(eigenvalues).max(axis=1) * (decay.max(axis=1) > 0)
    forced = float(np.trapezoid(step, dx=abs(span) / max(1, len(step) - 1))) if len(step) > 1 else step[0] * abs(span)
    implicit = _integrated(asked, given, {"method": "rodas4"}, kept, watch)
    accurate = implicit.diagnostics.iterations if implicit.problem is None else None
    if accurate is not None:
        accurate = max(1, accurate // 2)  # the task integrates twice
    steps = float(forced / _REACH)
    return {
        "stiff": bool(steps > _STIFF * accurate) if accurate is not None else bool(steps > 1000.0),
        "ratio": float(slow.max() / slow.min()) if slow.size else None,
        "fastest_decay": fastest, "fastest_growth": float(np.maximum(eigenvalues.real, 0.0).max(initial=0.0)),
        "fastest_oscillation": float(np.abs(eigenvalues.imag).max(initial=0.0)),
        "steps_for_stability": steps, "steps_for_accuracy": accurate,
    }  # fmt: skip


def _amplification(
    asked: Inner, given: Mapping[str, Any], system: System, run: Outcome, kept: Mapping[str, bytes], watch: Watch
) -> dict[str, Any] | None:
    """How much larger a small change of the initial values is at the end: a second integration."""
    if run.outputs is None:
        return None
    change = _PERTURBED * (1.0 + np.abs(system.initial)) * (1.0 + 0.3 * np.cos(np.arange(len(system.names))))
    beside = {name: float(value) for name, value in zip(system.names, system.initial + change, strict=True)}
    tight = {"rtol": 1e-10, "atol": 1e-13}
    runs = [_integrated(asked, {**given, "initial": start}, tight, kept, watch) for start in (given["initial"], beside)]
    if any(one.outputs is None for one in runs):
        return None
    ends = [np.array([one.outputs["y"][name][-1] for name in system.names]) for one in runs if one.outputs is not None]
    return {"amplification": float(np.abs(ends[1] - ends[0]).max() / np.abs(change).max())}
