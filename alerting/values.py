"""Values of the configuration that YAML does not know: durations, instants, matchers, formulas, templates."""

from datetime import date
from typing import Any

import msgspec

from alerting import durations, expressions, instants, matchers, rotations
from alerting.text import Template

ACK_DUE = "ack_due"


class Seconds(float):
    """A duration, written as Prometheus does."""


class Selector:
    """One text of `matchers`."""

    __slots__ = ("matchers",)

    def __init__(self, text: str) -> None:
        self.matchers = matchers.parse(text)


class Formula:
    """A rule's `expr` or `clear`."""

    __slots__ = ("expression",)

    def __init__(self, text: str) -> None:
        self.expression = expressions.parse(text)


class After:
    """A duration, or `ack_due`: None."""

    __slots__ = ("seconds",)

    def __init__(self, text: str) -> None:
        self.seconds = None if text == ACK_DUE else durations.parse(text)


class Instant(float):
    """An instant with its offset from UTC, epoch seconds."""


class Day:
    """A date."""

    __slots__ = ("date",)

    def __init__(self, text: str) -> None:
        try:
            self.date = date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no date: write it like 2026-01-05") from None


class Turn:
    """When a rotation's shifts change."""

    __slots__ = ("handover",)

    def __init__(self, text: str) -> None:
        self.handover = rotations.parse_handover(text)


def hook(kind: type, value: Any) -> Any:
    """Make what msgspec does not know; its `ValueError` says what is wrong with the value."""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {value!r}")  # noqa: TRY004 - what msgspec turns into its own
    if kind is Seconds:
        return Seconds(durations.parse(value))
    if kind is Instant:
        return Instant(instants.parse(value))
    if kind not in {Selector, Formula, After, Template, Day, Turn}:
        raise NotImplementedError(kind)
    try:
        return kind(value)
    except ValueError as error:
        if kind in _SUCH_AS and "write it like" not in str(error):
            raise ValueError(f"{error} (such as {_SUCH_AS[kind]})") from error
        raise


_SUCH_AS = {
    Selector: 'severity="P1" or agent=~"ode|pde"',
    Formula: "error_rate > 0.05",
    Template: "{{ labels.instance }}: {{ value | percent }}",
}


class Section(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping whose keys are known."""
