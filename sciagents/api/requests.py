"""The routes of requests: submit, look, list, cancel, follow."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import Parameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from sciagents.api.access import requires
from sciagents.api.archive import merged
from sciagents.api.bodies import Limit
from sciagents.api.history import Entry, State, Summary, Watch, summary
from sciagents.api.problems import HttpProblem
from sciagents.api.service import Service
from streams import contracts, instants
from streams.codec import JSON, MSGPACK, decode_request, readable_id

_WAIT_LIMIT_S = 300.0
_STREAM_LIMIT_S = 3600.0
_COMMENT_EVERY_S = 15.0
_CARRIED = ("traceparent", "tracestate")

Wait = Annotated[float, Parameter(ge=0.0, le=_WAIT_LIMIT_S, description="Seconds to wait for the result.")]


class Page(msgspec.Struct, kw_only=True):
    """Requests, newest first; `cursor` gets the next page, null on the last one."""

    requests: list[Summary]
    cursor: str | None


@post("/v1/requests", status_code=202, guards=[requires("submit")], summary="Submit a request", tags=["requests"])
async def submit(request: Request[Any, Any, Any], service: Service, wait: Wait = 0.0) -> Response[Any]:
    """Answer 202 once the broker has the request, or 200 with its result when that comes within `wait` seconds."""
    content_type = MSGPACK if request.content_type[0] == MSGPACK else JSON
    value = await request.body()
    wanted = decode_request(value, content_type)
    entry = Entry(
        id=wanted.id, status="pending", at=instants.to_text(time.time()), agent=wanted.agent, task=wanted.task
    )
    with service.history.watch(wanted.id) as watch:
        service.history.submitted(entry)
        try:
            await service.gateway.send(
                "compute.requests", [(wanted.id, value)], [("content-type", content_type), *_carried(request)]
            )
        except HttpProblem:
            service.history.withdraw(entry)
            raise
        answered = await _answer(service, wanted.id, watch, wait) if wait else None
    if answered is not None:
        return _result(answered)
    headers = {"Location": f"/v1/requests/{wanted.id}"}
    return Response(summary(service.history.get(wanted.id) or entry), status_code=202, headers=headers)


@get("/v1/requests/{request_id:str}", guards=[requires("read")], summary="Get a result", tags=["requests"])
async def show(request_id: str, service: Service, wait: Wait = 0.0) -> Response[Any]:
    """Answer 200 with the result, 202 with what is known while there is none, 404 when nothing is known."""
    stored = await _stored(service, _checked(request_id))
    if stored is not None and stored.value is not None:
        return _result(stored)
    with service.history.watch(request_id) as watch:
        answered = await _answer(service, request_id, watch, wait)
    if answered is not None:
        return _result(answered)
    known = service.history.get(request_id) or stored
    if known is None:
        raise HttpProblem(
            404, "not_found", f"nothing is known of the request {request_id!r}", field="id",
            hint="it was never sent, or so long ago that only Kafka knows: sci-agents result ID",
        )  # fmt: skip
    return Response(summary(known), status_code=202)


@delete(
    "/v1/requests/{request_id:str}", status_code=202, guards=[requires("submit")], summary="Cancel a request",
    tags=["requests"],
)  # fmt: skip
async def cancel(request_id: str, service: Service) -> Response[Summary]:
    """Answer 202 once the broker has the cancellation, or 200 when the request is answered already."""
    known = service.history.get(_checked(request_id))
    if known is not None and known.value is not None:
        return Response(summary(known), status_code=200)
    control = contracts.Control(id=request_id, action="cancel")
    await service.gateway.send("compute.control", [(request_id, msgspec.json.encode(control))], [])
    heard = known or Entry(id=request_id, status="pending", at=instants.to_text(time.time()))
    return Response(summary(service.history.get(request_id) or heard), status_code=202)


@get("/v1/requests", guards=[requires("read")], summary="List requests", tags=["requests"])
async def list_requests(
    service: Service,
    status: State | None = None,
    agent: Annotated[str | None, Parameter(max_length=128)] = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
) -> Page:
    """List what is remembered and what is kept, newest first."""
    before: tuple[str, str] | None = None
    if cursor is not None:
        at, mark, request_id = cursor.partition("~")
        if not mark:
            raise HttpProblem(400, "invalid_message", "not a cursor", field="cursor", hint="as the page before gave it")
        before = (at, request_id)
    if service.archive is not None:
        page, following = await service.archive.page(service.history, limit, before, status, agent)
    else:
        page, following = merged(service.history.page(limit + 1, before, status, agent), [], limit, None)
    cursor = None if following is None else "~".join(following)
    return Page(requests=[summary(entry) for entry in page], cursor=cursor)


@get(
    "/v1/requests/{request_id:str}/events", guards=[requires("read")], summary="Follow a request",
    media_type="text/event-stream", tags=["requests"],
)  # fmt: skip
async def follow(request_id: str, service: Service) -> ServerSentEvent:
    """Stream `progress` events and, last, one `result`; of progress that piles up only the latest is sent."""
    stored = await _stored(service, _checked(request_id))
    if service.streams >= service.settings.max_streams:
        raise HttpProblem(503, "unavailable", "too many event streams are open", headers={"Retry-After": "10"})
    return ServerSentEvent(_events(request_id, service, stored))


async def _events(request_id: str, service: Service, stored: Entry | None) -> AsyncIterator[ServerSentEventMessage]:
    service.streams += 1
    try:
        if stored is not None and stored.value is not None:
            yield ServerSentEventMessage(data=_as_text(stored), event="result")
            return
        with service.history.watch(request_id) as watch:
            told: contracts.Progress | None = None
            until = time.monotonic() + _STREAM_LIMIT_S
            while time.monotonic() < until:
                known = service.history.get(request_id)
                if known is not None and known.value is not None:
                    yield ServerSentEventMessage(data=_as_text(known), event="result")
                    return
                if known is not None and known.progress is not None and known.progress is not told:
                    told = known.progress
                    yield ServerSentEventMessage(data=msgspec.json.encode(told).decode(), event="progress")
                if not await watch.changed(_COMMENT_EVERY_S):
                    yield ServerSentEventMessage(comment="waiting")
    finally:
        service.streams -= 1


def _as_text(entry: Entry) -> str:
    """The result; of one in msgpack, which is no text, the summary: `GET /v1/requests/{id}` has it whole."""
    if entry.content_type == JSON and entry.value is not None:
        return entry.value.decode()
    return msgspec.json.encode(summary(entry)).decode()


async def _stored(service: Service, request_id: str) -> Entry | None:
    """What the history has of a request that memory does not know."""
    if service.archive is None or service.history.get(request_id) is not None:
        return None
    return await service.archive.find(request_id)


async def _answer(service: Service, request_id: str, watch: Watch, wait: float) -> Entry | None:
    until = time.monotonic() + wait
    while True:
        known = service.history.get(request_id)
        if known is not None and known.value is not None:
            return known
        left = until - time.monotonic()
        if left <= 0 or not await watch.changed(left):
            return None


def _result(entry: Entry) -> Response[bytes]:
    return Response(entry.value or b"", status_code=200, media_type=entry.content_type)


def _checked(request_id: str) -> str:
    if not readable_id(request_id):
        raise HttpProblem(
            400, "invalid_message", "an id has 1 to 128 printable characters", field="id", hint='such as "run-42"'
        )
    return request_id


def _carried(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """Trace context, and CloudEvents of the binary mode: `ce-id` over HTTP is `ce_id` on Kafka."""
    kept = [(name, request.headers[name]) for name in _CARRIED if name in request.headers]
    return kept + [
        (f"ce_{name[3:]}", value) for name, value in request.headers.items() if name.lower().startswith("ce-")
    ]


ROUTES = (submit, show, cancel, list_requests, follow)
