"""Answers that wait while a member cannot know whether its partitions are still its own.

A member that was frozen or cut off learns late that its session is over; until then it would answer what another
answers. So answers go out only while its coordinator has been heard of within the session; otherwise they wait, until
it is heard again (and those that are another's by then are dropped), and what is on its way is withdrawn.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

PATIENCE_S = 6.0
"""After so long without a word of the coordinator a session, of 10 s and heartbeats each 0.5 s, may be over soon."""


class Doubt:
    """One member's; `look` is called by its thread at each turn, the rest from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, patience_s: float = PATIENCE_S) -> None:
        self._clock = clock
        self._patience_s = patience_s
        self._heard_at: float | None = None
        self._looked_at = clock()
        self._again: deque[Callable[[], None]] = deque()
        self._held: deque[Callable[[], None]] = deque()
        self._passing = 0
        self._sifting = False
        self.doubtful = False

    def renew(self) -> None:
        """Take note that the coordinator has just taken this member for one: it was given partitions, or committed."""
        self._heard_at = self._clock()

    def hear(self, idle_s: float) -> None:
        """Take note that the coordinator was last heard so long ago.

        After a long silence that says nothing: a word may be that the session is over, or a greeting.
        """
        heard_at = self._clock() - idle_s
        if self._heard_at is not None and 0 < heard_at - self._heard_at <= self._patience_s:
            self._heard_at = heard_at

    @property
    def certain(self) -> bool:
        """Whether an answer may be sent now: not behind others that wait, nor before the thread has looked again."""
        if self._passing == threading.get_ident():
            return True
        waiting = self.doubtful or self._sifting or self._held or self._again
        return not waiting and self._clock() - self._looked_at < self._patience_s

    def hold(self, send: Callable[[], None], *, again: bool) -> None:
        """Let an answer wait: in front of the others when it has been on its way already (`again`)."""
        (self._again if again else self._held).append(send)

    def look(self) -> bool:
        """Weigh it anew, and send what waits when there is no doubt; true when doubt has just begun."""
        now = self._clock()
        self._looked_at = now
        before, self.doubtful = self.doubtful, self._heard_at is not None and now - self._heard_at > self._patience_s
        if not self.doubtful:
            self._passing = threading.get_ident()
            try:
                while waiting := self._again or self._held:
                    waiting[0]()
                    waiting.popleft()
            finally:
                self._passing = 0
        return self.doubtful and not before

    def sift(self) -> None:
        """Try what waits once more, without sending any of it: what is another's by now is not held again."""
        self._sifting = True
        try:
            for waiting in (self._again, self._held):
                for _ in range(len(waiting)):
                    waiting.popleft()()
        finally:
            self._sifting = False

    def __len__(self) -> int:
        """How many answers wait, in groups."""
        return len(self._again) + len(self._held)
