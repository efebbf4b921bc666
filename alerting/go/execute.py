"""Fills a template in, within bounds (Go, `text/template/exec.go`; for HTML, values are escaped where they stand)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from alerting.go import functions
from alerting.go.data import KV
from alerting.go.functions import Safe, shown, truth
from alerting.go.scan import GoError
from alerting.go.times import Time
from alerting.go.tree import Branch, Call, Chain, Command, Function, Jump, Literal, Node, Operand, Pipeline

STEPS_LIMIT = 100_000
DEPTH_LIMIT = 50
SIZE_LIMIT = 512 * 1024
"""Characters of what is filled in, and of each value on the way."""
_LINK = re.compile(r"(?:href|src|action)\s*=\s*[\"']?\s*$", re.IGNORECASE)
_SCHEME = re.compile(r"\s*(?:https?:|mailto:|[^:]*(?:[/?#]|$))", re.IGNORECASE)


Scopes = list[dict[str, object]]
"""Variables, the innermost last."""


class _JumpError(Exception):
    """`break` or `continue` on its way to its `range`."""


@dataclass(slots=True)
class Run:
    """One filling in; `at` is what it takes for the present, in epoch seconds."""

    defined: Mapping[str, tuple[Node, ...]]
    at: float
    html: bool = False
    _steps: int = 0
    _size: int = 0
    _parts: list[str] = field(default_factory=list)

    def render(self, nodes: tuple[Node, ...], data: object) -> str:
        """Fill in; raises `GoError`."""
        self._walk(nodes, data, [{"$": data}], 0)
        return "".join(self._parts)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > SIZE_LIMIT:
            raise GoError(f"is longer than {SIZE_LIMIT:,} characters")
        self._parts.append(text)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEPS_LIMIT:
            raise GoError(f"takes more than {STEPS_LIMIT:,} steps")

    def _walk(self, nodes: tuple[Node, ...], dot: object, scopes: Scopes, depth: int) -> None:
        if depth > DEPTH_LIMIT:
            raise GoError(f"templates call each other more than {DEPTH_LIMIT} deep")
        for node in nodes:
            self._step()
            match node:
                case str():
                    self._write(node)
                case Pipeline():
                    value = self._pipeline(node, dot, scopes)
                    if not node.names:
                        self._write(self._escaped(value) if self.html else shown(value))
                case Branch(kind="range"):
                    self._range(node, dot, [*scopes, {}], depth)
                case Branch():
                    inner = [*scopes, {}]
                    value = self._pipeline(node.pipeline, dot, inner)
                    held = truth(value)
                    below = value if held and node.kind == "with" else dot
                    self._walk(node.body if held else node.otherwise, below, [*inner, {}], depth + 1)
                case Call():
                    below = None if node.value is None else self._pipeline(node.value, dot, scopes)
                    if node.name not in self.defined:
                        raise GoError(f"line {node.line}: no template {node.name!r}")
                    self._walk(self.defined[node.name], below, [{"$": below}], depth + 1)
                case Jump():
                    raise _JumpError(node.kind)

    def _range(self, node: Branch, dot: object, scopes: Scopes, depth: int) -> None:
        names = node.pipeline.names
        over = self._pipeline(Pipeline(node.pipeline.commands), dot, scopes)
        items = _items(over)
        for key, value in items:
            self._step()
            if names:
                taken = dict(zip(names, (key, value) if len(names) > 1 else (value,), strict=True))
                if node.pipeline.declares:
                    scopes[-1] = taken
                else:
                    for name, one in taken.items():
                        self._assign(name, one, scopes)
            try:
                self._walk(node.body, value, [*scopes, {}], depth + 1)
            except _JumpError as jump:
                if str(jump) == "break":
                    break
        if not items:
            self._walk(node.otherwise, dot, [*scopes, {}], depth + 1)

    def _pipeline(self, pipeline: Pipeline, dot: object, scopes: Scopes) -> object:
        value: object = None
        for number, command in enumerate(pipeline.commands):
            self._step()
            value = self._command(command, dot, scopes, [value] if number else [])
            if isinstance(value, str) and len(value) > SIZE_LIMIT:
                raise GoError(f"line {command.line}: a value is longer than {SIZE_LIMIT:,} characters")
        for name in pipeline.names:
            if pipeline.declares:
                scopes[-1][name] = value
            else:
                self._assign(name, value, scopes)
        return value

    @staticmethod
    def _assign(name: str, value: object, scopes: Scopes) -> None:
        scope = next((one for one in reversed(scopes) if name in one), None)
        if scope is None:
            raise GoError(f"undefined variable {name}")
        scope[name] = value

    def _command(self, command: Command, dot: object, scopes: Scopes, piped: list[object]) -> object:
        operand = command.operand
        try:
            match operand:
                case Function(name="and" | "or" as name):
                    return self._lazily(name, command.arguments, dot, scopes, piped)
                case Function(name="now"):
                    return Time.of(self.at)
                case Function():
                    arguments = [self._operand(one, dot, scopes) for one in command.arguments]
                    return self._call(operand.name, [*arguments, *piped])
                case Chain():
                    arguments = [self._operand(one, dot, scopes) for one in command.arguments]
                    return self._chain(operand, dot, scopes, [*arguments, *piped])
                case Literal():
                    if piped:
                        raise GoError(f"{operand.value!r} is no function")
                    return operand.value
        except GoError as error:
            raise GoError(str(error) if str(error).startswith("line ") else f"line {command.line}: {error}") from error

    def _lazily(
        self, name: str, operands: tuple[Operand, ...], dot: object, scopes: Scopes,
        piped: list[object],
    ) -> object:  # fmt: skip
        value: object = None
        for operand in operands:
            value = self._operand(operand, dot, scopes)
            if truth(value) == (name == "or"):
                return value
        return piped[0] if piped else value

    def _call(self, name: str, arguments: list[object]) -> object:
        if name == "since":
            (at,) = arguments
            return self.at - at.at.timestamp() if isinstance(at, Time) else None
        try:
            return functions.FUNCTIONS[name](*arguments)
        except (TypeError, ValueError, OverflowError) as error:
            raise error if isinstance(error, GoError) else GoError(f"{name}: wrong arguments") from error

    def _operand(self, operand: Operand, dot: object, scopes: Scopes) -> object:
        match operand:
            case Literal():
                return operand.value
            case Chain():
                return self._chain(operand, dot, scopes, [])
            case Function(name="now"):
                return Time.of(self.at)
            case Function():
                return self._call(operand.name, [])

    def _chain(self, chain: Chain, dot: object, scopes: Scopes, arguments: list[object]) -> object:
        match chain.root:
            case Pipeline() as inner:
                value = self._pipeline(inner, dot, scopes)
            case ".":
                value = dot
            case str() as name:
                scope = next((one for one in reversed(scopes) if name in one), None)
                if scope is None:
                    raise GoError(f"undefined variable {name}")
                value = scope[name]
        if arguments and not chain.names:
            raise GoError("a value is no function")
        for number, name in enumerate(chain.names, 1):
            value = _field(value, name, arguments if number == len(chain.names) else [])
        return value

    def _escaped(self, value: object) -> str:
        """A value as it may stand in HTML; a link leads to the web, by mail, or nowhere."""
        if isinstance(value, Safe):
            return str(value)
        said = shown(value)
        if _LINK.search("".join(self._parts[-1:])[-100:]) and _SCHEME.match(said) is None:
            return "#ZgotmplZ"
        return functions.escaped(said)


def _items(over: object) -> list[tuple[object, object]]:
    """What `range` goes over: keys, or numbers from 0, with values."""
    match over:
        case dict():
            return sorted(over.items())
        case list():
            return list(enumerate(over))
        case int() if not isinstance(over, bool) and over <= STEPS_LIMIT:
            return [(number, number) for number in range(over)]
        case None:
            return []
    raise GoError(f"range cannot go over {type(over).__name__}")


def _field(value: object, name: str, arguments: list[object]) -> object:
    """A field, a label, or what a method returns: public names alone, which begin with a capital."""
    if isinstance(value, KV) and not (name[0].isupper() and hasattr(KV, name)):
        found: object = value.get(name, "")
    elif isinstance(value, dict) and not isinstance(value, KV):
        found = value.get(name)
    elif value is None:
        raise GoError(f"nil has no field {name}")
    elif not (name[0].isupper() and name in _public(type(value))):
        raise GoError(f"can't evaluate field {name} in type {type(value).__name__}")
    else:
        found = getattr(value, name)
        if callable(found):
            try:
                return found(*arguments)
            except (TypeError, ValueError, AttributeError) as error:
                raise error if isinstance(error, GoError) else GoError(f"{name}: wrong arguments") from error
    if arguments:
        raise GoError(f"{name} is no method")
    return found


def _public(kind: type) -> frozenset[str]:
    """What a template may ask of one of our own values; of other types nothing."""
    if not kind.__module__.startswith("alerting.go."):
        return frozenset()
    return frozenset(name for one in kind.__mro__ if one.__module__.startswith("alerting.go.") for name in vars(one))
