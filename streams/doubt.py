"""Answers that wait while a member cannot know whether its partitions are still its own.

A member that was frozen or cut off learns late that its session is over; until then it would answer what another
answers. So answers go out only while its coordinator is heard; otherwise they wait until it takes a commit of this
member, and those that are another's by then are dropped.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

STEADY_S = 10.0
"""So long a coordinator that came back has to be heard to be believed without a commit: as long as a session."""


class Doubt:
    """One member's, whose coordinator may be silent for `patience_s`: see `Membership.silence_s`.

    `look` is called by its thread at each turn, the rest from any thread.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._patience_s = patience_s
        self._heard_at: float | None = None
        self._word_at = float("-inf")
        self._steady_since: float | None = None
        self._looked_at = clock()
        self._again: deque[Callable[[], None]] = deque()
        self._held: deque[Callable[[], None]] = deque()
        self._passing = 0
        self._sifting = False
        self.doubtful = False

    def renew(self) -> None:
        """Take note that the coordinator has just taken this member for one: it was given partitions, or committed."""
        self._heard_at, self._steady_since = self._clock(), None

    def hear(self, idle_s: float) -> None:
        """Take note that the coordinator was last heard so long ago.

        After a long silence a word may be a greeting, or that the session is over: only many of them mean that all is
        well, for a member that has nothing to commit.
        """
        heard_at, steady_s = self._clock() - idle_s, max(STEADY_S, self._patience_s)
        if self._heard_at is None or heard_at <= max(self._heard_at, self._word_at):
            return
        if self._steady_since is None or heard_at - self._word_at > self._patience_s:
            self._steady_since = heard_at
        self._word_at = heard_at
        if heard_at - self._heard_at <= self._patience_s or heard_at - self._steady_since >= steady_s:
            self._heard_at, self._steady_since = heard_at, None

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
