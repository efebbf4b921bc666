"""Label matchers as Alertmanager writes them: `= != =~ !~`; regexes are anchored, an absent label is empty."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_MATCHER = re.compile(
    r"""\s*(?P<name>[A-Za-z_][A-Za-z0-9_:.-]*|"(?:[^"\\]|\\.)*")\s*(?P<op>=~|!~|!=|=)\s*"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|[^\s,"{}]*)\s*"""
)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label."""

    name: str
    op: str
    value: str
    _regex: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the label satisfies the condition."""
        actual = labels.get(self.name, "")
        if self._regex is None:
            return (actual == self.value) == (self.op == "=")
        return (self._regex.fullmatch(actual) is not None) == (self.op == "=~")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), text[1:-1], flags=re.DOTALL)


def parse(text: str) -> tuple[Matcher, ...]:
    """Read one matcher or several between commas, with or without braces around them.

    Raises:
        ValueError: the text is no list of matchers, or a regex is none.

    """
    stripped = text.strip()
    inner = stripped[1:-1] if stripped.startswith("{") and stripped.endswith("}") else stripped
    found: list[Matcher] = []
    position = 0
    while position < len(inner):
        match = _MATCHER.match(inner, position)
        if match is None:
            raise ValueError(f'{text!r} is no matcher: write it like severity="P1" or agent=~"ode|pde"')
        name, op, value = _unquote(match["name"]), match["op"], _unquote(match["value"])
        try:
            regex = re.compile(value) if op in {"=~", "!~"} else None
        except re.error as error:
            raise ValueError(f"{value!r} in {text!r} is no regular expression: {error}") from error
        found.append(Matcher(name, op, value, regex))
        position = match.end()
        if position < len(inner):
            if inner[position] != ",":
                raise ValueError(f"{text!r}: a comma is missing before {inner[position:]!r}")
            position += 1
    return tuple(found)


def all_match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds; none at all hold for everything."""
    return all(matcher.matches(labels) for matcher in matchers)
