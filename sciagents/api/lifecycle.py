"""`/-/healthy`, `/-/ready` and `/-/reload`, as the programs of Prometheus's house have them; `/health` as ours."""

import time
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, post
from litestar.params import Parameter

from alerting import lateness
from alerting.documents import ConfigError
from sciagents.api.access import requires
from sciagents.api.desk import Desk


@get("/-/healthy", media_type=MediaType.TEXT, summary="Whether the process runs", tags=["health"])
async def healthy() -> str:
    """Answer as long as the process can."""
    return "OK"


@get("/-/ready", media_type=MediaType.TEXT, summary="Whether alerts are taken", tags=["health"])
async def ready(desk: Desk) -> Response[str]:
    """Answer 200 once everything that is kept has been read, until then 503."""
    if desk.stream.live:
        return Response("OK", media_type=MediaType.TEXT)
    return Response("reading what is kept", status_code=503, media_type=MediaType.TEXT)


@get("/health/live", summary="Whether the process runs", tags=["health"])
async def live() -> dict[str, str]:
    """Answer as long as the process can."""
    return {"status": "alive"}


@get("/health", summary="What this process is about", tags=["health"])
async def health(desk: Desk) -> Response[dict[str, Any]]:
    """Say that this is the process that writes, and whether it has read everything that is kept; until then 503.

    Degraded while a step of an incident, or an update of one, is overdue; they are named.
    """
    ready = desk.stream.live
    overdue = lateness.look(desk.engine.register, time.time())
    status = "starting" if not ready else "degraded" if overdue else "healthy"
    content = {"status": status, "role": "writer", **({"overdue": overdue} if overdue else {})}
    return Response(content, status_code=200 if ready else 503)


@post(
    "/-/reload", status_code=200, media_type=MediaType.TEXT, guards=[requires("operate")],
    summary="Load the configuration again", tags=["health"],
)  # fmt: skip
async def reload(
    desk: Desk, request: Request[Any, Any, Any], by: Annotated[str | None, Parameter(max_length=100)] = None
) -> Response[str]:
    """Load the configuration again; one that is wrong is not taken, and told with file, line and what would do.

    `by` says who wants it, for the audit.
    """
    caller = request.client.host if request.client else "somewhere"
    try:
        await desk.stream.reload(desk.load, by or f"HTTP from {caller}")
    except ConfigError as error:
        message = f"failed to reload config: {error}"
        return Response(message, status_code=500, media_type=MediaType.TEXT)
    return Response("", media_type=MediaType.TEXT)


ROUTES = (healthy, ready, live, health, reload)
