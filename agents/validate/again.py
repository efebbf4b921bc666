"""The request computed again: as it was, by other methods, with tighter tolerances, with another seed."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from agents.inner import Inner
from agents.outcome import Outcome, Problem
from agents.task import Part, Watch
from agents.validate.findings import Claim, Finding, is_main
from agents.validate.values import Leaves, apart, leaves, size_of

_SAME = 1e-7
"""What the same computation may differ by on another machine, in the size of the value."""
_ROUNDING = 1e-12
_TOLERANCES = ("rtol", "atol", "epsabs", "epsrel", "tol", "xtol", "ftol", "gtol")
_TIGHTER = 0.1
_SEED = "another seed"
_OF_A_RUN = {"id", "provenance", "completed_at"}
_METHODS = 2
"""Most other methods that are tried."""
_OTHER_ANSWERS = {("uq", "confidence"), ("uq", "sensitivity"), ("inverse", "regularized")}
"""Where another method is another question."""


def comparable(inner: Inner, outputs: Mapping[str, Any]) -> Leaves:
    """Flatten outputs, without what differs from run to run: who ran a workflow's steps and when, and times."""
    if (inner.task.agent, inner.task.name) == ("workflow", "run") and isinstance(outputs.get("steps"), Mapping):
        outputs = {"steps": {name: _step(entry) for name, entry in outputs["steps"].items()}}
    return leaves(outputs, "", "inputs.result.outputs")


def _step(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    left = {name: value for name, value in entry.items() if name not in _OF_A_RUN}
    if left.get("agent") == "profile":
        left["outputs"] = None
    if isinstance(left.get("items"), list):
        left["items"] = [_step(item) for item in left["items"]]
    return left


def as_it_was(claim: Claim, kept: Mapping[str, bytes], watch: Watch) -> Leaves | None:
    """Compute the request as it was and compare everything; gives the outputs, None when there are none."""
    inner = claim.inner
    outcome = inner.compute(watch, kept)
    if outcome.problem is not None or outcome.outputs is None:
        said = "no outputs" if outcome.problem is None else f"{outcome.problem.code}: {outcome.problem.message}"
        claim.findings.append(
            Finding("can be computed", 1.0, 0.0, f"computed again it gives {said}", independent=False)
        )
        return None
    fresh = comparable(inner, outcome.outputs)
    missing = fresh.numbers.keys() ^ claim.outputs.numbers.keys() | fresh.words.keys() ^ claim.outputs.words.keys()
    shapes = [path for path in fresh.numbers.keys() - missing if fresh.numbers[path].shape != claim.numbers(path).shape]
    wrong = sorted(missing) + sorted(shapes)
    how = "names and shapes of the outputs, beside those of the request computed again"
    if wrong:
        how += f"; they differ at {', '.join(wrong[:5])}"
    claim.findings.append(Finding("structure", float(len(wrong)), 0.0, how, independent=False))
    if wrong:
        return fresh
    if claim.seed is None and _depends_on_seed(inner, fresh, kept, watch):
        return fresh  # with which seed it was drawn is not known: that it can be drawn again says nothing
    worst, place, bound = 0.0, "", 1.0
    for path, value in fresh.numbers.items():
        allowed = _SAME * size_of(value) + (outcome.diagnostics.error_estimate or 0.0 if is_main(inner, path) else 0.0)
        difference = apart(value, claim.numbers(path))
        ratio = difference / allowed if allowed > 0.0 else 0.0 if difference == 0.0 else float("inf")
        if not place or ratio > worst:
            worst, place = ratio, path
    words = [path for path, word in fresh.words.items() if word != claim.outputs.words[path]]
    how = f"computed again with the same seed; furthest apart at {place}, in what rounding and the error allow"
    claim.findings.append(Finding("repeat", float("inf") if words else worst, bound, how, independent=False))
    return fresh


def _depends_on_seed(inner: Inner, fresh: Leaves, kept: Mapping[str, bytes], watch: Watch) -> bool:
    other = inner.changed(seed=inner.seed ^ 0x5DEECE66D).compute(watch, kept)
    if other.outputs is None:
        return True
    found = comparable(inner, other.outputs)
    if found.numbers.keys() != fresh.numbers.keys():
        return True
    return any(apart(value, found.numbers[path]) > _SAME * size_of(value) for path, value in fresh.numbers.items())


def other_roads(claim: Claim, fresh: Leaves, kept: Mapping[str, bytes], watch: Watch) -> None:
    """Compute it otherwise: what the errors of both say bounds how far the main outputs may be apart."""
    if claim.error is None:
        return
    roads = list(_roads(claim.inner))
    for i, (name, how, road) in enumerate(roads):
        try:
            outcome = road.compute(Part(watch, i / len(roads), (i + 1) / len(roads), name), kept)
        except Problem as problem:
            if problem.code in {"timed_out", "cancelled"}:
                raise
            continue
        _compare(claim, fresh, name, how, outcome)


def _compare(claim: Claim, fresh: Leaves, name: str, how: str, outcome: Outcome) -> None:
    error = outcome.diagnostics.error_estimate
    if outcome.problem is not None or outcome.outputs is None or error is None or claim.error is None:
        return  # that another method cannot do it says nothing about the one that could
    found = leaves(outcome.outputs, "", "inputs.result.outputs")
    paths = [path for path in found.numbers if is_main(claim.inner, path)]
    if not paths or any(path not in claim.outputs.numbers for path in paths):
        return
    if name == _SEED and all(
        np.array_equal(found.numbers[path], fresh.numbers[path]) for path in paths if path in fresh.numbers
    ):
        return  # nothing is drawn here: it was the same road
    if any(found.numbers[path].shape != claim.numbers(path).shape for path in paths):
        return  # it ended at an event, by a point earlier or later
    differences = [apart(found.numbers[path], claim.numbers(path)) for path in paths]
    size = max(size_of(found.numbers[path]) for path in paths)
    claim.add(name, max(differences), claim.error + error + _ROUNDING * size, how)


def _roads(inner: Inner) -> Iterator[tuple[str, str, Inner]]:
    used = inner.options.get("method")
    fields = inner.task.options.__struct_encode_fields__
    others = [name for name in inner.task.methods if name not in {"auto", used}] if "method" in fields else []
    if (inner.task.agent, inner.task.name) in _OTHER_ANSWERS:
        others = []
    for method in others[:_METHODS]:
        if (road := _changed(inner, {"method": method})) is not None:
            yield f"method {method}", f"computed by {method}; apart by no more than both errors", road
    tighter = {name: _tightened(inner, name) for name in _TOLERANCES if name in fields}
    tighter = {name: value for name, value in tighter.items() if value is not None}
    if tighter and (road := _changed(inner, tighter)) is not None:
        text = ", ".join(f"{name} {value:g}" for name, value in tighter.items())
        yield "tighter", f"computed with {text}; apart by no more than both errors", road
    seed = inner.seed ^ 0x5DEECE66D
    yield _SEED, "computed with another seed; apart by no more than both errors", inner.changed(seed=seed)


def _changed(inner: Inner, options: Mapping[str, Any]) -> Inner | None:
    try:
        return inner.changed(options=options)
    except Problem:
        return None


def _tightened(inner: Inner, name: str) -> float | None:
    value = inner.options.get(name, _default(inner.task.options, name))
    return value * _TIGHTER if isinstance(value, float | int) and not isinstance(value, bool) and value > 0 else None


def _default(options: type[msgspec.Struct], name: str) -> Any:
    return next((one.default for one in msgspec.structs.fields(options) if one.encode_name == name), None)
