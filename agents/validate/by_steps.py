"""Workflows step by step: what each took from others filled in again, and its answer looked at by its own road."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from agents import inner
from agents.inner import RequestInput
from agents.outcome import Problem
from agents.task import Part, Watch
from agents.validate import values
from agents.validate.findings import Claim, Road
from agents.workflow import references
from agents.workflow.document import ITEMS_LIMIT, Node, Workflow

_LOOKED = 24
"""Most steps and items whose answers are looked at."""
_STOPPED = {"timed_out", "cancelled"}


def run(claim: Claim, watch: Watch) -> None:
    """Statuses that the conditions and needs ask for, and of each step's answer what its road says."""
    plan = claim.inner.plan
    steps = claim.written["steps"]
    assert isinstance(plan, Workflow)
    sources: dict[str, Any] = {}
    todo: list[tuple[str, Node, Mapping[str, Any], Any, Any]] = []
    for node in plan.nodes:
        name, entry = node.step.id, steps[node.step.id]
        claim.add(f"steps.{name}.status", float(not _may_be(node, entry, sources)), 0.0, "its conditions and needs")
        sources[name] = {part: entry.get(part) for part in references.READABLE}
        if entry["status"] == "succeeded" and entry.get("outputs") is not None:
            todo += [(name, node, sources | more, path, found) for path, more, found in _units(node, entry, sources)]
    some = np.unique(np.linspace(0, max(len(todo) - 1, 0), min(len(todo), _LOOKED)).astype(int)).tolist()
    for i, place in enumerate(some):
        name, node, known, path, outputs = todo[place]
        part = Part(watch, i / len(some), (i + 1) / len(some), name)
        _look(claim, node, known, (f"steps.{name}.outputs{path}", outputs), steps[name], part)


def _units(
    node: Node, entry: Mapping[str, Any], sources: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """The answers of a step: its own, or those of its items."""
    if node.step.foreach is None:
        yield "", {}, entry["outputs"]
        return
    listed = references.fill(node.step.foreach, node.foreach, sources)
    items = references.elements(listed, f"{node.field}.foreach", ITEMS_LIMIT)
    for i, (item, outputs) in enumerate(zip(items, entry["outputs"]["items"], strict=True)):
        if outputs is not None:
            yield f".items[{i}]", {references.ITEM: item, references.INDEX: i}, outputs


def _may_be(node: Node, entry: Mapping[str, Any], sources: Mapping[str, Any]) -> bool:
    """Whether a step of a workflow that succeeded can have this status."""
    status = entry["status"]
    lacks = any(sources[name].get("outputs") is None for name in node.needs)
    if lacks:
        return bool(status == "skipped")
    if node.when is not None and node.step.foreach is None:
        holds = node.when.holds(sources)
        return bool((status == "skipped") != holds)
    if status == "succeeded":
        return entry.get("error") is None
    return bool(status == "skipped" and node.step.foreach is not None) or node.step.on_error == "skip"


def _look(
    claim: Claim, node: Node, known: Mapping[str, Any], found: tuple[str, Any], entry: Mapping[str, Any], watch: Watch
) -> None:
    """One finding of all that the step's road says."""
    from agents.validate import roads  # noqa: PLC0415 - this is one of them

    path, outputs = found
    step = node.step
    try:
        given = references.fill(step.inputs, node.inputs, known)
        options = references.fill(step.options, node.options, known)
        request = RequestInput(agent=step.agent, task=step.task, inputs=given, options=options)
        asked = inner.read(request, claim.inner.seed)
    except Problem as problem:
        if problem.code in _STOPPED:
            raise
        if step.agent not in inner.ABOUT_OTHERS:
            claim.add(path, 1.0, 0.0, f"it has an answer, but its request is refused: {problem.message}")
        return
    diagnostics = entry.get("diagnostics") or {}
    error = diagnostics.get("error_estimate")
    part = Claim(
        asked, values.leaves(outputs, "", path), float(error) if isinstance(error, int | float) else None, None,
        stiff=any(name in str(diagnostics.get("method")) for name in ("rodas", "radau", "bdf")), written=outputs,
        kept=claim.kept,
    )  # fmt: skip
    roads.look(part, watch)
    if not part.findings:
        return
    wrong = [one for one in part.findings if not one.passed]
    told = "; ".join(f"{one.name}: {one.how}" for one in wrong[:3]) or "by " + part.findings[0].how
    claim.add(path, float(len(wrong)), 0.0, f"of {len(part.findings)} checks of {asked.name}, those that fail; {told}")


ROADS: Mapping[tuple[str, str], Road] = {("workflow", "run"): run}
