"""What a worker shows over HTTP: `/metrics` for Prometheus, `/health/live` and `/health/ready` for who restarts it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import msgspec
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from streams.liveness import Verdict

_PATIENCE_S = 5.0


@contextlib.contextmanager
def serving(address: str | None, look: Callable[[], Verdict]) -> Iterator[int | None]:
    """Answer on `HOST:PORT` from threads of its own, whatever the event loop does; without an address, do nothing.

    Gives the port, which port 0 leaves to the system; raises `OSError` when the address is taken.
    """
    if address is None:
        yield None
        return
    host, _, port = address.rpartition(":")
    with ThreadingHTTPServer((host or "127.0.0.1", int(port)), _handler(look)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="status", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _handler(look: Callable[[], Verdict]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S  # for a client that says nothing

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, content_type, encode(REGISTRY))
            elif path in {"/health", "/health/live", "/health/ready"}:
                found = look()
                good = found.ready if path == "/health/ready" else found.live
                body = msgspec.json.encode({"status": found.status, "reason": found.reason})
                self._answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", body)
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /health, /health/live, /health/ready\n")

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: it is asked every few seconds."""

    return Handler
