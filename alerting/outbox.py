"""The outbox: what is to be told, recorded before it is sent, tried again with backoff, and told once.

| message | effects | on the topic |
|---|---|---|
| put | intent, then the sending | `intended` |
| delivered | – | `delivered` |
| to be retried | the next intent, with its time | `failed`, then `intended` at a later instant |
| permanent, or tried for a day | – | `failed` |
| a newer one for the same channel and incident has come | – | `suppressed` |
| an end, or an answer, has come while a beginning is to be tried again | the beginning, then that | as each fares |

One message at a time for an incident on a channel, so that none overtakes another; channels do not wait for each other.
What an earlier process may have sent goes first, and a newer one does not take its place: who heard it is not known.
Slack gets a message a second in each of its channels (`pacing`), P0 before the others: of an incident that waits for
its turn the latest, which says how it began as well.
A message's id is known once it was intended: putting it again does nothing.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from alerting import instants
from alerting.effects import Effect, Notify, Publish
from alerting.groups import Group
from alerting.messages import RESOLVED_BY_HAND, Message
from alerting.muting import Mute
from alerting.pacing import Pace
from alerting.receivers import Secret, Slack
from alerting.timers import Timers
from streams.contracts import Notification

TOPIC = "ops.notifications"
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 300.0
LONGEST_WAIT_S = 3600.0
"""Most that a receiver can make us wait (`Retry-After`)."""
GIVE_UP_S = 86_400.0
SUPERSEDED = "superseded by"
"""What is said of a message whose place a newer one of its incident has taken."""
_ENDS = frozenset({"all_resolved", "resolved", RESOLVED_BY_HAND})
_MAX_KNOWN = 50_000
_MAX_ERROR = 500

Slot = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sending went.

    `after` is how many seconds the receiver wants to be left alone, `thread` where an incident's messages are together.
    """

    status: Literal["delivered", "retry", "permanent"]
    error: str | None = None
    after: float | None = None
    thread: str | None = None


DELIVERED = Outcome("delivered")


@dataclass(slots=True)
class _Slot:
    sending: Message | None = None
    waiting: Message | None = None
    due_at: float = 0.0
    first: deque[Message] = field(default_factory=deque)
    """What an earlier process may have sent."""
    end: Message | None = None
    """What follows `waiting`: an end or an answer, while the beginning may or may not have been heard."""

    @property
    def next(self) -> Message | None:
        """What is to be sent when nothing is being sent."""
        return self.first[0] if self.first else self.waiting


def backoff(attempt: int) -> float:
    """Seconds before the attempt after this one: 1, 2, 4, … 300."""
    return min(FIRST_RETRY_S * 2.0 ** min(attempt - 1, 20), LONGEST_RETRY_S)


def record(
    message: Message,
    status: Literal["intended", "delivered", "failed", "suppressed"],
    at: float,
    error: str | None = None,
    thread: str | None = None,
) -> Publish:
    """Write what happens to a message for the topic."""
    notification = Notification(
        id=message.id, incident=message.incident.id, receiver=message.receiver, channel=message.channel,
        reason=message.reason, status=status, attempt=message.attempt, at=instants.show(at),
        error=None if error is None else error[:_MAX_ERROR], dedup_key=message.dedup_key,
        firing=None if message.firing is None else list(message.firing),
        resolved=None if message.resolved is None else list(message.resolved), thread=thread,
    )  # fmt: skip
    return Publish(TOPIC, message.incident.id, notification)


def muted(incident: str, group: Group, mute: Mute, names: Sequence[str], at: float) -> Publish:
    """Write for the topic why alerts (by fingerprint) are not told; `incident` is "" where there is none."""
    key = incident or group.key
    notification = Notification(
        id=f"{key}.{round(at * 1000)}.{group.route.receiver}.{mute.reason}", incident=incident,
        receiver=group.route.receiver, channel="", reason=mute.reason, status="suppressed", attempt=0,
        at=instants.show(at), error=f"by {', '.join(mute.by)}"[:_MAX_ERROR], firing=list(names),
    )  # fmt: skip
    return Publish(TOPIC, key, notification)


