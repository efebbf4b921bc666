"""Reads JSON from a file or standard input: one value, a list of values, or a value a line (JSON lines)."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from sciagents.errors import UsageError
from streams.topics import MESSAGE_LIMIT

WHOLE_LIMIT = 256 * 1024 * 1024
"""Most bytes of a file that is one document; JSON lines have no end."""


def read(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield where each value stands (`requests.jsonl:3`) and its bytes, as they are; `-` is standard input.

    Raises:
        UsageError: the file cannot be read, or something in it is too large.

    """
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as stream:
            yield from values(cast("BinaryIO", stream), "standard input" if name == "-" else name)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", field="FILE") from None


def values(stream: BinaryIO, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the values of an open file, as `read` does."""
    number, line = 1, _line(stream, name, 1)
    while line and not line.strip():
        number, line = number + 1, _line(stream, name, number + 1)
    if not _is_object(line):
        yield from _whole(line + stream.read(WHOLE_LIMIT - len(line) + 1), name)
        return
    while line:
        if line.strip():
            yield f"{name}:{number}", line.strip()
        number, line = number + 1, _line(stream, name, number + 1)


def _line(stream: BinaryIO, name: str, number: int) -> bytes:
    line = stream.readline(WHOLE_LIMIT)
    if number > 1 and len(line) > MESSAGE_LIMIT + 1:
        raise UsageError(f"{name}:{number}: longer than {MESSAGE_LIMIT} bytes", field="FILE")
    return line


def _is_object(line: bytes) -> bool:
    """Whether a line is a value by itself, so that the others are too."""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _whole(text: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    if len(text) > WHOLE_LIMIT:
        raise UsageError(f"{name} is larger than {WHOLE_LIMIT} bytes", field="FILE", hint="write one value a line")
    if not text.strip():
        raise UsageError(f"{name} is empty", field="FILE")
    if not text.lstrip().startswith(b"["):
        yield name, text.strip()
        return
    try:
        found = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON: {error}", field="FILE") from None
    for number, value in enumerate(found):
        yield f"{name}[{number}]", bytes(value)
