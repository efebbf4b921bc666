"""What came with a request: decoded, or a problem that names the field."""

from typing import Annotated, Any

import msgspec
from litestar.params import Parameter

from alerting import documents
from alerting.documents import ConfigError, Document
from sciagents.api.problems import HttpProblem
from streams import instants

Limit = Annotated[int, Parameter(ge=1, le=1000, description="Most entries in one page.")]


def check_instant(text: str | None, field: str) -> None:
    """Look whether a field is an instant; raises `HttpProblem`."""
    try:
        if text is not None:
            instants.from_text(text)
    except ValueError as error:
        hint = "such as 2026-11-24T10:00:00Z"
        raise HttpProblem(400, "invalid_message", str(error)[:200], field=field, hint=hint) from None


def decode(decoder: msgspec.json.Decoder[Any], body: bytes, where: str = "") -> Any:
    """Decode JSON; `where` is what the body is a part of. Raises `HttpProblem`, which names the nearest valid word."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _problem(decoder, body, where, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HttpProblem(400, "invalid_message", f"not JSON: {error}"[:300], field=where or None) from None


def _problem(decoder: msgspec.json.Decoder[Any], body: bytes, where: str, message: str) -> HttpProblem:
    """Say where a body does not fit, and what would."""
    try:
        documents.convert(Document("", msgspec.json.decode(body)), decoder.type)
    except ConfigError as error:
        within = where + (error.path if error.path.startswith("[") or not error.path else f".{error.path}")
        field = within.lstrip(".") or None
        return HttpProblem(400, "invalid_message", error.message, field=field, hint=error.hint)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # it was wrong before it ended
        message = f"not JSON: {error}"[:300]
    return HttpProblem(400, "invalid_message", message, field=where or None)
