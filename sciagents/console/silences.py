"""What `silence add`, `expire` and `list` do: commands on the topic, and the silences that come of them."""

import time
import uuid
from collections.abc import Callable, Sequence

import msgspec

from alerting import durations, instants
from alerting.silences import SilenceError, checked, state_of
from alerting.silencing import name_of
from sciagents import lookup
from sciagents.console.tables import print_json, print_table, say
from sciagents.errors import NoAnswerError, NotFoundError, SciAgentsError, UsageError
from sciagents.publish import publish
from streams.contracts import Command, Silence


def add(
    kafka: str, prefix: str, matchers: Sequence[str], duration: str, until: str | None, start: str | None, by: str,
    comment: str, timeout_s: float, *, as_json: bool,
) -> None:  # fmt: skip
    """Make a silence, and wait until it is in force; prints its ID, or it.

    Raises:
        UsageError: it cannot be.
        NoAnswerError: nobody took it in time.

    """
    now = time.time()
    try:
        begins = now if start is None else instants.parse(start)
        ends = begins + durations.parse(duration) if until is None else instants.parse(until)
        wanted = Silence(
            matchers=list(matchers), starts_at=instants.show(begins), ends_at=instants.show(ends), created_by=by
        )
        wanted = checked(wanted, now)
    except (SilenceError, ValueError, OverflowError) as error:
        raise UsageError(str(error)) from None
    sent = Command(
        incident="", action="silence", by=by, at=instants.show(now), id=uuid.uuid4().hex, text=comment or None,
        matchers=wanted.matchers, starts_at=wanted.starts_at, until=wanted.ends_at,
    )  # fmt: skip
    name = name_of(sent)
    made = _do(kafka, prefix, sent, lambda one: one.id == name, timeout_s)
    _print(made) if as_json else say(name)


def expire(kafka: str, prefix: str, name: str, by: str, timeout_s: float, *, as_json: bool) -> None:
    """End a silence, and wait until it is over; raises as `add`, and `NotFoundError`."""
    now = time.time()
    known = lookup.silences(kafka, prefix).get(name)
    if known is None:
        raise NotFoundError(f"no silence {name[:80]!r}", field="ID", hint="`sci-agents silence list --all`")
    if state_of(known, now) == "expired":
        raise SciAgentsError(f"silence {name} is over already")
    sent = Command(
        incident="", action="unsilence", by=by, at=instants.show(now), id=uuid.uuid4().hex, target=name
    )  # fmt: skip
    ended = _do(kafka, prefix, sent, lambda one: one.id == name and state_of(one, time.time()) == "expired", timeout_s)
    _print(ended) if as_json else say(f"{name} is over")


def show_all(kafka: str, prefix: str, *, over: bool, as_json: bool) -> None:
    """Print the silences."""
    now = time.time()
    found = sorted(lookup.silences(kafka, prefix).values(), key=lambda one: one.ends_at)
    found = [one for one in found if over or state_of(one, now) != "expired"]
    if as_json:
        for one in found:
            _print(one)
    elif found:
        print_table(
            ("id", "status", "matchers", "from", "until", "by", "comment"),
            (
                (
                    one.id, state_of(one, now), " ".join(one.matchers), instants.minute(one.starts_at),
                    instants.minute(one.ends_at), one.created_by, one.comment,
                )
                for one in found
            ),
        )  # fmt: skip
    else:
        say("no silences")


def _print(silence: Silence) -> None:
    print_json({**msgspec.to_builtins(silence), "status": state_of(silence, time.time())})


def _do(kafka: str, prefix: str, sent: Command, done: Callable[[Silence], bool], timeout_s: float) -> Silence:
    """Send a command, and wait until a silence shows that it is done."""
    with lookup.following(kafka, prefix, ("ops.silences",), "end", timeout_s) as records:
        publish(kafka, prefix, "ops.commands", [(sent.target or name_of(sent), sent)])
        try:
            return next(one for record in records if (one := lookup.silence_of(record)) is not None and done(one))
        except NoAnswerError:
            raise NoAnswerError(
                f"nobody took it within {timeout_s:g} s", hint="is `sci-agents alerting` running?"
            ) from None
