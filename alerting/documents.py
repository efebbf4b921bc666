"""YAML files with the line of every key, so that a mistake is told where it stands.

`load` reads a file into plain Python (`Document.value`), `convert` checks it against a msgspec type; both raise
`ConfigError`. Tags, repeated keys, endless aliases and huge files are refused; dates stay text.
"""

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

Place = tuple[str | int, ...]
"""Where something stands in a document: keys and indexes from the top."""
T = TypeVar("T")

SIZE_LIMIT = 1024 * 1024
DEPTH_LIMIT = 50
NODES_LIMIT = 100_000
"""Values in a document, each counted as often as aliases repeat it."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, Callable[[yaml.constructor.SafeConstructor, Any], Any]] = {
    f"{_TAG}null": lambda make, node: make.construct_yaml_null(node),
    f"{_TAG}bool": lambda make, node: make.construct_yaml_bool(node),
    # 17:00 is a time of day, and no number to the base of 60
    f"{_TAG}int": lambda make, node: node.value if ":" in node.value else make.construct_yaml_int(node),
    f"{_TAG}float": lambda make, node: node.value if ":" in node.value else make.construct_yaml_float(node),
    f"{_TAG}str": lambda _, node: node.value,
    f"{_TAG}timestamp": lambda _, node: node.value,
}
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_OF_KEY = re.compile(r"(?P<text>.*) - at `key` in `\$(?P<where>.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


class ConfigError(ValueError):
    """A configuration that cannot be used: `file:line: path: message (hint)`."""

    def __init__(self, file: str, line: int, path: str, message: str, hint: str | None = None) -> None:
        where = f"{file}:{line}: {path}: " if path else f"{file}:{line}: "
        super().__init__(f"{where}{message}" + (f" ({hint})" if hint else ""))
        self.file = file
        self.line = line
        self.path = path
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says."""

    file: str
    value: Any
    lines: dict[Place, int] = field(default_factory=dict, repr=False)
    texts: dict[Place, str] = field(default_factory=dict, repr=False)
    """How numbers and truth values are written."""

    def line(self, path: Place) -> int:
        """Line (from 1) of a key or an item; of what is around it where it is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: Place, message: str, hint: str | None = None) -> ConfigError:
        """Say what is wrong at a place."""
        return ConfigError(self.file, self.line(path), spell(path), message, hint)


def spell(path: Place) -> str:
    """Write a place as people do: `route.routes[0].receiver`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def suggest(word: str, valid: Iterable[str]) -> str:
    """Name the nearest of the valid words, or all of them."""
    known = sorted(valid)
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(known)}"


def load(path: Path | str) -> Document:
    """Read a YAML file; raises `ConfigError`."""
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(name, 1, "", f"cannot be read: {error.strerror}") from error
    try:
        return parse(data.decode(), name)
    except UnicodeDecodeError as error:
        raise ConfigError(name, data[: error.start].count(b"\n") + 1, "", "is not UTF-8") from error


def parse(text: str, name: str = "<text>") -> Document:
    """Read YAML; an empty text is an empty mapping. Raises `ConfigError`."""
    if len(text) > SIZE_LIMIT:
        raise ConfigError(name, 1, "", f"is larger than {SIZE_LIMIT:,} bytes")
    try:
        _check_depth(text, name)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if "quoted scalar" in (getattr(error, "context", None) or ""):  # where it begins, not where the file ends
            mark = getattr(error, "context_mark", None) or mark
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(name, mark.line + 1 if mark else 1, "", f"is no YAML: {problem}") from error
    reader = _Reader(name)
    value = {} if root is None else reader.read(root, ())
    return Document(name, value, reader.lines, reader.texts)


