"""The functions that a template may call: Go's own, and those that Alertmanager adds."""

import base64
import functools
import html
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast
from urllib.parse import quote_plus, unquote_plus

import re2

from alerting.go.data import KV, Alert, Pair, Strings
from alerting.go.scan import GoError
from alerting.go.times import Time
from alerting.matchers import literal

_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d{0,3})(?:\.(?P<precision>\d{0,3}))?(?P<verb>.)", re.DOTALL)
_PATTERN_LIMIT = 10_000


class Safe(str):
    """A text that is HTML already."""

    __slots__ = ()


def escaped(text: str) -> str:
    """A text as it may stand in HTML, in Go's spelling."""
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;").replace("+", "&#43;")


def shown(value: object) -> str:  # noqa: PLR0911 - one return per kind
    """A value as Go prints it."""
    match value:
        case None:
            return "<no value>"
        case bool():
            return "true" if value else "false"
        case str() | KV():
            return str(value)
        case float():
            return f"{value:g}"
        case Mapping():
            return "map[" + " ".join(f"{name}:{shown(one)}" for name, one in sorted(value.items())) + "]"
        case Sequence() if type(value).__str__ is list.__str__:
            return "[" + " ".join(map(shown, value)) + "]"
    if isinstance(value, Alert | Pair):
        return "{" + " ".join(shown(getattr(value, name)) for name in value.__slots__) + "}"
    return str(value)


def truth(value: object) -> bool:
    """Whether a value counts as true: not empty, not nothing."""
    return bool(value) if isinstance(value, bool | int | float | str | list | dict) else value is not None


def length(value: object) -> int:
    """How many there are of something."""
    if isinstance(value, str):
        return len(value.encode())
    if not isinstance(value, list | dict):
        raise GoError(f"len of {_kind(value)}")
    return len(value)


def index(value: object, *keys: object) -> object:
    """An item of a list, or of labels, where one that is not there is empty."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(str(key), "") if isinstance(value, KV) else value.get(key)
        elif isinstance(value, list) and isinstance(key, int):
            if not 0 <= key < len(value):
                raise GoError(f"index out of range: {key}")
            value = value[key]
        else:
            raise GoError(f"cannot index {_kind(value)} with {_kind(key)}")
    return value


def sliced(value: object, *bounds: object) -> object:
    """A part of a text or a list."""
    size = length(value)
    if not isinstance(value, str | list) or len(bounds) > 2 or not all(isinstance(one, int) for one in bounds):
        raise GoError(f"cannot slice {_kind(value)}")
    first, last = (*cast("tuple[int, ...]", bounds), *(0, size)[len(bounds) :])[:2]
    if not 0 <= first <= last <= size:
        raise GoError(f"slice out of range: {first}:{last}")
    return value.encode()[first:last].decode("utf-8", "replace") if isinstance(value, str) else value[first:last]


def _printed(*values: object) -> str:
    """Go's `Sprint`: a space between two values of which neither is a text."""
    parts = []
    for at, value in enumerate(values):
        if at and not isinstance(value, str) and not isinstance(values[at - 1], str):
            parts.append(" ")
        parts.append(shown(value))
    return "".join(parts)


def printf(pattern: str, *values: object) -> str:
    """Go's `Sprintf`, for texts, numbers and truths."""
    left = list(values)

    def write(found: re.Match[str]) -> str:
        verb = found["verb"]
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        return _written(found, verb, left.pop(0))

    made = _VERB.sub(write, _text(pattern))
    extra = ", ".join(f"{type(one).__name__}={shown(one)}" for one in left)
    return f"{made}%!(EXTRA {extra})" if left else made


def _written(found: re.Match[str], verb: str, value: object) -> str:
    flags, width = found["flags"], int(found["width"] or 0)
    precision = None if found["precision"] is None else int(found["precision"] or 0)
    match verb:
        case "v" | "s":
            said = shown(value)[: precision if verb == "s" else None]
        case "q":
            said = literal(shown(value))
        case "d" if isinstance(value, int):
            said = f"{value:+d}" if "+" in flags else str(value)
        case "t" if isinstance(value, bool):
            said = shown(value)
        case "x" | "X" if isinstance(value, int):
            said = f"{value:{verb}}"
        case "x" | "X" if isinstance(value, str):
            said = value.encode().hex()
        case "f" | "e" | "g" if isinstance(value, int | float):
            said = f"{value:.{6 if precision is None and verb != 'g' else precision}{verb}}" if (
                precision is not None or verb != "g"
            ) else f"{value:g}"  # fmt: skip
        case "c" if isinstance(value, int) and 0 <= value < 0x110000:
            said = chr(value)
        case _:
            said = f"%!{verb}({type(value).__name__}={shown(value)})"
    if "-" in flags:
        return said.ljust(width)
    return said.zfill(width) if "0" in flags and isinstance(value, int | float) else said.rjust(width)


def _equal(first: object, *others: object) -> bool:
    if not others:
        raise GoError("eq: missing argument for comparison")
    for other in others:
        _alike(first, other)
    return any(first == other for other in others)


def _alike(first: object, second: object) -> None:
    kinds = {_kind(first), _kind(second)}
    if len(kinds) > 1 and "nil" not in kinds:
        raise GoError(f"incompatible types for comparison: {_kind(first)} and {_kind(second)}")


def _less(first: object, second: object) -> bool:
    _alike(first, second)
    if not isinstance(first, str | int | float) or isinstance(first, bool):
        raise GoError(f"{_kind(first)} has no order")
    return bool(first < second)  # type: ignore[operator]


