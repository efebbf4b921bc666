"""Problems as HTTP tells them: `application/problem+json` (RFC 9457) with the contract's code, field and hint."""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from agents.outcome import Problem
from streams.codec import Refusal

_log = structlog.get_logger(__name__)

_STATUS: dict[str, int] = {"too_large": 413, "unavailable": 503, "internal": 500}
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 503: "unavailable"}


class HttpProblem(Exception):  # noqa: N818 - an answer, not an accident
    """An answer that is no success: an HTTP status beside the contract's code, field and hint."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, hint: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.hint = hint
        self.headers = headers or {}


def refused(problem: Problem) -> HttpProblem:
    """Say over HTTP what the codec or an agent found wrong."""
    status = _STATUS.get(problem.code, 400)
    return HttpProblem(status, problem.code, problem.message, field=problem.field, hint=problem.hint)


def _response(problem: HttpProblem) -> Response[dict[str, Any]]:
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.message,
        "code": problem.code,
        "field": problem.field,
        "hint": problem.hint,
    }
    return Response(content, status_code=problem.status, media_type="application/problem+json", headers=problem.headers)


def _known(_: Request[Any, Any, Any], problem: HttpProblem) -> Response[dict[str, Any]]:
    return _response(problem)


def _refusal(_: Request[Any, Any, Any], refusal: Refusal) -> Response[dict[str, Any]]:
    return _response(refused(refusal.problem))


def _problem(_: Request[Any, Any, Any], problem: Problem) -> Response[dict[str, Any]]:
    return _response(refused(problem))


def _framework(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    status = error.status_code
    code = _BY_STATUS.get(status, "internal" if status >= 500 else "invalid_message")
    message, field = error.detail or HTTPStatus(status).phrase, None
    if isinstance(error.extra, list) and error.extra and isinstance(error.extra[0], dict):
        message = str(error.extra[0].get("message", message))
        field = error.extra[0].get("key")
    hint = "at most 8 MiB; send large arrays as base64, or msgpack" if status == 413 else None
    return _response(HttpProblem(status, code, message, field=field, hint=hint, headers=error.headers))


def _unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    _log.exception("request_failed", path=request.scope["path"], exc_info=error)
    return _response(HttpProblem(500, "internal", "the server failed; its log says how"))


HANDLERS: dict[int | type[Exception], Any] = {
    HttpProblem: _known, Refusal: _refusal, Problem: _problem, HTTPException: _framework, Exception: _unforeseen,
}  # fmt: skip
