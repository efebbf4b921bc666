"""Posting JSON: what an answer means for trying again. Bounded in time and size; secrets stay out of errors."""

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpx

from alerting.notify.connections import Answer, Connections
from alerting.notify.patience import within
from alerting.notify.tokens import TokenError, Tokens
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Http, Secret
from alerting.text import one_line

_BODY_LIMIT = 4096
_READ_LIMIT = 1024 * 1024
_SHOWN = 200
_TRY_AGAIN = frozenset({408, 425, 429})
_SAME_AGAIN = frozenset({307, 308})
"""Redirects that keep the method and the body; the others would make a question of a message."""
_REDIRECTS = 5
_UNAUTHORIZED = 401

Read = Callable[[bytes], Outcome]


class Clients:
    """What all who send share: connections, and the tokens with which they log in."""

    def __init__(self) -> None:
        self.connections = Connections()
        self.tokens = Tokens(self.connections)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.tokens.aclose()
        await self.connections.aclose()


async def post(  # noqa: PLR0911 - one return for each way it can go
    clients: Clients, http: Http, url: Secret, body: bytes, timeout_s: float = 10.0,
    extra: Mapping[str, str] | None = None, read: Read | None = None,
) -> Outcome:  # fmt: skip
    """Post JSON: 2xx is delivered; 408, 425, 429, 5xx and silence are tried again; the rest is permanent.

    `read` says what an answer with 2xx means, where its status does not.
    """
    headers = {"content-type": "application/json", **(extra or {})}
    headers |= {name: value.reveal() for name, value in http.headers}
    if http.authorization is not None:
        headers["authorization"] = http.authorization.reveal()
    try:
        async with within(timeout_s):  # of the whole, however slowly the answer drips
            answer, secrets = await _logged_in(clients, http, url.reveal(), body, headers, read)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return Outcome("permanent", "the URL cannot be used: it must begin with http:// or https://")
    except TokenError as error:
        return Outcome("retry", str(error), _seconds(error.after, None))
    except TimeoutError:
        return Outcome("retry", f"no answer within {timeout_s:g} s")
    except httpx.HTTPError as error:  # its text may hold the URL, which may hold a secret
        return Outcome("retry", f"cannot be reached: {type(error).__name__}{_why(error)}")
    except OSError as error:
        return Outcome("retry", f"tls_config: {type(error).__name__}: {error.strerror}")
    except (ValueError, UnicodeError) as error:
        return Outcome("permanent", f"the URL cannot be used: {type(error).__name__}")
    if read is not None and 200 <= answer.status < 300:
        return read(answer.body)
    said = answer.body[:_BODY_LIMIT].decode("utf-8", "replace")
    return judge(answer.status, _safe(said, url, *secrets), answer.headers.get("retry-after"))


def judge(status: int, answer: str, retry_after: str | None = None, now: datetime | None = None) -> Outcome:
    """Say what a status means; `now` is for a `Retry-After` that names a date."""
    if 200 <= status < 300:
        return DELIVERED
    said = one_line(answer, _SHOWN)
    error = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in _TRY_AGAIN or status >= 500:
        return Outcome("retry", error, _seconds(retry_after, now))
    return Outcome("permanent", error)


async def _logged_in(
    clients: Clients, http: Http, url: str, body: bytes, headers: dict[str, str], read: Read | None
) -> tuple[Answer, list[Secret]]:
    """Post as somebody, with a new token where the one that was kept is refused; returns what may not be shown, too."""
    secrets = [value for _, value in http.headers]
    for again in (True, False):
        as_whom = http.authorization if http.oauth2 is None else await clients.tokens.header(http.oauth2)
        if as_whom is not None:
            headers["authorization"] = as_whom.reveal()
            secrets += [as_whom, Secret(as_whom.reveal().partition(" ")[2])]
        answer = await _ask(clients.connections, http, url, body, headers, read)
        if http.oauth2 is None or as_whom is None or answer.status != _UNAUTHORIZED:
            break
        clients.tokens.forget(http.oauth2, as_whom)
        if not again:
            break
    return answer, secrets


async def _ask(
    connections: Connections, http: Http, url: str, body: bytes, headers: dict[str, str], read: Read | None
) -> Answer:
    """Post, and follow what asks for the same elsewhere."""
    limit = _BODY_LIMIT if read is None else _READ_LIMIT
    for left in reversed(range(_REDIRECTS + 1)):
        answer = await connections.post(url, headers, body, http.tls, http.proxy, limit)
        location = answer.headers.get("location")
        if not (left and location and http.follow_redirects and answer.status in _SAME_AGAIN):
            break
        here, there = httpx.URL(url), httpx.URL(urljoin(url, location))
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):  # a stranger gets no secret
            headers = {"content-type": headers["content-type"]}
        url = str(there)
    return answer


def _why(error: httpx.HTTPError) -> str:
    """That a certificate is not trusted is worth saying."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f": {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return ""


def _safe(answer: str, *secrets: Secret) -> str:
    for secret in secrets:
        if secret.reveal():
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
