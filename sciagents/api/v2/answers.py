"""How Alertmanager's API refuses: the reason as a JSON text."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar import MediaType, Response

from alerting import matchers
from alerting.matchers import Matcher

_MAX_FILTERS = 100


class RefusedError(Exception):
    """A request that cannot be done."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def refused(_: object, error: RefusedError) -> Response[bytes]:
    """Answer with the reason."""
    said = msgspec.json.encode(str(error)[:2000])
    return Response(said, status_code=error.status, media_type=MediaType.JSON)


def read(kind: type[Any], body: bytes) -> Any:
    """Decode a body; raises `RefusedError`, with the status that Alertmanager has for it."""
    if not body.strip():
        raise RefusedError(422, "bad request: there is no body")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        is_missing = "missing required field" in str(error) or "of length >= " in str(error)
        raise RefusedError(422 if is_missing else 400, f"bad request: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, f"bad request: {error}") from None


def filters(texts: Sequence[str] | None) -> tuple[Matcher, ...]:
    """Read the matchers of `filter`; raises `RefusedError`."""
    try:
        return tuple(one for text in (texts or ())[:_MAX_FILTERS] for one in matchers.parse(text))
    except ValueError as error:
        raise RefusedError(400, f"bad matcher format: {error}") from None


def receiver_filter(pattern: str | None) -> Callable[[str], bool]:
    """Read the regular expression of `receiver`; raises `RefusedError`."""
    if not pattern:
        return lambda _: True
    try:
        wanted = matchers.matcher("receiver", "=~", pattern)
    except ValueError as error:
        raise RefusedError(400, f"failed to parse receiver param: {error}") from None
    return wanted.holds
