"""A cable between processes and a server that a test can cut: bytes neither go nor come, and no connection ends."""

import contextlib
import socket
import threading
from typing import Self


class Cable:
    """Passes connections of `port` of this machine on to another port of it; a context manager.

    What was on its way when it was cut arrives once it is mended, as TCP sends it again.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._whole = threading.Event()
        self._whole.set()
        self._ended = False
        self._ends: list[socket.socket] = []
        self._to = 0

    def lay(self, port: int) -> None:
        """Begin to pass on what comes, to a port."""
        self._to = port
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.mend()
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self) -> None:
        """Let nothing through any more."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything through again."""
        self._whole.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it is taken away
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                self._whole.wait()
                if self._ended:
                    return
                target.sendall(piece)
            self._whole.wait()
            target.shutdown(socket.SHUT_WR)
