"""Connections over HTTP that all senders share, a pool for each way to connect: whom to trust, through which proxy."""

import functools
import logging
import os
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import httpx

from alerting import tls as contexts
from alerting.notify.proxying import through
from alerting.receivers import Proxy, Secret, Tls

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log whole URLs, and a webhook's URL is its secret

_MAX_POOLS = 64
_PART = 4096

Headers = tuple[tuple[str, Secret], ...]


class Answer(NamedTuple):
    """A status, its headers, and how the body begins."""

    status: int
    headers: httpx.Headers
    body: bytes


class Connections:
    """Pools of connections."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """`environ` names proxies, where a configuration says that it does."""
        self._environ = environ
        self._pools: dict[tuple[Tls | None, Secret | None, Headers], httpx.AsyncClient] = {}
        self._old: list[httpx.AsyncClient] = []

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, tls: Tls | None, proxy: Proxy | None, limit: int
    ) -> Answer:
        """Post once, following nothing; reads at most `limit` bytes of the answer.

        Raises:
            httpx.HTTPError: no answer came.
            httpx.InvalidURL: the URL is none.
            OSError: a file of `tls_config` cannot be used, or what it says is refused.

        """
        there = httpx.URL(url)
        pool = self._pool(there, tls, proxy)
        # what is read is as it was sent, and a compressed answer could unfold without bound
        asked = {"user-agent": "sci-agents", **headers, "accept-encoding": "identity"}
        request = pool.build_request("POST", there, content=body, headers=asked)
        response = await pool.send(request, stream=True, follow_redirects=False)
        try:
            return Answer(response.status_code, response.headers, await _start_of(response, limit))
        finally:
            await response.aclose()

    def _pool(self, url: httpx.URL, tls: Tls | None, proxy: Proxy | None) -> httpx.AsyncClient:
        named = None if proxy is None else through(url, proxy, self._environ)
        # a header for the proxy is no part of what it passes on
        header = proxy.connect_header if proxy is not None and named is not None and url.scheme == "https" else ()
        way = (tls, None if named is None else Secret(named), header)
        if way not in self._pools:
            if len(self._pools) >= _MAX_POOLS:
                self._old.append(self._pools.pop(next(iter(self._pools))))  # it may be in use
            self._pools[way] = httpx.AsyncClient(
                verify=trusted() if tls is None else contexts.context(tls),
                proxy=None if named is None else _proxy(named, header),
                trust_env=False,
                timeout=None,  # noqa: S113 - each message has its own
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),  # each channel has its own
            )
        return self._pools[way]

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in (*self._old, *self._pools.values()):
            await pool.aclose()


@functools.cache
def trusted() -> ssl.SSLContext:
    """Whom everybody trusts: reading it takes a moment, so it is read before somebody waits for it."""
    return httpx.create_ssl_context()


def _proxy(url: str, header: Headers) -> httpx.Proxy:
    try:
        return httpx.Proxy(url, headers={name: value.reveal() for name, value in header})
    except (ValueError, httpx.InvalidURL):
        raise httpx.ProxyError("the proxy is none") from None


async def _start_of(response: httpx.Response, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw(_PART):  # raw: see above
        parts.append(part)
        size += len(part)
        if size >= limit:
            break
    return b"".join(parts)[:limit]
