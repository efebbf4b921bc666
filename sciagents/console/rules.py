"""What `rules check` and `rules test` do."""

import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET  # written alone, never read

import msgspec

from alerting import config as configuration
from alerting import durations, trials
from alerting.config import Config
from alerting.trials import Outcome, Trials
from sciagents import shipped
from sciagents.commands.shared import printable
from sciagents.console.tables import print_json, say


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
