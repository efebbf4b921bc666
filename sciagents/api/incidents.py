"""The routes of incidents."""

import time
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post

from alerting import durations
from sciagents.api.access import requires
from sciagents.api.board import Found
from sciagents.api.bodies import Limit, check_instant, decode
from sciagents.api.gateway import Gateway
from sciagents.api.problems import HttpProblem
from sciagents.api.scribe import Scribe
from sciagents.postmortem import Postmortem
from streams import instants
from streams.contracts import Action, Command, Incident, IncidentStatus, Phase, Severity


@dataclass
class Casebook:
    """Where incidents are looked up, the way of commands, and who writes of incidents.

    A board that follows the topic has an incident a moment after its people were told: `patience_s` is how long to wait
    for one that is asked for.
    """

    board: Found
    gateway: Gateway
    scribe: Scribe
    patience_s: float = 0.0

    async def find(self, incident_id: str) -> Incident | None:
        """An incident by its id."""
        return await self.board.appears(incident_id, self.patience_s)

    def list(self, status: IncidentStatus | None, severity: Severity | None, limit: int) -> list[Incident]:
        """At most `limit` incidents, the newest first."""
        return self.board.list(status, severity, limit)

    async def send(self, command: Command) -> None:
        """Send a command; returns when the broker has it."""
        await self.gateway.send("ops.commands", [(command.incident, msgspec.json.encode(command))], [])


class NewCommand(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A command for an incident: a repeat with the same `id` changes nothing, `at` is now unless it is said."""

    action: Action
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    at: str | None = None
    text: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    target: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    phase: Phase | None = None
    until: str | None = None
    for_: Annotated[str, msgspec.Meta(max_length=40)] | None = msgspec.field(name="for", default=None)
    matchers: Annotated[list[str], msgspec.Meta(max_length=100)] = []


class Incidents(msgspec.Struct, kw_only=True):
    """Incidents, newest first."""

    incidents: list[Incident]


_command = msgspec.json.Decoder(NewCommand)


@get("/v1/incidents", guards=[requires("read")], summary="List incidents", tags=["incidents"])
async def list_incidents(
    casebook: Casebook, status: IncidentStatus | None = None, severity: Severity | None = None, limit: Limit = 100
) -> Incidents:
    """List incidents in their latest versions, newest first."""
    return Incidents(incidents=casebook.list(status, severity, limit))


@get("/v1/incidents/{incident_id:str}", guards=[requires("read")], summary="Get an incident", tags=["incidents"])
async def show_incident(incident_id: str, casebook: Casebook) -> Incident:
    """Give one incident in its latest version."""
    return await _incident(casebook, incident_id)


@get(
    "/v1/incidents/{incident_id:str}/postmortem", guards=[requires("read")], summary="Write a post-mortem",
    tags=["incidents"],
)  # fmt: skip
async def show_postmortem(
    incident_id: str, request: Request[Any, Any, Any], casebook: Casebook
) -> Response[str] | Response[Postmortem]:
    """Fill the template in with what is known, as Markdown; with `Accept: application/json` with its figures."""
    written = await casebook.scribe.write(await _incident(casebook, incident_id))
    if request.headers.get("accept", "").startswith("application/json"):
        return Response(written, media_type=MediaType.JSON)
    headers = {"X-Content-Type-Options": "nosniff"}
    return Response(written.markdown, media_type="text/markdown", headers=headers)


@post(
    "/v1/incidents/{incident_id:str}/commands", status_code=202, guards=[requires("operate")],
    summary="Act on an incident", tags=["incidents"],
)  # fmt: skip
async def command_incident(incident_id: str, request: Request[Any, Any, Any], casebook: Casebook) -> Command:
    """Acknowledge, resolve, escalate, assign, note, snooze …; answers once the broker has the command.

    `until`, or `for` in its place (`1h`), says how long a snooze or a silence lasts.
    """
    incident = await _incident(casebook, incident_id)
    new: NewCommand = decode(_command, await request.body())
    for field in ("at", "until"):
        check_instant(getattr(new, field), field)
    at = new.at or instants.to_text(time.time())
    command = Command(
        incident=incident.id, action=new.action, by=new.by, at=at,
        id=new.id or uuid.uuid4().hex, text=new.text, target=new.target, phase=new.phase, until=_until(new, at),
        matchers=new.matchers,
    )  # fmt: skip
    await casebook.send(command)
    return command


def _until(new: NewCommand, at: str) -> str | None:
    """Until when: as it says, or for so long from the command's time on."""
    if new.for_ is None:
        return new.until
    try:
        return instants.to_text(instants.from_text(at) + durations.parse(new.for_))
    except (ValueError, OverflowError) as error:
        raise HttpProblem(
            400, "invalid_message", str(error), field="for", hint="such as 1h, in place of until"
        ) from None


async def _incident(casebook: Casebook, incident_id: str) -> Incident:
    found = await casebook.find(incident_id)
    if found is None:
        raise HttpProblem(404, "not_found", f"there is no incident {incident_id[:128]!r}", field="id")
    return found


ROUTES = (list_incidents, show_incident, show_postmortem, command_incident)
