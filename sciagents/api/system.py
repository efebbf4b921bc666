"""The routes for those who run the program: health, metrics, and the description of the API."""

from typing import Any

from litestar import MediaType, Request, Response, get

from sciagents.api import description
from sciagents.api.metrics import metrics
from sciagents.api.service import Service
from sciagents.health import Check, Report


@get("/health", summary="The whole report", tags=["health"])
async def health(service: Service) -> Response[Report]:
    """Answer 200 when healthy or degraded, 503 when unhealthy."""
    report = await service.health()
    return Response(report, status_code=503 if report.status == "unhealthy" else 200)


@get("/health/live", summary="Whether the process runs", tags=["health"])
async def live() -> dict[str, str]:
    """Answer as long as the process can."""
    return {"status": "alive"}


@get("/health/ready", summary="Whether it can serve", tags=["health"])
async def ready(service: Service) -> Response[Check]:
    """Answer 200 once all that is kept has been read and while it is followed, else 503."""
    check = service.feed_check()
    return Response(check, status_code=200 if check.verdict == "passed" else 503)


@get("/openapi.json", include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The description for programs."""
    return description.document(request.app)


@get("/docs", media_type=MediaType.HTML, include_in_schema=False)
async def docs(request: Request[Any, Any, Any]) -> Response[str]:
    """The description for people; one page that loads nothing."""
    return Response(description.page(description.document(request.app)), media_type=MediaType.HTML)


ROUTES = (health, live, ready, metrics, openapi, docs)
