"""Silences: what somebody does not want to hear of, for a while. The laws are Alertmanager's.

| state | when | may be changed to |
|---|---|---|
| pending | before `starts_at` | any other times that have not begun |
| active | until `ends_at` | another end, from now on |
| expired | after it, or expired by hand | – (a change makes a new one) |

A change that is not allowed in place expires the old silence and makes a new one. Matchers are joined by AND within one
silence, by OR between them. One that has expired is kept for five days, for people to look it up.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Literal

import msgspec

from alerting import instants, matchers
from alerting.matchers import Matcher
from streams.contracts import Silence

State = Literal["active", "pending", "expired"]

RETENTION_S = 5 * 86_400.0
MAX_SILENCES = 10_000
MAX_MATCHERS = 100


class SilenceError(ValueError):
    """A silence that cannot be; the text says why."""


class UnknownSilenceError(SilenceError):
    """There is none of this name."""


def state_of(silence: Silence, now: float) -> State:
    """Where a silence stands."""
    if now >= instants.parse(silence.ends_at):
        return "expired"
    return "pending" if now < instants.parse(silence.starts_at) else "active"


def checked(silence: Silence, now: float) -> Silence:
    """Look whether a silence can be made.

    Raises:
        SilenceError: it is over or ends before it begins, or its matchers are none, or match every alert there is.

    """
    try:
        starts, ends = instants.parse(silence.starts_at), instants.parse(silence.ends_at)
        found = [one for text in silence.matchers for one in matchers.parse(text)]
    except ValueError as error:
        raise SilenceError(str(error)) from None
    if starts >= ends:
        raise SilenceError("start time must be before end time")
    if ends < now:
        raise SilenceError("end time can't be in the past")
    if len(found) > MAX_MATCHERS:
        raise SilenceError(f"more than {MAX_MATCHERS} matchers")
    if all(one.holds("") for one in found):
        raise SilenceError("at least one matcher must not match the empty string")
    return msgspec.structs.replace(silence, matchers=[str(one) for one in found])


class Silences:
    """All silences, by their names."""

    def __init__(self, known: Iterable[Silence] = ()) -> None:
        self._silences: dict[str, Silence] = {}
        self._when: dict[str, tuple[float, float, tuple[Matcher, ...]]] = {}
        for silence in known:
            with suppress(ValueError):  # one that somebody else wrote to the topic
                self._put(silence)

    def __iter__(self) -> Iterator[Silence]:
        return iter(list(self._silences.values()))

    def get(self, name: str) -> Silence | None:
        """A silence by its name."""
        return self._silences.get(name)

    def set(self, silence: Silence, name: str, now: float) -> list[Silence]:
        """Make a silence under `name`, or change the one that `silence.id` names; returns what changed, it the last.

        Raises:
            SilenceError: it cannot be; `UnknownSilenceError` when there is none to change.

        """
        wanted = checked(silence, now)
        changed: list[Silence] = []
        if wanted.id:
            old = self._silences.get(wanted.id)
            if old is None:
                raise UnknownSilenceError(f"silence {wanted.id[:100]!r} not found")
            if _fits(old, wanted, now):
                changed.append(msgspec.structs.replace(wanted, updated_at=instants.show(now)))
                self._put(changed[0])
                return changed
            if state_of(old, now) != "expired":
                changed += self.expire(old.id, now)
        if len(self._silences) >= MAX_SILENCES:
            raise SilenceError(f"there are {MAX_SILENCES} silences already")
        starts = max(now, instants.parse(wanted.starts_at))
        made = msgspec.structs.replace(wanted, id=name, starts_at=instants.show(starts), updated_at=instants.show(now))
        self._put(made)
        return [*changed, made]

    def expire(self, name: str, now: float) -> list[Silence]:
        """End a silence now.

        Raises:
            SilenceError: it is over already; `UnknownSilenceError` when there is none.

        """
        silence = self._silences.get(name)
        if silence is None:
            raise UnknownSilenceError(f"silence {name[:100]!r} not found")
        state = state_of(silence, now)
        if state == "expired":
            raise SilenceError(f"silence {name} already expired")
        at = instants.show(now)
        starts = at if state == "pending" else silence.starts_at
        ended = msgspec.structs.replace(silence, starts_at=starts, ends_at=at, updated_at=at)
        self._put(ended)
        return [ended]

    def silenced_by(self, labels: Mapping[str, str], now: float) -> tuple[str, ...]:
        """The names of the active silences that match some labels."""
        return tuple(
            name
            for name, (starts, ends, wanted) in self._when.items()
            if starts <= now < ends and matchers.all_match(wanted, labels)
        )

    def forget(self, now: float) -> list[str]:
        """Drop what has been over for five days; returns the names."""
        gone = [name for name, (_, ends, _) in self._when.items() if ends + RETENTION_S <= now]
        for name in gone:
            del self._silences[name], self._when[name]
        return gone

    def _put(self, silence: Silence) -> None:
        wanted = tuple(one for text in silence.matchers for one in matchers.parse(text))
        self._when[silence.id] = instants.parse(silence.starts_at), instants.parse(silence.ends_at), wanted
        self._silences[silence.id] = silence


def _fits(old: Silence, new: Silence, now: float) -> bool:
    """Whether `old` may become `new` under the same name."""
    if old.matchers != new.matchers:
        return False
    starts, ends = instants.parse(new.starts_at), instants.parse(new.ends_at)
    match state_of(old, now):
        case "active":
            return int(starts) == int(instants.parse(old.starts_at)) and ends >= now
        case "pending":
            return starts >= now
        case "expired":
            return False
