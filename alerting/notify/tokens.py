"""Tokens of OAuth 2.0 by a client's credentials (RFC 6749, 4.4): one question for all who send, kept until they expire.

As Go's `oauth2` does, whose word Alertmanager's is: the credentials come in the `Authorization` header first (2.3.1),
and in the body where a server wants them there. What keeps a token from coming passes: whoever has something to send
tries again.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs, quote_plus, urlencode

import httpx
import msgspec

from alerting.notify.connections import Answer, Connections
from alerting.receivers import OAuth2, Secret
from alerting.text import one_line

TIMEOUT_S = 10.0
_LIMIT = 64 * 1024
_TOKEN_LIMIT = 16 * 1024
_EARLY_S = 10.0
"""How long before its end a token is not used any more: it has to arrive while it holds."""
_MAX_KEPT = 64
_TYPES = {"": "Bearer", "bearer": "Bearer", "mac": "MAC", "basic": "Basic"}


class TokenError(Exception):
    """No token came; `args[0]` says why, without secrets. `after` is how long the server wants not to be asked."""

    def __init__(self, why: str, after: str | None = None) -> None:
        super().__init__(f"no token of oauth2: {why}")
        self.after = after


class _Kept(NamedTuple):
    header: Secret
    until: float | None
    """By the clock; None as long as nobody refuses it."""


class _Said(msgspec.Struct):
    access_token: str | None = None
    token_type: str | None = None
    expires_in: float | str | None = None
    error: str | None = None
    error_description: str | None = None


_said = msgspec.json.Decoder(_Said)


class Tokens:
    """The tokens of one process, by who asks for them where."""

    def __init__(self, connections: Connections, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts the seconds for which tokens hold."""
        self._connections = connections
        self._clock = clock
        self._kept: dict[OAuth2, _Kept] = {}
        self._asking: dict[OAuth2, asyncio.Task[Secret]] = {}
        self._in_body: set[OAuth2] = set()

    async def header(self, client: OAuth2) -> Secret:
        """Give the header `Authorization`; raises `TokenError`. Who waits no more leaves what comes to the next."""
        kept = self._kept.get(client)
        if kept is not None and (kept.until is None or self._clock() < kept.until):
            return kept.header
        asking = self._asking.get(client)
        if asking is None:
            asking = self._asking[client] = asyncio.create_task(self._ask(client))
            asking.add_done_callback(lambda done: self._answered(client, done))
        return await asyncio.shield(asking)

    def forget(self, client: OAuth2, header: Secret) -> None:
        """Ask again the next time: this one was refused. One that has come meanwhile is kept."""
        if client in self._kept and self._kept[client].header is header:
            del self._kept[client]

    async def aclose(self) -> None:
        """Wait for no answer any more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _answered(self, client: OAuth2, done: asyncio.Task[Secret]) -> None:
        del self._asking[client]
        if not done.cancelled():
            done.exception()  # whoever waited for it has seen it, and perhaps nobody waits any more

    async def _ask(self, client: OAuth2) -> Secret:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._post(client, in_body=client in self._in_body)
                if 400 <= answer.status < 429 and client not in self._in_body:
                    second = await self._post(client, in_body=True)
                    if 200 <= second.status < 300:
                        answer = second
                        self._in_body.add(client)
        except TimeoutError:
            raise TokenError(f"no answer within {TIMEOUT_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # its text may hold the URL
            raise TokenError(f"cannot be reached: {type(error).__name__}") from None
        except OSError as error:
            raise TokenError(f"tls_config: {type(error).__name__}: {error.strerror}") from None
        kept = read(answer, self._clock())
        while len(self._kept) >= _MAX_KEPT:
            gone = next(iter(self._kept))
            del self._kept[gone]
            self._in_body.discard(gone)
        self._kept[client] = kept
        return kept.header

    async def _post(self, client: OAuth2, *, in_body: bool) -> Answer:
        headers, body = question(client, in_body=in_body)
        return await self._connections.post(client.token_url.reveal(), headers, body, client.tls, client.proxy, _LIMIT)


def question(client: OAuth2, *, in_body: bool) -> tuple[dict[str, str], bytes]:
    """Write what is asked: headers and a form; `endpoint_params` may say another `grant_type`."""
    form = {"grant_type": "client_credentials"}
    if client.scopes:
        form["scope"] = " ".join(client.scopes)
    form |= {name: value.reveal() for name, value in client.params}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    who, secret = client.client_id, client.client_secret.reveal()
    if in_body:
        form |= {"client_id": who} | ({"client_secret": secret} if secret else {})
    else:
        pair = f"{quote_plus(who)}:{quote_plus(secret)}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return headers, urlencode(form).encode()


def read(answer: Answer, now: float) -> _Kept:
    """Read an answer that came at `now` (by the clock); raises `TokenError`."""
    said = _decoded(answer)
    if not 200 <= answer.status < 300 or said is None or said.error:
        after = answer.headers.get("retry-after") if answer.status >= 400 else None
        words = "" if said is None else one_line(" ".join(filter(None, (said.error, said.error_description))), 200)
        why = f"HTTP {answer.status}" + (f": {words}" if words else "")
        raise TokenError(why if said is not None or answer.status >= 300 else "the answer cannot be read", after)
    token, kind = said.access_token, said.token_type or ""
    if not token:
        raise TokenError("the answer has no access_token")
    if len(token) > _TOKEN_LIMIT or not all(part.isascii() and part.isprintable() for part in (token, kind)):
        raise TokenError("the token cannot stand in a header")
    return _Kept(Secret(f"{_TYPES.get(kind.lower(), kind)} {token}"), _end(said.expires_in, now))


def _decoded(answer: Answer) -> _Said | None:
    try:
        if answer.headers.get("content-type", "").startswith(("application/x-www-form-urlencoded", "text/plain")):
            form = parse_qs(answer.body.decode(), max_num_fields=100)
            return msgspec.convert({name: values[0] for name, values in form.items()}, _Said)
        return _said.decode(answer.body)
    except (msgspec.DecodeError, ValueError):  # of Unicode as well
        return None


def _end(expires_in: float | str | None, now: float) -> float | None:
    """When a token is not used any more: a little early, where it holds for less than that at half of its time."""
    try:
        seconds = float(expires_in or 0)
    except ValueError:
        seconds = 0.0
    return now + max(seconds - _EARLY_S, seconds / 2) if seconds > 0 else None
