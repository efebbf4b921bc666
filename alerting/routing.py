"""The route tree: which receivers an alert goes to, and what it is grouped by. The laws are Alertmanager's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from alerting.alerts import Labels, label_set
from alerting.matchers import Matcher, all_match, literal, written

ALL = "..."
"""In `group_by`: group by every label, that is, do not group."""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A route as it is written: None means inherited."""

    receiver: str | None = None
    group_by: tuple[str, ...] | None = None
    group_wait: float | None = None
    group_interval: float | None = None
    repeat_interval: float | None = None
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    routes: "tuple[RouteSpec, ...]" = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A route with everything it inherits; `path` is its place in the tree, `key` its name in group keys."""

    receiver: str
    group_by: tuple[str, ...] = ()
    group_wait: float = 30.0
    group_interval: float = 300.0
    repeat_interval: float = 14_400.0
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    routes: "tuple[Route, ...]" = ()
    path: tuple[int, ...] = ()
    key: str = "{}"

    def group_labels(self, labels: Mapping[str, str]) -> Labels:
        """The labels that an alert shares with its group."""
        if ALL in self.group_by:
            return label_set(labels)
        return label_set({name: labels.get(name, "") for name in self.group_by})

    def group_key(self, labels: Mapping[str, str]) -> str:
        """Name of the alert's group: the route and the group labels."""
        shared = ", ".join(f"{written(name)}={literal(value)}" for name, value in self.group_labels(labels))
        return f"{self.key}:{{{shared}}}"


def _matchers_key(matchers: tuple[Matcher, ...]) -> str:
    return "{" + ",".join(str(matcher) for matcher in matchers) + "}"


def resolve(spec: RouteSpec, parent: Route | None = None, path: tuple[int, ...] = ()) -> Route:
    """Let a route inherit from its parent, and its children from it.

    Raises:
        ValueError: the root has no receiver.

    """
    if parent is None and spec.receiver is None:
        raise ValueError("the root route needs a receiver")
    above = parent or Route(spec.receiver or "")

    own = {
        name: getattr(spec, name)
        for name in ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval")
        if getattr(spec, name) is not None
    }
    route = replace(
        above,
        **own,
        matchers=spec.matchers,
        goes_on=spec.goes_on,
        mute_time_intervals=spec.mute_time_intervals,  # of a route alone: no child inherits them
        active_time_intervals=spec.active_time_intervals,
        path=path,
        key=_matchers_key(spec.matchers) if parent is None else f"{parent.key}/{_matchers_key(spec.matchers)}",
    )
    children = tuple(resolve(child, route, (*path, index)) for index, child in enumerate(spec.routes))
    return replace(route, routes=children)


def match(route: Route, labels: Mapping[str, str]) -> tuple[Route, ...]:
    """The routes an alert takes: the first child that matches, further ones after `continue`, else the route itself."""
    if not all_match(route.matchers, labels):
        return ()
    taken: list[Route] = []
    for child in route.routes:
        found = match(child, labels)
        taken += found
        if found and not child.goes_on:
            break
    return tuple(taken) or (route,)
