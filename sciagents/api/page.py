"""The web page: the incidents as they stand, without a script and without anything loaded from elsewhere."""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from litestar import MediaType, Request, Response, get

from alerting import instants
from alerting.reminders import overdue
from sciagents.api.access import requires
from sciagents.api.incidents import Casebook
from streams.contracts import Incident, Transition

_LATELY = 20
_ENTRIES = 100
_LINKS = {"docs": "API", "health": "Health", "metrics": "Metrics"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


class Fact(NamedTuple):
    """A line about an incident; `overdue` is shown as such."""

    name: str
    said: str
    overdue: bool = False


class Row(NamedTuple):
    """An incident as the page shows it."""

    id: str
    severity: str
    status: str
    title: str
    facts: Sequence[Fact]
    timeline: Sequence[Transition]


def row(incident: Incident, now: float) -> Row:
    """Say how an incident stands; the latest of its timeline first."""
    due, asleep = incident.next_update_at, incident.snoozed_until
    facts = [
        Fact("Status", f"{incident.status}, {incident.phase}"),
        Fact("Started", _minute(incident.started_at)),
        Fact("Affected", incident.affected),
        Fact("Impact", incident.impact),
        Fact("With", incident.escalation.target or ""),
        Fact("Put off until", _minute(asleep) if asleep else ""),
        Fact("Next step", _minute(incident.escalation.due_at) if incident.escalation.due_at else ""),
    ]
    if due is not None:
        late = _is_overdue(incident, now)
        facts.append(Fact("Update", f"{'overdue since' if late else 'due'} {_minute(due)}", late))
    if incident.resolved_at is not None:
        facts.append(Fact("Resolved", _minute(incident.resolved_at)))
    return Row(
        incident.id, incident.severity, incident.status, incident.title, [fact for fact in facts if fact.said],
        incident.timeline[: -_ENTRIES - 1 : -1],
    )  # fmt: skip


def render(found: Iterable[Incident], lately: Iterable[Incident], links: dict[str, str], now: float) -> str:
    """Write the page: the open incidents, the worst first, then the oldest, and those that were resolved lately."""
    unresolved = sorted(found, key=lambda one: (one.severity, one.started_at))
    return _templates.get_template("incidents.html.j2").render(
        open=[row(one, now) for one in unresolved], resolved=[row(one, now) for one in lately], links=links,
        at=_minute(instants.show(now)),
    )  # fmt: skip


@get("/", media_type=MediaType.HTML, guards=[requires("read")], include_in_schema=False)
async def page(request: Request[Any, Any, Any], casebook: Casebook) -> Response[str]:
    """The incidents for people."""
    board = casebook.board
    served = {route.path for route in request.app.routes}
    links = {path: name for path, name in _LINKS.items() if f"/{path}" in served}
    text = render(board.unresolved(), board.list(status="resolved", limit=_LATELY), links, time.time())
    return Response(text, media_type=MediaType.HTML, headers=_HEADERS)


ROUTES = (page,)


def _is_overdue(incident: Incident, now: float) -> bool:
    with suppress(ValueError):  # written by somebody else
        return overdue(incident, now)
    return False


def _minute(text: str) -> str:
    with suppress(ValueError):
        return instants.minute(text)
    return text
