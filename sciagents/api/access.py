"""Who may do what: bearer tokens with scopes; without any token only this machine itself is served.

Tokens come from `SCI_AGENTS_TOKENS` or the file that `SCI_AGENTS_TOKENS_FILE` names, one a line:

    # token                            scopes
    3q2-7wAAAAB0b2tlbi1vZi10aGUtY2k    submit,read
    9Zx_on-call                        read,operate

A token has 8 to 512 visible ASCII characters. Scopes: `submit` (requests, cancelling, events), `read` (results,
incidents), `operate` (commands on incidents).
"""

import hmac
import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sciagents import addresses
from sciagents.api.problems import HttpProblem
from sciagents.errors import UsageError

Scope = Literal["submit", "read", "operate"]
SCOPES: frozenset[str] = frozenset(get_args(Scope))


class Tokens:
    """The tokens that are valid, with what each may do; falsy when there is none."""

    def __init__(self, scopes: Mapping[str, frozenset[str]]) -> None:
        self._scopes = {token.encode(): granted for token, granted in scopes.items()}

    def __bool__(self) -> bool:
        return bool(self._scopes)

    def __repr__(self) -> str:
        return f"Tokens({len(self._scopes)} of them)"

    def scopes(self, token: str) -> frozenset[str] | None:
        """What a token may do, None for one that is not known; takes as long whichever it is."""
        offered, found = token.encode(), None
        for known, granted in self._scopes.items():
            if hmac.compare_digest(known, offered):
                found = granted
        return found


def read_tokens(environ: Mapping[str, str]) -> Tokens:
    """Read the tokens of the environment; raises `UsageError` that names the line and shows no token."""
    text, source = environ.get("SCI_AGENTS_TOKENS", ""), "SCI_AGENTS_TOKENS"
    if file := environ.get("SCI_AGENTS_TOKENS_FILE"):
        source = file
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} cannot be read: {error}", field="SCI_AGENTS_TOKENS_FILE") from None
    tokens: dict[str, frozenset[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        token, scopes = words[0], frozenset("".join(words[1:]).split(",")) - {""}
        if not (8 <= len(token) <= 512 and token.isascii()):
            raise UsageError(f"{source}, line {number}: a token has 8 to 512 visible ASCII characters")
        if not scopes or not scopes <= SCOPES:
            raise UsageError(f"{source}, line {number}: after the token come scopes of submit, read, operate")
        if token in tokens:
            raise UsageError(f"{source}, line {number}: this token is there already")
        tokens[token] = scopes
    return Tokens(tokens)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listen(address: str, tokens: Tokens) -> socket.socket:
    """Take the address; raises `UsageError`."""
    host, port = addresses.parse(address)
    if not tokens and not is_loopback(host):
        raise UsageError(
            f"without tokens this listens on this machine alone, not on {host}", field="listen",
            hint="set SCI_AGENTS_TOKENS or SCI_AGENTS_TOKENS_FILE, or --listen 127.0.0.1:PORT",
        )  # fmt: skip
    return addresses.listen(host, port)


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
