"""Single flight within a worker: of several that want the same answer at once, one computes it and the others wait."""

import threading


class Flights:
    """The keys that are being computed here."""

    def __init__(self) -> None:
        self._landed: dict[bytes, threading.Event] = {}
        self._lock = threading.Lock()

    def board(self, key: bytes) -> threading.Event | None:
        """Lead the flight of a key (None), or get what is set once it has landed."""
        with self._lock:
            flying = self._landed.get(key)
            if flying is None:
                self._landed[key] = threading.Event()
            return flying

    def land(self, key: bytes) -> None:
        """End the flight of a key, whatever came of it."""
        with self._lock:
            flying = self._landed.pop(key, None)
        if flying is not None:
            flying.set()
