"""The routes of the catalogue, of ops events and of incidents."""

import time
import uuid
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post

from agents import catalogue
from sciagents.api.access import requires
from sciagents.api.problems import HttpProblem
from sciagents.api.requests import Limit
from sciagents.api.service import Service
from streams import instants
from streams.contracts import Action, Command, Incident, IncidentStatus, OpsEvent, Phase, Severity

_EVENTS_LIMIT = 10_000


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


class Accepted(msgspec.Struct, kw_only=True):
    """How many events the broker has confirmed."""

    accepted: int


class Incidents(msgspec.Struct, kw_only=True):
    """Incidents, newest first."""

    incidents: list[Incident]


_event = msgspec.json.Decoder(OpsEvent)
_command = msgspec.json.Decoder(NewCommand)


@get("/v1/agents", guards=[requires("read")], summary="The catalogue", tags=["agents"])
async def list_agents() -> list[dict[str, Any]]:
    """Describe each task: summary, methods, JSON Schemas of inputs and options, an example."""
    return catalogue.describe()


@post("/v1/events", status_code=202, guards=[requires("submit")], summary="Publish ops events", tags=["events"])
async def publish_events(request: Request[Any, Any, Any], service: Service) -> Accepted:
    """Take one event or a list of them; all are checked before any is sent."""
    body = (await request.body()).strip()
    values = _decode(msgspec.json.Decoder(list[msgspec.Raw]), body) if body.startswith(b"[") else [msgspec.Raw(body)]
    if len(values) > _EVENTS_LIMIT:
        raise HttpProblem(413, "too_large", f"{len(values)} events, the limit is {_EVENTS_LIMIT}")
    messages = []
    for index, value in enumerate(values):
        where = f"[{index}]" if body.startswith(b"[") else ""
        messages.append((_checked_event(bytes(value), where).source, bytes(value)))
    await service.gateway.send("ops.events", messages, [("content-type", "application/json")])
    return Accepted(accepted=len(messages))


@get("/v1/incidents", guards=[requires("read")], summary="List incidents", tags=["incidents"])
async def list_incidents(
    service: Service, status: IncidentStatus | None = None, severity: Severity | None = None, limit: Limit = 100
) -> Incidents:
    """List incidents in their latest versions, newest first."""
    return Incidents(incidents=service.board.list(status, severity, limit))


@get("/v1/incidents/{incident_id:str}", guards=[requires("read")], summary="Get an incident", tags=["incidents"])
async def show_incident(incident_id: str, service: Service) -> Incident:
    """Give one incident in its latest version."""
    return _incident(service, incident_id)


@post(
    "/v1/incidents/{incident_id:str}/commands", status_code=202, guards=[requires("operate")],
    summary="Act on an incident", tags=["incidents"],
)  # fmt: skip
async def command_incident(incident_id: str, request: Request[Any, Any, Any], service: Service) -> Command:
    """Acknowledge, resolve, escalate, assign, note …; answers once the broker has the command."""
    incident = _incident(service, incident_id)
    new: NewCommand = _decode(_command, await request.body())
    for field in ("at", "until"):
        _instant(getattr(new, field), field)
    command = Command(
        incident=incident.id, action=new.action, by=new.by, at=new.at or instants.to_text(time.time()),
        id=new.id or uuid.uuid4().hex, text=new.text, target=new.target, phase=new.phase, until=new.until,
    )  # fmt: skip
    await service.gateway.send("ops.commands", [(incident.id, msgspec.json.encode(command))], [])
    return command


def _incident(service: Service, incident_id: str) -> Incident:
    found = service.board.get(incident_id)
    if found is None:
        raise HttpProblem(404, "not_found", f"there is no incident {incident_id[:128]!r}", field="id")
    return found


def _checked_event(value: bytes, where: str) -> OpsEvent:
    event: OpsEvent = _decode(_event, value, where)
    dot = f"{where}." if where else ""
    for field in ("id", "source"):
        if not 0 < len(getattr(event, field)) <= 256:
            raise HttpProblem(400, "invalid_message", f"{field} must have 1 to 256 characters", field=dot + field)
    _instant(event.time, f"{dot}time")
    for field in event.missing:
        hint = f"{event.kind} needs {', '.join(event.needed)}"
        raise HttpProblem(400, "invalid_message", f"{field!r} is missing", field=dot + field, hint=hint)
    return event


def _instant(text: str | None, field: str) -> None:
    try:
        if text is not None:
            instants.from_text(text)
    except ValueError as error:
        hint = "such as 2026-11-24T10:00:00Z"
        raise HttpProblem(400, "invalid_message", str(error)[:200], field=field, hint=hint) from None


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes, where: str = "") -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = where + path.rstrip("`") or None
        raise HttpProblem(400, "invalid_message", message, field=field.lstrip(".") if field else None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HttpProblem(400, "invalid_message", f"not JSON: {error}"[:300], field=where or None) from None


ROUTES = (list_agents, publish_events, list_incidents, show_incident, command_incident)
