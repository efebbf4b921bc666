"""Passes requests on to the alerting process that has the answer: from the API, and from one that stands by."""

from collections.abc import Mapping
from typing import Any

import httpx
from litestar import HttpMethod, Request, Response, route
from litestar.datastructures import State

from sciagents.api.access import requires
from sciagents.api.problems import HttpProblem

_PASSED = ("authorization", "content-type", "accept", "x-slack-request-timestamp", "x-slack-signature")
_TIMEOUT_S = 10.0
_SILENCES = ["/api/v2/silences", "/api/v2/silence/{rest:path}", "/v1/silences", "/v1/silences/{rest:path}"]
_UNKNOWN = HttpProblem(
    503, "unavailable", "this server knows no alerting process",
    hint="start it with --alerting HOST:PORT, where `sci-agents alerting --listen` is",
)  # fmt: skip
_LOOKS = ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/status", "/api/v2/receivers", "/v1/rules", *_SILENCES]


class Forward:
    """The way to the alerting process; while `address` is None there is none, and `absent` says why."""

    def __init__(
        self, address: str | None, absent: HttpProblem = _UNKNOWN, headers: Mapping[str, str] | None = None
    ) -> None:
        """`headers` go with each request."""
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S)
        self.absent = absent
        self._headers = headers or {}
        self.address = address

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def ask(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Pass a request on, and its answer back; raises `HttpProblem` (503)."""
        if self.address is None:
            raise self.absent
        url = f"http://{self.address}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        headers = {name: value for name in _PASSED if (value := request.headers.get(name)) is not None}
        try:
            answer = await self._client.request(
                request.method, url, content=await request.body(), headers={**headers, **self._headers}
            )
        except httpx.HTTPError as error:
            raise HttpProblem(
                503, "unavailable", f"the alerting process does not answer: {type(error).__name__}",
                hint="send it again: where several stand by, another one takes over within seconds",
                headers={"Retry-After": "5"},
            ) from None  # fmt: skip
        media_type = answer.headers.get("content-type", "application/json")
        return Response(answer.content, status_code=answer.status_code, media_type=media_type)


@route(_LOOKS, http_method=[HttpMethod.GET], guards=[requires("read")], summary="Ask the alerting process",
       tags=["alerting"])  # fmt: skip
async def look(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """Answer as the alerting process does."""
    found: Forward = state.forward
    return await found.ask(request)


@route("/api/v2/alerts", http_method=[HttpMethod.POST], guards=[requires("submit")], summary="Take alerts",
       tags=["alerting"])  # fmt: skip
async def alert(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """Take alerts as Prometheus sends them."""
    found: Forward = state.forward
    return await found.ask(request)


@route(
    _SILENCES,
    http_method=[HttpMethod.POST, HttpMethod.DELETE], guards=[requires("operate")], summary="Silence alerts",
    tags=["alerting"],
)  # fmt: skip
async def silence(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """Make, change and expire silences."""
    found: Forward = state.forward
    return await found.ask(request)


ROUTES = (look, alert, silence)
