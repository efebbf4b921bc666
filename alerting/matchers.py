"""Label matchers as Alertmanager writes them: `= != =~ !~`; regexes are anchored, an absent label is empty.

Regexes are RE2, as Alertmanager's are: a pattern from outside takes time linear in the text, whatever it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol, cast

import re2

Op = Literal["=", "!=", "=~", "!~"]

_MATCHER = re.compile(
    r"""\s*(?P<name>[^\s{}!=~,\\"'`]+|"(?:[^"\\]|\\.)*")\s*(?P<op>=~|!~|!=|=)\s*(?P<value>.*?)\s*""", re.DOTALL
)
PLAIN_NAME = re.compile(r"[^\s{}!=~,\\\"'`]+")
"""A label's name that needs no quotes; a name may be any text, as since Alertmanager 0.27."""
_CLASSIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_LITERAL = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip
_LONGEST = 4096
"""Signs of a regular expression: one that is longer is none."""
_MEMORY = 1 << 20
"""Bytes that a compiled regular expression may take."""


class Pattern(Protocol):
    """A compiled regular expression."""

    def fullmatch(self, text: str) -> object | None:
        """Whether the whole text matches, and how."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; `matcher` makes one."""

    name: str
    op: Op
    value: str
    _regex: Pattern | None = field(default=None, compare=False, repr=False)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the label satisfies the condition."""
        return self.holds(labels.get(self.name, ""))

    def holds(self, value: str) -> bool:
        """Whether a value satisfies the condition."""
        if self._regex is None:
            return (value == self.value) == (self.op == "=")
        return (self._regex.fullmatch(value) is not None) == (self.op == "=~")

    def __str__(self) -> str:
        return f"{written(self.name)}{self.op}{quoted(self.value)}"


def written(name: str) -> str:
    """A label's name, in quotes where it needs some."""
    return name if _CLASSIC.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    """A text between quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def literal(text: str) -> str:
    """A text as a literal of Go (`strconv.Quote`), in which Alertmanager writes values in keys."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(sign: str) -> str:
    if sign in _LITERAL:
        return _LITERAL[sign]
    if sign.isprintable():
        return sign
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Pattern:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return cast("Pattern", re2.compile(pattern, options))


def matcher(name: str, op: Op, value: str) -> Matcher:
    """Make a matcher; raises `ValueError` when its value is no regular expression of RE2."""
    if op not in {"=~", "!~"}:
        return Matcher(name, op, value)
    if len(value) > _LONGEST:
        raise ValueError(f"a regular expression of more than {_LONGEST} signs")
    try:
        return Matcher(name, op, value, _compiled(value))
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if error.args else "cannot be read"
        raise ValueError(f"{value!r} is no regular expression: {said}") from None


def parse(text: str) -> tuple[Matcher, ...]:
    """Read one matcher or several between commas, with or without braces around them.

    Raises:
        ValueError: the text is no list of matchers, or a regex is none.

    """
    stripped = text.strip()
    inner = stripped[1:-1] if stripped.startswith("{") and stripped.endswith("}") else stripped
    return tuple(_one(part, text) for part in _split(inner))


def _split(text: str) -> Iterator[str]:
    """Cut at the commas that stand in no quotes; nothing after the last one is nothing."""
    start, quoted, escaped = 0, False, False
    for at, sign in enumerate(text):
        if sign == "," and not quoted:
            yield text[start:at]
            start = at + 1
        elif sign == '"' and not escaped:
            quoted = not quoted
        escaped = sign == "\\" and not escaped
    if text[start:].strip():
        yield text[start:]


def _one(part: str, text: str) -> Matcher:
    found = _MATCHER.fullmatch(part)
    if found is None:
        raise ValueError(f'{text!r} is no matcher: write it like severity="P1" or agent=~"ode|pde"')
    return matcher(_value(found["name"], text), cast("Op", found["op"]), _value(found["value"], text))


def _value(written: str, text: str) -> str:
    """What a value says, in quotes or without; a backslash that escapes nothing is itself."""
    inner = written
    if written.startswith('"'):
        if len(written) < 2 or not written.endswith('"'):
            raise ValueError(f"{text!r}: a quote is not closed, or a comma is missing")
        inner = written[1:-1]
    if re.search(r'(?<!\\)(?:\\\\)*"', inner) or (written != inner and re.search(r"(?<!\\)(?:\\\\)*\\$", inner)):
        raise ValueError(f"{text!r}: a quote inside a value needs a backslash, or a comma is missing")
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), inner, flags=re.DOTALL)


def all_match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds; none at all hold for everything."""
    return all(one.matches(labels) for one in matchers)