def _check_depth(text: str, name: str) -> None:
    """Before composing, which recurses."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            mark = event.start_mark
            raise ConfigError(name, mark.line + 1 if mark else 1, "", f"is nested more than {DEPTH_LIMIT} deep")


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._left = NODES_LIMIT
        self._make = yaml.constructor.SafeConstructor()
        self.lines: dict[Place, int] = {}
        self.texts: dict[Place, str] = {}

    def read(self, node: yaml.Node, path: Place, depth: int = 0) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._left -= 1
        if depth > DEPTH_LIMIT or self._left < 0:
            raise self._error(node, path, f"aliases make more than {NODES_LIMIT:,} values, or no end")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        if node.tag not in _SCALARS:
            raise self._error(node, path, f"the tag {node.tag!r} is not allowed")
        try:
            value = _SCALARS[node.tag](self._make, node)
        except ValueError as error:
            raise self._error(node, path, f"{node.value!r} cannot be read: {error}") from error
        if not isinstance(value, str):
            self.texts[path] = node.value
        return value

    def _mapping(self, node: yaml.MappingNode, path: Place, depth: int) -> dict[str, Any]:
        own: dict[str, yaml.Node] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged |= self._merge(value, path, depth)
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag not in {f"{_TAG}str", f"{_TAG}int"}:
                raise self._error(key, path, "a key that is no word", 'put it in quotes: "on"')
            if key.value in own:
                raise self._error(key, (*path, key.value), "is written twice")
            own[key.value] = value
            self.lines[(*path, key.value)] = key.start_mark.line + 1
        return merged | {key: self.read(value, (*path, key), depth + 1) for key, value in own.items()}

    def _merge(self, node: yaml.Node, path: Place, depth: int) -> dict[str, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        made: dict[str, Any] = {}
        for source in sources:
            found = self.read(source, path, depth + 1)
            if not isinstance(found, dict):
                raise self._error(node, path, "'<<' takes mappings alone")
            made = found | made
        return made

    def _error(self, node: yaml.Node, path: Place, message: str, hint: str | None = None) -> ConfigError:
        return ConfigError(self._name, node.start_mark.line + 1, spell(path), message, hint)


Hook = Callable[[type, Any], Any]


def convert(document: Document, kind: type[T], hook: Hook | None = None) -> T:
    """Check a document against a msgspec type (structs that forbid unknown fields) and make one of it.

    `hook` makes values of further types, as msgspec's `dec_hook`; its `ValueError` becomes the message.

    Raises:
        ConfigError: at the first key or value that does not fit; an unknown key names the nearest valid one.

    """
    try:
        return msgspec.convert(document.value, kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise _locate(document, kind, document.value, (), error, hook) from None


def _locate(
    document: Document, kind: Any, value: Any, path: Place, error: msgspec.ValidationError, hook: Hook | None
) -> ConfigError:
    of_key = _OF_KEY.fullmatch(str(error))
    parts = (of_key["text"], "key", of_key["where"]) if of_key is not None else str(error).rpartition(" - at `$")
    message, at_all, where = parts
    if not at_all:  # the value itself, and no part of it
        message, where = where, ""
    for step in _STEP.finditer(where):
        if step["any"]:  # msgspec does not say which key of a mapping it was
            within = inner(kind, "")
            for key, item in value.items():
                try:
                    msgspec.convert(item, within, dec_hook=hook)
                except msgspec.ValidationError as found:
                    return _locate(document, within, item, (*path, key), found, hook)
            break
        at: str | int = step["name"] if step["index"] is None else int(step["index"])
        kind, value, path = inner(kind, at), value[at], (*path, at)
    if of_key is not None:  # msgspec does not say which key of a mapping it was
        keys = typing.get_args(plain(kind))[0]
        for key in value:
            try:
                msgspec.convert(key, keys)
            except msgspec.ValidationError:
                return document.error((*path, key), "unknown key", suggest(key, map(str, typing.get_args(keys))))
    if message.startswith("Invalid enum value"):
        return document.error(path, message, suggest(str(value), map(str, typing.get_args(plain(kind)))))
    unknown = _UNKNOWN.fullmatch(message)
    if unknown is None:
        return document.error(path, message)
    valid = [known.encode_name for known in msgspec.structs.fields(plain(kind))]
    return document.error((*path, unknown["name"]), "unknown key", suggest(unknown["name"], valid))


def plain(kind: Any) -> Any:
    """Return a type without `None` and without annotations."""
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return next(plain(one) for one in typing.get_args(kind) if one is not types.NoneType)
    return plain(typing.get_args(kind)[0]) if typing.get_origin(kind) is typing.Annotated else kind


def inner(kind: Any, step: str | int) -> Any:
    """Return the type of a field, an item, or a mapping's values."""
    bare = plain(kind)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return next(known.type for known in msgspec.structs.fields(bare) if known.encode_name == step)
    found = [one for one in typing.get_args(bare) if one is not Ellipsis]
    return found[-1] if found else Any
