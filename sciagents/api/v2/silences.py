"""`/api/v2/silences` and `/api/v2/silence/{id}`."""

import time
from typing import Any

from litestar import Request, Response, delete, get, post

from alerting import matchers
from alerting.matchers import Matcher
from alerting.silences import SilenceError, UnknownSilenceError, state_of
from sciagents.api.access import requires
from sciagents.api.desk import Desk
from sciagents.api.v2.answers import RefusedError, filters, read
from sciagents.api.v2.shapes import PostableSilence, gettable_silence, silence
from streams.contracts import Silence

_ORDER = {"active": 0, "pending": 1, "expired": 2}


@get("/api/v2/silences", guards=[requires("read")], summary="List silences", tags=["alertmanager"])
async def get_silences(desk: Desk, filter: list[str] | None = None) -> list[dict[str, Any]]:  # noqa: A002 - its name
    """List silences: the active ones that end first, then the pending ones that begin first, then the expired ones."""
    now = time.time()
    asked = filters(filter)

    def place(one: Silence) -> tuple[int, str]:
        state = state_of(one, now)
        return _ORDER[state], one.starts_at if state == "pending" else one.ends_at

    found = [one for one in desk.engine.silences if _fits(one, asked)]
    return [gettable_silence(one, now) for one in sorted(found, key=place)]


@post("/api/v2/silences", status_code=200, guards=[requires("operate")], summary="Silence", tags=["alertmanager"])
async def post_silence(request: Request[Any, Any, Any], desk: Desk) -> dict[str, str]:
    """Make a silence, or change the one of this id."""
    posted = read(PostableSilence, await request.body())
    try:
        return {"silenceID": await desk.stream.set_silence(silence(posted))}
    except UnknownSilenceError as error:
        raise RefusedError(404, str(error)) from None
    except ValueError as error:
        raise RefusedError(400, str(error)) from None


@get("/api/v2/silence/{silence_id:str}", guards=[requires("read")], summary="Get a silence", tags=["alertmanager"])
async def get_silence(silence_id: str, desk: Desk) -> dict[str, Any]:
    """Give one silence."""
    found = desk.engine.silences.get(silence_id)
    if found is None:
        raise RefusedError(404, f"silence {silence_id[:100]!r} not found")
    return gettable_silence(found, time.time())


@delete(
    "/api/v2/silence/{silence_id:str}", status_code=200, guards=[requires("operate")], summary="Expire a silence",
    tags=["alertmanager"],
)  # fmt: skip
async def delete_silence(silence_id: str, desk: Desk) -> Response[None]:
    """End a silence now."""
    try:
        await desk.stream.expire_silence(silence_id)
    except UnknownSilenceError as error:
        raise RefusedError(404, str(error)) from None
    except SilenceError as error:
        raise RefusedError(500, str(error)) from None  # as Alertmanager says that it is over already
    return Response(None, status_code=200)


def _fits(one: Silence, asked: tuple[Matcher, ...]) -> bool:
    """Whether a silence has a matcher for each that is asked for, as Alertmanager looks: by its name and value."""
    own = {found.name: found.value for text in one.matchers for found in matchers.parse(text)}
    return all(found.matches(own) for found in asked)


ROUTES = (get_silences, post_silence, get_silence, delete_silence)
