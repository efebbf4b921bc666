"""Posting JSON: what an answer means for trying again. Bounded in time and size; secrets stay out of errors."""

import functools
import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpx

from alerting import tls
from alerting.notify.patience import within
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Http, Secret, Tls
from alerting.text import one_line

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log whole URLs, and a webhook's URL is its secret

_BODY_LIMIT = 4096
_READ_LIMIT = 1024 * 1024
_SHOWN = 200
_TRY_AGAIN = frozenset({408, 425, 429})
_SAME_AGAIN = frozenset({307, 308})
"""Redirects that keep the method and the body; the others would make a question of a message."""
_REDIRECTS = 5
_MAX_CLIENTS = 64

Read = Callable[[bytes], Outcome]


class Clients:
    """HTTP clients, one for each way to connect (TLS and proxy); connections are shared by all who use it."""

    def __init__(self) -> None:
        self._clients: dict[tuple[Tls | None, Secret | None, bool], httpx.AsyncClient] = {}
        self._old: list[httpx.AsyncClient] = []

    def of(self, http: Http) -> httpx.AsyncClient:
        """The client for a channel; raises `OSError` when a file of its `tls_config` cannot be used."""
        way = (http.tls, http.proxy, http.proxy_from_environment)
        if way not in self._clients:
            if len(self._clients) >= _MAX_CLIENTS:
                self._old.append(self._clients.pop(next(iter(self._clients))))  # it may be in use
            self._clients[way] = httpx.AsyncClient(
                verify=trusted() if http.tls is None else tls.context(http.tls),
                proxy=None if http.proxy is None else http.proxy.reveal(),
                trust_env=http.proxy_from_environment,
                timeout=None,  # noqa: S113 - each message has its own
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),  # each channel has its own
            )
        return self._clients[way]

    async def aclose(self) -> None:
        """Close all connections."""
        for client in (*self._old, *self._clients.values()):
            await client.aclose()


async def post(  # noqa: PLR0911 - one return for each way it can go
    clients: Clients, http: Http, url: Secret, body: bytes, timeout_s: float = 10.0,
    extra: Mapping[str, str] | None = None, read: Read | None = None,
) -> Outcome:  # fmt: skip
    """Post JSON: 2xx is delivered; 408, 425, 429, 5xx and silence are tried again; the rest is permanent.

    `read` says what an answer with 2xx means, where its status does not.
    """
    headers = {"content-type": "application/json", "user-agent": "sci-agents", **(extra or {})}
    headers |= {name: value.reveal() for name, value in http.headers}
    if http.authorization is not None:
        headers["authorization"] = http.authorization.reveal()
    try:
        async with within(timeout_s):  # of the whole, however slowly the answer drips
            status, retry_after, answer = await _ask(clients.of(http), http, url.reveal(), body, headers, read)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return Outcome("permanent", "the URL cannot be used: it must begin with http:// or https://")
    except TimeoutError:
        return Outcome("retry", f"no answer within {timeout_s:g} s")
    except httpx.HTTPError as error:  # its text may hold the URL, which may hold a secret
        return Outcome("retry", f"cannot be reached: {type(error).__name__}{_why(error)}")
    except OSError as error:
        return Outcome("retry", f"tls_config: {type(error).__name__}: {error.strerror}")
    except (ValueError, UnicodeError) as error:
        return Outcome("permanent", f"the URL cannot be used: {type(error).__name__}")
    if read is not None and 200 <= status < 300:
        return read(answer)
    return judge(status, _safe(answer[:_BODY_LIMIT].decode("utf-8", "replace"), url, http), retry_after)


def judge(status: int, answer: str, retry_after: str | None = None, now: datetime | None = None) -> Outcome:
    """Say what a status means; `now` is for a `Retry-After` that names a date."""
    if 200 <= status < 300:
        return DELIVERED
    said = one_line(answer, _SHOWN)
    error = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in _TRY_AGAIN or status >= 500:
        return Outcome("retry", error, _seconds(retry_after, now))
    return Outcome("permanent", error)


@functools.cache
def trusted() -> ssl.SSLContext:
    """Whom everybody trusts: reading it takes a moment, so it is read before somebody waits for it."""
    return httpx.create_ssl_context()


async def _ask(
    client: httpx.AsyncClient, http: Http, url: str, body: bytes, headers: dict[str, str], read: Read | None
) -> tuple[int, str | None, bytes]:
    """Post, follow what asks for the same elsewhere; returns the status, `Retry-After` and how the answer begins."""
    limit = _BODY_LIMIT if read is None else _READ_LIMIT
    for left in reversed(range(_REDIRECTS + 1)):
        request = client.build_request("POST", url, content=body, headers=headers)
        if http.tls is not None and http.tls.server_name is not None:
            request.extensions["sni_hostname"] = http.tls.server_name
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            answer = await _start_of(response, limit)
        finally:
            await response.aclose()
        location = response.headers.get("location")
        if not (left and location and http.follow_redirects and response.status_code in _SAME_AGAIN):
            break
        there = httpx.URL(urljoin(url, location))
        if (there.scheme, there.netloc) != (request.url.scheme, request.url.netloc):  # a stranger gets no secret
            headers = {"content-type": headers["content-type"], "user-agent": headers["user-agent"]}
        url = str(there)
    return response.status_code, response.headers.get("retry-after"), answer


def _why(error: httpx.HTTPError) -> str:
    """That a certificate is not trusted is worth saying."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f": {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return ""


def _safe(answer: str, url: Secret, http: Http) -> str:
    secrets = (url, http.authorization, *(value for _, value in http.headers))
    for secret in secrets:
        if secret is not None and secret.reveal():
            answer = answer.replace(secret.reveal(), "***")
    return answer


def _seconds(retry_after: str | None, now: datetime | None) -> float | None:
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError):
        return None


async def _start_of(response: httpx.Response, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw(_BODY_LIMIT):  # raw: a compressed answer could unfold without bound
        parts.append(part)
        size += len(part)
        if size >= limit:
            break
    return b"".join(parts)[:limit]
