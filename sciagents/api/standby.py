"""The HTTP of an alerting process that stands by: it says so, and passes everything else on to the one that writes."""

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from litestar import HttpMethod, Litestar, MediaType, Request, Response, get, route
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig

from sciagents.api import problems
from sciagents.api.access import local
from sciagents.api.forward import Forward
from sciagents.api.lifecycle import healthy, live
from sciagents.api.metrics import metrics
from sciagents.api.problems import HttpProblem
from sciagents.api.tokens import Tokens
from streams.topics import MESSAGE_LIMIT

_MARK = "x-sci-agents-standby"
"""On what was passed on once: one that stands by as well, by now, does not pass it on again."""
NOBODY = HttpProblem(
    503, "unavailable", "this alerting process stands by, and knows of none that writes",
    hint="send it again: another one takes over within seconds, or ask it itself", headers={"Retry-After": "5"},
)  # fmt: skip
"""None is known."""


def out_of_reach(writer: str) -> HttpProblem:
    """Say that the one that writes listens to its own host alone."""
    return HttpProblem(
        503, "unavailable", f"this alerting process stands by; {writer} writes, and listens to its own host alone",
        hint="ask it there, or start both with tokens and --listen 0.0.0.0:PORT, or --advertise HOST:PORT",
    )  # fmt: skip


def forward() -> Forward:
    """Make the way to whoever writes; `address` is to be set once that is known."""
    return Forward(None, NOBODY, {_MARK: "1"})


def make_app(way: Forward, tokens: Tokens) -> Litestar:
    """Wire the application; tokens are looked at by the process that answers."""

    @contextlib.asynccontextmanager
    async def serve(_: Litestar) -> AsyncIterator[None]:
        yield
        await way.close()

    return Litestar(
        route_handlers=[healthy, live, ready, health, metrics, pass_on],
        exception_handlers=problems.HANDLERS,
        lifespan=[serve],
        state=State({"tokens": tokens, "forward": way}),
        request_max_body_size=MESSAGE_LIMIT,
        openapi_config=OpenAPIConfig(
            title="Scientific Computing Agents: alerting, standing by", version=version("sci-agents"), path="/schema",
            render_plugins=[],
        ),
        logging_config=None,
    )  # fmt: skip


@get("/-/ready", media_type=MediaType.TEXT, summary="Whether alerts are taken", tags=["health"])
async def ready(state: State) -> Response[str]:
    """Answer 200 while there is one that writes, to which alerts are passed on, else 503."""
    way: Forward = state.forward
    known = "none writes" if way.absent is NOBODY else "the one that writes is out of reach"
    said = f"standby: {way.address} writes" if way.address else f"standby: {known}"
    return Response(said, status_code=200 if way.address else 503, media_type=MediaType.TEXT)


@get("/health", summary="What this process is about", tags=["health"])
async def health(state: State) -> dict[str, Any]:
    """Say that this process stands by, and where the one is that writes."""
    way: Forward = state.forward
    return {"status": "healthy" if way.address else "degraded", "role": "standby", "writer": way.address}


@route(
    ["/", "/{rest:path}"], guards=[local], include_in_schema=False,
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.DELETE],
)  # fmt: skip
async def pass_on(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """Answer as the process does that writes."""
    way: Forward = state.forward
    if _MARK in request.headers:
        raise NOBODY
    return await way.ask(request)
