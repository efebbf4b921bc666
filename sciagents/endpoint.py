"""An HTTP endpoint that takes JSON, in the place of whoever is notified: for the demo and for measurements."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_BODY_LIMIT = 1_000_000


@contextlib.contextmanager
def taking(take: Callable[[dict[str, Any]], None]) -> Iterator[int]:
    """Hand each message that is posted to `take`, from another thread; gives the port, a free one of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            try:
                message = json.loads(self.rfile.read(min(length, _BODY_LIMIT)))
            except ValueError:
                self._answer(HTTPStatus.BAD_REQUEST, b"invalid_payload")
                return
            take(message)
            self._answer(HTTPStatus.OK, b"ok")

        def _answer(self, status: HTTPStatus, text: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
