"""Bearer tokens with scopes, and where a server may listen: without any token on this machine alone.

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
from typing import Literal, get_args

from sciagents import addresses
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
    """Take the address; one without a host is everywhere, without tokens this machine alone. Raises `UsageError`."""
    everywhere = tokens and address.startswith(":")
    host, port = addresses.parse(f"0.0.0.0{address}" if everywhere else address)  # noqa: S104 - there are tokens
    if not tokens and not is_loopback(host):
        raise UsageError(
            f"without tokens this listens on this machine alone, not on {host}", field="listen",
            hint="set SCI_AGENTS_TOKENS or SCI_AGENTS_TOKENS_FILE, or --listen 127.0.0.1:PORT",
        )  # fmt: skip
    return addresses.listen(host, port)