def _kind(value: object) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "bool"
        case str():
            return "string"
        case int():
            return "int"
        case float():
            return "float"
    return type(value).__name__


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GoError(f"wrong type: expected string, got {_kind(value)}")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise GoError(f"wrong type: expected a list of strings, got {_kind(value)}")
    return [_text(one) for one in value]


@functools.lru_cache(maxsize=512)
def _pattern(pattern: str) -> "re2.Pattern":
    if len(pattern) > _PATTERN_LIMIT:
        raise GoError("a regular expression is too long")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise GoError(f"{pattern!r} is no regular expression") from error


def _replaced(pattern: object, replacement: object, text: object) -> str:
    """Replace: Go writes a group as `$1` or `${1}`."""
    said = _text(replacement).replace("\\", r"\\")
    said = re.sub(r"\$\{?(\d+)\}?", r"\\\1", said).replace("$$", "$")
    try:
        return str(_pattern(_text(pattern)).sub(said, _text(text)))
    except re2.error as error:
        raise GoError(f"{replacement!r} cannot stand in for {pattern!r}") from error


def human_duration(value: object) -> str:  # noqa: PLR0911 - one return per size
    """Seconds as Prometheus writes them for people: 3725 → 1h 2m 5s."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise GoError(f"{shown(value)[:100]!r} is no number") from error
    if not math.isfinite(seconds):
        return f"{seconds:g}"
    if seconds == 0:
        return "0s"
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    if left < 1:
        for unit in ("ms", "us", "ns"):
            left *= 1000
            if left >= 1:
                return f"{sign}{left:.4g}{unit}"
        return f"{sign}{left:.4g}ns"
    days, hours, minutes = int(left // 86400), int(left // 3600) % 24, int(left // 60) % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {int(left) % 60}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {int(left) % 60}s"
    return f"{sign}{minutes}m {int(left) % 60}s" if minutes else f"{sign}{left % 60:.4g}s"


def as_json(value: object) -> str:
    """JSON as Go writes it of what templates see."""

    def plain(one: object) -> object:
        match one:
            case Time():
                return one.Format("2006-01-02T15:04:05.999Z07:00")
            case Alert():
                names = ("Status", "Labels", "Annotations", "StartsAt", "EndsAt", "GeneratorURL", "Fingerprint")
                return {name[0].lower() + name[1:]: plain(getattr(one, name)) for name in names}
            case Pair():
                return {"Name": one.Name, "Value": one.Value}
            case Mapping():
                return {str(name): plain(it) for name, it in sorted(one.items())}
            case list():
                return [plain(it) for it in one]
            case None | bool() | int() | float() | str():
                return one
        raise GoError(f"{_kind(one)} cannot be written as JSON")

    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def _dict(*values: object) -> dict[str, object]:
    if len(values) % 2:
        raise GoError("dict requires an even number of arguments")
    return {_text(values[at]): values[at + 1] for at in range(0, len(values), 2)}


def _decoded(text: object) -> str:
    try:
        return base64.urlsafe_b64decode(_text(text).encode()).decode()
    except ValueError as error:
        raise GoError("is no base64") from error


FUNCTIONS: dict[str, Callable[..., object]] = {
    "len": length, "index": index, "slice": sliced, "print": _printed,
    "println": lambda *values: " ".join(map(shown, values)) + "\n", "printf": printf,
    "html": lambda *values: Safe(escaped("".join(map(shown, values))).replace("&#43;", "+")),
    "js": lambda *values: json.dumps("".join(map(shown, values)))[1:-1],
    "urlquery": lambda *values: quote_plus("".join(map(shown, values))),
    "not": lambda value: not truth(value), "eq": _equal, "ne": lambda one, other: not _equal(one, other),
    "lt": _less, "le": lambda one, other: not _less(other, one), "gt": lambda one, other: _less(other, one),
    "ge": lambda one, other: not _less(one, other),
    "toUpper": lambda text: _text(text).upper(), "toLower": lambda text: _text(text).lower(),
    "title": lambda text: _text(text).title(), "trimSpace": lambda text: _text(text).strip(),
    "join": lambda separator, texts: _text(separator).join(_texts(texts)),
    "match": lambda pattern, text: _pattern(_text(pattern)).search(_text(text)) is not None,
    "safeHtml": lambda text: Safe(_text(text)), "safeUrl": lambda text: Safe(escaped(_text(text))),
    "urlUnescape": lambda text: unquote_plus(_text(text)), "reReplaceAll": _replaced,
    "stringSlice": lambda *texts: Strings(map(_text, texts)),
    "date": lambda layout, at: _time(at).Format(_text(layout)), "tz": lambda name, at: _time(at).In(_text(name)),
    "humanizeDuration": human_duration, "toJson": as_json, "list": lambda *values: list(values),
    "append": lambda items, *values: [*_list(items), *values], "dict": _dict, "base64decode": _decoded,
    "base64encode": lambda text: base64.urlsafe_b64encode(_text(text).encode()).decode(),
}  # fmt: skip
"""By name; `and`, `or`, `now` and `since` are the executor's."""
NAMES = frozenset(FUNCTIONS) | {"and", "or", "now", "since"}


def _time(value: object) -> Time:
    if not isinstance(value, Time):
        raise GoError(f"wrong type: expected a time, got {_kind(value)}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise GoError(f"wrong type: expected a list, got {_kind(value)}")
    return value
