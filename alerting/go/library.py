"""Templates by name: Alertmanager's defaults, and those of the files that a configuration names under `templates`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alerting.go import functions, tree
from alerting.go.data import Data
from alerting.go.execute import Run
from alerting.go.scan import GoError
from alerting.go.tree import Node

_DEFAULTS = Path(__file__).parent / "default.tmpl"
SIZE_LIMIT = 256 * 1024
"""Characters of one template file."""


@dataclass(frozen=True, slots=True)
class Library:
    """What is defined, by name."""

    defined: Mapping[str, tuple[Node, ...]] = field(default_factory=dict, repr=False)

    def having(self, text: str) -> "Library":
        """Add the definitions of a file, the later ones in force; raises `GoError`."""
        if len(text) > SIZE_LIMIT:
            raise GoError(f"is larger than {SIZE_LIMIT:,} characters")
        found = tree.parse(text, functions.NAMES)
        return Library({**self.defined, **found.defined})

    def words(self, text: str) -> "Words":
        """A text of a channel; raises `GoError` when it cannot be parsed or calls what is not defined."""
        found = tree.parse(text, functions.NAMES)
        defined = {**self.defined, **found.defined}
        for name, line in found.called:
            if name not in defined:
                raise GoError(f"line {line}: no template {name!r}")
        return Words(text, found.body, defined)


@dataclass(frozen=True, slots=True)
class Words:
    """A text that is filled in for each message."""

    text: str
    body: tuple[Node, ...] = field(repr=False, compare=False)
    defined: Mapping[str, tuple[Node, ...]] = field(repr=False, compare=False, default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.text)

    def render(self, data: Data, now: float, *, html: bool = False) -> str:
        """Fill in, in bounded time and size; raises `GoError`."""
        return Run(self.defined, now, html).render(self.body, data)


def defaults() -> Library:
    """What Alertmanager defines."""
    return Library().having(_DEFAULTS.read_text())
