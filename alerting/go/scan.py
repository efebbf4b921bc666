"""Cuts a template into text and actions, and an action into tokens (Go, `text/template/parse/lex.go`)."""

import re
from collections.abc import Iterator
from typing import NamedTuple


class GoError(ValueError):
    """A template that cannot be parsed or filled in; says at which line of it."""


class Token(NamedTuple):
    """A piece of an action; `value` is the text, or what a literal stands for."""

    kind: str
    value: object
    line: int


_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>/\*.*?\*/)
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+|\d+(?:[eE][+-]?\d+)?))(?![\w.])
    | (?P<string>"(?:\\.|[^"\\\n])*")
    | (?P<raw>`[^`]*`)
    | (?P<char>'(?:\\.|[^'\\\n])')
    | (?P<field>\.[A-Za-z_]\w*)
    | (?P<variable>\$\w*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<declare>:=)
    | (?P<mark>[.|(),=])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def pieces(text: str) -> Iterator[tuple[str | None, list[Token]]]:
    """The text before each action, with the tokens of the action; the last has none. Trim markers are done here."""
    at = 0
    trim = False
    while True:
        opening = text.find("{{", at)
        before = text[at:] if opening < 0 else text[at:opening]
        if trim:
            before = before.lstrip(" \t\r\n")
        if opening < 0:
            yield before, []
            return
        start = opening + 2
        if text[start : start + 1] == "-" and text[start + 1 : start + 2].isspace():
            before, start = before.rstrip(" \t\r\n"), start + 1
        tokens, at, trim = _action(text, start)
        yield before, tokens


def _action(text: str, at: int) -> tuple[list[Token], int, bool]:
    """Read up to the closing braces; returns the tokens, where the text goes on, and whether it is trimmed."""
    begin = _line(text, at)
    tokens: list[Token] = []
    while True:
        if text.startswith("}}", at):
            return tokens or [Token("nothing", "", begin)], at + 2, False
        if text.startswith("-}}", at) and text[at - 1].isspace():
            return tokens or [Token("nothing", "", begin)], at + 3, True
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            if at >= len(text):
                raise GoError(f"line {begin}: an action is not closed")
            raise GoError(f"line {_line(text, at)}: {text[at]!r} is not expected")
        kind = found.lastgroup or ""
        # whether a space stands before it decides whether a field is one of what is before
        if kind == "space":
            tokens.append(Token("space", " ", _line(text, at)))
        elif kind != "comment":
            tokens.append(Token(kind, _value(kind, found[0]), _line(text, at)))
        at = found.end()


def _value(kind: str, said: str) -> object:
    match kind:
        case "string":
            return _ESCAPE.sub(_unescaped, said[1:-1])
        case "char":
            return ord(_ESCAPE.sub(_unescaped, said[1:-1]))
        case "raw":
            return said[1:-1]
        case "number" if re.fullmatch(r"[+-]?\d+", said):
            return int(said)
        case "number":
            return int(said, 16) if "x" in said.lower() else float(said)
    return said[1:] if kind == "field" else said


def _unescaped(found: re.Match[str]) -> str:
    simple, *codes = found.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    code = next(one for one in codes if one is not None)
    return chr(int(code, 8 if found.group(5) else 16) % 0x110000)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
