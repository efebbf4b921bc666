"""Addresses to listen on, as `HOST:PORT`; port 0 is a free one."""

import errno
import os
import socket

from sciagents.errors import UsageError

_BACKLOG = 2048


def parse(address: str, field: str = "listen") -> tuple[str, int]:
    """Split `HOST:PORT`, an IPv6 host in brackets or not; raises `UsageError`."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isascii() and port.isdecimal() and int(port[:6]) <= 65535):
        raise UsageError(f"{address[:80]!r} is no address", field=field, hint="HOST:PORT, such as 127.0.0.1:8000")
    return host.strip("[]") or "127.0.0.1", int(port)


def listen(host: str, port: int) -> socket.socket:
    """Listen there; raises `UsageError` when that address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or os.strerror(error.errno or 0)}", field="listen",
            hint="another program has it; name another port, or 0 for a free one" if taken else None,
        ) from None  # fmt: skip


def name(listener: socket.socket) -> str:
    """Return where a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def free(address: str) -> str:
    """Return the address, with a free port in the place of 0, once it is sure that it can be had now."""
    with listen(*parse(address)) as listener:
        return name(listener)
