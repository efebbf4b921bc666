"""What `replay` does: reads which messages are meant, and prints what became of them."""

import typing
from collections import Counter
from collections.abc import Sequence

import msgspec

from agents.outcome import Code
from alerting.documents import suggest
from sciagents import replay as process
from sciagents.commands.shared import printable
from sciagents.console.tables import print_json, print_table, say
from sciagents.errors import UsageError
from streams import instants

_ROWS_LIMIT = 1_000


def replay(
    kafka: str, prefix: str, source: process.Source, *, codes: Sequence[str], ids: Sequence[str], since: str | None,
    until: str | None, dry_run: bool, again: bool, timeout_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Send messages again and say of each what became of it."""
    known = typing.get_args(Code)
    for code in codes:
        if code not in known:
            raise UsageError(f"no error has the code {printable(code)!r}", field="--code", hint=suggest(code, known))
    if source == "requests" and not (codes or ids or since):
        hint = "name ids, codes of their results, or since when: --id, --code, --since"
        raise UsageError("all requests of a week are not meant", field="--from", hint=hint)
    choice = process.Choice(
        codes=frozenset(codes), ids=frozenset(ids), since=_instant(since, "--since", float("-inf")),
        until=_instant(until, "--until", float("inf")),
    )  # fmt: skip
    found = process.replay(kafka, prefix, source, choice, dry_run=dry_run, again=again, timeout_s=timeout_s)
    if as_json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    rows = [[one.place, printable(one.id or "–"), printable(one.code or "–"), one.action] for one in found]
    if rows:
        print_table(["from", "id", "code", ""], rows[:_ROWS_LIMIT])
    counted = Counter(one.action for one in found)
    say(", ".join(f"{count} {action}" for action, count in counted.items()) or "nothing is chosen")


def _instant(text: str | None, flag: str, otherwise: float) -> float:
    if text is None:
        return otherwise
    try:
        return instants.from_text(text)
    except ValueError:
        hint = "RFC 3339 with its offset, such as 2026-12-01T00:00:00Z"
        raise UsageError(f"{printable(text)!r} is no instant", field=flag, hint=hint) from None
