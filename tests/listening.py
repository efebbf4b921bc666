"""An HTTP server of a test's own, on a free port of this machine."""

import contextlib
import enum
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Broken(enum.Enum):
    """What is no answer."""

    HANG = "hang"
    """Nothing comes until the server ends."""
    RESET = "reset"
    """The connection is reset."""
    CLOSED = "closed"
    """The connection is closed without a word."""
    GARBAGE = "garbage"
    """Bytes that are no HTTP."""


Answer = tuple[int, Mapping[str, str], bytes] | Broken
"""Status, headers beside the length, body."""


@contextlib.contextmanager
def listening(
    answer: Callable[[str, Mapping[str, str], bytes], Answer], context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[str]:  # fmt: skip
    """Answer each POST by `answer(path, headers, body)`, headers by small letters; gives the server's URL."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            found = answer(self.path, {name.lower(): it for name, it in self.headers.items()}, body)
            with contextlib.suppress(OSError):  # who asked may have gone
                if isinstance(found, Broken):
                    self._break(found)
                    return
                status, headers, text = found
                self.send_response(status)
                for name, value in {"content-length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

        def _break(self, how):
            self.close_connection = True
            match how:
                case Broken.HANG:
                    done.wait()
                case Broken.RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                case Broken.GARBAGE:
                    self.wfile.write(b"\x00\xff\xfe no such protocol\r\n\r\n")

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # with the library's 5 a burst on a busy machine is turned away

    server = Server((host, 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'http' if context is None else 'https'}://{host}:{server.server_port}"
    finally:
        done.set()
        server.shutdown()
        server.server_close()
        thread.join()
