"""`/api/v2/alerts` and `/api/v2/alerts/groups`."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from litestar import Request, Response, get, post

from alerting.alerts import Alert, before, order
from alerting.engine import Engine
from alerting.matchers import Matcher, all_match
from sciagents.api.access import requires
from sciagents.api.desk import Desk
from sciagents.api.v2.answers import RefusedError, filters, read, receiver_filter
from sciagents.api.v2.shapes import PostableAlert, alert, gettable_alert

MAX_ALERTS = 500_000
"""Label sets that are kept at once; more are not taken."""


@post("/api/v2/alerts", status_code=200, guards=[requires("submit")], summary="Take alerts", tags=["alertmanager"])
async def post_alerts(request: Request[Any, Any, Any], desk: Desk) -> Response[None]:
    """Take alerts as Prometheus sends them; those that are valid are taken even when others are not."""
    now = time.time()
    taken: list[Alert] = []
    wrong: list[str] = []
    for posted in read(list[PostableAlert], await request.body()):
        try:
            taken.append(alert(posted, now))
        except ValueError as error:
            wrong.append(str(error))
    if len(desk.engine.store) + len(taken) > MAX_ALERTS:
        taken = [one for one in taken if desk.engine.store.get(one.fingerprint) is not None]
        wrong.append(f"more than {MAX_ALERTS} label sets")
    if taken:
        await desk.stream.alert(taken)
    if wrong:
        raise RefusedError(400, "; ".join(dict.fromkeys(wrong)))
    return Response(None, status_code=200)


@get("/api/v2/alerts", guards=[requires("read")], summary="List alerts", tags=["alertmanager"])
async def get_alerts(
    desk: Desk, filter: list[str] | None = None, active: bool = True, silenced: bool = True,  # noqa: A002 - its name
    inhibited: bool = True, unprocessed: bool = True, receiver: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """List the alerts that fire, by fingerprint."""
    del unprocessed  # every alert is processed when it comes
    now = time.time()
    look = _Look(desk.engine, filters(filter), receiver_filter(receiver), active, silenced, inhibited, now)
    return sorted(look.shown(desk.engine.store), key=lambda one: str(one["fingerprint"]))


@get("/api/v2/alerts/groups", guards=[requires("read")], summary="List groups", tags=["alertmanager"])
async def get_groups(
    desk: Desk, filter: list[str] | None = None, active: bool = True, silenced: bool = True,  # noqa: A002 - its name
    inhibited: bool = True, receiver: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """List the groups with what fires in them."""
    now = time.time()
    fits = receiver_filter(receiver)
    look = _Look(desk.engine, filters(filter), lambda _: True, active, silenced, inhibited, now)
    groups = sorted(desk.engine.groups, key=lambda group: (before(group.labels), group.route.receiver))
    shown = (
        (group, look.shown(sorted(group.alerts.values(), key=lambda one: order(one.labels))))
        for group in groups
        if fits(group.route.receiver)
    )
    return [
        {
            "alerts": alerts,
            "labels": dict(group.labels),
            "receiver": {"name": group.route.receiver},
        }
        for group, alerts in shown
        if alerts
    ]


class _Look:
    """Which alerts are asked for."""

    def __init__(
        self, engine: Engine, wanted: tuple[Matcher, ...], fits: Callable[[str], bool], active: bool, silenced: bool,
        inhibited: bool, now: float,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._wanted = wanted
        self._fits = fits
        self._active, self._silenced, self._inhibited = active, silenced, inhibited
        self._now = now

    def shown(self, alerts: Iterable[Alert]) -> list[dict[str, Any]]:
        shown = (
            gettable_alert(one, self._engine, self._now)
            for one in alerts
            if not one.resolved(self._now) and all_match(self._wanted, dict(one.labels))
        )
        return [one for one in shown if self._asked_for(one)]

    def _asked_for(self, one: dict[str, Any]) -> bool:
        status = one["status"]
        return (
            (self._active or status["state"] != "active")
            and (self._silenced or not status["silencedBy"])
            and (self._inhibited or not status["inhibitedBy"])
            and any(self._fits(receiver["name"]) for receiver in one["receivers"])
        )


ROUTES = (post_alerts, get_alerts, get_groups)
