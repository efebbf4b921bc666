"""The route of rules: what is looked for, and where each stands."""

from collections import defaultdict
from typing import Any

from litestar import get

from alerting import durations, instants
from alerting.rules import Phase, Rule
from sciagents.api.access import requires
from sciagents.api.desk import Desk


@get("/v1/rules", guards=[requires("read")], summary="List rules", tags=["rules"])
async def list_rules(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    """List the rules in their order, each with the label sets for which it is pending or fires."""
    standing: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    async with desk.stream.hearing:
        states = desk.engine.states
    for (name, labels), state in states.items():
        if state.phase != "inactive":
            since = state.since if state.phase == "pending" else state.fired_at
            standing[name].append(
                {"labels": dict(labels), "state": state.phase, "since": instants.show(since), "value": state.value}
            )
    return {"rules": [_shown(rule, standing[rule.name]) for rule in desk.engine.config.rules]}


def _shown(rule: Rule, standing: list[dict[str, Any]]) -> dict[str, Any]:
    phases = {one["state"] for one in standing}
    order: tuple[Phase, ...] = ("firing", "pending")
    return {
        "name": rule.name,
        "expr": rule.expr.text,
        "clear": None if rule.clear is None else rule.clear.text,
        "window": durations.show(rule.window),
        "by": None if rule.by is None else list(rule.by),
        "for": durations.show(rule.wait),
        "keep_firing_for": durations.show(rule.keep_firing_for),
        "no_data": rule.no_data,
        "severity": rule.severity,
        "state": next((phase for phase in order if phase in phases), "inactive"),
        "alerts": standing,
    }


ROUTES = (list_rules,)
