"""The route of ops events."""

from typing import Any

import msgspec
from litestar import Request, post

from sciagents.api.access import requires
from sciagents.api.bodies import check_instant, decode
from sciagents.api.gateway import Gateway
from sciagents.api.problems import HttpProblem
from streams.contracts import OpsEvent

_EVENTS_LIMIT = 10_000


class Accepted(msgspec.Struct, kw_only=True):
    """How many events the broker has confirmed."""

    accepted: int


_event = msgspec.json.Decoder(OpsEvent)


@post("/v1/events", status_code=202, guards=[requires("submit")], summary="Publish ops events", tags=["events"])
async def publish_events(request: Request[Any, Any, Any], gateway: Gateway) -> Accepted:
    """Take one event or a list of them; all are checked before any is sent."""
    body = (await request.body()).strip()
    values = decode(msgspec.json.Decoder(list[msgspec.Raw]), body) if body.startswith(b"[") else [msgspec.Raw(body)]
    if len(values) > _EVENTS_LIMIT:
        raise HttpProblem(413, "too_large", f"{len(values)} events, the limit is {_EVENTS_LIMIT}")
    messages = []
    for index, value in enumerate(values):
        where = f"[{index}]" if body.startswith(b"[") else ""
        messages.append((_checked_event(bytes(value), where).source, bytes(value)))
    await gateway.send("ops.events", messages, [("content-type", "application/json")])
    return Accepted(accepted=len(messages))


def _checked_event(value: bytes, where: str) -> OpsEvent:
    event: OpsEvent = decode(_event, value, where)
    dot = f"{where}." if where else ""
    for field in ("id", "source"):
        if not 0 < len(getattr(event, field)) <= 256:
            raise HttpProblem(400, "invalid_message", f"{field} must have 1 to 256 characters", field=dot + field)
    check_instant(event.time, f"{dot}time")
    for field in event.missing:
        hint = f"{event.kind} needs {', '.join(event.needed)}"
        raise HttpProblem(400, "invalid_message", f"{field!r} is missing", field=dot + field, hint=hint)
    return event


ROUTES = (publish_events,)
