"""What `rules check`, `rules test` and `rules backtest` do."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree as ET  # written alone, never read

import msgspec

from alerting import config as configuration
from alerting import durations, instants, trials
from alerting.backtest import Difference
from alerting.config import Config
from alerting.rehearsal import TooManyError
from alerting.trials import Outcome, Trials
from sciagents import backtest as replay
from sciagents import shipped
from sciagents.backtest import Summary
from sciagents.commands.shared import printable
from sciagents.console.tables import print_json, print_table, say
from sciagents.errors import SciAgentsError, UsageError


def check(file: Path | None, *, as_json: bool) -> None:
    """Load a configuration; raises `ConfigError`."""
    path = file or _default()
    found = configuration.load_rules(path, os.environ)
    counts = {
        "rules": len(found.rules), "receivers": len(found.receivers), "inhibit_rules": len(found.inhibit_rules),
        "time_intervals": len(found.time_intervals),
    }  # fmt: skip
    if as_json:
        print_json({"file": str(path), **counts, "notices": found.notices})
        return
    for notice in found.notices:
        say(f"note: {notice}")
    said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    say(f"{path}: ok, {said}")


def test(files: Sequence[Path], rules_file: Path | None, junit: Path | None, *, as_json: bool) -> bool:
    """Run files of tests; whether all have passed. Raises `ConfigError`."""
    suites: list[tuple[Path, list[Outcome]]] = []
    for file in files:
        found = trials.load(str(file))
        outcomes = [outcome for config in _configs(found, file, rules_file) for outcome in found.run(config)]
        suites.append((file, outcomes))
        if not as_json:
            _tell(file, outcomes)
    if as_json:
        for file, outcomes in suites:
            for outcome in outcomes:
                print_json({"file": str(file), **msgspec.to_builtins(outcome)})
    if junit is not None:
        junit.write_bytes(_report(suites))
    return all(outcome.failure is None for _, outcomes in suites for outcome in outcomes)


def backtest(
    kafka: str, prefix: str, since: str, until: str, rules_file: Path | None, config: Path | None,
    events: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Replay history through two sets of rules, and print where they differ.

    Raises:
        ConfigError: a file of rules is wrong.
        UsageError: no rules are given, a time is none, or the file of events cannot be used.
        SciAgentsError: the topics cannot be read, or there are more incidents than are kept.

    """
    if rules_file is None:
        raise UsageError("which rules are to be tried?", field="--rules", hint="an alerting.yaml, or rules alone")
    in_force = configuration.load_rules(config or _default(), os.environ)
    changed = configuration.load_changed(rules_file, in_force, os.environ)
    now = time.time()
    begin, end = _instant(since, now, "--from"), _instant(until, now, "--to")
    if begin is not None and end is not None and end <= begin:
        raise UsageError("it ends before it begins", field="--to")
    try:
        if events is not None:
            verdict = replay.of_file(events, in_force, changed, begin, now if end is None else min(end, now))
        elif begin is None:
            raise UsageError("from when on?", field="--from", hint="such as 24h, or 2026-12-01T00:00:00Z")
        else:
            verdict = replay.of_topics(kafka, prefix, in_force, changed, begin, now if end is None else min(end, now))
    except TooManyError as error:
        raise SciAgentsError(str(error)) from None
    if as_json:
        for difference in verdict.differences:
            print_json(difference)
        print_json({"summary": verdict.summary})
        return
    if verdict.differences:
        print_table(("change", "severity", "incident", "labels", "in force", "changed"), map(_row, verdict.differences))
    _sum_up(verdict.summary, len(verdict.differences))


def _row(one: Difference) -> Sequence[object]:
    before, after = one.in_force, one.changed
    words = []
    for change in one.changes:
        match change:
            case "opened":
                words.append("opened")
            case "not_opened":
                words.append("not opened")
            case "earlier" | "later":
                words.append(f"{durations.show(abs(one.shift_s or 0.0))} {change}")
            case "severity":
                words.append("another severity")
    severities = [would.severity for would in (before, after) if would is not None]
    labels = " ".join(f"{name}={value}" for name, value in one.labels.items())
    return (
        ", ".join(words), " → ".join(dict.fromkeys(severities)), one.title, labels,
        before and _seconds(before.opened_at), after and _seconds(after.opened_at),
    )  # fmt: skip


def _sum_up(found: Summary, differ: int) -> None:
    for lost in found.lost:
        say(f"note: {lost.topic} is kept since {_seconds(lost.since)} only: what was before is not in this")
    if found.unreadable:
        say(f"note: {found.unreadable:,} records cannot be read")
    for why, count in found.dropped.items():
        say(f"note: {count:,} samples were not taken: {why.replace('_', ' ')}")
    say(f"{_seconds(found.begin)} to {_seconds(found.end)}: {found.events:,} events, {found.results:,} results")
    say(f"in force {found.in_force}, changed {found.changed}; {found.same} the same, {differ} differ")


def _seconds(text: str) -> str:
    return f"{text[:19].replace('T', ' ')} UTC"


def _instant(text: str, now: float, flag: str) -> float | None:
    """An instant as it is written, or so long ago; None for none."""
    if not text:
        return None
    with suppress(ValueError):
        return now - durations.parse(text)
    try:
        return instants.parse(text)
    except ValueError:
        hint = "RFC 3339 with its offset, such as 2026-12-01T00:00:00Z, or how long ago, such as 24h"
        raise UsageError(f"{printable(text)!r} is no instant", field=flag, hint=hint) from None


def _configs(found: Trials, file: Path, rules_file: Path | None) -> list[Config]:
    named = [file.parent / name for name in found.section.rule_files]
    return [configuration.load_rules(path, os.environ) for path in named or [rules_file or _default()]]


def _default() -> Path:
    return shipped.folder("config") / "alerting.yaml"


def _tell(file: Path, outcomes: Sequence[Outcome]) -> None:
    failed = [outcome for outcome in outcomes if outcome.failure is not None]
    say(f"Unit Testing: {file}")
    say(f"  {'FAILED' if failed else 'SUCCESS'}: {len(outcomes) - len(failed)} of {len(outcomes)} checks passed")
    for outcome in failed:
        say(f"    {outcome.test}: {outcome.alertname} at {durations.show(outcome.at)}: {outcome.failure}")


def _report(suites: Sequence[tuple[Path, Sequence[Outcome]]]) -> bytes:
    root = ET.Element("testsuites")
    for file, outcomes in suites:
        failures = sum(outcome.failure is not None for outcome in outcomes)
        suite = ET.SubElement(
            root, "testsuite", name=str(file), tests=str(len(outcomes)), failures=str(failures), errors="0"
        )
        for outcome in outcomes:
            name = f"{outcome.test}: {outcome.alertname} at {durations.show(outcome.at)}"
            case = ET.SubElement(suite, "testcase", classname=str(file), name=name)
            if outcome.failure is not None:
                ET.SubElement(case, "failure", message=printable(outcome.failure)).text = printable(outcome.failure)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
