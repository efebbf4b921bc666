"""Through which proxy a URL is reached, decided as Go's `httpproxy` does, whose word Alertmanager's is.

By scheme from the environment or one for all, never for what `no_proxy` names: hosts (with all below them), `.hosts`
(those below alone), addresses, networks, each with a port or without, or `*`. With `no_proxy` or the environment this
machine itself is never reached through a proxy.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from alerting.receivers import Proxy

_PORTS = {"http": 80, "https": 443}


def through(url: httpx.URL, proxy: Proxy, environ: Mapping[str, str]) -> str | None:
    """Name the proxy for a URL; None is straight on."""
    if proxy.url is not None:
        reached = not proxy.no_proxy or not _spared(url, proxy.no_proxy)
        return proxy.url.reveal() if reached else None
    named = _variable(f"{url.scheme}_proxy", environ)
    if not named or _spared(url, _variable("no_proxy", environ)):
        return None
    return named if "://" in named else f"http://{named}"


def _variable(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name.upper()) or environ.get(name) or ""


def _spared(url: httpx.URL, no_proxy: str) -> bool:
    """Whether a URL is reached without a proxy."""
    host = url.host.lower()
    port = url.port or _PORTS.get(url.scheme, 0)
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_names(entry.strip().lower(), host, address, port) for entry in no_proxy.split(","))


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _names(entry: str, host: str, address: Address | None, port: int) -> bool:
    """Whether an entry of `no_proxy` names a host."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    named, of_port = _split(entry)
    if not named or (of_port and of_port != str(port)):
        return False
    if (wanted := _address(named)) is not None:
        return wanted == address
    if named.startswith("*."):
        named = named[1:]
    return host.endswith(named) if named.startswith(".") else host == named or host.endswith(f".{named}")


def _split(entry: str) -> tuple[str, str]:
    """A host and the port behind it, where there is one; an address of version 6 has colons of its own."""
    if entry.count(":") > 1 and not entry.startswith("["):
        return entry, ""
    try:
        parts = urlsplit(f"//{entry}")
        return parts.hostname or "", "" if parts.port is None else str(parts.port)
    except ValueError:
        return "", ""


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
