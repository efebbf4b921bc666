"""What came with a request: decoded, or a problem that names the field."""

from typing import Annotated, Any

import msgspec
from litestar.params import Parameter

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
    """Decode JSON; `where` is what the body is a part of. Raises `HttpProblem`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = where + path.rstrip("`") or None
        raise HttpProblem(400, "invalid_message", message, field=field.lstrip(".") if field else None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HttpProblem(400, "invalid_message", f"not JSON: {error}"[:300], field=where or None) from None
