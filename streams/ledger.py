"""What a worker knows of one partition of the journal: what runs there, and what was read before it does."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agents.outcome import Outcome, Problem
from streams.admit import Job
from streams.emit import Outgoing
from streams.frontier import Frontier
from streams.journal import Entry

_ENDED = 10_000
"""Most ended requests that are remembered, so that one forwarded twice is not run twice."""


class Conducted(Protocol):
    """A request on its way in pieces; `size` is what is held of it, in bytes."""

    job: Job
    entry: Entry
    started_at: float
    size: int

    @property
    def due_at(self) -> float:
        """When it has to be looked at whatever comes (seconds): its deadline."""

    def note(self, entry: Entry) -> None:
        """Take note of what the journal says; nothing is decided yet."""

    def advance(self, now: float) -> None:
        """Decide, and do it."""

    def cancel(self, now: float) -> None:
        """End it as cancelled."""

    def stop(self, problem: Problem) -> None:
        """End it with a problem."""


class Effects(Protocol):
    """What something conducted has done for it."""

    def send(self, one: Conducted, messages: Mapping[str, Outgoing], lanes: Mapping[str, int] | None = None) -> None:
        """Send messages by their names, to partitions where `lanes` says so; once out, the journal says so."""

    def cancel(self, one: Conducted, ids: Sequence[str]) -> None:
        """Cancel requests of these ids, which it has sent."""

    def finish(self, one: Conducted, outcome: Outcome) -> None:
        """Answer."""

    def relay(self, one: Conducted, result: bytes) -> None:
        """Answer with a result that is written already."""

    def tell(self, one: Conducted, fraction: float, stage: str) -> None:
        """Tell progress."""


@dataclass(eq=False, slots=True)
class Found:
    """What was read of a request while its partition was taken over, its start and all that came after."""

    start: tuple[Entry, int] | None = None
    entries: list[Entry] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Ledger:
    """One partition: while `behind` is set its records are only put together; from then on they are acted upon."""

    number: int
    behind: int | None
    frontier: Frontier = field(default_factory=Frontier)
    found: dict[str, Found] = field(default_factory=dict)
    running: dict[str, Conducted] = field(default_factory=dict)
    ended: OrderedDict[str, str] = field(default_factory=OrderedDict)
    committed: int | None = None

    def note(self, entry: Entry, offset: int) -> bool:
        """Note what was sent, answered, or has ended, and while taking over what began.

        Says whether the offset is held back until the request has its result.
        """
        name = entry.name
        if entry.kind == "end":
            self._note_end(entry)
        elif entry.kind == "start":
            found = self.found.setdefault(name, Found())
            if found.start is None and self.ended.get(name) != entry.source:
                found.start = (entry, offset)
                found.entries.clear()  # of an earlier one of the same id
                return True
        elif (running := self.running.get(name)) is not None:
            if entry.kind != "sent":
                running.note(entry)
        elif self.behind is not None:  # otherwise it is of one that has ended
            kept = entry._replace(value=b"") if entry.kind == "part" else entry  # whoever merges reads them again
            self.found.setdefault(name, Found()).entries.append(kept)
        return False

    def end(self, name: str, source: str) -> None:
        """Remember that a request has its result."""
        self.running.pop(name, None)
        self.ended[name] = source
        if len(self.ended) > _ENDED:
            self.ended.popitem(last=False)

    def _note_end(self, entry: Entry) -> None:
        if entry.name not in self.running:  # a later one of the same id is not ended by it
            self.end(entry.name, entry.source)
        found = self.found.get(entry.name)
        if found is None:
            return
        if found.start is not None and found.start[0].source != entry.source:
            # it may be the earlier one that sent these, and their answers may lie further back than is read
            found.entries = [one for one in found.entries if one.kind != "sent"]
            return
        if found.start is not None:
            self.frontier.done([found.start[1]])
        del self.found[entry.name]