class Outbox:
    """Keeps what is under way."""

    def __init__(self) -> None:
        self._slots: dict[Slot, _Slot] = {}
        self._calls: dict[str, set[Slot]] = {}
        """The slots of each incident's calls."""
        self._slot_of: dict[str, Slot] = {}
        self._due: Timers[Slot] = Timers()
        self._pace: Pace[Slot] = Pace()
        self._threads: dict[tuple[str, ...], str] = {}
        self._known: dict[str, None] = {}

    def put(self, message: Message, now: float) -> list[Effect]:
        """Tell something, unless it was told already."""
        if message.id in self._known:
            return []
        self._know(message.id)
        return [record(message, "intended", now), *self._queue(message, now)]

    def suppress(self, message: Message, now: float, why: str) -> list[Effect]:
        """Record that something is not told, and why."""
        if message.id in self._known:
            return []
        self._know(message.id)
        return [record(message, "suppressed", now, why)]

    def restore(
        self, notifications: Iterable[Notification], again: Callable[[Notification], Message | None], now: float
    ) -> None:
        """Take back what was under way when the process ended, from the topic; `again` makes the messages anew."""
        last: dict[str, Notification] = {}
        for notification in notifications:
            last[notification.id] = notification
            self._know(notification.id)
            if notification.thread is not None:
                self._keep((notification.incident, notification.receiver, notification.channel), notification.thread)
        for notification in last.values():
            if notification.status != "intended":
                continue
            message = again(notification)
            if message is not None:
                due_at = instants.parse(notification.at)
                if notification.attempt == 1:  # sent at once: where that is ahead, the clock was
                    due_at = min(due_at, now)
                tried = notification.attempt + (due_at <= now)  # it may have been sent; what can be, is de-duplicated
                self._again(replace(message, attempt=tried), due_at, now)

    def on_delivery(self, name: str, outcome: Outcome, now: float) -> list[Effect]:
        """Take the outcome of a sending."""
        message = self.sent(name)
        if message is None:
            return []
        slot = self._slots[self._slot_of.pop(name)]
        slot.sending = None
        if outcome.status == "delivered":
            if outcome.thread is not None:
                self._keep(_place(message), outcome.thread)
            effects: list[Effect] = [record(message, "delivered", now, outcome.error, outcome.thread)]
        else:
            effects = self._failed(slot, message, outcome, now)
        if slot.waiting is None and slot.end is not None:
            slot.waiting, slot.due_at, slot.end = slot.end, now, None
        for key in (_slot(message), _beside(_slot(message))):
            if key in self._slots:
                effects += self._send(key, now)
        return effects

    def tick(self, now: float, most: float = math.inf) -> list[Effect]:
        """Send what is due again, so many `most`."""
        ready = [
            effect for slot in self._due.take(now, most) if slot in self._slots for effect in self._send(slot, now)
        ]
        paced = self._pace.take(self._urgency, Slack.every, now)
        return [*ready, *(effect for slot in paced for effect in self._send(slot, now, free=True))]

    def due(self) -> float | None:
        """When something is due again."""
        return min((at for at in (self._due.next(), self._pace.due()) if at is not None), default=None)

    def under_way(self, incident: str, step: int) -> bool:
        """Whether a call of an incident's step may still be heard."""
        return any(
            message is not None and message.step == step
            for slot in map(self._slots.__getitem__, self._calls.get(incident, ()))
            for message in (slot.sending, slot.waiting, *slot.first)
        )

    def sent(self, name: str) -> Message | None:
        """What is being sent under this id."""
        key = self._slot_of.get(name)
        return None if key is None else self._slots[key].sending

    def _queue(self, message: Message, now: float) -> list[Effect]:
        """Queue a message whose intent is recorded, and send it when nothing is ahead of it."""
        slot = self._open(_slot(message))
        tried = slot.waiting is not None and slot.waiting.attempt > 1
        follows = tried and _follows(slot.waiting, message)
        old = [slot.end] if follows else [slot.waiting, slot.end]
        effects: list[Effect] = [
            record(one, "suppressed", now, f"{SUPERSEDED} {message.id}") for one in old if one is not None
        ]
        if follows:
            slot.end = message
            return effects
        slot.waiting, slot.due_at, slot.end = message, now, None
        return [*effects, *self._send(_slot(message), now)]

    def _again(self, message: Message, due_at: float, now: float) -> None:
        """Queue a message of an earlier process: it goes first unless it was to be sent later than now."""
        slot = self._open(_slot(message))
        if _follows(slot.waiting, message):
            slot.end = message
        elif due_at <= now:
            slot.first.append(message)
        else:
            slot.waiting, slot.due_at = message, due_at
        self._due.set(_slot(message), now if slot.first else due_at)

    def _failed(self, slot: _Slot, message: Message, outcome: Outcome, now: float) -> list[Effect]:
        follows = (
            slot.next is not None and len(slot.first) + (slot.waiting is not None) == 1 and _follows(message, slot.next)
        )
        if slot.next is not None and not (follows and outcome.status == "retry"):
            return [record(message, "failed", now, f"{outcome.error}; {SUPERSEDED} {slot.next.id}")]
        if outcome.status == "permanent":
            return [record(message, "failed", now, outcome.error)]
        wait = max(backoff(message.attempt), min(outcome.after or 0.0, LONGEST_WAIT_S))
        if now + wait > message.at + GIVE_UP_S:
            return [record(message, "failed", now, f"given up: {outcome.error}")]
        if outcome.after is not None and (lane := _lane(message)) is not None:
            self._pace.hold(lane, now + wait)
        failed = record(message, "failed", now, outcome.error)
        if follows:
            slot.end = slot.first.popleft() if slot.first else slot.waiting
        slot.waiting, slot.due_at = replace(message, attempt=message.attempt + 1), now + wait
        return [failed, record(slot.waiting, "intended", slot.due_at)]

    def _send(self, key: Slot, now: float, *, free: bool = False) -> list[Effect]:
        """Send what waits in a slot when its time has come; `free` when its lane has been waited for."""
        slot = self._slots[key]
        message = slot.next
        if slot.sending is not None or message is None:
            self._due.set(key, None)
            if slot.sending is None:
                self._close(key)
            return []
        if not slot.first and slot.due_at > now:
            self._due.set(key, slot.due_at)
            return []
        self._due.set(key, None)
        if self._is_held(key):
            return []
        lane = None if free else _lane(message)
        if lane is not None and not self._pace.enter(lane, key, Slack.every, now):
            return []
        if slot.first:
            slot.first.popleft()
        else:
            slot.waiting = None
        slot.sending = replace(message, thread=self._threads.get(_place(message)))
        self._slot_of[slot.sending.id] = key
        return [Notify(slot.sending)]

    def _open(self, key: Slot) -> _Slot:
        if key not in self._slots:
            self._slots[key] = _Slot()
            if key[3]:
                self._calls.setdefault(key[0], set()).add(key)
        return self._slots[key]

    def _close(self, key: Slot) -> None:
        del self._slots[key]
        if key[3]:
            calls = self._calls[key[0]]
            calls.discard(key)
            if not calls:
                del self._calls[key[0]]

    def _is_held(self, key: Slot) -> bool:
        """Whether a call of the same receiver is to be heard first: nobody is to hear the end before the beginning."""
        calls = None if key[3] else self._slots.get(_beside(key))
        return calls is not None and (calls.sending is not None or calls.next is not None)

    def _urgency(self, key: Slot) -> tuple[str, float] | None:
        """P0 first, then the oldest; nothing of a slot that has nothing to send."""
        slot = self._slots.get(key)
        if slot is None or slot.next is None or slot.sending is not None:
            return None
        return slot.next.incident.severity, slot.next.at

    def _keep(self, place: tuple[str, ...], thread: str) -> None:
        self._threads.setdefault(place, thread)
        if len(self._threads) > _MAX_KNOWN:
            del self._threads[next(iter(self._threads))]

    def _know(self, name: str) -> None:
        self._known[name] = None
        if len(self._known) > _MAX_KNOWN:
            del self._known[next(iter(self._known))]


def _slot(message: Message) -> Slot:
    return message.incident.id, message.receiver, message.channel, message.target is not None


def _beside(key: Slot) -> Slot:
    """The other slot of a receiver's channel: of its calls, or of what it hears by its group."""
    incident, receiver, channel, is_call = key
    return incident, receiver, channel, not is_call


def _follows(beginning: Message | None, message: Message) -> bool:
    """Whether whoever hears a message has to hear `beginning` before: it tells its end, or (to PagerDuty) an answer."""
    if beginning is None:
        return False
    if message.reason in _ENDS:
        return beginning.reason not in _ENDS
    answered = beginning.incident.status == "triggered" and message.incident.status == "acknowledged"
    return answered and message.integration.kind == "pagerduty"


def _place(message: Message) -> tuple[str, ...]:
    return message.incident.id, message.receiver, message.channel


def _lane(message: Message) -> tuple[Secret, str | None] | None:
    """What shares a limit with others; None has none."""
    integration = message.integration
    return (integration.api_url, integration.channel) if isinstance(integration, Slack) else None
