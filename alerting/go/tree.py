"""Parses a template into nodes (Go, `text/template/parse/parse.go`)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Union

from alerting.go.scan import GoError, Token, pieces

DEPTH_LIMIT = 50
_LITERALS = {"true": True, "false": False, "nil": None}


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: object


@dataclass(frozen=True, slots=True)
class Chain:
    """The dot, a variable or a pipeline in parentheses, and the names that follow it."""

    root: "Pipeline | str"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function by its name."""

    name: str


Operand = Literal | Chain | Function


@dataclass(frozen=True, slots=True)
class Command:
    """An operand and its arguments."""

    operand: Operand
    arguments: tuple[Operand, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each with the value of the one before as its last argument; `names` take the value."""

    commands: tuple[Command, ...]
    names: tuple[str, ...] = ()
    declares: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` or `range`."""

    kind: str
    pipeline: Pipeline
    body: "tuple[Node, ...]"
    otherwise: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Call:
    """`template "name" value`."""

    name: str
    value: Pipeline | None
    line: int


@dataclass(frozen=True, slots=True)
class Jump:
    """`break` or `continue`."""

    kind: str


Node = Union[str, Pipeline, Branch, Call, Jump]  # noqa: UP007 - the aliases name each other


@dataclass(slots=True)
class Parsed:
    """A template's own body, those that it defines, and the names that it calls, with their lines."""

    body: tuple[Node, ...] = ()
    defined: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    called: list[tuple[str, int]] = field(default_factory=list)


def parse(text: str, functions: Collection[str]) -> Parsed:
    """Parse a template that may call these functions; raises `GoError`."""
    parser = _Parser(text, functions)
    parser.made.body, end = parser.nodes(0)
    if end is not None:
        raise GoError(f"line {end[0].line}: {end[0].value} without a beginning")
    return parser.made


class _Parser:
    def __init__(self, text: str, functions: Collection[str]) -> None:
        self._pieces = pieces(text)
        self._functions = functions
        self._loops = 0
        self.made = Parsed()

    def nodes(self, depth: int) -> tuple[tuple[Node, ...], list[Token] | None]:
        """Read until `else`, `end` or the end of the text; returns the action that ended it."""
        if depth > DEPTH_LIMIT:
            raise GoError(f"nested more than {DEPTH_LIMIT} deep")
        found: list[Node] = []
        for text, tokens in self._pieces:
            if text:
                found.append(text)
            action = _stripped(tokens)
            if not action or action[0].kind == "nothing":
                continue
            word = action[0].value if action[0].kind == "word" else ""
            if word in {"end", "else"}:
                return tuple(found), action
            node = self._node(str(word), action, depth)
            if node is not None:
                found.append(node)
        return tuple(found), None

    def _node(self, word: str, action: list[Token], depth: int) -> Node | None:
        line = action[0].line
        match word:
            case "if" | "with" | "range":
                return self._branch(word, _Reader(action[1:], line, self._functions), line, depth)
            case "define" | "block":
                reader = _Reader(action[1:], line, self._functions)
                name = reader.name()
                value = reader.pipeline() if word == "block" else None
                reader.done()
                body, end = self.nodes(depth + 1)
                _ended(end, line, word)
                self.made.defined[name] = body
                if word == "define":
                    return None
                self.made.called.append((name, line))
                return Call(name, value, line)
            case "template":
                reader = _Reader(action[1:], line, self._functions)
                name = reader.name()
                value = reader.pipeline() if reader.more() else None
                reader.done()
                self.made.called.append((name, line))
                return Call(name, value, line)
            case "break" | "continue" if len(action) == 1:
                if not self._loops:
                    raise GoError(f"line {line}: {word} outside of range")
                return Jump(word)
        reader = _Reader(action, line, self._functions)
        made = reader.pipeline()
        reader.done()
        return made

    def _branch(self, kind: str, reader: "_Reader", line: int, depth: int) -> Branch:
        pipeline = reader.pipeline(pair=kind == "range")
        reader.done()
        self._loops += kind == "range"
        body, end = self.nodes(depth + 1)
        self._loops -= kind == "range"
        otherwise: tuple[Node, ...] = ()
        if end is not None and end[0].value == "else":
            rest = _stripped(end[1:])
            if rest:  # else if, else with
                if rest[0].value not in {"if", "with"} or kind == "range":
                    raise GoError(f"line {rest[0].line}: {rest[0].value!r} after else")
                inner = _Reader(rest[1:], rest[0].line, self._functions)
                return Branch(kind, pipeline, body, (self._branch(str(rest[0].value), inner, rest[0].line, depth + 1),))
            otherwise, end = self.nodes(depth + 1)
        _ended(end, line, kind)
        return Branch(kind, pipeline, body, otherwise)


class _Reader:
    """Reads an action's tokens."""

    def __init__(self, tokens: list[Token], line: int, functions: Collection[str]) -> None:
        self._tokens = _stripped(tokens)
        self._at = 0
        self._line = line
        self._functions = functions

    def more(self) -> bool:
        return self._at < len(self._tokens)

    def done(self) -> None:
        if self.more():
            raise GoError(f"line {self._line}: {self._tokens[self._at].value!r} is not expected")

    def name(self) -> str:
        self._skip()
        if not self.more() or self._tokens[self._at].kind not in {"string", "raw"}:
            raise GoError(f"line {self._line}: the name of a template is missing")
        said = str(self._tokens[self._at].value)
        self._at += 1
        self._skip()
        return said

    def pipeline(self, depth: int = 0, *, pair: bool = False) -> Pipeline:
        if depth > DEPTH_LIMIT:
            raise GoError(f"line {self._line}: nested more than {DEPTH_LIMIT} deep")
        names, declares = self._names(pair=pair)
        commands = [self._command(depth)]
        while self._next("|"):
            commands.append(self._command(depth))
        return Pipeline(tuple(commands), names, declares)

    def _names(self, *, pair: bool) -> tuple[tuple[str, ...], bool]:
        """The variables that take the value, when there are some."""
        start = self._at
        names: list[str] = []
        while True:
            self._skip()
            if not (self.more() and self._tokens[self._at].kind == "variable"):
                break
            names.append(str(self._tokens[self._at].value))
            self._at += 1
            self._skip()
            if self.more() and self._tokens[self._at].kind == "declare":
                self._at += 1
                return tuple(names), True
            if self.more() and self._tokens[self._at].value == "=" and self._tokens[self._at].kind == "mark":
                self._at += 1
                return tuple(names), False
            if not (pair and len(names) == 1 and self._next(",")):
                break
        self._at = start
        return (), False

    def _command(self, depth: int) -> Command:
        operands: list[Operand] = []
        while True:
            self._skip()
            if not self.more() or self._tokens[self._at].value in {"|", ")"}:
                break
            operands.append(self._operand(depth))
        if not operands:
            raise GoError(f"line {self._line}: a value is missing")
        first, *arguments = operands
        if arguments and isinstance(first, Literal):
            raise GoError(f"line {self._line}: {first.value!r} is no function")
        return Command(first, tuple(arguments), self._line)

    def _operand(self, depth: int) -> Operand:  # noqa: PLR0911 - one return per kind of token
        token = self._tokens[self._at]
        self._at += 1
        match token.kind:
            case "string" | "raw" | "char" | "number":
                return Literal(token.value)
            case "word" if token.value in _LITERALS:
                return Literal(_LITERALS[str(token.value)])
            case "word":
                if token.value not in self._functions:
                    raise GoError(f"line {token.line}: function {token.value!r} is not defined")
                found = Function(str(token.value))
                fields = self._fields()
                return Chain(Pipeline((Command(found, (), token.line),)), fields) if fields else found
            case "variable":
                return Chain(str(token.value), self._fields())
            case "field":
                return Chain(".", (str(token.value), *self._fields()))
            case "mark" if token.value == ".":
                return Chain(".", ())
            case "mark" if token.value == "(":
                inner = self.pipeline(depth + 1)
                if not self._next(")"):
                    raise GoError(f"line {token.line}: a parenthesis is not closed")
                return Chain(inner, self._fields())
        raise GoError(f"line {token.line}: {token.value!r} is not expected")

    def _fields(self) -> tuple[str, ...]:
        names = []
        while self.more() and self._tokens[self._at].kind == "field":
            names.append(str(self._tokens[self._at].value))
            self._at += 1
        return tuple(names)

    def _next(self, mark: str) -> bool:
        self._skip()
        if self.more() and self._tokens[self._at].kind == "mark" and self._tokens[self._at].value == mark:
            self._at += 1
            return True
        return False

    def _skip(self) -> None:
        while self.more() and self._tokens[self._at].kind == "space":
            self._at += 1


def _stripped(tokens: list[Token]) -> list[Token]:
    first = next((at for at, one in enumerate(tokens) if one.kind != "space"), len(tokens))
    last = next((at for at in range(len(tokens), first, -1) if tokens[at - 1].kind != "space"), first)
    return tokens[first:last]


def _ended(end: list[Token] | None, line: int, word: str) -> None:
    if end is None:
        raise GoError(f"line {line}: {word} has no end")
    if end[0].value != "end" or len(_stripped(end)) > 1:
        raise GoError(f"line {end[0].line}: {end[0].value} is not expected, {word} is open")
