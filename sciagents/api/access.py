"""Who may do what: each route asks for a scope of a token; without any token only this machine itself is served."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sciagents.api.problems import HttpProblem
from sciagents.api.tokens import Scope, Tokens, is_loopback


def requires(scope: Scope) -> Any:
    """Guard a route: a token with `scope`, or, where there are no tokens, a caller on this machine."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        tokens: Tokens = connection.app.state.tokens
        if tokens:
            _check_token(tokens, connection.headers.get("authorization", ""), scope)
        else:
            _check_local(connection.headers)

    return guard


def local(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard a route that passes requests on to where tokens are looked at: without any, only this machine is served."""
    if not connection.app.state.tokens:
        _check_local(connection.headers)


def _check_token(tokens: Tokens, header: str, scope: Scope) -> None:
    kind, _, token = header.partition(" ")
    granted = tokens.scopes(token.strip()) if kind.lower() == "bearer" else None
    if granted is None:
        message = "no valid token" if header else "a token is needed"
        raise HttpProblem(
            401, "unauthorized", message, hint="Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"}
        )
    if scope not in granted:
        raise HttpProblem(403, "forbidden", f"the token lacks the scope {scope}", hint=f"a token with {scope}")


def _check_local(headers: Mapping[str, str]) -> None:
    """Keep web pages of others out: a rebound name shows in Host, a foreign page in Origin."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    origin = headers.get("origin")
    if not is_loopback(host):
        raise HttpProblem(
            403, "forbidden", "without tokens only requests to a loopback address are served", field="Host",
            hint="set SCI_AGENTS_TOKENS or SCI_AGENTS_TOKENS_FILE",
        )  # fmt: skip
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise HttpProblem(
            403, "forbidden", "a page of another origin may not use this server without a token", field="Origin",
            hint="set SCI_AGENTS_TOKENS or SCI_AGENTS_TOKENS_FILE",
        )  # fmt: skip
