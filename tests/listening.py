"""An HTTP server of a test's own, on a free port of this machine."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers beside the length, body."""


@contextlib.contextmanager
def listening(answer: Callable[[str, Mapping[str, str], bytes], Answer]) -> Iterator[str]:
    """Answer each POST by `answer(path, headers, body)`, headers by small letters; gives the server's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers, text = answer(self.path, {name.lower(): it for name, it in self.headers.items()}, body)
            with contextlib.suppress(OSError):  # who asked may have gone
                self.send_response(status)
                for name, value in {"content-length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
