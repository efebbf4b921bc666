"""Posting JSON: what an answer means for trying again. Bounded in time and size; secrets stay out of errors."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Secret
from alerting.text import one_line

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log whole URLs, and a webhook's URL is its secret

_BODY_LIMIT = 4096
_READ_LIMIT = 1024 * 1024
_SHOWN = 200
_TRY_AGAIN = frozenset({408, 425, 429})


async def post(
    client: httpx.AsyncClient, url: Secret, body: bytes, timeout_s: float = 10.0, authorization: Secret | None = None,
    extra: Mapping[str, str] | None = None, read: Callable[[bytes], Outcome] | None = None,
) -> Outcome:  # fmt: skip
    """Post JSON: 2xx is delivered; 408, 425, 429, 5xx and silence are tried again; the rest is permanent.

    `read` says what an answer with 2xx means, where its status does not.
    """
    headers = {"content-type": "application/json", **(extra or {})}
    if authorization is not None:
        headers["authorization"] = authorization.reveal()
    try:
        async with asyncio.timeout(timeout_s):  # of the whole, however slowly the answer drips
            request = client.build_request("POST", url.reveal(), content=body, headers=headers)
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                answer = await _start_of(response, _BODY_LIMIT if read is None else _READ_LIMIT)
            finally:
                await response.aclose()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return Outcome("permanent", "the URL cannot be used: it must begin with http:// or https://")
    except TimeoutError:
        return Outcome("retry", f"no answer within {timeout_s:g} s")
    except httpx.HTTPError as error:  # its text may hold the URL, which may hold a secret
        return Outcome("retry", f"cannot be reached: {type(error).__name__}")
    except (ValueError, UnicodeError) as error:
        return Outcome("permanent", f"the URL cannot be used: {type(error).__name__}")
    if read is not None and response.is_success:
        return read(answer)
    shown = answer[:_BODY_LIMIT].decode("utf-8", "replace")
    return judge(response.status_code, shown.replace(url.reveal(), "***"), response.headers.get("retry-after"))


def judge(status: int, answer: str, retry_after: str | None = None, now: datetime | None = None) -> Outcome:
    """Say what a status means; `now` is for a `Retry-After` that names a date."""
    if 200 <= status < 300:
        return DELIVERED
    said = one_line(answer, _SHOWN)
    error = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in _TRY_AGAIN or status >= 500:
        return Outcome("retry", error, _seconds(retry_after, now))
    return Outcome("permanent", error)


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
