"""Proxies of a test's own, on a free port of this machine: CONNECT (RFC 9110, 9.3.6) and SOCKS 5 (RFC 1928)."""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Asked:
    """What a proxy was asked for: `host:port` of each tunnel, and the headers that came with it."""

    tunnels: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _join(one: socket.socket, host: str, port: int) -> None:
    """Whatever name is asked for lies on this machine."""
    with socket.create_connection(("127.0.0.1", port)) as other:
        back = threading.Thread(target=_pump, args=(other, one), daemon=True)
        back.start()
        _pump(one, other)
        back.join(10)


@contextlib.contextmanager
def tunnelling() -> Iterator[tuple[str, Asked]]:
    """Pass on what either kind of proxy is asked to; gives `host:port`, and what was asked for."""
    asked = Asked()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError, ValueError):
                if self.request.recv(1, socket.MSG_PEEK) == b"\x05":
                    self._socks()
                else:
                    self._connect()

        def _connect(self):
            method, where, _ = self.rfile.readline().decode().split()
            headers = {}
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            asked.tunnels.append(f"{method} {where}")
            asked.headers.append(headers)
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            host, _, port = where.rpartition(":")
            _join(self.request, host, int(port))

        def _socks(self):
            self.rfile.read(self.rfile.read(2)[1])  # ways to log in, of which none is wanted
            self.wfile.write(b"\x05\x00")
            _, command, _, kind = self.rfile.read(4)
            assert (command, kind) == (1, 3), "a connection to a name"
            host = self.rfile.read(self.rfile.read(1)[0]).decode()
            (port,) = struct.unpack("!H", self.rfile.read(2))
            asked.tunnels.append(f"SOCKS {host}:{port}")
            self.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
            _join(self.request, host, port)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
